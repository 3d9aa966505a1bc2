"""What players fetch: windows as playlists and as files, with the permission in the path and nothing beyond it."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import aiohttp
import av
import msgspec
import pytest
from core_fakes import DEADLINE, T0
from media_clips import decode_strictly, sample
from recordings import Recording
from shell_parts import Shell, open_shell
from yarl import URL

from aiortstream.local.deliver.clips import ClipCache
from aiortstream.local.paths import segments_folder
from aiortstream.local.recording.export import export_mp4
from aiortstream.local.recording.segmenter import SegmentInfo
from aiortstream.local.store import alerts, scenes, segments, transcripts
from aiortstream.local.urls import stream_scope, video_scope

INDEX = {"extraction_type": "time", "extraction_config": {"time": 2}, "prompt": "What is seen?", "name": "porch"}


def cut(found: Sequence[SegmentInfo], root: Path, out: Path, start: float, end: float) -> None:
    export_mp4(found, root, out, start=start, end=end)


@dataclass
class Theatre:
    """A server with four seconds recorded at T0, and a player without a key."""

    shell: Shell
    player: aiohttp.ClientSession
    stream: str
    recorded: list[SegmentInfo]

    @property
    def root(self) -> Path:
        return segments_folder(self.shell.core.data_dir, self.stream)

    def token(self, scope: str | None = None) -> str:
        return self.shell.parts.signer.sign(scope or stream_scope(self.stream), 60.0)

    def window(self, start: float, end: float, suffix: str = "m3u8", token: str | None = None) -> str:
        first, last = round((T0 + start) * 1e6), round((T0 + end) * 1e6)
        return f"{self.shell.base}/p/{token or self.token()}/manifests/{self.stream}/{first:016d}-{last:016d}.{suffix}"

    def segment(self, path: str | Path, token: str | None = None) -> str:
        return f"{self.shell.base}/p/{token or self.token()}/segments/{self.stream}/{path}"

    async def fetch(self, url: str, **headers: str) -> tuple[int, bytes, aiohttp.ClientResponse]:
        """Status, body and the rest; the URL goes out as it is."""
        target = URL(url, encoded=True)
        async with self.player.get(target, headers=headers, allow_redirects=False) as response:
            return response.status, await response.read(), response

    async def refusal(self, url: str) -> tuple[int, str]:
        told = await self.shell.get(url)
        return told.refusal


@pytest.fixture
async def theatre(tmp_path: Path) -> AsyncIterator[Theatre]:
    async with open_shell(tmp_path) as shell, aiohttp.ClientSession() as player:
        stream = await shell.connect()
        recording = Recording(segments_folder(tmp_path, stream))
        await recording.record(sample("clip"), target_duration=0.5)
        for each in recording.segments:
            await shell.core.db.run(lambda conn, row=each: segments.add(conn, stream, row))  # type: ignore[misc]
        shell.parts.clips._cut = cut
        yield Theatre(shell, player, stream, recording.segments)


# --- what is played ---------------------------------------------------------------------------------------------------


async def test_a_link_plays_what_was_recorded_without_a_key(theatre: Theatre) -> None:
    path = f"/rtstream/{theatre.stream}/stream?start={T0 + 0.5}&end={T0 + 2.5}"
    links = (await theatre.shell.get(path)).data
    assert re.search(r"/1700000000000000-1700000003000000\.m3u8$", links["stream_url"])
    status, body, response = await theatre.fetch(links["stream_url"])
    assert (status, response.content_type) == (200, "application/vnd.apple.mpegurl")
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    lines = body.decode().splitlines()
    assert (lines[0], lines[-1]) == ("#EXTM3U", "#EXT-X-ENDLIST")
    uris = [line for line in lines if not line.startswith("#")]
    assert len(uris) == 3

    sound_and_pictures = b""
    for uri, known in zip(uris, theatre.recorded, strict=False):
        status, piece, response = await theatre.fetch(urljoin(links["stream_url"], uri))
        assert (status, response.content_type, len(piece)) == (200, "video/mp2t", known.bytes)
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "max-age" in response.headers["Cache-Control"]
        sound_and_pictures += piece
    with av.open(BytesIO(sound_and_pictures), "r", format="mpegts") as opened:
        assert len(list(opened.decode(video=0))) == 75

    player = parse_qs(urlsplit(links["player_url"]).query)
    assert player["url"] == [links["stream_url"]]
    assert player["mp4"] == [links["stream_url"].removesuffix("m3u8") + "mp4"]
    status, body, response = await theatre.fetch(links["player_url"])
    assert (status, response.content_type) == (200, "text/html")
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["Referrer-Policy"] == "no-referrer"  # the page's URL holds a token
    assert theatre.token().encode() not in body


async def test_a_window_is_also_one_file(theatre: Theatre, tmp_path: Path) -> None:
    status, body, response = await theatre.fetch(theatre.window(1.1, 3, "mp4"))  # from the key frame before it
    assert (status, response.content_type) == (200, "video/mp4")
    file = tmp_path / "fetched.mp4"
    await asyncio.to_thread(file.write_bytes, body)
    decoded = await asyncio.to_thread(decode_strictly, file)
    assert decoded.video[-1] - decoded.video[0] == pytest.approx(2, abs=0.2)
    assert decoded.audio


async def test_a_window_is_also_what_was_seen_said_and_alerted(theatre: Theatre) -> None:
    ms = round(T0 * 1000)

    def write(conn: sqlite3.Connection) -> None:
        transcripts.add(conn, theatre.stream, start_ms=ms + 500, end_ms=ms + 900, text="Hello", words=[], model="m")
        transcripts.add(conn, theatre.stream, start_ms=ms + 9000, end_ms=ms + 9900, text="Later", words=[], model="m")

    await theatre.shell.core.db.run(write)
    index = (await theatre.shell.post(f"/rtstream/{theatre.stream}/index/scene", INDEX)).data["rtstream_index_id"]
    event = (await theatre.shell.post("/rtstream/event", {"event_prompt": "A door", "label": "door"})).data["event_id"]
    path = f"/rtstream/{theatre.stream}/index/{index}/alert"
    alert = (await theatre.shell.post(path, {"event_id": event, "callback_url": "https://x.test/"})).data["alert_id"]

    def fire(conn: sqlite3.Connection) -> None:
        seen = scenes.add(
            conn, index, start_ms=ms, end_ms=ms + 2000, text="A door", metadata=None, model="m", embedding=None
        )
        alerts.add_firing(
            conn,
            alert,
            seen.id,
            rtstream_id=theatre.stream,
            index_id=index,
            fired_ms=ms + 2000,
            now_ms=ms + 2500,
            confidence=0.9,
            explanation="It is a door",
            model="m",
        )

    await theatre.shell.core.db.run(fire)
    status, body, response = await theatre.fetch(theatre.window(0, 4, "json"))
    assert (status, response.content_type) == (200, "application/json")
    told = msgspec.json.decode(body)
    assert (told["rtstream_id"], told["name"], told["complete"]) == (theatre.stream, "Front", True)
    (span,) = told["spans"]
    assert (span["start"], span["end"]) == (pytest.approx(T0, abs=0.1), pytest.approx(T0 + 4, abs=0.2))
    assert [(each["kind"], each["start"] - T0, each["text"], each["of"]) for each in told["moments"]] == [
        ("scene", 0.0, "A door", "porch"),
        ("alert", 0.0, "It is a door", "door"),
        ("transcript", 0.5, "Hello", None),
    ]
    elsewhere = msgspec.json.decode((await theatre.fetch(theatre.window(100, 104, "json")))[1])
    assert (elsewhere["spans"], elsewhere["moments"]) == ([], [])
    assert (await theatre.refusal(theatre.window(0, 4, "json", token=theatre.token("stream:other"))))[0] == 403


async def test_byte_ranges(theatre: Theatre) -> None:
    for url in (theatre.window(0, 2, "mp4"), theatre.segment(theatre.recorded[0].path)):
        status, whole, response = await theatre.fetch(url)
        assert (status, response.headers["Accept-Ranges"]) == (200, "bytes")
        for asked, expected in (("0-9", whole[:10]), ("100-", whole[100:]), ("-7", whole[-7:])):
            status, part, response = await theatre.fetch(url, Range=f"bytes={asked}")
            assert (status, part) == (206, expected)
            assert response.headers["Content-Range"].endswith(f"/{len(whole)}")
        status, _, response = await theatre.fetch(url, Range=f"bytes={len(whole)}-")
        assert (status, response.headers["Content-Range"]) == (416, f"bytes */{len(whole)}")


async def test_an_exported_video_is_played_by_its_link(theatre: Theatre) -> None:
    export = (await theatre.shell.post(f"/rtstream/{theatre.stream}/export", {})).data
    video = (await theatre.shell.get(f"/video/{export['video_id']}")).data
    assert float(video["length"]) == pytest.approx(4, abs=0.2)
    token = theatre.token(video_scope(export["video_id"]))
    url = f"{theatre.shell.base}/p/{token}/videos/{export['video_id']}.mp4"
    status, whole, response = await theatre.fetch(url)
    assert (status, response.content_type, response.headers["Access-Control-Allow-Origin"]) == (200, "video/mp4", "*")
    assert (await theatre.fetch(url, Range="bytes=4-7"))[:2] == (206, b"ftyp")
    assert whole[4:8] == b"ftyp"
    assert (await theatre.refusal(url.replace(token, theatre.token())))[0] == 403  # a stream's is no video's
    gone = theatre.shell.base + f"/p/{theatre.token(video_scope('m-x'))}/videos/m-x.mp4"
    assert (await theatre.refusal(gone))[0] == 404


async def test_head_says_what_get_would(theatre: Theatre) -> None:
    for url in (
        theatre.window(0, 2),
        theatre.window(0, 2) + "/",
        theatre.window(0, 2, "mp4"),
        theatre.segment(theatre.recorded[0].path),
    ):
        _, body, get = await theatre.fetch(url)
        async with theatre.player.head(url) as response:
            assert response.status == get.status == 200
            assert response.headers["Content-Length"] == str(len(body))
            assert response.content_type == get.content_type
            assert await response.read() == b""


# --- what is refused --------------------------------------------------------------------------------------------------


async def test_a_token_opens_what_it_was_made_for_and_nothing_else(theatre: Theatre) -> None:
    other = await theatre.shell.connect()
    segment = theatre.recorded[0].path
    for token in (
        "x",
        "0.x",
        theatre.token(stream_scope(other)),
        theatre.token(video_scope(theatre.stream)),
        theatre.token("websocket"),
        theatre.token()[:-1],
    ):
        for url in (
            theatre.window(0, 2, token=token),
            theatre.window(0, 2, "mp4", token=token),
            theatre.segment(segment, token),
            theatre.segment("no/such.ts", token),
        ):
            status, message = await theatre.refusal(url)
            assert status == 403, url
            assert "not valid" in message


async def test_a_link_expires(theatre: Theatre) -> None:
    urls = [theatre.window(0, 2), theatre.segment(theatre.recorded[0].path)]
    theatre.shell.clock.now += 60
    for url in urls:
        assert (await theatre.fetch(url))[0] == 200
    theatre.shell.clock.now += 1
    for url in urls:
        status, message = await theatre.refusal(url)
        assert (status, "expired" in message) == (403, True)


@pytest.mark.parametrize("window", [(-20, -10), (5, 9), (20, 30), (2000, 2010)])
@pytest.mark.parametrize("suffix", ["m3u8", "mp4"])
async def test_a_window_in_which_nothing_is_recorded(theatre: Theatre, window: tuple[int, int], suffix: str) -> None:
    status, message = await theatre.refusal(theatre.window(*window, suffix))
    assert (status, "nothing of stream" in message) == (404, True)


@pytest.mark.parametrize("suffix", ["m3u8", "mp4"])
async def test_a_window_that_ends_before_it_begins(theatre: Theatre, suffix: str) -> None:
    for start, end in ((0.8, 0.2), (3, 1), (1, 1)):
        status, message = await theatre.refusal(theatre.window(start, end, suffix))
        assert (status, "not after its start" in message) == (400, True)


async def test_a_window_that_is_too_large_for_one_file(theatre: Theatre) -> None:
    theatre.shell.parts.clips._max_bytes = sum(each.bytes for each in theatre.recorded) - 1
    status, message = await theatre.refusal(theatre.window(0, 4, "mp4"))
    assert (status, "play its playlist" in message) == (400, True)
    assert (await theatre.fetch(theatre.window(0, 4)))[0] == 200


async def test_a_disk_that_is_full_is_told_and_no_internals_with_it(theatre: Theatre) -> None:
    def fail(found: Sequence[SegmentInfo], root: Path, out: Path, start: float, end: float) -> None:
        raise OSError(28, "No space left on device", str(out))

    theatre.shell.parts.clips._cut = fail
    status, message = await theatre.refusal(theatre.window(0, 4, "mp4"))
    assert (status, message) == (503, "this window cannot be written: No space left on device")


async def test_what_is_no_window_is_no_path(theatre: Theatre) -> None:
    good = theatre.window(0, 2)
    for bad in (good.replace("1700000000000000", "170000000000000"), good.replace("-", "_"), good + "x"):
        assert (await theatre.refusal(bad))[0] == 404


async def test_a_segment_that_is_gone_from_the_disk(theatre: Theatre) -> None:
    first = theatre.recorded[0].path
    await asyncio.to_thread((theatre.root / first).unlink)
    status, message = await theatre.refusal(theatre.segment(first))
    assert (status, str(first) in message) == (404, True)
    assert (await theatre.fetch(theatre.window(0, 2)))[0] == 200  # what is left of it
    assert (await theatre.refusal(theatre.window(0, 0.5)))[0] == 404


async def test_what_leads_up_to_a_window_is_no_recording_of_it(theatre: Theatre) -> None:
    """A segment that cannot be decoded without the one before it is gone, and that one is still there."""
    last = theatre.recorded[-1]
    path = last.path.with_name(f"{round(last.end * 1e6)}c.ts")
    continued = SegmentInfo(path, last.end, last.end + 1, 10, last.session, has_video=True, has_audio=True)
    await theatre.shell.core.db.run(lambda conn: segments.add(conn, theatre.stream, continued))
    for suffix in ("m3u8", "mp4"):
        assert (await theatre.refusal(theatre.window(4.5, 4.8, suffix)))[0] == 404
    await asyncio.to_thread((theatre.root / path).write_bytes, b"x" * 10)
    body = (await theatre.fetch(theatre.window(4.5, 4.8)))[1].decode()
    assert body.index(str(last.path)) < body.index(str(path))


async def raw(base: str, path: str) -> bytes:
    """The whole answer to a request whose path no client has tidied."""
    host, port = urlsplit(base).hostname, urlsplit(base).port
    async with asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer


@pytest.mark.parametrize(
    "path",
    [
        "../../{secret}",
        "..%2f..%2f{secret}",
        "%2e%2e/%2e%2e/{secret}",
        "%2e%2e%2f%2e%2e%2f{secret}",
        "..%5c..%5c{secret}",
        "..%252f..%252f{secret}",
        "{folder}/../../../{secret}",
        "/{absolute}",
        "%2f{absolute}",
        "{folder}/%00",
        "file:{absolute}",
        ".",
        "{folder}",
    ],
)
async def test_no_path_leads_out_of_a_streams_recording(theatre: Theatre, path: str) -> None:
    secret = theatre.shell.core.data_dir / "streams-secret.ts"
    await asyncio.to_thread(secret.write_bytes, b"hidden")
    await asyncio.to_thread((theatre.root / secret.name).write_bytes, b"hidden")  # not even what the database knows not
    folder = theatre.recorded[0].path.parent
    filled = path.format(secret=secret.name, absolute=str(secret).lstrip("/"), folder=folder)
    for prefix in (f"/p/{theatre.token()}/segments/{theatre.stream}/", f"/p/{theatre.token()}/videos/", "/static/"):
        answer = await raw(theatre.shell.base, prefix + filled)
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.split()[1] in (b"404", b"401"), head  # a path that is none asks for the key
        assert b"hidden" not in answer
        assert body.startswith(b'{"success":false')


async def test_two_players_share_one_cut(theatre: Theatre) -> None:
    made: list[Path] = []

    def count(found: Sequence[SegmentInfo], root: Path, out: Path, start: float, end: float) -> None:
        made.append(out)
        cut(found, root, out, start, end)

    assert isinstance(theatre.shell.parts.clips, ClipCache)
    theatre.shell.parts.clips._cut = count
    first, second = await asyncio.gather(*(theatre.fetch(theatre.window(0, 4, "mp4")) for _ in range(2)))
    assert first[1] == second[1]
    assert len(made) == 1
