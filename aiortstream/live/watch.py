"""The iterators people hold: `async for` over a feed, with a position that can be kept.

A watch is a class, not an async generator: a timed-out `anext` loses nothing, a `break` leaves nothing half done, and
closing may happen in another task than opening. It begins when it is entered or first read.
"""

from __future__ import annotations

import asyncio
import warnings
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from aiortstream.arguments import batch_bounds
from aiortstream.errors import ClientClosedError, DataLost
from aiortstream.live.batches import Batches
from aiortstream.live.broadcast import BroadcastFeed
from aiortstream.live.feed import HistoryFeed
from aiortstream.live.states import WatchState, WatchStatistics

if TYPE_CHECKING:
    from aiortstream.live.hub import LiveHub

T_co = TypeVar("T_co", covariant=True)


class Watch(Generic[T_co]):
    """Records as they come, one consumer a watch. Made by the `watch_...` methods of the client and its handles.

    Use it as `async with ... as records: async for record in records`, or in a bare `async for`; without `async with`,
    call `aclose()` when you are done before the end.
    """

    __slots__ = ("__weakref__", "_closed", "_hub", "_opened", "_opened_feed")

    def __init__(self, hub: LiveHub, feed: HistoryFeed[Any] | BroadcastFeed) -> None:
        self._hub = hub
        self._opened_feed = feed
        self._opened = False
        self._closed = False

    @property
    def _feed(self) -> HistoryFeed[Any] | BroadcastFeed:
        return self._opened_feed.successor or self._opened_feed

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
        while True:
            feed = self._opened_feed.successor or self._opened_feed
            try:
                item: Any = feed.take()
            except IndexError:  # the deque is empty
                self._raise_end()
                await feed.buffer.wait()
            except DataLost:
                feed.taken(self._hub.now())
                raise
            else:
                if feed.wants_to_know:
                    feed.taken(self._hub.now())
                return item  # type: ignore[no-any-return] # the hub pairs the feed with the type parameter

    def batch(self, max_items: int = 100, max_wait: float = 1.0) -> Batches[T_co]:
        """The same records in lists, for high rates: `async for records in watch.batch(): ...`.

        A list has 1 to `max_items` records, and is handed over once it is full or `max_wait` seconds after its first
        record came. Errors come as they do from the watch itself, after the records before them. Cancelling a step
        loses no record. Raises InvalidArgumentError for bounds that make no sense.
        """
        return Batches(self, max_items, max_wait)

    async def next_batch(self, max_items: int, max_wait: float) -> list[T_co]:
        """One step of `batch`. Cancelling it loses no record. Raises InvalidArgumentError as `batch` does."""
        batch_bounds(max_items, max_wait)
        if not self._opened:
            self._open()
        items: list[T_co] = []
        while not items:  # again where a slow consumer's buffer was dropped meanwhile
            while not len(self._feed.buffer):
                self._raise_end()
                await self._feed.buffer.wait()
            with self._feed.buffer.level(max_items) as reached:
                await self._hub.wait(reached, max_wait)
            items = self._take(max_items)
        return items

    def _take(self, max_items: int) -> list[T_co]:
        items: list[T_co] = []
        feed = self._feed
        try:
            while len(items) < max_items:
                items.append(feed.take())  # type: ignore[arg-type] # the hub pairs the feed with the type parameter
        except IndexError:
            pass
        except DataLost as lost:
            if not items:
                raise
            feed.buffer.put_back(lost.gap)  # the next step raises it
        finally:
            if feed.wants_to_know:
                feed.taken(self._hub.now())
        return items

    def _raise_end(self) -> None:
        """The buffer is empty: raise what ended the watch, if anything did, or what keeps us from waiting here."""
        feed = self._feed
        if self._closed:
            raise StopAsyncIteration
        self._hub.check_loop()  # here and not for each record: nothing wakes who waits on another loop
        if feed.buffer.ended:
            self._hub.detach(self._opened_feed)
            feed.buffer.raise_end()

    async def aclose(self) -> None:
        """Stop watching. The consumer, if it waits, sees the end. Closing twice is nothing.

        Raises WrongLoopError on another event loop. Cancelling it changes nothing: the watch is closed by then.
        """
        if self._opened:
            self._hub.check_loop()
            self._hub.detach(self._opened_feed)
        self._closed = True
        self._feed.end()
        await asyncio.sleep(0)  # let a consumer that was waiting see the end before we return

    @property
    def cursor(self) -> str:
        """Where the consumer is, to be given to `since=` later, in another process too.

        It moves when a record has been handed over, and when a poll has found nothing newer. Without history there is
        none, for all events, and for alerts unless the server keeps a log of them (the embedded one does): ValueError.
        """
        if not isinstance(self._feed, HistoryFeed):
            raise ValueError("no cursor: all events, and alerts of a server without a log of them, have no history")
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
            self._hub.attach(self._opened_feed)
            self._opened = True

    def __del__(self) -> None:
        if not self._opened or self._closed:
            return
        ended = self._feed.buffer.ended
        self._hub.abandon(self._opened_feed)  # first: where warnings are errors, the next line raises
        if not ended:
            warnings.warn(f"{type(self).__name__} dropped without aclose()", ResourceWarning, source=self, stacklevel=2)
