"""The pages in a real browser, under their own policy: recordings play, the clock is right, failures are explained."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import av
import pytest
from aiohttp import web
from chromium import Page, open_page

from aiortstream.local.pages import CONTENT_SECURITY_POLICY, PAGES, STATIC, read_page
from aiortstream.local.recording.playlist import coverage, window_playlist
from aiortstream.local.recording.segmenter import Segmenter, SegmentInfo
from aiortstream.local.sample import load_manifest, sample_path

pytestmark = [pytest.mark.media, pytest.mark.timeout(120)]

EPOCH = 1_763_900_000.0  # unix seconds of the recording's first picture: 2025-11-23T12:13:20Z
HOLE = 100.0  # seconds that nothing was recorded, after the first half
HALF = 18.0  # seconds
PLAYING = "document.querySelector('video').currentTime > 0.3"
PLAYING_MP4 = f"{PLAYING} && document.querySelector('video').src.endsWith('.mp4')"
PROBLEM = "document.getElementById('problem').checkVisibility()"
NO_HLS = "HTMLMediaElement.prototype.canPlayType = () => ''"


@dataclass
class Server:
    """The pages, and a recording of the sample with a hole in it."""

    root: Path
    segments: list[SegmentInfo] = field(default_factory=list)
    told: list[dict[str, object]] = field(default_factory=list)
    base: str = ""

    def record(self) -> None:
        for session in (0, 1):
            segmenter = Segmenter(self.root, on_segment=self.segments.append)
            with av.open(str(sample_path())) as film:
                segmenter.begin(film.streams.get())
                for packet in film.demux():
                    if packet.dts is not None and (packet.dts * packet.time_base >= HALF) == bool(session):
                        segmenter.add(packet, EPOCH + session * HOLE)
                segmenter.end()

    def player(self, start: float, end: float, **query: str) -> str:
        window = f"/recording/{round((EPOCH + start) * 1e6):016d}-{round((EPOCH + end) * 1e6):016d}.m3u8"
        return self.base + "/player?" + "&".join(f"{key}={value}" for key, value in {"url": window, **query}.items())

    async def page(self, _request: web.Request) -> web.Response:
        headers = {"Content-Type": PAGES["player.html"], "Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return web.Response(body=read_page("player.html"), headers=headers)

    async def static(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.Response(body=read_page(name), headers={"Content-Type": STATIC[name]})

    async def playlist(self, request: web.Request) -> web.Response:
        start, end = (int(request.match_info[name]) / 1e6 for name in ("start", "end"))
        text = window_playlist(self.segments, start, end, lambda segment: f"/segments/{segment.path}")
        return web.Response(text=text, content_type="application/vnd.apple.mpegurl")

    async def moments(self, request: web.Request) -> web.Response:
        start, end = (int(request.match_info[name]) / 1e6 for name in ("start", "end"))
        spans = [{"start": each.start, "end": each.end} for each in coverage(self.segments)]
        told = {"rtstream_id": "rts-1", "name": "Film", "start": start, "end": end, "complete": False, "spans": spans}
        return web.json_response({**told, "moments": self.told})

    async def segment(self, request: web.Request) -> web.FileResponse:
        path = self.root / request.match_info["path"]
        return web.FileResponse(path, headers={"Content-Type": "video/mp2t"})

    async def expired(self, request: web.Request) -> web.Response:
        return web.json_response({"success": False, "message": "this link has expired"}, status=403)

    async def file(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(sample_path())


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path / "recording")
    server.record()
    app = web.Application()
    app.add_routes(
        [
            web.get("/player", server.page),
            web.get("/embed", server.page),
            web.get("/static/{name}", server.static),
            web.get(r"/recording/{start:\d+}-{end:\d+}.m3u8", server.playlist),
            web.get(r"/recording/{start:\d+}-{end:\d+}.json", server.moments),
            web.get(r"/segments/{path:.+}", server.segment),
            web.get("/expired.m3u8", server.expired),
            web.get("/file.mp4", server.file),
        ]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.base = f"http://{host}:{port}"
    yield server
    await runner.cleanup()


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Page]:
    async with open_page(tmp_path / "profile") as page:
        yield page


async def seek(tab: Page, position: float) -> None:
    await tab.evaluate("document.querySelector('video').pause()")
    await tab.evaluate(f"document.querySelector('video').currentTime = {position}")
    await tab.until("!document.querySelector('video').seeking && document.querySelector('video').readyState >= 2")


async def colour(tab: Page) -> list[int]:
    """What the video shows at its centre."""
    pixel = await tab.evaluate(
        "(() => { const video = document.querySelector('video'); const canvas = new OffscreenCanvas(1280, 720);"
        " const context = canvas.getContext('2d'); context.drawImage(video, 0, 0);"
        " return Array.from(context.getImageData(640, 360, 1, 1).data.slice(0, 3)); })()"
    )
    return [int(value) for value in pixel]


async def test_a_window_plays_from_its_start_with_the_time_of_the_picture(tab: Page, server: Server) -> None:
    await tab.goto(server.player(11, 130, title="Front%20door"))
    await tab.until(PLAYING)
    assert await tab.text("title") == "Front door"
    assert await tab.text("source") == "HLS"
    assert await tab.text("problem") == ""
    begun = await tab.evaluate("document.querySelector('video').currentTime")
    assert begun >= 1, "the playlist begins a second before the window, at a segment"

    manifest = load_manifest()
    # The playlist begins with the segment at 10 s; the second position is after the hole.
    for position, media, gone in ((2.5, 12.5, 0.0), (15.5, 25.5, HOLE)):
        await seek(tab, position)
        assert await colour(tab) == pytest.approx(manifest.slide_at(media).rgb, abs=6)
        shown = await tab.evaluate("Date.parse(document.getElementById('local').dateTime) / 1000")
        assert shown == pytest.approx(EPOCH + media + gone, abs=0.06)
    assert (await tab.text("utc")).startswith("12:15:25.")
    assert tab.complaints == []


async def test_keys_work_without_the_mouse(tab: Page, server: Server) -> None:
    await tab.goto(server.player(0, 130))
    await tab.until(PLAYING)
    await seek(tab, 10)

    async def press(key: str) -> None:
        await tab.evaluate(
            f"void document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))"
        )

    await press("l")
    await tab.until("Math.abs(document.querySelector('video').currentTime - 15) < 0.1")
    await press("j")
    await tab.until("Math.abs(document.querySelector('video').currentTime - 10) < 0.1")
    await press("m")
    assert await tab.evaluate("document.querySelector('video').muted") is True
    await press("k")
    await tab.until("!document.querySelector('video').paused")
    await press(" ")
    await tab.until("document.querySelector('video').paused")


async def test_a_browser_without_hls_gets_the_mp4(tab: Page, server: Server) -> None:
    await tab.call("Page.addScriptToEvaluateOnNewDocument", source=NO_HLS)
    await tab.goto(server.player(5, 18, mp4="/file.mp4"))
    await tab.until(PLAYING_MP4)
    assert await tab.text("source") == "MP4, because this browser cannot play HLS"
    assert await tab.text("clock-label") == "Time of the picture, about"
    await seek(tab, 2)
    assert await tab.text("utc") == "12:13:27 UTC"
    assert await tab.evaluate("document.getElementById('download').href") == server.base + "/file.mp4"
    assert tab.complaints == []


async def test_a_browser_without_hls_and_no_mp4_says_so(tab: Page, server: Server) -> None:
    await tab.call("Page.addScriptToEvaluateOnNewDocument", source=NO_HLS)
    await tab.goto(server.player(5, 18))
    await tab.until(PROBLEM)
    assert (await tab.text("problem")).startswith("This browser cannot play HLS")


async def test_segments_that_cannot_be_had_lead_to_the_mp4(tab: Page, server: Server) -> None:
    for segment in server.segments:
        (server.root / segment.path).unlink()
    await tab.goto(server.player(5, 18, mp4="/file.mp4"))
    await tab.until(PLAYING_MP4)
    assert await tab.text("source") == "MP4, because the browser could not play the HLS recording"


async def test_an_exported_video_plays_without_a_clock(tab: Page, server: Server) -> None:
    await tab.goto(server.base + "/player?url=/file.mp4")
    await tab.until(PLAYING)
    assert await tab.text("source") == "MP4"
    assert await tab.text("clock") == ""


@pytest.mark.parametrize(
    ("query", "explanation"),
    [
        ("", "There is nothing to play: the link lacks the address of a recording (/player?url=...)."),
        ("?url=https://elsewhere.example/a.m3u8", "and the link points to elsewhere.example."),
        ("?url=javascript:alert(1)", "and the link points to another place."),
        ("?url=http://[", 'The link is damaged: its part "url" is not an address.'),
        ("?url=/expired.m3u8", "This link has expired."),
        ("?url=/nothing.mp4", "There is no recording at this address, or not any more."),
    ],
)
async def test_a_link_that_is_no_good_is_explained(tab: Page, server: Server, query: str, explanation: str) -> None:
    await tab.goto(server.base + "/player" + query)
    await tab.until(PROBLEM)
    assert (await tab.text("problem")).endswith(explanation)
    assert await tab.evaluate("document.querySelector('video').checkVisibility()") is False


async def test_text_from_a_link_stays_text(tab: Page, server: Server) -> None:
    await tab.goto(server.base + "/player?url=/file.mp4&title=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E")
    await tab.until(PLAYING)
    assert await tab.text("title") == "<img src=x onerror=alert(1)>"
    assert await tab.evaluate("document.images.length") == 0


async def test_what_was_seen_and_said_is_beside_the_picture(tab: Page, server: Server) -> None:
    server.told = [
        {"kind": kind, "start": EPOCH + at, "end": EPOCH + at + 1, "text": f"<b>{kind}</b>", "of": of}
        for kind, at, of in (("scene", 2, "door"), ("transcript", 5, None), ("alert", 125, "visitor"))
    ]
    await tab.goto(server.player(0, 130))
    await tab.until(PLAYING)
    await tab.until("document.querySelectorAll('#moment-list li').length === 3")
    await tab.evaluate("document.querySelector('video').pause()")
    listed = str(await tab.evaluate("document.getElementById('moment-list').innerText"))
    for shown in ("<b>scene</b>", "door", "Said", "visitor"):
        assert shown in listed
    note = await tab.text("moments-note")
    assert "One stretch is not recorded, 100 s in all." in note
    assert "There is more than is shown" in note

    await tab.evaluate("document.querySelectorAll('#moment-list button')[2].click()")  # after the hole
    await tab.until("document.querySelectorAll('#moment-list li')[2].getAttribute('aria-current') === 'true'")
    shown_at = await tab.evaluate("Date.parse(document.getElementById('local').dateTime) / 1000")
    assert shown_at == pytest.approx(EPOCH + 125, abs=0.1)
    await seek(tab, 3)
    await tab.until("document.querySelectorAll('#moment-list li')[0].getAttribute('aria-current') === 'true'")

    await tab.evaluate("document.getElementById('kind').value = 'alert'")
    await tab.evaluate("document.getElementById('kind').dispatchEvent(new Event('change'))")
    assert await tab.evaluate("[...document.querySelectorAll('#moment-list li')].map((each) => each.hidden)") == [
        True,
        True,
        False,
    ]
    await tab.goto(server.player(0, 130).replace("/player?", "/embed?"))
    await tab.until("document.querySelector('video').currentTime >= 0")
    assert await tab.text("moments") == ""
    assert tab.complaints == []
