"""Everything live of one client: its websocket, its watches, its polls, and the one task that owns them.

The supervisor task is started by whoever first needs it and ended by `aclose`; entering and leaving a watch only
signal it, so a watch may be opened in one task and closed in another.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal

from aiortstream.errors import (
    AuthenticationError,
    ClientClosedError,
    ConnectionFailedError,
    InvalidArgumentError,
    InvalidRequestError,
    ProtocolError,
    RateLimitedError,
    VideodbError,
    WrongLoopError,
)
from aiortstream.live.bindings import (
    OWN,
    AlertBinding,
    Binding,
    ConnectionChoice,
    OwnConnection,
)
from aiortstream.live.broadcast import BroadcastFeed, alert_filter
from aiortstream.live.buffer import Buffer
from aiortstream.live.clock import Clock, ServerTime, SystemClock
from aiortstream.live.connection import Connection
from aiortstream.live.cursor import parse_cursor
from aiortstream.live.feed import HistoryFeed
from aiortstream.live.gateway import Gateway, Resume
from aiortstream.live.health import LiveHealth, take_picture
from aiortstream.live.hooks import BindingSettled, ConnectionLost, ConnectionOpened, Hooks, Outcome
from aiortstream.live.merger import Merger
from aiortstream.live.poller import Poller
from aiortstream.live.rebinding import Rebind, Rebindable
from aiortstream.live.session import Session
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import ANY_STREAM, FeedKey
from aiortstream.live.watch import Watch
from aiortstream.records import Alert, Scene, TranscriptSegment
from aiortstream.retry import reconnect_delays
from aiortstream.wire.frames import Hello
from aiortstream.wire.times import moment

logger = logging.getLogger("aiortstream.live")

Since = float | datetime | str | None


class LiveHub:
    """One per client; used on the event loop it was first used on."""

    def __init__(
        self,
        gateway: Gateway,
        settings: LiveSettings,
        *,
        clock: Clock | None = None,
        server_time: ServerTime | None = None,
    ) -> None:
        self._gateway = gateway
        self._settings = settings
        self._clock = clock or SystemClock()
        self._server_time = server_time or ServerTime(self._clock)
        self._hooks = Hooks(settings.hooks)
        self._session = Session(settings)
        self.event = self._session.event  # a frame has come: told to the session, without a call between
        self._session.on_upgraded = self._serve
        self._poller = Poller(gateway, settings, self._clock, feeds_of=self._session.feeds_of)
        self._connection = Connection(gateway, settings, self._clock, self, self._delays, self._hooks)
        self._settled = asyncio.Event()  # nothing waits to be bound to the present connection
        self._reconnects = 0
        self._rebinds: asyncio.Queue[Rebind] = asyncio.Queue()  # bounded by what this client has bound
        self._never = asyncio.Event()  # waited for with a timeout: a delay
        self._supervisor: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    # --- for handles --------------------------------------------------------------------------------------------------

    async def connection_id(self, choice: ConnectionChoice = OWN, *, required: bool = False) -> str | None:
        """The connection id to send to the server: this client's own (opening the socket), a given one, or none.

        Where the socket cannot be had now: ConnectionFailedError if it is `required`, else None, and watches poll.
        Cancelling it leaves the attempt to open the socket under way.
        """
        if not isinstance(choice, OwnConnection):
            return choice
        self._start()
        try:
            return await self._connection.connection_id()
        except ClientClosedError:
            raise
        except VideodbError as error:
            if required:
                raise ConnectionFailedError(f"no websocket to deliver to: {error}") from error
            logger.warning("no websocket: what is started now will be polled for: %s", error)
            return None

    def bind(self, binding: Binding, connection: ConnectionChoice) -> None:
        """The server has been told to send `binding` to `connection`.

        OWN: it should have been this client's own, which could not be had; it is bound to the next one.
        """
        self._plan(self._session.bind(binding, connection, self.now()))

    @contextmanager
    def binding_scenes(self, rtstream_id: str, connection: str | None) -> Iterator[None]:
        """While an index of a stream is being created for `connection`: its first scenes may come before the answer.

        Where it ends in an error, nobody knows whether there is one: frames that do not name theirs stay ambiguous.
        """
        self._session.creating_index(rtstream_id, connection, 1)
        try:
            yield
        except (InvalidRequestError, AuthenticationError):
            self._session.creating_index(rtstream_id, connection, -1)  # refused: there is none
            raise
        self._session.creating_index(rtstream_id, connection, -1)

    def unbind_transcript(self, rtstream_id: str) -> None:
        """The transcript of a stream has been stopped."""
        self._session.unbind_transcript(rtstream_id, self.now())

    def newest_alert(self, alert_id: str) -> str:
        """The id of the alert that stands for `alert_id` by now: a new connection takes new alerts."""
        return self._session.newest_alert(alert_id)

    def alert_disabled(self, alert_id: str) -> None:
        """An alert has been disabled: it is not created again."""
        self._session.alert_disabled(alert_id, self.now())

    def alert_enabled(self, alert_id: str) -> None:
        """An alert has been enabled again."""
        self._plan(self._session.alert_enabled(alert_id, self.now()))

    def watch_transcript(
        self,
        rtstream_id: str,
        *,
        since: Since = None,
        until: float | datetime | None = None,
        follow: bool = True,
        partials: bool = False,
        gaps: Literal["raise", "yield"] = "raise",
        engine: str | None = None,
        max_buffer: int | None = None,
    ) -> Watch[Any]:
        """A watch of a stream's transcript; the handles give it its precise type."""
        key = FeedKey("transcript", rtstream_id)
        feed = HistoryFeed[TranscriptSegment](
            key,
            self._merger(key, since, until, max_buffer),
            self._settings,
            history_end=None if follow else self.now(),
            gaps_in_band=gaps == "yield",
            partials=partials,
            engine=engine,
            max_buffer=max_buffer,
            from_now=since is None,
            server_time=self._server_time,
            hooks=self._hooks,
        )
        return Watch(self, feed)

    def watch_scenes(
        self,
        rtstream_id: str,
        index_id: str,
        *,
        since: Since = None,
        until: float | datetime | None = None,
        follow: bool = True,
        gaps: Literal["raise", "yield"] = "raise",
        max_buffer: int | None = None,
    ) -> Watch[Any]:
        """A watch of the scenes of one index; the handles give it its precise type."""
        key = FeedKey("scene", rtstream_id, index_id)
        feed = HistoryFeed[Scene](
            key,
            self._merger(key, since, until, max_buffer),
            self._settings,
            history_end=None if follow else self.now(),
            gaps_in_band=gaps == "yield",
            max_buffer=max_buffer,
            from_now=since is None,
            server_time=self._server_time,
            hooks=self._hooks,
        )
        return Watch(self, feed)

    def watch_alerts(
        self,
        rtstream_id: str | None,
        *,
        index_id: str | None = None,
        label: str | None = None,
        since: Since = None,
        max_buffer: int | None = None,
    ) -> Watch[Any]:
        """A watch of alerts; the handles give it its precise type."""
        wants = alert_filter(rtstream_id, index_id, label)
        key = FeedKey("alert", rtstream_id or ANY_STREAM, index_id)
        merger = self._merger(key, since, None, max_buffer)

        def with_history(buffer: Buffer[Any]) -> HistoryFeed[Alert]:
            return HistoryFeed(
                key,
                merger,
                self._settings,
                gaps_in_band=True,
                max_buffer=max_buffer,
                wants=wants,
                from_now=since is None,
                server_time=self._server_time,
                hooks=self._hooks,
                buffer=buffer,
            )

        feed = BroadcastFeed(
            "alert",
            self._settings,
            wants,
            rtstream_id=rtstream_id,
            index_id=index_id,
            max_buffer=max_buffer,
            since=None if since is None else merger.position,
            with_history=with_history,
            hooks=self._hooks,
        )
        return Watch(self, feed)

    def watch_events(self, *, max_buffer: int | None = None) -> Watch[Any]:
        """A watch of everything that comes to this client's connection."""
        return Watch(
            self,
            BroadcastFeed("event", self._settings, lambda _: True, max_buffer=_checked(max_buffer), hooks=self._hooks),
        )

    async def aclose(self) -> None:
        """End every watch, every poll and the socket. Safe to call twice; cancelling it leaves them ending."""
        self._closed = True
        self._end(ClientClosedError("the client was closed"))
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)

    # --- for watches --------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Unix seconds."""
        return self._clock.time()

    def attach(self, feed: HistoryFeed[Any] | BroadcastFeed) -> None:
        """Begin to serve a watch."""
        self._start()
        self._connection.want()
        if isinstance(feed, HistoryFeed):
            self._serve(feed)
        self._session.add(feed, self.now())

    def detach(self, feed: HistoryFeed[Any] | BroadcastFeed) -> None:
        """Stop serving a watch."""
        self._session.remove(feed)

    def abandon(self, feed: HistoryFeed[Any] | BroadcastFeed) -> None:
        """The same for a watch that was dropped, from whatever thread the garbage collector runs on."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._release, feed)

    def _serve(self, feed: HistoryFeed[Any]) -> None:
        feed.on_poll_due = lambda: self._poller.schedule(feed)

    def _release(self, feed: HistoryFeed[Any] | BroadcastFeed) -> None:
        self._session.remove(feed)
        feed.end()
        if isinstance(feed, BroadcastFeed) and feed.successor is not None:
            feed.successor.end()

    def check_loop(self) -> None:
        """Raise WrongLoopError on another event loop, or in another thread, than that of the watches."""
        if asyncio.get_running_loop() is not self._loop:
            raise WrongLoopError("this client has live watches on another event loop: make one client a loop")

    async def wait(self, event: asyncio.Event, timeout: float) -> None:
        """Until `event` is set, or `timeout` seconds by the client's clock have passed."""
        await self._clock.wait(event, timeout)

    # --- for whoever asks how it is ----------------------------------------------------------------------------------

    def health(self) -> LiveHealth:
        """A picture of this moment."""
        return take_picture(
            self._session,
            self._connection,
            self._poller,
            self._server_time,
            reconnects=self._reconnects,
        )

    # --- for the connection -------------------------------------------------------------------------------------------

    def resume_point(self) -> Resume | None:
        """What the next connection may go on with."""
        return self._session.resume_point()

    @property
    def is_deaf(self) -> bool:
        """Whether polls have brought what should have come by frame."""
        return self._session.is_deaf

    def connected(self, hello: Hello) -> int:
        """A new epoch: bind again what was bound."""
        before = self._session.resume_point()
        self._plan(self._session.connected(hello, self.now()))
        self._tell_lost_scenes()
        epoch = self._session.epoch
        if epoch > 1:
            self._reconnects += 1
        if self._hooks.wanted:
            resumed = before is not None and before.connection_id == hello.connection_id
            self._hooks.tell(ConnectionOpened(epoch, resumed, resumed and hello.complete, hello.features))
        return epoch

    def disconnected(self, epoch: int, reason: str) -> None:
        """That epoch is over."""
        self._session.disconnected(epoch, self.now())
        self._tell_lost_scenes()
        if self._hooks.wanted:
            self._hooks.tell(ConnectionLost(epoch, reason))

    def _tell_lost_scenes(self) -> None:
        for scene in self._session.take_lost_scenes(self.now()):
            if self._hooks.wanted:
                reason = "nothing binds an index to another connection"
                self._hooks.tell(BindingSettled("scene", scene.index_id, "POLLING", reason))

    def failed(self, error: VideodbError) -> None:
        """There will be no connection: what lives on it alone ends; what is polled for goes on."""
        for feed in self._session.feeds():
            if isinstance(feed, BroadcastFeed):
                self._session.remove(feed)
                feed.end(error)

    async def settled(self) -> None:
        """Return once nothing waits to be bound to the present connection."""
        while not self._session.is_settled:
            self._settled.clear()
            await self._settled.wait()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _delays(self) -> Iterator[float]:
        return reconnect_delays(self._settings.reconnect_delay, self._settings.max_reconnect_delay)

    def _merger(
        self, key: FeedKey, since: Since, until: float | datetime | None, max_buffer: int | None
    ) -> Merger[Any]:
        end = None if until is None else moment(until, "until")
        overlap = self._settings.overlap
        # What is buffered may have to be fetched again: its keys must not be forgotten meanwhile.
        max_keys = max(self._settings.max_keys, 4 * (_checked(max_buffer) or self._settings.max_buffer))
        if isinstance(since, str):
            return Merger.resume(parse_cursor(since, str(key)), overlap=overlap, max_keys=max_keys, until=end)
        # The wire has whole milliseconds: what is made in this one is wanted.
        start = math.floor(self.now() * 1000 - 1) / 1000 if since is None else moment(since, "since")
        return Merger(start, overlap=overlap, max_keys=max_keys, until=end)

    def _start(self) -> None:
        if self._closed:
            raise ClientClosedError("the client is closed")
        if self._supervisor is None:
            self._loop = asyncio.get_running_loop()
            self._supervisor = self._loop.create_task(self._supervise(), name="aiortstream live")
        self.check_loop()
        if self._supervisor.done():
            raise ClientClosedError(
                "the streaming core of this client has failed; see the log, and make another client"
            )

    async def _supervise(self) -> None:
        """Owns every background task. One that fails is a defect: each watch is told, so that nobody waits for ever."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._connection.run(), name="aiortstream websocket")
                tasks.create_task(self._poller.run(), name="aiortstream poller")
                tasks.create_task(self._rebind_all(), name="aiortstream rebind")
        except Exception as error:
            logger.exception("the streaming core failed")
            self._end(VideodbError(f"the streaming core failed: {error}"))
            raise

    def _end(self, error: VideodbError) -> None:
        """Nobody is to wait for what will not come any more."""
        self._connection.end(error)
        for feed in self._session.feeds():
            self._session.remove(feed)
            feed.end(error)

    def _plan(self, rebinds: Iterable[Rebind]) -> None:
        for rebind in rebinds:
            self._rebinds.put_nowait(rebind)

    async def _rebind_all(self) -> None:
        while True:
            rebind = await self._rebinds.get()
            due = self._session.due(rebind)
            if due is not None:
                await self._rebind(rebind, *due)
            self._settled.set()  # whoever waits looks again

    async def _rebind(self, rebind: Rebind, binding: Rebindable, connection_id: str) -> None:
        try:
            replacement = await self._bind_again(binding, connection_id)
        except RateLimitedError as error:
            await self._rebind_later(rebind, error, error.retry_after)
        except (InvalidRequestError, ProtocolError) as error:
            logger.warning("%s could not be bound to the new connection: %s", rebind.key, error)
            self._session.not_rebound(rebind, self.now())
            self._tell_outcome(binding, "UNRECOVERABLE" if isinstance(binding, AlertBinding) else "POLLING", str(error))
        except VideodbError as error:
            await self._rebind_later(rebind, error)
        else:
            self._session.rebound(rebind, replacement, self.now())
            self._tell_outcome(binding, "REBOUND", "bound to the new connection")

    def _tell_outcome(self, binding: Rebindable, outcome: Outcome, reason: str) -> None:
        if not self._hooks.wanted:
            return
        if isinstance(binding, AlertBinding):
            self._hooks.tell(BindingSettled("alert", binding.alert_id, outcome, reason))
        else:
            self._hooks.tell(BindingSettled("transcript", binding.rtstream_id, outcome, reason))

    async def _rebind_later(self, rebind: Rebind, error: VideodbError, retry_after: float | None = None) -> None:
        logger.info("%s is not bound to the new connection yet: %s", rebind.key, error)
        await self._clock.wait(self._never, max(retry_after or 0.0, self._settings.poll_interval))
        self._rebinds.put_nowait(rebind)

    async def _bind_again(self, binding: Rebindable, connection_id: str) -> str | None:
        """The id of the alert that replaces `binding`, if it is one."""
        if isinstance(binding, AlertBinding):
            return await self._gateway.replace_alert(binding, connection_id)
        await self._gateway.restart_transcript(binding.rtstream_id, binding.engine, connection_id)
        return None


def _checked(max_buffer: int | None) -> int | None:
    if max_buffer is not None and max_buffer < 1:
        raise InvalidArgumentError(f"max_buffer: expected at least 1, got {max_buffer!r}")
    return max_buffer
