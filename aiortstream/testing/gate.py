"""A reverse proxy that knows the protocol and does to it what a `FaultPlan` says.

It stands in front of any server: a scripted one, an embedded one, or another. Clients use its `url`; the URL of the
websocket in the server's answers is made to point at it.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

import aiohttp
import msgspec
from aiohttp import WSMsgType, web
from yarl import URL

from aiortstream.testing.faults import (
    BlackHole,
    Close,
    DropFrame,
    Duplicate,
    FaultPlan,
    FrameBeforeHello,
    FrameFault,
    Garbage,
    GarbageFrame,
    LateFrame,
    LostAnswer,
    OversizedFrame,
    Refused,
    Reorder,
    Reset,
    Stall,
    Status,
)

_HOP_BY_HOP = {"connection", "host", "transfer-encoding", "content-length", "content-encoding", "keep-alive", "upgrade"}
_LARGEST = 64 * 1024 * 1024  # bytes of a body or a frame that is passed on
_CLOSE_TIMEOUT = 0.5  # seconds


class FaultGate:
    """Forwards to `upstream` (`http://host:port`) what `faults` lets through."""

    def __init__(self, upstream: str, faults: FaultPlan | None = None, *, port: int = 0) -> None:
        self.upstream = URL(upstream)
        self.faults = faults or FaultPlan()
        self.accepted = 0  # websockets
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

    def drop_connections(self) -> int:
        """Reset every websocket; how many there were."""
        requests = list(self._sockets.values())
        for request in requests:
            _abort(request)
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
        fault = self.faults.for_request(request.path)
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
                await asyncio.sleep(seconds)
        answer = await self._forward(request)
        return _reset(request) if isinstance(fault, LostAnswer) else answer

    async def _forward(self, request: web.Request) -> web.Response:
        assert self._session is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        body = await request.read()
        try:
            async with self._session.request(
                request.method,
                self.upstream.join(request.rel_url),
                data=body or None,
                headers=headers,
                allow_redirects=False,
            ) as response:
                content = self._pointed_here(await response.read())
                kept = {name: value for name, value in response.headers.items() if name.lower() not in _HOP_BY_HOP}
                return web.Response(status=response.status, body=content, headers=kept)
        except (aiohttp.ClientError, OSError):
            return _reset(request)

    def _pointed_here(self, body: bytes) -> bytes:
        """The answer, with the websocket's URL, if it has one, pointing at this gate."""
        if b"websocket_url" not in body:
            return body
        answer: Any = msgspec.json.decode(body)
        data = answer["data"]
        here = URL(self.url)
        target = URL(data["websocket_url"])
        data["websocket_url"] = str(target.with_scheme("ws").with_host(here.host or "").with_port(here.port))
        return msgspec.json.encode(answer)

    # --- websockets ---------------------------------------------------------------------------------------------------

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        fault = self.faults.for_handshake()
        match fault:
            case Refused():
                return web.Response(status=403, text="this URL has expired")
            case Reset():
                return _reset(request)
            case BlackHole():
                await self._ended.wait()
                return _reset(request)
            case Stall(seconds=seconds):
                await asyncio.sleep(seconds)
        try:
            upstream = await self._session.ws_connect(
                self.upstream.join(request.rel_url).with_scheme("ws"),
                max_msg_size=_LARGEST,
                timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_TIMEOUT),
            )
        except aiohttp.WSServerHandshakeError as error:
            return web.Response(status=error.status)
        except (aiohttp.ClientError, OSError):
            return _reset(request)
        socket = web.WebSocketResponse(timeout=_CLOSE_TIMEOUT, max_msg_size=_LARGEST, compress=False)
        try:
            await socket.prepare(request)
            self.accepted += 1
            self._sockets[socket] = request
            if isinstance(fault, FrameBeforeHello):
                await socket.send_str(fault.raw)
            await self._pump(request, socket, upstream)
        finally:
            self._sockets.pop(socket, None)
            await upstream.close()
        return socket

    async def _pump(self, request: web.Request, socket: web.WebSocketResponse, upstream: Any) -> None:
        down = asyncio.create_task(_Frames(self.faults, request, socket, self._ended).pump(upstream))
        up = asyncio.create_task(_drain(socket, upstream))
        try:
            await asyncio.wait((down, up), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (down, up):
                task.cancel()
            for outcome in await asyncio.gather(down, up, return_exceptions=True):
                if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError | aiohttp.ClientError):
                    raise outcome


class _Frames:
    """The server's frames of one connection, on their way to the client."""

    def __init__(
        self, faults: FaultPlan, request: web.Request, socket: web.WebSocketResponse, ended: asyncio.Event
    ) -> None:
        self._faults = faults
        self._request = request
        self._socket = socket
        self._ended = ended
        self._held: list[tuple[int, str]] = []  # how many frames go first, and what waits for them

    async def pump(self, upstream: Any) -> None:
        """Pass them on until either side ends."""
        first = True
        while True:
            message = await upstream.receive()
            if message.type is not WSMsgType.TEXT:
                await self._release(all_of_them=True)
                await self._socket.close(code=upstream.close_code or 1001)
                return
            fault = None if first else self._faults.for_frame()
            first = False
            if await self._ends(fault):
                return
            await self._pass_on(message.data, fault)

    async def _ends(self, fault: FrameFault | None) -> bool:
        """Whether the connection is over by this fault."""
        match fault:
            case Reset():
                _abort(self._request)
            case Close(code=code):
                await self._socket.close(code=code)
            case BlackHole():
                transport = self._request.transport
                if isinstance(transport, asyncio.Transport):
                    transport.pause_reading()  # pings stay unanswered
                await self._ended.wait()
            case _:
                return False
        return True

    async def _pass_on(self, frame: str, fault: FrameFault | None) -> None:
        send = self._socket.send_str
        match fault:
            case DropFrame():
                return
            case Reorder():
                self._held.append((1, frame))
                return
            case LateFrame(after=after):
                self._held.append((after, frame))
                return
            case GarbageFrame(raw=raw):
                await send(raw)
            case OversizedFrame(size=size):
                await send("x" * size)
            case Stall(seconds=seconds):
                await asyncio.sleep(seconds)
            case Duplicate():
                await send(frame)
        await send(frame)
        await self._release()

    async def _release(self, *, all_of_them: bool = False) -> None:
        waiting = [(left - 1, frame) for left, frame in self._held]
        self._held = [] if all_of_them else [(left, frame) for left, frame in waiting if left > 0]
        for left, frame in waiting:
            if all_of_them or left <= 0:
                await self._socket.send_str(frame)


async def _drain(socket: web.WebSocketResponse, upstream: Any) -> None:
    """What the client sends; reading is also what answers its pings."""
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await upstream.send_str(message.data)


def _refusal(fault: Status) -> web.Response:
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    body = msgspec.json.encode({"success": False, "message": f"refused by the plan ({fault.code})"})
    return web.Response(status=fault.code, body=body, content_type="application/json", headers=headers)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _reset(request: web.Request) -> web.Response:
    """Abort the connection; what is returned reaches nobody."""
    _abort(request)
    return web.Response(status=502)
