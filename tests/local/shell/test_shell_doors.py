"""Who may come in, and the envelope around everything that goes wrong."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from core_fakes import DEADLINE
from shell_parts import KEY, Shell, open_shell

from aiortstream.local.app import ROUTES
from aiortstream.local.routes.table import Access
from aiortstream.local.settings import ServerSettings

PAGES = [route.path for route in ROUTES if route.access is Access.BROWSER and "{" not in route.path]


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with open_shell(tmp_path) as opened:
        yield opened


@pytest.fixture
async def keyless(tmp_path: Path) -> AsyncIterator[Shell]:
    async with open_shell(tmp_path, ServerSettings()) as opened:
        yield opened


@pytest.fixture
async def stranger() -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a key."""
    async with aiohttp.ClientSession() as http:
        yield http


def filled(path: str) -> str:
    """A path whose ids mean nothing: who may not come in learns nothing from that."""
    for name in ("rtstream_id", "collection_id", "index_id", "alert_id", "video_id", "job_id", "session_id"):
        path = path.replace(f"{{{name}}}", "x")
    return path


# --- the key ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"x-access-token": ""}, {"x-access-token": KEY + "x"}, {"authorization": KEY}])
async def test_no_call_is_answered_without_the_key(
    shell: Shell, stranger: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    for route in ROUTES:
        if route.access in (Access.KEY, Access.CLIENT):
            async with stranger.request(route.method, shell.base + filled(route.path), headers=headers) as response:
                told = await response.json()
            assert response.status == 401, route
            assert (told["success"], told["error_code"]) == (False, "unauthorized")
            assert "x-access-token" in told["message"] or "not the one" in told["message"]
            assert KEY not in json.dumps(told)


async def test_a_session_token_opens_what_a_capturing_program_calls(
    shell: Shell, stranger: aiohttp.ClientSession
) -> None:
    token = (await shell.post("/capture/session/token", {"expires_in": 60})).data["token"]
    assert token.startswith("st-")
    opened, headers = 0, {"x-access-token": token}
    for route in ROUTES:
        if route.access in (Access.KEY, Access.CLIENT):
            async with stranger.request(route.method, shell.base + filled(route.path), headers=headers) as response:
                assert (response.status == 401) == (route.access is Access.KEY), route
                opened += response.status != 401
    assert opened == 3
    shell.clock.now += 61
    for bad in (token, "st-", token + "x", token.removeprefix("st-")):
        path = f"{shell.base}/capture/session/x"
        async with stranger.get(path, headers={"x-access-token": bad}) as response:
            assert response.status == 401


async def test_an_unknown_path_asks_for_the_key_too(shell: Shell, stranger: aiohttp.ClientSession) -> None:
    async with stranger.get(f"{shell.base}/rtstream/x/secret") as response:
        assert response.status == 401


async def test_the_key_may_hold_any_character(tmp_path: Path, stranger: aiohttp.ClientSession) -> None:
    async with open_shell(tmp_path, ServerSettings(api_key="schlüssel")) as shell:
        assert (await shell.get("/collection")).status == 200
        async with stranger.get(f"{shell.base}/collection", headers={"x-access-token": "schlussel"}) as response:
            assert response.status == 401


@pytest.mark.parametrize("path", PAGES)
async def test_pages_take_the_key_as_a_password(shell: Shell, stranger: aiohttp.ClientSession, path: str) -> None:
    def basic(password: str) -> dict[str, str]:
        return {"authorization": "Basic " + base64.b64encode(f"me:{password}".encode()).decode()}

    for headers in ({}, basic("wrong"), {"authorization": "Basic ???"}, {"authorization": f"Bearer {KEY}"}):
        async with stranger.get(shell.base + path, headers=headers) as response:
            assert response.status == 401
            assert response.headers["WWW-Authenticate"].startswith("Basic ")
    for headers in (basic(KEY), {"x-access-token": KEY}):
        async with stranger.get(shell.base + path, headers=headers) as response:
            assert response.status == 200
    async with stranger.get(f"{shell.base}/collection", headers=basic(KEY)) as response:
        assert response.status == 401  # a browser that is logged in must not be a way to the API for other sites


async def test_what_says_nothing_is_open(shell: Shell, stranger: aiohttp.ClientSession) -> None:
    for path in ("/healthz", "/player", "/static/player.js"):
        async with stranger.get(shell.base + path) as response:
            assert response.status == 200, path


# --- without a key: loopback only -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:8000"}, 200),
        ({"host": "[::1]:8000"}, 200),
        ({"host": "127.9.9.9"}, 200),
        ({"host": "cams.localhost"}, 200),
        ({"origin": "http://localhost:3000"}, 200),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "localhost.evil.example"}, 403),
        ({"host": "192.168.0.7:8000"}, 403),
        ({"host": "["}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://127.0.0.1.evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
    ],
)
async def test_without_a_key_pages_of_other_sites_are_kept_out(
    keyless: Shell, headers: dict[str, str], status: int
) -> None:
    for path in ("/collection", "/healthz", "/rtstream/"):
        told = await keyless.get(path, headers=headers)
        assert told.status == status, path
        if status == 403:
            assert told.body["error_code"] in ("forbidden_host", "forbidden_origin")
            assert told.refusal[1]


async def test_with_a_key_a_proxy_may_call_it_by_any_name(shell: Shell) -> None:
    assert (await shell.get("/collection", headers={"host": "cams.example", "origin": "https://cams.example"})).data


# --- the envelope -----------------------------------------------------------------------------------------------------


async def test_an_unknown_path_is_told(shell: Shell) -> None:
    told = await shell.get("/rtstreams")
    assert told.refusal == (404, "no such path: /rtstreams")
    assert told.body["error_code"] == "not_found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/rtstream", "GET, HEAD, POST"),
        ("PUT", "/rtstream/x/status/", "PATCH"),
        ("GET", "/rtstream/x/search", "POST"),
        ("OPTIONS", "/collection", "GET, HEAD, POST"),
    ],
)
async def test_a_wrong_method_is_told_with_the_right_ones(shell: Shell, method: str, path: str, allowed: str) -> None:
    told = await shell.call(method, path)
    assert told.refusal == (405, f"{path}: expected {allowed}, got {method}")
    assert told.headers["Allow"] == allowed


async def test_a_body_that_is_too_large_is_refused_with_the_limit(tmp_path: Path) -> None:
    async with open_shell(tmp_path, ServerSettings(api_key=KEY, largest_body=1000)) as shell:
        told = await shell.post("/rtstream/event", data=b'{"label": "' + b"x" * 1000 + b'"}')
        assert told.refusal[0] == 413
        assert told.body["error_code"] == "too_large"
        assert "1000" in told.refusal[1]
        kept = await shell.post("/rtstream/event", data=b'{"label": "l", "event_prompt": "' + b"x" * 900 + b'"}')
        assert kept.status == 200


async def test_every_answer_has_a_request_id_of_its_own(shell: Shell, stranger: aiohttp.ClientSession) -> None:
    told = [
        await shell.get("/collection"),
        await shell.get("/rtstream/rts-x"),
        await shell.get("/nowhere"),
        await shell.call("DELETE", "/rtstream"),
        await shell.post("/rtstream", data=b"{"),
        await shell.get("/ws"),
    ]
    ids = [each.headers["x-request-id"] for each in told]
    for path in ("/", "/player", "/static/player.js", "/healthz"):
        async with stranger.get(shell.base + path) as response:
            ids.append(response.headers["x-request-id"])
            assert response.headers["X-Content-Type-Options"] == "nosniff"
    url = (await shell.get("/collection/default/websocket")).data["websocket_url"]
    async with stranger.ws_connect(url) as socket:
        ids.append(socket._response.headers["x-request-id"])
    assert len(set(ids)) == len(ids) == 11


async def test_a_handler_that_raises_tells_no_internals(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise RuntimeError("/var/secret is broken")

    monkeypatch.setattr(shell.parts.services.collections, "list", fail)
    with caplog.at_level(logging.ERROR, "aiortstream.local.http"):
        told = await shell.get("/collection")
    request_id = told.headers["x-request-id"]
    assert told.refusal == (500, f"the server failed; its log says more under request {request_id}")
    assert told.body["error_code"] == "internal_error"
    (record,) = caplog.records
    assert request_id in record.getMessage()
    assert record.exc_info is not None


async def test_a_client_that_goes_away_is_no_failure_of_the_server(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def too_late() -> None:
        raise aiohttp.ClientConnectionResetError("Cannot write to closing transport")

    monkeypatch.setattr(shell.parts.services.collections, "list", too_late)
    with caplog.at_level(logging.INFO):
        await shell.get("/collection")
    assert caplog.records == []


async def test_no_log_of_a_request_carries_a_key_or_a_token(shell: Shell, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "aiortstream"):
        stream = await shell.connect(url="rtsp://me:hunter2@camera.test/x")
        token = shell.parts.signer.sign(f"stream:{stream}", 60)
        await shell.get(f"/p/{token}/manifests/{stream}/1700000000000000-1700000005000000.m3u8")
        await shell.get(f"/nowhere/{token}")
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert "GET /p/{token}/manifests/" in text
    for secret in (KEY, token, "hunter2"):
        assert secret not in text


async def test_a_call_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_shell(tmp_path, ServerSettings(api_key=KEY, request_deadline=0.05)) as shell:
        ended = asyncio.Event()

        async def hang() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        monkeypatch.setattr(shell.parts.services.collections, "list", hang)
        assert (await shell.get("/collection")).refusal == (503, "this took longer than 0.05 s and was given up")
        assert ended.is_set()


async def test_a_timeout_of_something_else_is_a_failure_and_no_deadline(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def time_out() -> None:
        raise TimeoutError

    monkeypatch.setattr(shell.parts.services.collections, "list", time_out)
    assert (await shell.get("/collection")).status == 500


async def test_head_is_answered_where_get_is(shell: Shell) -> None:
    for path in ("/collection", "/collection/", "/player", "/healthz"):
        async with shell.http.head(shell.base + path) as response:
            assert response.status == 200
            assert await response.read() == b""


# --- jobs and the websocket over HTTP ---------------------------------------------------------------------------------


async def test_a_websocket_is_opened_with_a_ticket_alone(shell: Shell, stranger: aiohttp.ClientSession) -> None:
    url = (await shell.get("/collection/default/websocket")).data["websocket_url"]
    assert url.startswith(f"ws{shell.base.removeprefix('http')}/ws?ticket=")
    async with stranger.ws_connect(url) as socket:
        assert set(await socket.receive_json(timeout=DEADLINE)) >= {"connection_id"}


async def test_a_ticket_that_is_wrong_or_old_opens_nothing(shell: Shell, stranger: aiohttp.ClientSession) -> None:
    url = (await shell.get("/collection/default/websocket")).data["websocket_url"]
    bare = url.partition("?")[0]
    playback = shell.parts.signer.sign("stream:rts-x", 60)
    for bad in (bare, f"{bare}?ticket=", f"{url}x", f"{bare}?ticket={playback}"):
        async with stranger.get("http" + bad.removeprefix("ws")) as response:
            told = await response.json()
        assert (response.status, told["error_code"]) == (403, "forbidden"), bad
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await stranger.ws_connect(bad)
    shell.clock.now += 302
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await stranger.ws_connect(url)
    assert refused.value.status == 403


async def test_a_plain_request_for_the_websocket_is_told_what_it_is(shell: Shell) -> None:
    url = (await shell.get("/collection/default/websocket")).data["websocket_url"]
    status, message = (await shell.get("http" + url.removeprefix("ws"))).refusal
    assert status == 400
    assert "websocket client" in message
