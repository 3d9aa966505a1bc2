"""One websocket through a `FaultGate`: the server's frames on their way to the client, and how each side ends.

How a connection ends is passed on as it was: a close with its code, and a connection that breaks off breaks off on the
other side too. A server that keeps connections for those who come back tells the two apart.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import aiohttp
from aiohttp import WSCloseCode, WSMsgType, web

from aiortstream.live.clock import Clock
from aiortstream.testing.faults import (
    BlackHole,
    Close,
    DropFrame,
    Duplicate,
    FaultPlan,
    FrameFault,
    GarbageFrame,
    LateFrame,
    OversizedFrame,
    Reorder,
    Reset,
    Slow,
    Stall,
)

Upstream: TypeAlias = aiohttp.ClientWebSocketResponse[Literal[True]]

_NO_CODE = 0  # a close frame without one


@dataclass(frozen=True, slots=True)
class _Ended:
    """One side is over. `code`: of its close; None where it broke off."""

    code: int | None


class Pipe:
    """Passes frames both ways until one side ends, and ends the other in the same way."""

    def __init__(
        self,
        plan: FaultPlan,
        clock: Clock,
        request: web.Request,
        client: web.WebSocketResponse,
        upstream: Upstream,
        closing: asyncio.Event,
        on_mute: Callable[[], None],
    ) -> None:
        self.muted = False  # a black hole has swallowed it: the client is as good as disconnected
        self._plan = plan
        self._clock = clock
        self._request = request
        self._client = client
        self._upstream = upstream
        self._closing = closing  # black holes open
        self._held: list[tuple[int, str]] = []  # how many frames go first, and what waits for them
        self._bytes_per_second: float | None = None
        self._on_mute = on_mute

    async def run(self) -> None:
        """Until either side ends. Cancelling it breaks both off."""
        down = asyncio.create_task(self._down())
        up = asyncio.create_task(self._up())
        try:
            await asyncio.wait((down, up), return_when=asyncio.FIRST_COMPLETED)
            if up.done():
                await self._end_upstream(up.result())
            else:
                await self._end_client(down.result())
        except (ConnectionError, aiohttp.ClientError):
            abort(self._request)
        finally:
            for task in (down, up):
                task.cancel()
            await asyncio.gather(down, up, return_exceptions=True)
            _break_off(self._upstream)

    async def _end_client(self, ended: _Ended) -> None:
        if ended.code is None:
            abort(self._request)
        else:
            await self._client.close(code=ended.code or WSCloseCode.OK)

    async def _end_upstream(self, ended: _Ended) -> None:
        if ended.code is not None:
            await self._upstream.close(code=ended.code or WSCloseCode.OK)

    async def _up(self) -> _Ended:
        """What the client sends; reading is also what answers its pings."""
        while True:
            message = await self._client.receive()
            match message.type:
                case WSMsgType.TEXT:
                    await self._upstream.send_str(message.data)
                case WSMsgType.BINARY:
                    await self._upstream.send_bytes(message.data)
                case WSMsgType.CLOSE:
                    return _Ended(message.data or _NO_CODE)
                case _:
                    return _Ended(None)

    # --- from the server ----------------------------------------------------------------------------------------------

    async def _down(self) -> _Ended:
        first = True
        while True:
            message = await self._upstream.receive()
            match message.type:
                case WSMsgType.TEXT:
                    fault = None if first else self._plan.for_frame(self._request.path, self._clock.time())
                    first = False
                    ended = await self._broken_by(fault)
                    if ended is not None:
                        return ended
                    await self._pass_on(message.data, fault)
                case WSMsgType.BINARY:
                    await self._client.send_bytes(message.data)
                case WSMsgType.CLOSE:
                    await self._release(all_of_them=True)
                    return _Ended(message.data or _NO_CODE)
                case _:
                    await self._release(all_of_them=True)
                    return _Ended(None)

    async def _broken_by(self, fault: FrameFault | None) -> _Ended | None:
        """How the connection is over by this fault, if it is."""
        match fault:
            case Reset():
                return _Ended(None)
            case Close(code=code):
                return _Ended(code)
            case BlackHole():
                self.muted = True
                self._on_mute()
                transport = self._request.transport
                if isinstance(transport, asyncio.Transport):
                    transport.pause_reading()  # pings stay unanswered
                await self._closing.wait()
                return _Ended(None)
            case _:
                return None

    async def _pass_on(self, frame: str, fault: FrameFault | None) -> None:
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
                await self._send(raw)
            case OversizedFrame(size=size):
                await self._send("x" * size)
            case Stall(seconds=seconds):
                await self._clock.wait(self._closing, seconds)
            case Slow(bytes_per_second=bytes_per_second):
                self._bytes_per_second = bytes_per_second
            case Duplicate():
                await self._send(frame)
        await self._send(frame)
        await self._release()

    async def _send(self, frame: str) -> None:
        if self._bytes_per_second is not None:
            await self._clock.wait(self._closing, len(frame) / self._bytes_per_second)
        await self._client.send_str(frame)

    async def _release(self, *, all_of_them: bool = False) -> None:
        waiting = [(left - 1, frame) for left, frame in self._held]
        self._held = [] if all_of_them else [(left, frame) for left, frame in waiting if left > 0]
        for left, frame in waiting:
            if all_of_them or left <= 0:
                await self._send(frame)


def abort(request: web.Request) -> None:
    """Reset the connection that this request came on."""
    if request.transport is not None:
        request.transport.abort()


def _break_off(upstream: Upstream) -> None:
    """End it without a close, as a client does that loses its network. One that is closed already is left alone."""
    connection = upstream.get_extra_info("socket")
    if not upstream.closed and connection is not None:
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the other side was quicker
