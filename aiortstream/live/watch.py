"""The iterators people hold: `async for` over a feed, with a position that can be kept.

A watch is a class, not an async generator: a timed-out `anext` loses nothing, a `break` leaves nothing half done, and
closing may happen in another task than opening. It begins when it is entered or first read.
"""

from __future__ import annotations

import asyncio
import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from aiortstream.errors import ClientClosedError
from aiortstream.live.feed import HistoryFeed, WatchState, WatchStatistics

if TYPE_CHECKING:
    from aiortstream.live.broadcast import BroadcastFeed
    from aiortstream.live.hub import LiveHub

T_co = TypeVar("T_co", covariant=True)


class Watch(Generic[T_co]):
    """Records as they come, one consumer a watch. Made by the `watch_...` methods of the client and its handles.

    Use it as `async with ... as records: async for record in records`, or in a bare `async for`; without `async with`,
    call `aclose()` when you are done before the end.
    """

    def __init__(self, hub: LiveHub, feed: HistoryFeed[Any] | BroadcastFeed) -> None:
        self._hub = hub
        self._feed = feed
        self._opened = False
        self._closed = False

    async def __aenter__(self) -> Self:
        self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T_co:
        """The next record. Waits without a limit: an outage is not an end.

        Raises DataLost for a stretch that cannot be fetched again (reading can go on after it), the error that ended
        the watch (a refused key, a deleted index), or ClientClosedError. Cancelling it loses no record.
        """
        if not self._opened:
            self._open()
        feed = self._feed
        while True:
            try:
                item: Any = feed.pop(self._hub.now())
            except IndexError:  # the deque is empty
                if self._closed:
                    raise StopAsyncIteration from None
                if feed.buffer.ended:
                    self._hub.detach(feed)
                    feed.buffer.raise_end()
                await feed.buffer.wait()
            else:
                return item  # type: ignore[no-any-return] # the hub pairs the feed with the type parameter

    async def aclose(self) -> None:
        """Stop watching. The consumer, if it waits, sees the end. Closing twice is nothing.

        Cancelling it changes nothing: the watch is closed by then.
        """
        self._closed = True
        if self._opened:
            self._hub.detach(self._feed)
        self._feed.end()
        await asyncio.sleep(0)  # let a consumer that was waiting see the end before we return

    @property
    def cursor(self) -> str:
        """Where the consumer is, to be given to `since=` later, in another process too.

        It moves when a record has been handed over, and when a poll has found nothing newer. Watches without history
        (alerts, all events) have none: ValueError.
        """
        if not isinstance(self._feed, HistoryFeed):
            raise ValueError("alerts and the stream of all events have no history, so there is no cursor to go on from")
        return str(self._feed.cursor())

    @property
    def state(self) -> WatchState:
        """What it is doing: live, catching up, polling, waiting, ended."""
        return self._feed.state

    def statistics(self) -> WatchStatistics:
        """Counts, buffer, position, and the gap that is open, as of now."""
        return self._feed.statistics()

    def _open(self) -> None:
        if self._closed:
            raise ClientClosedError(
                "this watch has been closed; make another one, with since= to go on from its cursor"
            )
        if not self._opened:
            self._hub.attach(self._feed)
            self._opened = True

    def __del__(self) -> None:
        if not self._opened or self._closed:
            return
        ended = self._feed.buffer.ended
        self._hub.abandon(self._feed)  # first: where warnings are errors, the next line raises
        if not ended:
            warnings.warn(f"{type(self).__name__} dropped without aclose()", ResourceWarning, source=self, stacklevel=2)
