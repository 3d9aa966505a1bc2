"""A server from its start to its end, and what the next one on the same data directory finds."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import WSCloseCode, WSMsgType
from aiohttp.test_utils import unused_port
from core_fakes import DEADLINE, T0, segment

from aiortstream import InvalidArgumentError, ServerStartError
from aiortstream.local.ai.settings import ModelSettings
from aiortstream.local.datadir import DataDir, DataDirLocked
from aiortstream.local.paths import segments_folder
from aiortstream.local.server import DATABASE, LocalServer
from aiortstream.local.settings import ServerSettings
from aiortstream.local.store import segments
from aiortstream.local.store.database import Database

KEY = "sk-server"
CLOSES = 2.0  # seconds in which a server must have closed, whoever is still connected
ELSEWHERE = ModelSettings(
    endpoint_url="http://127.0.0.1:9/v1", tiers=dict.fromkeys(("mini", "basic", "pro", "ultra"), "m")
)


def settings(data_dir: Path | None = None, **fields: Any) -> ServerSettings:
    """Settings with models that nothing has to be loaded for."""
    return ServerSettings(**{"data_dir": data_dir, "models": ELSEWHERE, **fields})


@asynccontextmanager
async def open_client(server: LocalServer) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"x-access-token": server.api_key}
    async with aiohttp.ClientSession(server.url, headers=headers, timeout=aiohttp.ClientTimeout(DEADLINE)) as http:
        yield http


async def ask(http: aiohttp.ClientSession, method: str, path: str, body: object = None) -> Any:
    async with http.request(method, path, json=body) as response:
        told = await response.json()
        assert told["success"], told
        return told.get("data")


def unreachable() -> str:
    return f"rtsp://127.0.0.1:{unused_port()}/camera"


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number: int = listener.getsockname()[1]
        yield number


async def test_a_server_serves_until_it_is_closed(tmp_path: Path) -> None:
    async with LocalServer(settings(tmp_path / "new" / "data", api_key=KEY)) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert (server.api_key, server.data_dir) == (KEY, str(tmp_path / "new" / "data"))
        async with open_client(server) as http:
            over_http = await ask(http, "GET", "/collection/default")
        assert over_http["id"] == (await server.services.collections.get("default")).id
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(server.url)


async def test_whoever_is_connected_does_not_hold_up_the_end() -> None:
    server = LocalServer(settings())
    await server.start()
    async with open_client(server) as http:
        await ask(http, "POST", "/rtstream", {"url": unreachable(), "media_types": ["video"]})
        url = (await ask(http, "GET", "/collection/default/websocket"))["websocket_url"]
        async with http.ws_connect(url) as deaf, http.ws_connect(url) as socket:
            await deaf.receive(DEADLINE)  # and never again: it does not answer the close
            await socket.receive(DEADLINE)
            _, idle = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
            _, half = await asyncio.open_connection("127.0.0.1", int(server.url.rpartition(":")[2]))
            half.write(b"POST /rtstream HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
            await half.drain()
            async with asyncio.timeout(CLOSES):
                ending = asyncio.create_task(server.aclose())
                closed = await socket.receive()
                await ending
            assert (closed.type, closed.data) == (WSMsgType.CLOSE, WSCloseCode.GOING_AWAY)
            for writer in (idle, half):
                writer.close()
    await server.aclose()  # once more is nothing


async def test_a_source_that_cannot_be_reached_is_connected_to_at_once_and_says_why_it_is_not_there() -> None:
    async with LocalServer(settings()) as server, open_client(server) as http:
        made = await ask(http, "POST", "/rtstream", {"url": unreachable(), "media_types": ["video"], "name": "Gone"})
        assert made["status"] == "connecting"
        async with asyncio.timeout(DEADLINE):
            while (now := await ask(http, "GET", f"/rtstream/{made['id']}"))["status"] == "connecting":
                pass
        assert now["status"] == "error"
        assert now["status_reason"]


async def test_the_next_server_finds_what_this_one_knew(tmp_path: Path) -> None:
    async with LocalServer(settings(tmp_path, api_key=KEY)) as server, open_client(server) as http:
        body = {"url": unreachable(), "name": "Front", "media_types": ["video"], "store": True}
        stream = (await ask(http, "POST", "/rtstream", body))["id"]
        index = (await ask(http, "POST", f"/rtstream/{stream}/index/scene", {"prompt": "p"}))["rtstream_index_id"]
        event = (await ask(http, "POST", "/rtstream/event", {"event_prompt": "e", "label": "l"}))["event_id"]
        await ask(http, "POST", f"/rtstream/{stream}/index/{index}/alert", {"event_id": event})
        await ask(http, "PATCH", f"/rtstream/{stream}/index/scene/{index}/status", {"action": "stop"})
        await ask(http, "PATCH", f"/rtstream/{stream}/status", {"action": "stop"})
        paths = (
            "/collection",
            f"/rtstream/{stream}",
            f"/rtstream/{stream}/index/scene",
            "/rtstream/event",
            f"/rtstream/{stream}/index/{index}/alert",
        )
        before = [await ask(http, "GET", path) for path in paths]
    recorded = segment(0, 10)
    file = segments_folder(tmp_path, stream) / recorded.path
    await asyncio.to_thread(file.parent.mkdir, parents=True, exist_ok=True)
    await asyncio.to_thread(file.write_bytes, b"x" * 10)
    async with await Database.open(tmp_path / DATABASE) as db:
        await db.run(lambda conn: segments.add(conn, stream, recorded))

    async with LocalServer(settings(tmp_path, api_key=KEY)) as server, open_client(server) as http:
        assert [await ask(http, "GET", path) for path in paths] == before
        assert before[1]["status"] == "stopped"
        window = f"/rtstream/{stream}/stream?start={T0}&end={T0 + 5}"
        link = (await ask(http, "GET", window))["stream_url"]
        path = link.removeprefix(server.url)
        async with aiohttp.ClientSession() as player, player.get(link) as response:
            assert str(recorded.path) in await response.text()

    async with (
        LocalServer(settings(tmp_path, api_key=KEY)) as server,
        aiohttp.ClientSession(server.url) as player,
        player.get(path) as response,
    ):
        assert response.status == 200  # the secret is kept, so links outlive a restart


async def test_a_stream_that_was_not_stopped_runs_again(tmp_path: Path) -> None:
    async with LocalServer(settings(tmp_path)) as server, open_client(server) as http:
        stream = (await ask(http, "POST", "/rtstream", {"url": unreachable(), "media_types": ["video"]}))["id"]
    async with LocalServer(settings(tmp_path)) as server, open_client(server) as http, asyncio.timeout(DEADLINE):
        while (await ask(http, "GET", f"/rtstream/{stream}"))["status"] != "error":
            pass


async def test_one_server_on_one_directory(tmp_path: Path) -> None:
    async with LocalServer(settings(tmp_path)) as server:
        with pytest.raises(DataDirLocked, match="another server is running on") as refused:
            await LocalServer(settings(tmp_path)).start()
        assert str(tmp_path) in str(refused.value)
        async with open_client(server) as http:
            assert await ask(http, "GET", "/collection")  # and is none the worse for it
    async with LocalServer(settings(tmp_path)):
        pass


async def test_a_temporary_directory_is_deleted() -> None:
    async with LocalServer(settings()) as server:
        folder = Path(server.data_dir)
        assert (await asyncio.to_thread(folder.stat)).st_mode & 0o077 == 0
    assert not await asyncio.to_thread(folder.exists)


async def test_a_port_that_is_taken(tmp_path: Path, taken_port: int) -> None:
    for data_dir in (tmp_path, None):
        with pytest.raises(ServerStartError, match=f"cannot listen on 127.0.0.1 port {taken_port}: .*in use"):
            await LocalServer(settings(data_dir, port=taken_port)).start()
    async with LocalServer(settings(tmp_path)):
        pass  # the directory is free again


async def test_a_host_that_is_none_of_this_machine() -> None:
    with pytest.raises(ServerStartError, match=r"cannot listen on 192\.0\.2\.1 port 0"):
        await LocalServer(settings(host="192.0.2.1", api_key=KEY)).start()


async def test_all_interfaces_are_called_by_one_that_can_be_reached() -> None:
    async with LocalServer(settings(host="0.0.0.0", api_key=KEY)) as server, open_client(server) as http:
        assert server.url.startswith("http://127.0.0.1:")
        assert await ask(http, "GET", "/collection")


async def test_links_go_to_the_public_url() -> None:
    async with LocalServer(settings(public_url="https://cams.example/")) as server:
        assert server.url == "https://cams.example"
        assert server._parts is not None
        assert server._parts.urls.websocket().startswith("wss://cams.example/ws?ticket=")


@pytest.mark.parametrize("below", ["file", "file/below"])
async def test_a_directory_that_cannot_be_used(tmp_path: Path, below: str) -> None:
    await asyncio.to_thread((tmp_path / "file").write_text, "")
    with pytest.raises(ServerStartError, match=r"the data directory .*/file.* cannot be used: "):
        await LocalServer(settings(tmp_path / below)).start()


async def test_a_directory_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    async with LocalServer(settings(tmp_path)):
        pass

    def age(version: int) -> int:
        connection = sqlite3.connect(tmp_path / DATABASE)
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
        connection.execute(f"PRAGMA user_version = {version}")
        connection.close()
        return found

    version = await asyncio.to_thread(age, 999)
    for _ in range(2):  # the second time, the lock is free all the same
        with pytest.raises(ServerStartError, match="later version"):
            await LocalServer(settings(tmp_path)).start()
    assert await asyncio.to_thread(age, version) == 999
    async with LocalServer(settings(tmp_path)):
        pass


async def test_a_database_that_is_none(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / DATABASE).write_bytes, b"not a database, but some text that is long enough")
    with pytest.raises(ServerStartError, match=r"the database .* cannot be used: "):
        await LocalServer(settings(tmp_path)).start()


async def test_a_webhook_secret_that_is_none_leaves_nothing_open(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="webhook_secret"):
        await LocalServer(settings(tmp_path, webhook_secret="whsec_???")).start()
    async with LocalServer(settings(tmp_path)):
        pass


async def test_a_server_is_started_once() -> None:
    server = LocalServer(settings())
    for use in ("data_dir", "services"):
        with pytest.raises(ServerStartError, match="not open"):
            getattr(server, use)
    await server.aclose()  # of one that was never opened
    async with server:
        with pytest.raises(ServerStartError, match="started before"):
            await server.start()
    with pytest.raises(ServerStartError, match="make another"):
        await server.start()


@pytest.mark.parametrize("steps", [0, 1, 2, 5, 10, 20, 40])
async def test_a_start_that_is_cancelled_leaves_nothing_behind(tmp_path: Path, steps: int) -> None:
    server = LocalServer(settings(tmp_path))
    starting = asyncio.create_task(server.start())
    for _ in range(steps):  # spread over what a start takes; wherever it is then, the same must hold
        await asyncio.sleep(0.0002)
    starting.cancel()
    await asyncio.wait((starting,), timeout=DEADLINE)
    await server.aclose()
    async with LocalServer(settings(tmp_path)):
        pass


async def test_a_start_that_is_cancelled_while_it_locks_unlocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    locked, release, kept = threading.Event(), threading.Event(), list[DataDir]()

    def lock_slowly(path: Path) -> DataDir:
        kept.append(DataDir(path))
        locked.set()
        assert release.wait(DEADLINE)
        return kept[-1]

    with monkeypatch.context() as patched:
        patched.setattr("aiortstream.local.server.DataDir", lock_slowly)
        starting = asyncio.create_task(LocalServer(settings(tmp_path)).start())
        await asyncio.to_thread(locked.wait, DEADLINE)
        starting.cancel()
        await asyncio.sleep(0)
        release.set()
        await asyncio.wait((starting,), timeout=DEADLINE)
    assert starting.cancelled()
    async with LocalServer(settings(tmp_path)):
        pass


# --- the data directory by itself -------------------------------------------------------------------------------------


def test_the_secret_is_made_once_and_its_owners_alone(tmp_path: Path) -> None:
    first = DataDir(tmp_path / "data")
    first.close()
    again, other = DataDir(tmp_path / "data"), DataDir(tmp_path / "other")
    assert first.secret == again.secret != other.secret
    assert stat.S_IMODE((tmp_path / "data" / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    again.close()
    other.close()


def test_a_secret_that_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"short")
    data = DataDir(tmp_path)
    assert len(data.secret) == 32
    assert (tmp_path / "secret").read_bytes() == data.secret
    data.close()


def test_a_secret_that_cannot_be_read_leaves_the_directory_unlocked(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    with pytest.raises(ServerStartError, match="cannot be used: Is a directory") as refused:
        DataDir(tmp_path)
    (tmp_path / "secret").rmdir()
    DataDir(tmp_path).close()
    assert refused.tb is not None  # which keeps the first one alive: it has not been unlocked by being collected
