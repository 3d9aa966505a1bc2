"""Fetches history for all watches of a client: a bounded number at once, a bounded number a second.

Feeds say when they want a poll (`poll_due`); the poller keeps those times in a heap and works them off in order. A
failure is told to the feed it belongs to, which decides when to try again.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import random
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from aiortstream.errors import (
    AuthenticationError,
    ClientClosedError,
    InvalidRequestError,
    NotFoundError,
    PaymentRequiredError,
    RateLimitedError,
    VideodbError,
)
from aiortstream.live.clock import Clock
from aiortstream.live.feed import SHORTEST_WINDOW, HistoryFeed
from aiortstream.live.gateway import Gateway, History
from aiortstream.live.merger import span
from aiortstream.live.session import Feed
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import ANY_STREAM, FeedKey, Window, WindowTooFullError
from aiortstream.records import Alert, Scene, TranscriptSegment

logger = logging.getLogger("aiortstream.live")

_History: TypeAlias = "History[TranscriptSegment] | History[Scene] | History[Alert]"

_FINAL = (AuthenticationError, NotFoundError, PaymentRequiredError, ClientClosedError)


class Poller:
    """One per client. `run` is a task of the client's supervisor."""

    def __init__(
        self,
        gateway: Gateway,
        settings: LiveSettings,
        clock: Clock,
        *,
        jitter: Callable[[], float] = random.random,
        feeds_of: Callable[[FeedKey], Iterable[Feed]] = lambda _: (),
    ) -> None:
        self._feeds_of = feeds_of  # all that watch the same: one fetch serves those that are due
        self._gateway = gateway
        self._settings = settings
        self._clock = clock
        self._jitter = jitter
        self._heap: list[tuple[float, int, Feed]] = []
        self._order = itertools.count()  # ties in the heap are worked off in the order they came
        self._changed = asyncio.Event()  # a due time has become sooner, or a place has become free
        self._active: set[asyncio.Task[None]] = set()
        self._next_start = 0.0  # unix seconds: the rate limit

    def schedule(self, feed: Feed) -> None:
        """`feed.poll_due` has become sooner."""
        if feed.poll_due is not None:
            heapq.heappush(self._heap, (feed.poll_due, next(self._order), feed))
            self._changed.set()

    @property
    def waiting(self) -> int:
        """Polls that are due, or will be."""
        return len({id(feed) for due, _, feed in self._heap if feed.poll_due == due})

    @property
    def under_way(self) -> int:
        """Polls that wait for their answer."""
        return len(self._active)

    async def run(self) -> None:
        """Work until cancelled; then no poll of it is left."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while True:
                    self._changed.clear()
                    delay = self._start_due(tasks)
                    await self._clock.wait(self._changed, delay)
        finally:
            self._heap.clear()

    def _start_due(self, tasks: asyncio.TaskGroup) -> float | None:
        """Start what is due and allowed; the seconds until something else may be, or None."""
        while self._heap:
            due, _, feed = self._heap[0]
            if feed.poll_due != due:  # ended, or rescheduled: another entry holds the newer time
                heapq.heappop(self._heap)
                continue
            if len(self._active) >= self._settings.max_concurrent_polls:
                return None  # the end of one of them wakes us
            now = self._clock.time()
            wait = max(due, self._next_start) - now
            if wait > 0:
                return wait
            heapq.heappop(self._heap)
            window = feed.next_window(now)
            if window is None:
                continue
            self._next_start = max(self._next_start, now) + 1 / self._settings.max_polls_per_second
            task = tasks.create_task(self._poll(self._together(feed, window, now)))
            self._active.add(task)
            task.add_done_callback(self._finished)
        return None

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._active.discard(task)
        self._changed.set()

    def _together(self, first: Feed, window: Window, now: float) -> list[tuple[Feed, Window]]:
        """`first`, and the other watches of the same feed that are due, or soon will be, and want nearly the same.

        A thousand consumers of one camera are one poll.
        """
        polls = [(first, window)]
        soon = now + self._settings.audit_interval / 2
        for feed in self._feeds_of(first.key):
            if feed is first or feed.poll_due is None or feed.poll_due > soon or feed.engine != first.engine:
                continue
            wanted = feed.window(now)
            near = wanted.start >= window.start - self._settings.overlap and wanted.to_present == window.to_present
            if near and feed.next_window(now) is not None:
                polls.append((feed, wanted))
        return polls

    async def _poll(self, polls: list[tuple[Feed, Window]]) -> None:
        """One fetch for watches of the same feed; each is told the part it asked for."""
        whole = Window(
            min(window.start for _, window in polls),
            max(window.end for _, window in polls),
            polls[0][1].to_present,
        )
        key = polls[0][0].key
        alone_short = whole.end - whole.start <= SHORTEST_WINDOW
        limit = None if alone_short else min(feed.max_buffer for feed, _ in polls)
        try:
            history = await self._fetch(polls[0][0], whole, limit)
        except WindowTooFullError:
            for feed, window in polls:
                feed.poll_too_full(window, self._clock.time())
        except _FINAL as error:
            for feed, _ in polls:
                feed.end(error)
        except RateLimitedError as error:
            for feed, _ in polls:
                feed.poll_failed(self._clock.time(), error.retry_after, jitter=self._spread())
        except InvalidRequestError as error:
            logger.warning("history of %s refused: %s", key, error)
            for feed, window in polls:
                feed.poll_refused(window, self._clock.time())
        except VideodbError as error:
            logger.info("poll of %s failed, trying again: %s", key, error)
            for feed, _ in polls:
                feed.poll_failed(self._clock.time(), jitter=self._spread())
        except Exception as error:  # a defect of ours must not take the other watches with it: these are told
            logger.exception("poll of %s", key)
            for feed, _ in polls:
                feed.end(error)
        else:
            for feed, window in polls:
                part = history if len(polls) == 1 else _part(history, window)
                # A transcript's feed gets segments, an index's scenes; they share no type parameter.
                either: HistoryFeed[Any] = feed
                either.poll_succeeded(window, part.records, self._clock.time(), unreadable=part.unreadable)
                await asyncio.sleep(0)  # what comes by the websocket meanwhile is not to wait for all of them

    async def _fetch(self, feed: Feed, window: Window, limit: int | None) -> _History:
        key = feed.key
        if key.kind == "alert":
            stream = None if key.rtstream_id == ANY_STREAM else key.rtstream_id
            return await self._gateway.alert_log(stream, key.index_id, window, limit)
        if key.index_id is None:
            return await self._gateway.transcripts(key.rtstream_id, feed.engine, window, limit)
        return await self._gateway.scenes(key.rtstream_id, key.index_id, window, limit)

    def _spread(self) -> float:
        """Seconds by which watches that failed together are told apart."""
        return self._jitter() * self._settings.poll_interval


def _part(history: _History, window: Window) -> History[Any]:
    """What of it touches `window`."""
    records = [record for record in history.records if _touches(record, window)]
    return History(records, history.unreadable)


def _touches(record: TranscriptSegment | Scene | Alert, window: Window) -> bool:
    start, end = span(record)
    return end >= window.start and start <= window.end
