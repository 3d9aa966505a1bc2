"""Videos over HTTP: uploaded, played, transcribed, searched, put together; and what is refused, leaving nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from media_clips import decode_strictly, sample
from shell_parts import KEY, Shell, open_shell
from shell_videos import add_video, post
from video_parts import left_behind, understand_beeps

from aiortstream.local.routes import videos
from aiortstream.local.services.uploads import UploadLimits
from aiortstream.local.settings import ServerSettings
from aiortstream.local.urls import as_mp4, upload_scope, video_scope


@pytest.fixture
async def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shell]:
    settings = ServerSettings(api_key=KEY, uploads=UploadLimits(largest=1024 * 1024, waiting=2))
    async with open_shell(tmp_path, settings) as opened:
        understand_beeps(opened.core.models, monkeypatch)
        yield opened


@pytest.fixture
async def player() -> AsyncIterator[aiohttp.ClientSession]:
    """It sends no key."""
    async with aiohttp.ClientSession() as session:
        yield session


async def fetched(player: aiohttp.ClientSession, url: str, path: Path) -> Path:
    """A file as a player gets it."""
    async with player.get(url) as response:
        assert response.status == 200, await response.text()
        await asyncio.to_thread(path.write_bytes, await response.read())
    return path


# --- every call -------------------------------------------------------------------------------------------------------

CALLS: list[tuple[str, str, Any, set[str]]] = [
    ("GET", "/video", None, {"videos"}),
    ("GET", "/video?collection_id=default&page_index=0&count=5", None, {"videos"}),
    ("GET", "/video/{video}", None, {"id", "collection_id", "name", "length", "stream_url", "player_url"}),
    ("GET", "/video/{video}?collection_id=default", None, {"id"}),
    ("PATCH", "/video/{video}", {"name": "Gate"}, {"id", "name"}),
    ("GET", "/collection/default/upload_url?name=x", None, {"upload_url"}),
    ("POST", "/video/{video}/stream", {"timeline": None, "length": 4.0}, {"stream_url", "player_url"}),
    ("POST", "/video/{video}/stream", {"timeline": [[0, 1], [2, 3.5]], "length": 4.0}, {"stream_url", "player_url"}),
    ("POST", "/compile", [{"video_id": "{video}", "collection_id": "c", "shots": [[1, 2]]}], {"stream_url"}),
    ("POST", "/compile", {"inputs": [{"media_id": "{video}", "start_time": 0, "end_time": 1}]}, {"stream_url"}),
    ("GET", "/video/{video}/transcription?segmenter=word&length=1&force=false", None, {"word_timestamps", "text"}),
    ("POST", "/video/{video}/transcription", {"force": False, "language_code": None}, {"word_timestamps", "text"}),
    (
        "POST",
        "/video/{video}/index",
        {"index_type": "spoken_word", "language_code": None, "segmentation_type": "sentence", "force": True},
        {"video_id", "moments"},
    ),
    ("POST", "/video/{video}/search", {"query": "gate", "search_type": "semantic"}, {"results", "warnings"}),
    ("POST", "/video/{video}/search/v2", {"query": "gate"}, {"results", "warnings", "response_type"}),
    ("POST", "/collection/default/search", {"query": "gate", "filter": []}, {"results"}),
    ("POST", "/collection/default/search/v2", {"query": "gate", "top_k": 2}, {"results", "response_type"}),
]


def fill(value: Any, video: str) -> Any:
    """The same with a video's id in it."""
    if isinstance(value, str):
        return value.replace("{video}", video)
    if isinstance(value, list):
        return [fill(each, video) for each in value]
    return {name: fill(each, video) for name, each in value.items()} if isinstance(value, dict) else value


async def test_every_call_in_both_slash_forms(shell: Shell) -> None:
    video = await add_video(shell, sample("clip"))
    for method, path, body, keys in CALLS:
        before, mark, query = fill(path, video).partition("?")
        for slash in ("", "/"):
            told = await shell.call(method, f"{before}{slash}{mark}{query}", fill(body, video))
            assert told.status == 200, (method, path, told)
            assert told.body.get("status") is None
            assert keys <= set(told.data), (method, path)


def test_the_table_above_leaves_out_no_call() -> None:
    tried = {(method, path.partition("?")[0]) for method, path, *_ in CALLS}
    elsewhere = {
        ("DELETE", "/video/{video}"),
        ("DELETE", "/video/{video}/storage"),
        ("POST", "/collection/default/upload"),
        ("POST", "/video/{video}/thumbnail"),
        ("GET", "/video/{video}/thumbnail"),
        ("GET", "/video/{video}/thumbnails"),
    }
    declared = {
        (route.method, route.path.replace("{video_id}", "{video}").replace("{collection_id}", "default"))
        for route in videos.routes
    }
    assert declared == tried | elsewhere


# --- uploading --------------------------------------------------------------------------------------------------------


async def test_an_uploaded_file_is_a_video_that_plays(
    shell: Shell, player: aiohttp.ClientSession, tmp_path: Path
) -> None:
    url, told = await post(shell, sample("reordered").read_bytes())
    assert told.status == 200
    assert "bytes uploaded" in told.body["message"]
    body = {"url": url, "name": "Gate", "description": "At night", "callback_url": None, "media_type": None}
    made = (await shell.post("/collection/default/upload", body)).data
    assert made["id"].startswith("m-")
    assert (made["name"], made["description"]) == ("Gate", "At night")
    assert made["length"] == pytest.approx(4.0, abs=0.05)
    assert made == (await shell.get(f"/video/{made['id']}")).data
    shown = await asyncio.to_thread(
        decode_strictly, await fetched(player, as_mp4(made["stream_url"]), tmp_path / "fetched.mp4")
    )
    assert (len(shown.video), shown.video[0]) == (100, 0.0)
    link = urlsplit(made["player_url"])
    assert (link.path, parse_qs(link.query)["url"]) == ("/watch", [made["stream_url"]])
    assert left_behind(shell.core.data_dir) == [f"videos/{made['id']}.mp4"]


async def test_sound_alone_is_a_video_without_urls(shell: Shell) -> None:
    video = await add_video(shell, sample("sound"), media_type="audio")
    told = (await shell.get(f"/video/{video}")).data
    assert (told["stream_url"], told["player_url"]) == (None, None)
    assert told["length"] == pytest.approx(4.0, abs=0.05)
    assert (await shell.post(f"/video/{video}/stream", {})).data["stream_url"].endswith(".m3u8")


async def test_a_file_can_be_used_once(shell: Shell) -> None:
    content = sample("clip").read_bytes()
    url, _ = await post(shell, content)
    form = aiohttp.FormData()
    form.add_field("file", content, filename="x")
    assert "already" in (await shell.call("POST", url, data=form)).refusal[1]
    assert (await shell.post("/collection/default/upload", {"url": url})).status == 200
    status, said = (await shell.post("/collection/default/upload", {"url": url})).refusal
    assert (status, said.startswith("url: no file was posted to it")) == (404, True)


async def test_only_who_was_given_the_url_can_post(shell: Shell) -> None:
    signer = shell.parts.signer
    for token in ("x", signer.sign(video_scope("m-1"), 60.0), signer.sign(upload_scope("b" * 24), 60.0)):
        told = await shell.call("POST", f"{shell.base}/p/{token}/uploads/{'a' * 24}", data={"file": "x"})
        assert told.refusal[0] == 403
    url = (await shell.get("/collection/default/upload_url")).data["upload_url"]
    shell.clock.now += 2 * 3600
    assert "expired" in (await shell.call("POST", url, data={"file": "x"})).refusal[1]
    assert left_behind(shell.core.data_dir) == []


@pytest.mark.parametrize(
    ("content", "field", "says"),
    [
        (b"", "file", "file: expected a video or a sound, got an empty file"),
        (b"x", "video", "file: it is required, and the form has none"),
        (b"x" * (1024 * 1024 + 1), "file", "file: expected at most 1048576 bytes, got more"),
    ],
)
async def test_files_that_are_not_kept(shell: Shell, content: bytes, field: str, says: str) -> None:
    _, told = await post(shell, content, field=field)
    assert told.refusal == (400, says)
    assert left_behind(shell.core.data_dir) == []


async def test_what_is_posted_must_be_a_form(shell: Shell) -> None:
    for body, content_type, says in (
        (b"x", "application/octet-stream", "expected a form"),
        (b"nothing of the kind", "multipart/form-data; boundary=a", "the form has none|is none"),
        (b"x", "multipart/form-data", "is none"),
    ):
        url = (await shell.get("/collection/default/upload_url")).data["upload_url"]
        told = await shell.call("POST", url, data=body, headers={"Content-Type": content_type})
        status, said = told.refusal
        assert status == 400
        assert any(each in said for each in says.split("|")), said
    assert left_behind(shell.core.data_dir) == []


@pytest.mark.parametrize("content", [b"hello" * 100, b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n", b"\x89PNG\r\n"])
async def test_what_is_no_video_leaves_nothing(shell: Shell, content: bytes) -> None:
    url, _ = await post(shell, content)
    status, said = (await shell.post("/collection/default/upload", {"url": url})).refusal
    assert status == 400
    assert said.startswith("url: what it holds cannot become a video: it is not a video or a sound")
    assert "/" not in said.partition("video: ")[2]  # no path of this machine
    assert left_behind(shell.core.data_dir) == []
    assert (await shell.get("/video")).data == {"videos": []}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "url: it is required"),
        ({"url": "file:///etc/hostname"}, "url: expected an http:// or https:// URL"),
        ({"url": "/etc/hostname"}, "url: expected an http:// or https:// URL"),
        ({"url": "http://"}, "url: expected an http:// or https:// URL"),
        ({"url": "https://user:secret@h/" + "x" * 5000}, "url: expected"),
        ({"url": "https://h/x", "name": "x" * 501}, "name: expected 1 to 500 characters"),
        ({"url": "https://h/x", "description": "x" * 10_001}, "description: expected at most"),
        ({"url": "https://h/x", "media_type": "image"}, "media_type: this server keeps video and audio, got 'image'"),
        ({"url": "https://h/x", "callback_url": "https://me"}, "callback_url: this server calls back for alerts only"),
        ({"url": 5}, "url: expected text, got a whole number"),
    ],
)
async def test_uploads_that_are_refused(shell: Shell, body: dict[str, Any], says: str) -> None:
    status, said = (await shell.post("/collection/default/upload", body)).refusal
    assert (status, said.startswith(says)) == (400, True), said
    assert "secret" not in said
    assert (await shell.post("/collection/c-none/upload", {"url": "https://h/x"})).refusal[0] == 404
    assert left_behind(shell.core.data_dir) == []


async def test_a_video_from_a_url(shell: Shell) -> None:
    content = sample("clip").read_bytes()

    async def give(request: web.Request) -> web.StreamResponse:
        if request.match_info["name"] == "gate.mp4":
            return web.Response(body=content)
        return web.Response(text="<html>", status=200 if request.match_info["name"] == "page" else 404)

    app = web.Application()
    app.router.add_get("/{name}", give)
    async with TestServer(app) as elsewhere:
        url = str(elsewhere.make_url("/gate.mp4?token=Zk39"))
        made = (await shell.post("/collection/default/upload", {"url": url, "name": None})).data
        assert (made["name"], made["length"]) == ("gate", pytest.approx(4.0, abs=0.05))
        for name, says in (("page", "cannot become a video"), ("none?token=Zk39", "answered with status 404")):
            url = str(elsewhere.make_url(f"/{name}"))
            said = (await shell.post("/collection/default/upload", {"url": url})).refusal[1]
            assert says in said
            assert "Zk39" not in said
    said = (await shell.post("/collection/default/upload", {"url": url})).refusal[1]
    assert "cannot be fetched" in said
    assert left_behind(shell.core.data_dir) == [f"videos/{made['id']}.mp4"]


async def test_so_many_files_may_wait(shell: Shell) -> None:
    for _ in range(2):
        await post(shell, b"x")
    status, said = (await shell.get("/collection/default/upload_url")).refusal
    assert (status, "2 uploaded files wait" in said) == (503, True)


# --- looking after videos ---------------------------------------------------------------------------------------------


async def test_videos_belong_to_their_collection(shell: Shell) -> None:
    yard = (await shell.post("/collection", {"name": "Yard"})).data["id"]
    first = await add_video(shell, sample("clip"))
    second = await add_video(shell, sample("silent"), collection=yard)
    third = await add_video(shell, sample("silent"), collection=yard)
    listed = (await shell.get(f"/video?collection_id={yard}")).data["videos"]
    assert [each["id"] for each in listed] == [third, second]
    assert [each["id"] for each in (await shell.get("/video")).data["videos"]] == [first]
    page = (await shell.get(f"/video?collection_id={yard}&count=1&page_index=1")).data["videos"]
    assert [each["id"] for each in page] == [second]
    assert (await shell.get(f"/video/{second}?collection_id=default")).refusal[0] == 404
    assert (await shell.call("DELETE", f"/video/{second}?collection_id=default")).refusal[0] == 404
    assert (await shell.get("/video?collection_id=none")).refusal[0] == 404
    assert (await shell.get("/video?count=x")).refusal[0] == 400


async def test_a_deleted_video_leaves_nothing(shell: Shell, player: aiohttp.ClientSession) -> None:
    video, other = await add_video(shell, sample("clip")), await add_video(shell, sample("clip"))
    await shell.post(f"/video/{video}/index", {})
    await shell.post(f"/video/{other}/index", {})
    both = [{"video_id": each, "shots": [[0, 1]]} for each in (video, other)]
    reel = (await shell.post("/compile", both)).data["stream_url"]
    kept = (await shell.post("/compile", both[1:])).data["stream_url"]
    told = await shell.call("DELETE", f"/video/{video}")
    assert (told.status, told.body) == (200, {"success": True, "message": "video deleted"})
    assert (await shell.get(f"/video/{video}")).refusal[0] == 404
    assert (await shell.call("DELETE", f"/video/{video}")).refusal[0] == 404
    async with player.get(reel) as gone, player.get(kept) as there:
        assert (gone.status, there.status) == (404, 200)
    files = left_behind(shell.core.data_dir)
    assert len(files) == 5  # the other video, and its reel: playlist, segment, MP4, and what it is made of
    assert f"videos/{video}.mp4" not in files
    found = (await shell.post("/collection/default/search/v2", {"query": "gate"})).data["results"]
    assert {each["video_id"] for each in found} == {other}


async def test_a_name_must_be_one(shell: Shell) -> None:
    video = await add_video(shell, sample("silent"))
    assert (await shell.patch(f"/video/{video}", {"name": " "})).refusal[1].startswith("name: expected 1 to 500")
    assert (await shell.patch(f"/video/{video}", {"name": None})).data["name"] == "Clip"
    assert (await shell.patch("/video/m-none", {"name": "x"})).refusal[0] == 404


# --- playing ----------------------------------------------------------------------------------------------------------


async def test_a_timeline_plays_its_stretches_in_order(
    shell: Shell, player: aiohttp.ClientSession, tmp_path: Path
) -> None:
    video = await add_video(shell, sample("clip"))
    body = {"timeline": [[2, 3], [0, 1.5]], "length": 4.0}
    first = (await shell.post(f"/video/{video}/stream", body)).data
    shown = await asyncio.to_thread(
        decode_strictly, await fetched(player, as_mp4(first["stream_url"]), tmp_path / "reel.mp4")
    )
    assert shown.video[-1] - shown.video[0] == pytest.approx(2.5, abs=0.1)
    assert shown.audio[-1] == pytest.approx(2.5, abs=0.1)
    assert (await shell.post(f"/video/{video}/stream", body)).data == first  # made once
    async with player.get(as_mp4(first["stream_url"]), headers={"Range": "bytes=4-7"}) as part:
        assert (part.status, await part.read()) == (206, b"ftyp")
    async with player.get(first["stream_url"].replace("reel.m3u8", "videos.json")) as other:
        assert other.status == 404
    token = urlsplit(first["stream_url"]).path.split("/")[2]
    async with player.get(f"{shell.base}/p/{token}/reels/{'0' * 32}/reel.mp4") as other:
        assert other.status == 403


@pytest.mark.parametrize(
    ("timeline", "says"),
    [
        ([[2, 1]], "timeline[0]: expected [start, end] in seconds with 0 <= start < end, got [2.0, 1.0]"),
        ([[0, 1], [-1, 1]], "timeline[1]: expected [start, end]"),
        ([[0, 5]], "timeline[0]: [0.0, 5.0] leaves the video, which is 4."),
        ([[9, 10]], "timeline[0]: [9.0, 10.0] leaves the video"),
        ([[0]], "timeline[0]: "),
        ([["a", "b"]], "timeline[0][0]: expected a number"),
        ("all", "timeline: expected a list or null, got text"),
        ([[0, 1]] * 501, "expected at most 500 shots, got 501"),
    ],
)
async def test_timelines_that_cannot_be_played(shell: Shell, timeline: Any, says: str) -> None:
    video = await add_video(shell, sample("clip"))
    status, said = (await shell.post(f"/video/{video}/stream", {"timeline": timeline})).refusal
    assert (status, said.startswith(says)) == (400, True), said
    assert left_behind(shell.core.data_dir) == [f"videos/{video}.mp4"]


async def test_shots_of_videos_that_no_file_holds_together_are_a_playlist(
    shell: Shell, player: aiohttp.ClientSession, tmp_path: Path
) -> None:
    with_sound, without = await add_video(shell, sample("clip")), await add_video(shell, sample("silent"))
    shots = [{"video_id": with_sound, "shots": [[1, 2], [3, 4]]}, {"video_id": without, "shots": [[0, 1]]}]
    url = (await shell.post("/compile", shots)).data["stream_url"]
    async with player.get(url) as response:
        assert (response.status, response.content_type) == (200, "application/vnd.apple.mpegurl")
        lines = (await response.text()).splitlines()
    assert (lines.count("#EXT-X-DISCONTINUITY"), lines[-1]) == (2, "#EXT-X-ENDLIST")
    pieces = [line for line in lines if not line.startswith("#")]
    frames = []
    for piece in pieces:
        path = await fetched(player, urljoin(url, piece), tmp_path / piece)
        frames.append(len((await asyncio.to_thread(decode_strictly, path)).video))
    assert sum(frames) == pytest.approx(75, abs=6)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ([], 400, "inputs: expected at least one shot"),
        ({}, 400, "inputs: it is required"),
        ([{"shots": [[0, 1]]}], 400, "inputs[0].video_id: it is required"),
        ([{"video_id": "{video}"}], 400, "inputs[0].shots: expected a list such as [[0, 2.5]]"),
        ([{"video_id": "{video}", "shots": [[0, 1], [3, 2]]}], 400, "inputs[0].shots[1]: expected [start, end]"),
        ([{"video_id": "{video}", "shots": "x"}], 400, "inputs[0].shots: expected a list"),
        ([{"video_id": "m-none", "shots": [[0, 1]]}], 404, "there is no video 'm-none'"),
        ([5], 400, "inputs[0]: expected an object"),
    ],
)
async def test_what_cannot_be_compiled(shell: Shell, body: Any, status: int, says: str) -> None:
    video = await add_video(shell, sample("clip"))
    told = await shell.post("/compile", fill(body, video))
    assert (told.refusal[0], told.refusal[1].startswith(says)) == (status, True), told
    assert left_behind(shell.core.data_dir) == [f"videos/{video}.mp4"]


async def test_a_body_that_is_no_json(shell: Shell) -> None:
    for raw in (b"[", b"[}", b"nothing"):
        told = await shell.call("POST", "/compile", data=raw)
        assert told.refusal[0] == 400
