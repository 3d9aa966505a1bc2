"""The server's pages over HTTP: who may see them, what they are sent with, and what they show."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from aiohttp import ClientSession, encode_basic_auth
from shell_parts import KEY, Shell, open_shell

from aiortstream import __version__
from aiortstream.local.pages import CONTENT_SECURITY_POLICY, STATIC, read_page
from aiortstream.local.paths import segments_folder
from aiortstream.local.recording.segmenter import SegmentInfo
from aiortstream.local.store import segments
from aiortstream.records import TranscriptSegment

NOW = 1_700_000_000.0


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with open_shell(tmp_path) as opened:
        yield opened


@pytest.fixture
async def browser(shell: Shell) -> AsyncIterator[ClientSession]:
    """It sends no key by itself."""
    async with ClientSession(shell.base) as opened:
        yield opened


async def test_pages_come_with_their_policy(shell: Shell) -> None:
    for path, name in (
        ("/", "index.html"),
        ("/watch?v=a&url=x", "player.html"),
        ("/player?url=x", "player.html"),
        ("/player/", "player.html"),
    ):
        async with shell.http.get(shell.base + path) as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == "text/html; charset=utf-8"
            assert response.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY
            assert response.headers["Referrer-Policy"] == "no-referrer"  # the query holds a permission
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert await response.read() == read_page(name)


async def test_only_the_embedded_player_may_be_framed_elsewhere(shell: Shell) -> None:
    async with shell.http.get(shell.base + "/embed?v=a&url=x") as response:
        assert response.status == 200
        assert await response.read() == read_page("player.html")
        policy = response.headers["Content-Security-Policy"]
    assert policy.endswith("frame-ancestors *")
    assert policy.rpartition(";")[0] == CONTENT_SECURITY_POLICY.rpartition(";")[0]
    assert CONTENT_SECURITY_POLICY.endswith("frame-ancestors 'self'")


async def test_what_pages_load(browser: ClientSession) -> None:
    for name, content_type in STATIC.items():
        async with browser.get(f"/static/{name}") as response:
            assert response.status == 200
            assert response.headers["Content-Type"] == content_type
            assert await response.read() == read_page(name)


@pytest.mark.parametrize("name", ["index.html", "none.js", "..%2fapp.py", "%2e%2e%2f__init__.py", "icon.svg%00"])
async def test_nothing_else_is_static(shell: Shell, name: str) -> None:
    assert (await shell.get(f"/static/{name}")).refusal[0] == 404


@pytest.mark.parametrize("path", ["/", "/status.json", "/live"])
async def test_a_browser_gives_the_key_as_a_password(browser: ClientSession, path: str) -> None:
    async with browser.get(path) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic realm=")
        assert "x-access-token" in (await response.json())["message"]
    for password, status in ((KEY, 200), ("wrong", 401), ("", 401)):
        async with browser.get(path, headers={"Authorization": encode_basic_auth("anyone", password)}) as response:
            assert response.status == status
    for header in ("Basic", "Basic !!!", "Basic /w==", f"Bearer {KEY}"):
        async with browser.get(path, headers={"Authorization": header}) as response:
            assert response.status == 401


@pytest.mark.parametrize("path", ["/watch", "/player", "/embed", "/healthz", "/static/pages.css"])
async def test_what_says_nothing_of_the_streams_is_open(browser: ClientSession, path: str) -> None:
    async with browser.get(path) as response:
        assert response.status == 200


async def test_the_password_opens_no_call_of_the_api(browser: ClientSession) -> None:
    headers = {"Authorization": encode_basic_auth("anyone", KEY)}
    async with browser.get("/rtstream", headers=headers) as response:
        assert response.status == 401
        assert "WWW-Authenticate" not in response.headers


async def test_the_page_calls_the_api_with_the_password_and_a_header_of_its_own(browser: ClientSession) -> None:
    headers = {"Authorization": encode_basic_auth("anyone", KEY), "x-aiortstream-page": "1"}
    async with browser.get("/rtstream", headers=headers) as response:
        assert response.status == 200
    headers["Authorization"] = encode_basic_auth("anyone", "wrong")
    async with browser.get("/rtstream", headers=headers) as response:
        assert response.status == 401
    # Pages of other sites would have to ask whether they may send that header; nobody says yes.
    asking = {"Origin": "https://elsewhere.test", "Access-Control-Request-Headers": "x-aiortstream-page"}
    async with browser.options("/rtstream", headers=asking) as response:
        assert response.status >= 400
        assert "Access-Control-Allow-Origin" not in response.headers


async def test_the_streams_at_a_glance(shell: Shell) -> None:
    recorded, other = await shell.connect(name="Front"), await shell.connect(name="Back", store=False)
    await shell.patch(f"/rtstream/{other}/status", {"action": "stop"})
    async with shell.http.get(f"{shell.base}/status.json") as response:
        told = await response.json()
    assert (told["version"], told["count"]) == (__version__, 2)
    assert told["now"] == pytest.approx(time.time(), abs=60)
    back, front = told["rtstreams"]
    assert back == {
        "id": other,
        "name": "Back",
        "status": "stopped",
        "reason": "stopped by request",
        "recording": False,
        **dict.fromkeys(("since", "attempts", "packets", "silence", "frames_dropped", "picture", "sound")),
        "stages": [],
    }
    assert (front["id"], front["recording"]) == (recorded, True)


async def test_a_link_goes_on_to_the_player_at_a_moment(shell: Shell) -> None:
    shell.clock.now = now = time.time()
    stream = await shell.connect()
    async with shell.http.get(f"{shell.base}/moment/{stream}") as response:
        assert response.status == 400  # nothing is recorded yet
    piece = SegmentInfo(Path("a/1.ts"), now - 10, now - 2, 9, "a", has_video=True, has_audio=True)
    path = segments_folder(shell.core.data_dir, stream) / piece.path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 9)
    await shell.core.db.run(lambda conn: segments.add(conn, stream, piece))
    for asked in ("", f"?start={now - 9}&end={now - 8}", f"?start={now - 5}"):
        url = f"{shell.base}/moment/{stream}{asked}"
        async with shell.http.get(url, allow_redirects=False) as response:
            assert response.status == 302
            player = urlsplit(response.headers["Location"])
        assert player.path == "/watch"
        query = parse_qs(player.query)
        async with shell.http.get(query["url"][0]) as response:
            assert response.status == 200
            assert "a/1.ts" in await response.text()
        assert query["mp4"][0].endswith(".mp4")
    assert (await shell.get("/moment/rts-none")).refusal[0] == 404
    assert (await shell.get(f"/moment/{stream}?start=yesterday")).refusal[0] == 400


async def test_what_happens_is_shown_as_it_does(shell: Shell) -> None:
    async with shell.http.get(f"{shell.base}/live") as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        assert await response.content.readuntil(b"\n\n") == b"retry: 2000\n\n"
        shell.parts.page.publish((), TranscriptSegment(NOW, NOW + 1, "Hello\n\nthere", "rts-1", "Door"))
        kind, _, data = (await response.content.readuntil(b"\n\n")).decode().partition("\n")
        assert kind == "event: transcript"
        assert msgspec.json.decode(data.removeprefix("data: ").strip()) == {
            "rtstream_id": "rts-1",
            "rtstream_name": "Door",
            "start": NOW,
            "end": NOW + 1,
            "text": "Hello\n\nthere",
        }
        shell.parts.page.close()
        assert await response.content.read() == b""
    assert (await shell.get("/live")).refusal[0] == 503


async def test_the_figures_for_prometheus(shell: Shell) -> None:
    stream = await shell.connect(name="Front")
    async with shell.http.get(f"{shell.base}/metrics") as response:
        assert (response.status, response.content_type) == (200, "text/plain")
        text = await response.text()
    assert f'aiortstream_stream_status{{name="Front",rtstream_id="{stream}",status="' in text
    assert "aiortstream_websockets 0.0" in text
    assert "aiortstream_webhooks_pending 0.0" in text
