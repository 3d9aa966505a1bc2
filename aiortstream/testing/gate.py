"""A reverse proxy that knows the protocol and does to it what a `FaultPlan` says.

It stands in front of any server: a scripted one, an embedded one, or another. Clients use its `url`; the URL of the
websocket in the server's answers is made to point at it.
"""

from __future__ import annotations

import asyncio
import math
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from aiortstream.errors import InvalidArgumentError
from aiortstream.live.clock import Clock, SystemClock
from aiortstream.testing.faults import (
    BlackHole,
    FaultPlan,
    FrameBeforeHello,
    Garbage,
    LostAnswer,
    Refused,
    Reset,
    Slow,
    Stall,
    Status,
)
from aiortstream.testing.piping import Pipe, Upstream, abort
from aiortstream.wire.envelope import failure

_HOP_BY_HOP = {"connection", "host", "transfer-encoding", "content-length", "content-encoding", "keep-alive", "upgrade"}
_LARGEST = 64 * 1024 * 1024  # bytes of a body or a frame that is passed on
_CLOSE_TIMEOUT = 0.5  # seconds
_SLICES = 20  # a second, that a slow answer comes in
_ORIGINS_KEPT = 100  # servers of websockets


class FaultGate:
    """Forwards to `upstream` (`http://host:port`) what `faults` lets through."""

    def __init__(
        self, upstream: str, faults: FaultPlan | None = None, *, port: int = 0, clock: Clock | None = None
    ) -> None:
        """port: of loopback to listen on; 0 is any that is free. clock: what stalls and slowness are counted by.

        Raises InvalidArgumentError for an `upstream` that is no URL of a server.
        """
        self.upstream = URL(upstream)
        if self.upstream.scheme not in ("http", "https") or self.upstream.host is None:
            raise InvalidArgumentError(f"upstream: expected http://host:port, got {upstream!r}")
        self.faults = faults or FaultPlan()
        self.accepted = 0  # websockets
        self._clock = clock or SystemClock()
        self._outages: list[tuple[float, float]] = []  # that are over
        self._outage_since: float | None = None
        self._missing = 0  # websockets that have ended, less those that were opened since
        self._websockets_at: dict[str, URL] = {}  # by path: where the server's answers said that it is
        self._port = port
        self._down = False
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._sockets: dict[web.WebSocketResponse, web.Request] = {}
        self._ended = asyncio.Event()  # black holes open

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Listen on loopback. Raises OSError where the port is taken."""
        self._ended.clear()
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._session = aiohttp.ClientSession(auto_decompress=True)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_TIMEOUT)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def aclose(self) -> None:
        """Close everything. Cancelling it leaves connections to the event loop."""
        self._ended.set()
        self.drop_connections()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`: what clients are to use."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def open_connections(self) -> int:
        """Websockets that are open, as the server sees it."""
        return len(self._sockets)

    @property
    def outages(self) -> list[tuple[float, float]]:
        """When something can have been missed, for `Oracle.check`: from when to when, unix seconds, oldest first.

        That is as long as there are fewer websockets than there were, and the moment of every fault of the plan. One
        that is not over has no end (infinity): so it is too when a client has left for good.
        """
        moments = [(each.at, each.at) for each in self.faults.log]
        present = [] if self._outage_since is None else [(self._outage_since, math.inf)]
        return sorted([*self._outages, *present, *moments])

    def drop_connections(self) -> int:
        """Reset every websocket; how many there were."""
        requests = list(self._sockets.values())
        for request in requests:
            abort(request)
        return len(requests)

    def down(self) -> None:
        """Reset every websocket, and every request from now on, until `up`."""
        self._down = True
        self.drop_connections()

    def up(self) -> None:
        """Let requests through again."""
        self._down = False

    # --- requests -----------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self._down:
            return _reset(request)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._websocket(request)
        fault = self.faults.for_request(request.path, self._clock.time())
        match fault:
            case Status():
                return _refusal(fault)
            case Garbage():
                return web.Response(body=b"<html>502 \xff", content_type="text/html")
            case Reset():
                return _reset(request)
            case BlackHole():
                await self._ended.wait()
                return _reset(request)
            case Stall(seconds=seconds):
                await self._clock.wait(self._ended, seconds)
        answer = await self._forward(request)
        match fault:
            case LostAnswer():
                return _reset(request)
            case Slow(bytes_per_second=rate):
                return await self._slowly(request, answer, rate)
        return answer

    async def _slowly(self, request: web.Request, answer: web.Response, rate: float) -> web.StreamResponse:
        body = answer.body if isinstance(answer.body, bytes) else b""
        slow = web.StreamResponse(status=answer.status, headers=answer.headers)
        slow.content_length = len(body)
        try:
            await slow.prepare(request)
            size = max(1, int(rate / _SLICES))
            for first in range(0, len(body), size):
                part = body[first : first + size]
                await self._clock.wait(self._ended, len(part) / rate)
                await slow.write(part)
            await slow.write_eof()
        except ConnectionError:
            return slow  # the client did not wait for it
        return slow

    async def _forward(self, request: web.Request) -> web.Response:
        assert self._session is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        body = await request.read()
        try:
            async with self._session.request(
                request.method,
                self._at(self.upstream, request),
                data=body or None,
                headers=headers,
                allow_redirects=False,
            ) as response:
                content = self._pointed_here(await response.read())
                kept = {name: value for name, value in response.headers.items() if name.lower() not in _HOP_BY_HOP}
                return web.Response(status=response.status, body=content, headers=kept)
        except (aiohttp.ClientError, OSError):
            return _reset(request)

    def _at(self, server: URL, request: web.Request) -> URL:
        """The same path and query on that server, under its own path if it has one."""
        prefix = server.raw_path.rstrip("/")
        return server.join(URL(prefix + request.raw_path, encoded=True))

    def _pointed_here(self, body: bytes) -> bytes:
        """The answer, with the websocket's URL, if it has one, pointing at this gate."""
        if b"websocket_url" not in body:
            return body
        try:
            answer: Any = msgspec.json.decode(body)
            target = URL(answer["data"]["websocket_url"])
            answer["data"]["websocket_url"] = str(target.with_scheme("ws").with_host("127.0.0.1").with_port(self._port))
        except (ValueError, TypeError, KeyError):  # no answer of the wire: that is between the two
            return body
        self._websockets_at[target.path] = target.origin()
        if len(self._websockets_at) > _ORIGINS_KEPT:
            del self._websockets_at[next(iter(self._websockets_at))]
        return msgspec.json.encode(answer)

    # --- websockets ---------------------------------------------------------------------------------------------------

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        fault = self.faults.for_handshake(request.path, self._clock.time())
        match fault:
            case Refused():
                return web.Response(status=403, text="this URL has expired")
            case Reset():
                return _reset(request)
            case BlackHole():
                await self._ended.wait()
                return _reset(request)
            case Stall(seconds=seconds):
                await self._clock.wait(self._ended, seconds)
        try:
            upstream = await self._open(request)
        except aiohttp.WSServerHandshakeError as error:
            return web.Response(status=error.status)
        except (aiohttp.ClientError, OSError):
            return _reset(request)
        socket = web.WebSocketResponse(timeout=_CLOSE_TIMEOUT, max_msg_size=_LARGEST, compress=False)
        try:
            await socket.prepare(request)
            if isinstance(fault, FrameBeforeHello):
                await socket.send_str(fault.raw)
            await self._pipe(request, socket, upstream)
        except ConnectionError:
            pass  # the client did not wait for it
        finally:
            await upstream.close()
        return socket

    async def _open(self, request: web.Request) -> Upstream:
        assert self._session is not None
        server = self._websockets_at.get(request.path)
        url = self._at(self.upstream, request) if server is None else self._at(server, request)
        return await self._session.ws_connect(
            url.with_scheme("wss" if url.scheme in ("https", "wss") else "ws"),
            max_msg_size=_LARGEST,
            timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT),
        )

    async def _pipe(self, request: web.Request, socket: web.WebSocketResponse, upstream: Upstream) -> None:
        pipe = Pipe(self.faults, self._clock, request, socket, upstream, self._ended, self._one_less)
        self.accepted += 1
        self._sockets[socket] = request
        self._one_more()
        try:
            await pipe.run()
        finally:
            del self._sockets[socket]
            if not pipe.muted:
                self._one_less()

    def _one_less(self) -> None:
        """A client has lost its websocket."""
        self._missing += 1
        if self._outage_since is None:
            self._outage_since = self._clock.time()

    def _one_more(self) -> None:
        """A client has one, again or for the first time."""
        self._missing = max(0, self._missing - 1)
        if self._missing == 0 and self._outage_since is not None:
            self._outages.append((self._outage_since, self._clock.time()))
            self._outage_since = None


def _refusal(fault: Status) -> web.Response:
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    body = failure(f"refused by the plan ({fault.code})", "refused_by_the_plan")
    return web.Response(status=fault.code, body=body, content_type="application/json", headers=headers)


def _reset(request: web.Request) -> web.Response:
    """Abort the connection; what is returned reaches nobody."""
    abort(request)
    return web.Response(status=502)
