"""The client: settings, lifetime, misuse."""

from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from conftest import BASE, MockedRest

import aiortstream
from aiortstream import (
    AsyncClient,
    AuthenticationError,
    ClientClosedError,
    InvalidArgumentError,
    OutcomeUnknownError,
    ServerError,
    ServerStartError,
    WrongLoopError,
)


def test_without_a_key_the_error_names_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIDEO_DB_API_KEY", raising=False)
    with pytest.raises(AuthenticationError) as caught:
        AsyncClient()
    assert "VIDEO_DB_API_KEY" in str(caught.value)
    assert "AsyncClient.local()" in str(caught.value)


async def test_settings_come_from_arguments_then_the_environment(
    monkeypatch: pytest.MonkeyPatch, rest: MockedRest
) -> None:
    monkeypatch.setenv("VIDEO_DB_API_KEY", "from-environment")
    monkeypatch.setenv("VIDEO_DB_API", BASE)
    rest.answer("GET", "/collection/default", {"id": "c-1"})
    conn = await aiortstream.connect()
    assert (await conn.get_collection()).id == "c-1"
    await conn.aclose()
    assert "other" in repr(AsyncClient("k", base_url="https://other.test"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"timeout": 0}, "timeout"),
        ({"max_retries": -1}, "max"),
        ({"base_url": "x"}, "base_url: expected something like https://"),
        ({"base_url": "http://"}, "base_url: expected something like https://"),
        ({"base_url": "ftp://h"}, "base_url: expected something like https://"),
        ({"base_url": "http://h:99999"}, "base_url: expected something like https://"),
        ({"base_url": "http://[::1"}, "base_url: expected something like https://"),
        ({"base_url": "https://h/?key=1"}, "base_url: expected something like https://"),
        ({"base_url": "https://user:word@h"}, "base_url: expected no user and password"),
    ],
)
def test_settings_that_make_no_sense(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says):
        AsyncClient("key", **arguments)  # type: ignore[arg-type] # wrong on purpose


async def test_a_key_from_a_file_may_end_in_a_line_break(rest: MockedRest) -> None:
    rest.answer("GET", "/collection/default", {"id": "c-1"})
    async with AsyncClient("sk-test\n", base_url=BASE) as client:
        assert (await client.get_collection()).id == "c-1"


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "clé", "tab\t.", "\x00"])
def test_what_can_be_no_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(AuthenticationError, match="something else than a key") as caught:
        AsyncClient(key)
    assert key not in str(caught.value)


async def test_a_session_token_stands_in_for_a_key(rest: MockedRest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEO_DB_API_KEY", "from-environment")
    assert AsyncClient(session_token="st-1")._token == "st-1"
    with pytest.raises(InvalidArgumentError, match="session_token: expected it in place of api_key, got both"):
        AsyncClient("key", session_token="st-1")
    with pytest.raises(AuthenticationError, match="session_token: expected printable"):
        aiortstream.connect(session_token="two words")
    assert "st-1" not in repr(AsyncClient(session_token="st-1"))


def test_connect_sets_the_log_level_if_asked() -> None:
    logger = logging.getLogger("aiortstream")
    before = logger.level
    aiortstream.connect("key")
    assert logger.level == before
    aiortstream.connect("key", log_level=logging.ERROR)
    assert logger.level == logging.ERROR
    logger.setLevel(before)


async def test_a_session_of_the_caller_s_outlives_the_client(rest: MockedRest) -> None:
    rest.answer("GET", "/collection/default", {"id": "c-1"})
    async with aiohttp.ClientSession() as session:
        async with AsyncClient("key", base_url=BASE, session=session) as client:
            await client.get_collection()
        assert not session.closed


async def test_handles_need_no_request(client: AsyncClient, rest: MockedRest) -> None:
    index = client.rtstream("rts-1").scene_index("i1")
    assert (index.rtstream_id, index.rtstream_index_id, index.status) == ("rts-1", "i1", None)
    assert client.collection().id == "default"
    assert rest.requests == []


@pytest.mark.parametrize(
    ("path", "create", "tells"),
    [
        ("/collection", lambda c: c.create_collection("n", "d"), "get_collections()"),
        ("/rtstream", lambda c: c.connect_rtstream("rtsp://h/x", ws_connection_id=None), "list_rtstreams()"),
        (
            "/rtstream/r/index/scene",
            lambda c: c.rtstream("r").index_audio(ws_connection_id=None),
            "list_scene_indexes()",
        ),
        (
            "/rtstream/r/index/i/alert",
            lambda c: c.rtstream("r").scene_index("i").create_alert("e", "https://hook", ws_connection_id=None),
            "list_alerts()",
        ),
    ],
)
async def test_a_create_that_may_have_happened_names_what_tells(
    client: AsyncClient, rest: MockedRest, path: str, create: Callable[[AsyncClient], Awaitable[object]], tells: str
) -> None:
    rest.answer("POST", path, status=502, message="the upstream went away")
    with pytest.raises(OutcomeUnknownError) as caught:
        await create(client)
    assert isinstance(caught.value, ServerError)
    assert caught.value.check == tells
    assert caught.value.__notes__ == [f"whether it was done is unknown: {tells} tells"]


async def test_before_opening_and_after_closing_the_error_says_so() -> None:
    client = AsyncClient("key", base_url=BASE)
    with pytest.raises(ClientClosedError, match="not open"):
        await client.get_collection()
    await client.open()
    await client.open()
    await client.aclose()
    await client.aclose()
    with pytest.raises(ClientClosedError, match="closed"):
        await client.get_collection()
    with pytest.raises(ClientClosedError, match="closed"):
        client.watch_events()
    with pytest.raises(ClientClosedError, match="make another one"):
        await client.open()


async def test_another_loop_is_told(client: AsyncClient) -> None:
    def elsewhere() -> None:
        asyncio.run(client.get_collection())

    with pytest.raises(WrongLoopError, match="another event loop"):
        await asyncio.to_thread(elsewhere)


async def test_closing_on_another_loop_is_told_and_closes_nothing(client: AsyncClient, rest: MockedRest) -> None:
    def elsewhere() -> None:
        asyncio.run(client.aclose())

    with pytest.raises(WrongLoopError, match="another event loop"):
        await asyncio.to_thread(elsewhere)
    rest.answer("GET", "/collection/default", {"id": "c-1"})
    assert (await client.get_collection()).id == "c-1"


async def test_outside_a_loop_is_told(client: AsyncClient) -> None:
    with pytest.raises(WrongLoopError, match="outside its event loop"):
        await asyncio.to_thread(client.watch_events)


async def test_dropping_an_open_client_warns() -> None:
    async def drop() -> None:
        client = await AsyncClient("key", base_url=BASE)
        assert repr(client)

    with pytest.warns(ResourceWarning, match="dropped without aclose"):
        await drop()
    gc.collect()


# --- the embedded server ----------------------------------------------------------------------------------------------


async def test_a_local_client_starts_and_stops_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIDEO_DB_API", "nonsense")  # of no concern to a local client
    client = AsyncClient.local(tmp_path / "data")
    with pytest.raises(ServerStartError, match="not open"):
        _ = client.server
    async with client:
        assert (await client.get_collection()).name == "Default"
        url = client.server.url
    with pytest.raises(ServerStartError):
        _ = client.server
    async with AsyncClient("key", base_url=url, max_retries=0) as other:
        with pytest.raises(aiortstream.ConnectionFailedError):
            await other.get_collection()
    with pytest.raises(ClientClosedError):
        await client.open()


async def test_opening_twice_at_once_starts_one_server(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = FakeServers(monkeypatch)
    client = AsyncClient.local()
    await asyncio.gather(client.open(), client.open())
    assert servers.events == ["started"]
    await client.aclose()
    await client.aclose()
    assert servers.events == ["started", "closed"]


async def test_closing_while_it_opens_leaves_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = FakeServers(monkeypatch)
    servers.may_start.clear()
    client = AsyncClient.local()
    opening = asyncio.create_task(client.open())
    await servers.starting.wait()
    await client.aclose()
    servers.may_start.set()
    with pytest.raises(ClientClosedError):
        await opening
    assert servers.events == ["started", "closed"]


async def test_closing_that_was_cancelled_can_be_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = FakeServers(monkeypatch)
    client = await AsyncClient.local()
    servers.may_close.clear()
    closing = asyncio.create_task(client.aclose())
    await servers.closing.wait()
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    servers.may_close.set()
    await client.aclose()
    assert servers.events == ["started", "closed"]


async def test_without_the_extra_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "aiortstream.local.server", None)
    with pytest.raises(ServerStartError, match=r"pip install 'aiortstream\[local\]'"):
        await AsyncClient.local()


class FakeServers:
    """The servers that local clients make: what was done to them all, and when they may go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        self.starting, self.may_start = asyncio.Event(), asyncio.Event()
        self.closing, self.may_close = asyncio.Event(), asyncio.Event()
        self.may_start.set()
        self.may_close.set()
        monkeypatch.setattr("aiortstream.local.server.LocalServer", lambda _settings: FakeServer(self))


class FakeServer:
    """One of them."""

    url, api_key = "http://127.0.0.1:9", "local"

    def __init__(self, all_of_them: FakeServers) -> None:
        self._all = all_of_them

    async def start(self) -> None:
        self._all.starting.set()
        await self._all.may_start.wait()
        self._all.events.append("started")

    async def aclose(self) -> None:
        self._all.closing.set()
        await self._all.may_close.wait()
        self._all.events.append("closed")


# --- importing --------------------------------------------------------------------------------------------------------


def test_importing_costs_nothing_heavy() -> None:
    code = (
        "import sys, aiortstream; aiortstream.AsyncClient; aiortstream.LiveSettings\n"
        "heavy = 'aiohttp', 'anyio', 'backoff', 'av', 'numpy', 'typer', 'rich', 'onnxruntime'\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
