"""How the network is reached: sessions of one's own, a genuine CONNECT proxy, genuine TLS; by REST and websocket."""

from __future__ import annotations

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import WSMsgType, web
from public_calls import QUICK

from aiortstream import AsyncClient, ConnectionFailedError, InvalidArgumentError, WrongLoopError
from aiortstream.access import AccessSettings, proxy_url

DEADLINE = 10.0


class Proxy:
    """A proxy that knows CONNECT: passes bytes on, and keeps what it was asked for."""

    def __init__(self, *, wants: tuple[str, str] | None = None, refuses: bool = False) -> None:
        self.asked: list[str] = []
        self._wants = wants
        self._refuses = refuses
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.ends: set[object] = set()  # addresses that servers see
        self.url = ""

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.append(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            try:
                await self._pass_on(reader, writer)
            finally:
                writer.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, *headers = head.split("\r\n")
        method, target, _ = line.split(" ")
        self.asked.append(f"{method} {target}")
        if self._wants is not None:
            expected = base64.b64encode(":".join(self._wants).encode()).decode()
            if not any(h.lower() == f"proxy-authorization: basic {expected}".lower() for h in headers):
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return await writer.drain()
        if method != "CONNECT" or self._refuses:
            writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return await writer.drain()
        host, _, port = target.rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        self._writers.append(back)
        self.ends.add(back.get_extra_info("sockname"))
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_copy(reader, back))
                tasks.create_task(_copy(there, writer))
        finally:
            back.close()
        return None


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


@dataclass
class Served:
    """A server, and from where each path was asked for."""

    url: str = ""
    peers: dict[str, set[object]] = field(default_factory=dict)

    def note(self, request: web.Request) -> None:
        assert request.transport is not None
        self.peers.setdefault(request.path, set()).add(request.transport.get_extra_info("peername"))


@asynccontextmanager
async def serving(context: ssl.SSLContext) -> AsyncIterator[Served]:
    """A server of the wire, as little of it as is needed, with TLS."""
    served = Served()

    async def url(request: web.Request) -> web.Response:
        base = f"wss://{request.host}/socket?token=secret"
        return web.json_response({"success": True, "data": {"websocket_url": base}})

    async def events(request: web.Request) -> web.Response:
        served.note(request)
        return web.json_response({"success": True, "data": {"events": []}})

    async def socket(request: web.Request) -> web.WebSocketResponse:
        served.note(request)
        websocket = web.WebSocketResponse()
        await websocket.prepare(request)
        await websocket.send_str('{"connection_id": "c-1"}')
        await websocket.send_str('{"channel": "hello", "data": {}}')
        while (await websocket.receive()).type not in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.CLOSING):
            pass
        return websocket

    app = web.Application()
    app.router.add_get("/collection/default/websocket", url)
    app.router.add_get("/rtstream/event", events)
    app.router.add_get("/socket", socket)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    served.url = f"https://127.0.0.1:{port}"
    try:
        yield served
    finally:
        await runner.cleanup()


class Authority:
    """A certificate authority that nobody knows, and a server's context with a certificate of it."""

    def __init__(self, folder: Path) -> None:
        made = trustme.CA()
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.issue_cert("127.0.0.1").configure_cert(self.server)
        self.file = folder / "ca.pem"
        made.cert_pem.write_to_path(self.file)
        self.client = ssl.create_default_context(cafile=str(self.file))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


async def use(client: AsyncClient) -> None:
    """A request, and a frame by the websocket."""
    async with asyncio.timeout(DEADLINE), client:
        assert await client.list_events() == []
        async with client.watch_events() as watch:
            async for event in watch:
                if getattr(event, "channel", None) == "hello":
                    break
            assert await client.list_events() == []


def through(proxy: Proxy, served: Served) -> bool:
    """Whether all came through the proxy, requests and websocket."""
    return served.peers.keys() == {"/rtstream/event", "/socket"} and all(
        peers <= proxy.ends for peers in served.peers.values()
    )


@pytest.mark.parametrize("by", ["text", "path", "context"])
async def test_certificates_of_ones_own(authority: Authority, by: str) -> None:
    async with serving(authority.server) as served:
        if by == "context":
            await use(AsyncClient("key", base_url=served.url, live=QUICK, ssl=authority.client))
        else:
            file = str(authority.file) if by == "text" else authority.file
            await use(AsyncClient("key", base_url=served.url, live=QUICK, ca_file=file))


async def test_a_certificate_that_is_not_trusted_is_said_and_not_tried_again(authority: Authority) -> None:
    told: list[object] = []
    async with (
        serving(authority.server) as served,
        AsyncClient("key", base_url=served.url, hooks=[told.append]) as client,
    ):
        with pytest.raises(ConnectionFailedError, match=r"its certificate is not trusted: .* \(ca_file= or ssl="):
            await client.list_events()
        with pytest.raises(ConnectionFailedError, match="its certificate is not trusted"):
            await client._context.transport.websocket(
                served.url.replace("https", "wss") + "/socket?token=secret", heartbeat=10, max_msg_size=1000, timeout=5
            )
    assert [type(event).__name__ for event in told] == ["RequestStarted", "RequestFailed"]


async def test_a_proxy_is_the_way_of_requests_and_websocket(authority: Authority) -> None:
    async with serving(authority.server) as served, Proxy() as proxy:
        await use(AsyncClient("key", base_url=served.url, live=QUICK, ca_file=authority.file, proxy=proxy.url))
    assert set(proxy.asked) == {f"CONNECT {served.url.partition('://')[2]}"}
    assert through(proxy, served)


@pytest.mark.parametrize("how", ["proxy_auth", "url"])
async def test_a_proxy_that_wants_a_password(authority: Authority, how: str) -> None:
    async with serving(authority.server) as served, Proxy(wants=("me", "p@ss word")) as proxy:
        given: dict[str, Any] = {"proxy": proxy.url, "proxy_auth": ("me", "p@ss word")}
        if how == "url":
            given = {"proxy": proxy.url.replace("://", "://me:p%40ss%20word@")}
        await use(AsyncClient("key", base_url=served.url, live=QUICK, ca_file=authority.file, **given))
    assert through(proxy, served)


async def test_a_proxy_that_refuses_is_said_without_its_password(authority: Authority) -> None:
    async with (
        serving(authority.server) as served,
        Proxy(wants=("me", "right")) as proxy,
        AsyncClient(
            "key",
            base_url=served.url,
            ca_file=authority.file,
            proxy=proxy.url,
            proxy_auth=("me", "wr0ng"),
            max_retries=0,
        ) as client,
    ):
        with pytest.raises(ConnectionFailedError, match=r"HTTP 407\): it wants proxy_auth=") as caught:
            await client.list_events()
        assert caught.value.__cause__ is None
        assert "wr0ng" not in f"{caught.value!r}{client!r}{vars(client)!r}"
        with pytest.raises(ConnectionFailedError, match="HTTP 407") as refused:
            await client._context.transport.websocket(
                served.url.replace("https", "wss") + "/socket?token=secret", heartbeat=10, max_msg_size=1000, timeout=5
            )
        assert "secret" not in str(refused.value)


async def test_what_a_proxy_refused_was_not_taken_and_may_be_repeated(authority: Authority) -> None:
    told: list[object] = []
    async with (
        serving(authority.server) as served,
        Proxy(refuses=True) as proxy,
        AsyncClient(
            "key", base_url=served.url, ca_file=authority.file, proxy=proxy.url, max_retries=1, hooks=[told.append]
        ) as client,
    ):
        with pytest.raises(ConnectionFailedError, match="the proxy would not connect") as caught:
            await client.create_collection("n", "d")
    assert not hasattr(caught.value, "check")
    assert [type(event).__name__ for event in told] == ["RequestStarted", "RequestRetrying", "RequestFailed"]


async def test_the_environments_proxy_reaches_the_websocket_too(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "ws_proxy", "wss_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    async with serving(authority.server) as served, Proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        await use(AsyncClient("key", base_url=served.url, live=QUICK, ca_file=authority.file, trust_env=True))
        assert through(proxy, served)
        asked = len(proxy.asked)
        await use(AsyncClient("key", base_url=served.url, live=QUICK, ca_file=authority.file))
        assert len(proxy.asked) == asked, "only where it was asked for"
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        await use(AsyncClient("key", base_url=served.url, live=QUICK, ca_file=authority.file, trust_env=True))
        assert len(proxy.asked) == asked


# --- a session of the caller's ----------------------------------------------------------------------------------------


async def test_a_callers_session_is_used_as_it_is_and_not_closed(authority: Authority) -> None:
    seen: list[str] = []

    async def on_start(_: object, __: object, params: aiohttp.TraceRequestStartParams) -> None:
        seen.append(params.url.path)

    tracing = aiohttp.TraceConfig()
    tracing.on_request_start.append(on_start)
    async with serving(authority.server) as served, Proxy() as proxy:
        connector = aiohttp.TCPConnector(ssl=authority.client)
        async with aiohttp.ClientSession(connector=connector, proxy=proxy.url, trace_configs=[tracing]) as session:
            await use(AsyncClient("key", base_url=served.url, live=QUICK, session=session))
            assert not session.closed
            await use(AsyncClient("key", base_url=served.url, live=QUICK, session=session))
    assert {"/rtstream/event", "/socket"} <= set(seen)
    assert through(proxy, served)


async def test_a_session_that_is_closed_is_refused() -> None:
    session = aiohttp.ClientSession()
    await session.close()
    with pytest.raises(InvalidArgumentError, match="session: it is closed"):
        await AsyncClient("key", base_url="http://127.0.0.1:9", session=session)


async def test_a_session_of_another_loop_is_refused() -> None:
    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    def elsewhere() -> aiohttp.ClientSession:
        loop = asyncio.new_event_loop()
        try:
            session = loop.run_until_complete(make())
            loop.run_until_complete(session.connector.close())  # type: ignore[union-attr] # it has one
            return session
        finally:
            loop.close()

    session = await asyncio.to_thread(elsewhere)
    session._connector = aiohttp.TCPConnector()  # an open one, so that it is the loop that is judged
    client = AsyncClient("key", base_url="http://127.0.0.1:9", session=session)
    with pytest.raises(WrongLoopError, match="session: it belongs to another event loop"):
        await client.open()
    await session.close()


async def test_settings_that_belong_to_the_session_are_refused_beside_one() -> None:
    async with aiohttp.ClientSession() as session:
        settings: list[dict[str, Any]] = [{"proxy": "http://p:1"}, {"trust_env": True}, {"ca_file": "x"}]
        for given in settings:
            name = next(iter(given))
            with pytest.raises(InvalidArgumentError, match=f"{name}: a session of your own has its own settings"):
                AsyncClient("key", session=session, **given)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"proxy": "secret-host"}, "proxy: expected something like http://"),
    ({"proxy": "socks5://secret"}, "proxy: expected something like http://"),
    ({"proxy": 3}, "proxy: expected something like http://"),
    ({"proxy": "http://p:1", "proxy_auth": "secret"}, r"proxy_auth: expected \(user, password\)"),
    ({"proxy": "http://p:1", "proxy_auth": ("secret", 1)}, r"proxy_auth: expected \(user, password\)"),
    ({"proxy_auth": ("a", "b")}, "proxy_auth: there is no proxy="),
    ({"trust_env": 1}, "trust_env: expected True or False"),
    ({"ssl": True}, "ssl: expected an ssl.SSLContext"),
    ({"ca_file": 3}, "ca_file: expected a path"),
    ({"ca_file": "x", "ssl": ssl.create_default_context()}, "ca_file: give it, or ssl=, not both"),
    ({"session": object()}, "session: expected an aiohttp.ClientSession"),
]


@pytest.mark.parametrize(("given", "said"), BAD)
def test_settings_that_make_no_sense(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgumentError, match=said) as caught:
        AsyncClient("key", base_url="http://127.0.0.1:9", **given)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_file_of_certificates_that_is_none(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(InvalidArgumentError, match="ca_file: no certificates can be read"):
        await AsyncClient("key", base_url="http://127.0.0.1:9", ca_file=file)


def test_settings_do_not_show_passwords() -> None:
    settings = AccessSettings("http://me:pass@p:1", ("me", "word"))
    assert "pass" not in repr(settings)
    assert "word" not in repr(settings)
    assert str(proxy_url("http://p:1", ("a@b", "c:d"))) == "http://a%40b:c%3Ad@p:1"
