"""The websocket of a client: opened when first needed, read without a pause, opened again when it ends.

The reader awaits nothing but the socket: every frame is decoded and routed before the next is awaited, so that a slow
consumer can never stall the heartbeat. Any end that was not asked for is a drop, whatever its close code.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import aiohttp

from aiortstream.errors import AuthenticationError, ConnectionFailedError, ProtocolError, VideodbError
from aiortstream.wire.frames import decode_frame, decode_hello

if TYPE_CHECKING:
    from aiortstream.live.clock import Clock
    from aiortstream.live.gateway import Gateway
    from aiortstream.live.settings import LiveSettings
    from aiortstream.records import Event

Socket: TypeAlias = "aiohttp.ClientWebSocketResponse[Literal[False]]"  # False: text frames come as bytes

logger = logging.getLogger("aiortstream.live")

_DATA = (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)


class ConnectionListener(Protocol):
    """Told what happens on the socket, synchronously, in order."""

    def connected(self, connection_id: str) -> None:
        """An epoch has begun."""

    def disconnected(self) -> None:
        """It has ended."""

    def event(self, event: Event, now: float) -> None:
        """A frame has been decoded."""


class Connection:
    """Keeps one websocket open. `run` is a task of the client's supervisor."""

    def __init__(
        self,
        gateway: Gateway,
        settings: LiveSettings,
        clock: Clock,
        listener: ConnectionListener,
        delays: Callable[[], Iterator[float]],
    ) -> None:
        self._gateway = gateway
        self._settings = settings
        self._clock = clock
        self._listener = listener
        self._delays = delays
        self._wanted = asyncio.Event()  # somebody has asked for the socket
        self._never = asyncio.Event()  # waited for with a timeout: a delay
        self._connection_id: str | None = None
        self._attempt = asyncio.Event()  # set at the end of the next attempt, good or bad; then replaced
        self.last_error: VideodbError | None = None  # why the newest attempt failed; None once one succeeded

    def want(self) -> None:
        """Open the socket, if it is not open, and keep it open. Returns at once."""
        self._wanted.set()

    async def connection_id(self) -> str:
        """The id of the open connection; waits for the attempt under way, and raises what made it fail.

        Cancelling it leaves the attempt under way.
        """
        self.want()
        opened = self._current()
        if opened is not None:
            return opened
        attempt = self._attempt
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                await attempt.wait()
        except TimeoutError:
            raise ConnectionFailedError(
                f"the websocket could not be opened within {self._settings.connect_timeout} s"
            ) from self.last_error
        opened = self._current()
        if opened is None:
            raise self.last_error or ConnectionFailedError("the websocket was opened and closed again at once")
        return opened

    def end(self, error: VideodbError) -> None:
        """`run` is over, or will not begin: whoever waits for the connection id is told `error`."""
        self.last_error = error
        self._end_attempt()

    def _current(self) -> str | None:
        return self._connection_id

    async def run(self) -> None:
        """Open, read, and open again, until cancelled; then the socket is closed."""
        await self._wanted.wait()
        delays = self._delays()
        while True:
            opened_at = await self._one_epoch()
            if opened_at is not None and self._clock.time() - opened_at >= self._settings.healthy_after:
                delays = self._delays()
            delay = next(delays)
            if isinstance(self.last_error, AuthenticationError):
                delay = self._settings.max_reconnect_delay  # a refused key is not tried quickly
            logger.info("websocket away, trying again in %.2f s", delay)
            await self._clock.wait(self._never, delay)

    async def _one_epoch(self) -> float | None:
        """From opening to the end of one connection; when it was opened, or None if it was not."""
        try:
            socket = await self._open()
        except VideodbError as error:
            logger.warning("websocket could not be opened: %s", error)
            self.last_error = error
            self._end_attempt()
            return None
        opened_at = self._clock.time()
        try:
            self._end_attempt()
            await self._read(socket)
        finally:
            self._connection_id = None
            self._listener.disconnected()
            await _close(socket)
        return opened_at

    async def _open(self) -> Socket:
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                socket = await self._gateway.open_websocket()
                try:
                    await self._greet(socket)
                except BaseException:
                    await _close(socket)
                    raise
        except TimeoutError:
            raise ConnectionFailedError(
                f"the websocket was not ready within {self._settings.connect_timeout} s"
            ) from None
        return socket

    async def _greet(self, socket: Socket) -> None:
        """Read up to the first frame that carries the connection id; frames before it are events like any other."""
        early: list[bytes] = []
        while True:
            message = await socket.receive()
            if message.type not in _DATA:
                raise ConnectionFailedError(f"the websocket closed before its first frame ({socket.close_code})")
            hello = decode_hello(message.data)
            if hello is not None:
                break
            if len(early) >= 100:  # the protocol sends none; a server that goes on like this speaks another one
                raise ProtocolError("the websocket sent 100 frames and no connection id")
            early.append(message.data)
        self.last_error = None
        self._connection_id = hello.connection_id
        self._listener.connected(hello.connection_id)
        for raw in early:
            self._event(raw)

    async def _read(self, socket: Socket) -> None:
        while True:
            message = await socket.receive()
            if message.type not in _DATA:
                logger.info("websocket ended: %s, close code %s", message.type.name, socket.close_code)
                return
            self._event(message.data)

    def _event(self, raw: bytes) -> None:
        now = self._clock.time()
        self._listener.event(decode_frame(raw, received_at=now), now)

    def _end_attempt(self) -> None:
        self._attempt.set()
        self._attempt = asyncio.Event()


async def _close(socket: Socket) -> None:
    """Close without caring how the peer takes it: it may be gone, and aiohttp bounds the wait for its answer."""
    try:
        await socket.close()
    except (aiohttp.ClientError, OSError) as error:
        logger.debug("closing the websocket: %s", error)
