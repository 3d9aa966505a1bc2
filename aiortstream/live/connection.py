"""The websocket of a client: opened when first needed, read without a pause, opened again when it ends.

The reader awaits nothing but the socket: every frame is decoded and routed before the next is awaited, so that a slow
consumer can never stall the heartbeat. Any end that was not asked for is a drop, whatever its close code.

A connection that has reached its age is replaced before it is broken: its successor is opened and bound first, and
both are read meanwhile. Each reader carries its epoch, so that what one socket says is never taken for another's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

import aiohttp

from aiortstream.errors import ClientClosedError, ConnectionFailedError, ProtocolError, VideodbError
from aiortstream.live.failures import ConnectionFailure, Stage
from aiortstream.live.hooks import SILENT, ConnectionRetrying, Hooks
from aiortstream.wire.extras import RESUMED_ELSEWHERE
from aiortstream.wire.frames import Hello, decode_hello, decode_numbered

if TYPE_CHECKING:
    from aiortstream.live.clock import Clock
    from aiortstream.live.gateway import Gateway, Resume
    from aiortstream.live.settings import LiveSettings
    from aiortstream.records import Event

Socket: TypeAlias = "aiohttp.ClientWebSocketResponse[Literal[False]]"  # False: text frames come as bytes

logger = logging.getLogger("aiortstream.live")

_DATA = (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY)
_FRAMES_BEFORE_HELLO = 100  # the protocol has none; a server that goes on like this speaks another one
_GIVEN_UP = 4000  # close code of a socket we shall be back from: a normal one would say that we are done with its id
_LINGER = 2.0  # seconds for which a replaced socket is read on: what was sent to it may still be under way


class ConnectionListener(Protocol):
    """Told what happens on the sockets, synchronously, in order."""

    def resume_point(self) -> Resume | None:
        """The connection to go on with, and the last frame that came on it; None if there is none."""

    def connected(self, hello: Hello) -> int:
        """A connection is open; the number of its epoch."""

    def disconnected(self, epoch: int, reason: str) -> None:
        """The socket of that epoch has ended."""

    def event(self, event: Event, now: float, epoch: int, sequence: int | None) -> None:
        """A frame has been decoded."""

    def failed(self, error: VideodbError) -> None:
        """No connection will be tried any more, until somebody wants one again."""

    async def settled(self) -> None:
        """Return once all that can be bound to the newest connection is."""

    @property
    def is_deaf(self) -> bool:
        """Whether polls have found what should have come on the socket, and nothing has come for too long."""


@dataclass(eq=False)
class _Link:
    """One socket, from its first frame to its end."""

    socket: Socket
    epoch: int
    opened_at: float
    heard_at: float  # of the newest frame
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str = ""


class Connection:
    """Keeps one websocket open. `run` is a task of the client's supervisor."""

    def __init__(
        self,
        gateway: Gateway,
        settings: LiveSettings,
        clock: Clock,
        listener: ConnectionListener,
        delays: Callable[[], Iterator[float]],
        hooks: Hooks = SILENT,
    ) -> None:
        self._gateway = gateway
        self._settings = settings
        self._clock = clock
        self._listener = listener
        self._delays = delays
        self._hooks = hooks
        self._wanted = asyncio.Event()  # somebody has asked for the socket
        self._never = asyncio.Event()  # waited for with a timeout: a delay
        self._connection_id: str | None = None
        self._attempt = asyncio.Event()  # set at the end of the next attempt, good or bad; then replaced
        self._failures = 0  # attempts that failed in a row
        self.last_error: VideodbError | None = None  # why the newest attempt failed; None once one succeeded
        self._newest: _Link | None = None  # the connection that `connection_id` names; None while there is none
        self.loop_lag = 0.0  # seconds by which the event loop was late when it was last looked at

    @property
    def opened_at(self) -> float | None:
        """Since when the connection is open, by our clock; None while there is none."""
        return None if self._newest is None else self._newest.opened_at

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

    # --- keeping one open ---------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Open, read, and open again, until cancelled; then the sockets are closed."""
        delays = self._delays()
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._wanted.wait()
                link = await self._try(tasks)
                if link is not None:
                    link = await self._stay(link, tasks)
                    if self._clock.time() - link.opened_at >= self._settings.healthy_after:
                        delays = self._delays()
                delay = next(delays)
                if self.last_error is not None and self._hooks.wanted:
                    self._hooks.tell(ConnectionRetrying(self.last_error, delay if self._wanted.is_set() else None))
                logger.info("websocket away, trying again in %.2f s", delay)
                await self._clock.wait(self._never, delay)

    async def _try(self, tasks: asyncio.TaskGroup, *, replacing: bool = False) -> _Link | None:
        """One attempt; None if it failed, and is not to be repeated where `_wanted` is no longer set.

        `replacing`: while there is still a connection, no failure is fatal.
        """
        stage: Stage = "url"

        def reached(next_stage: Stage) -> None:
            nonlocal stage
            stage = next_stage

        try:
            link = await self._open(tasks, reached)
        except ClientClosedError:
            raise
        except VideodbError as error:
            self.last_error = error
            self._failures += 1
            failure = ConnectionFailure(error, stage, self._failures)
            if not replacing and self._settings.classify_failure(failure) == "fatal":
                logger.error("websocket cannot be opened, giving up: %s", error)
                self._wanted.clear()
                self._end_attempt()
                self._listener.failed(error)
            else:
                logger.warning("websocket could not be opened (attempt %d): %s", self._failures, error)
                self._end_attempt()
            return None
        self._end_attempt()
        return link

    async def _stay(self, link: _Link, tasks: asyncio.TaskGroup) -> _Link:
        """Stay connected until the newest socket has ended; it is returned."""
        age = self._settings.max_connection_age
        while True:
            left = None if age is None else max(0.0, link.opened_at + age - self._clock.time())
            if await self._clock.wait(link.ended, left):
                return link
            successor = await self._try(tasks, replacing=True)
            if successor is None:
                if await self._clock.wait(link.ended, self._settings.max_reconnect_delay):
                    return link
                continue
            tasks.create_task(self._retire(link), name="aiortstream websocket retiring")
            link = successor

    async def _retire(self, link: _Link) -> None:
        """End a socket that has been replaced, once nothing can come on it any more."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.connect_timeout):
                await self._listener.settled()
        await self._clock.wait(link.ended, _LINGER)
        link.reason = "replaced: it had reached its age"
        await _close(link.socket)

    # --- one socket ---------------------------------------------------------------------------------------------------

    async def _open(self, tasks: asyncio.TaskGroup, reached: Callable[[Stage], None]) -> _Link:
        timeout = self._settings.connect_timeout
        try:
            async with asyncio.timeout(timeout):
                url = await self._gateway.websocket_url(self._listener.resume_point())
                reached("handshake")
                socket = await self._gateway.open_websocket(url)
                reached("hello")
                try:
                    hello, early = await self._greet(socket)
                    return self._begin(socket, hello, early, tasks)
                except BaseException:
                    await _close(socket)
                    raise
        except TimeoutError:
            raise ConnectionFailedError(f"the websocket was not ready within {timeout} s") from None

    async def _greet(self, socket: Socket) -> tuple[Hello, list[bytes]]:
        """Read up to the first frame that carries the connection id; frames before it are events like any other."""
        early: list[bytes] = []
        while True:
            message = await socket.receive()
            if message.type not in _DATA:
                raise ConnectionFailedError(f"the websocket closed before its first frame ({socket.close_code})")
            hello = decode_hello(message.data)
            if hello is not None:
                return hello, early
            if len(early) >= _FRAMES_BEFORE_HELLO:
                raise ProtocolError(f"the websocket sent {len(early)} frames and no connection id")
            early.append(message.data)

    def _begin(self, socket: Socket, hello: Hello, early: list[bytes], tasks: asyncio.TaskGroup) -> _Link:
        now = self._clock.time()
        self.last_error, self._failures = None, 0
        self._connection_id = hello.connection_id
        self._newest = link = _Link(socket, self._listener.connected(hello), now, now)
        for raw in early:
            self._event(raw, link)
        tasks.create_task(self._read(link), name=f"aiortstream websocket {link.epoch}")
        tasks.create_task(self._watch_over(link), name=f"aiortstream websocket {link.epoch} watch")
        return link

    async def _read(self, link: _Link) -> None:
        socket, epoch = link.socket, link.epoch
        receive, time, deliver = socket.receive, self._clock.time, self._listener.event
        try:
            while True:
                message = await receive()
                if message.type not in _DATA:
                    link.reason = link.reason or f"{message.type.name}, close code {socket.close_code}"
                    return
                # As `_event` does; each frame comes through here, and each call costs as much as a look-up.
                link.heard_at = now = time()
                event, sequence = decode_numbered(message.data, received_at=now)
                deliver(event, now, epoch, sequence)
        finally:
            self._ended(link)
            await _close(socket)

    def _ended(self, link: _Link) -> None:
        if link.socket.close_code != RESUMED_ELSEWHERE:
            logger.info("websocket ended: %s", link.reason or "closed by us")
        if link is self._newest:
            self._connection_id = self._newest = None
        self._listener.disconnected(link.epoch, link.reason or "closed by us")
        link.ended.set()

    async def _watch_over(self, link: _Link) -> None:
        """End a socket on which nothing comes although something should, and see how late the event loop is."""
        settings = self._settings
        while True:
            began = self._clock.time()
            if await self._clock.wait(link.ended, settings.heartbeat):
                return
            now = self._clock.time()
            self.loop_lag = max(0.0, now - began - settings.heartbeat)
            quiet = now - link.heard_at
            if settings.idle_timeout is not None and quiet >= settings.idle_timeout:
                link.reason = f"no frame for {quiet:.0f} s"
            elif quiet >= settings.deaf_after and self._listener.is_deaf:
                link.reason = f"no frame for {quiet:.0f} s, while polls have found records that should have come"
            else:
                continue
            await _close(link.socket, _GIVEN_UP)
            return

    def _event(self, raw: bytes, link: _Link) -> None:
        link.heard_at = now = self._clock.time()
        event, sequence = decode_numbered(raw, received_at=now)
        self._listener.event(event, now, link.epoch, sequence)

    def _end_attempt(self) -> None:
        self._attempt.set()
        self._attempt = asyncio.Event()


async def _close(socket: Socket, code: int = aiohttp.WSCloseCode.OK) -> None:
    """Close without caring how the peer takes it: it may be gone, and aiohttp bounds the wait for its answer."""
    try:
        await socket.close(code=code)
    except (aiohttp.ClientError, OSError) as error:
        logger.debug("closing the websocket: %s", error)
