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
from collections.abc import Callable, Sequence

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
from aiortstream.live.feed import SHORTEST_WINDOW, HistoryFeed, Window, WindowTooFullError
from aiortstream.live.gateway import Gateway
from aiortstream.live.session import Feed
from aiortstream.live.settings import LiveSettings
from aiortstream.records import Scene, TranscriptSegment

logger = logging.getLogger("aiortstream.live")

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
    ) -> None:
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
            task = tasks.create_task(self._poll(feed, window))
            self._active.add(task)
            task.add_done_callback(self._finished)
        return None

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._active.discard(task)
        self._changed.set()

    async def _poll(self, feed: Feed, window: Window) -> None:
        limit = None if window.end - window.start <= SHORTEST_WINDOW else feed.max_buffer
        try:
            if feed.key.index_id is None:
                records: Sequence[TranscriptSegment | Scene] = await self._gateway.transcripts(
                    feed.key.rtstream_id, feed.engine, window, limit
                )
            else:
                records = await self._gateway.scenes(feed.key.rtstream_id, feed.key.index_id, window, limit)
        except WindowTooFullError:
            feed.poll_too_full(window, self._clock.time())
        except _FINAL as error:
            feed.end(error)
        except RateLimitedError as error:
            feed.poll_failed(self._clock.time(), error.retry_after, jitter=self._spread())
        except InvalidRequestError as error:
            logger.warning("history of %s refused: %s", feed.key, error)
            feed.poll_refused(window, self._clock.time())
        except VideodbError as error:
            logger.info("poll of %s failed, trying again: %s", feed.key, error)
            feed.poll_failed(self._clock.time(), jitter=self._spread())
        except Exception as error:  # a defect of ours must not take the other watches with it: this one is told
            logger.exception("poll of %s", feed.key)
            feed.end(error)
        else:
            _succeed(feed, window, records, self._clock.time())

    def _spread(self) -> float:
        """Seconds by which watches that failed together are told apart."""
        return self._jitter() * self._settings.poll_interval


def _succeed(feed: Feed, window: Window, records: Sequence[TranscriptSegment | Scene], now: float) -> None:
    # The gateway gives a transcript's feed segments and an index's feed scenes; the two share no type parameter.
    either: HistoryFeed[TranscriptSegment | Scene] = feed  # type: ignore[assignment]
    either.poll_succeeded(window, records, now)
