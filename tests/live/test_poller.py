"""The poller, in virtual time: bounds, order, what each failure does to its watch, and what is left after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from aiortstream.errors import (
    AuthenticationError,
    ClientClosedError,
    ConnectionFailedError,
    DataLost,
    InvalidRequestError,
    NotFoundError,
    PaymentRequiredError,
    ProtocolError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
)
from aiortstream.live.bindings import AlertBinding
from aiortstream.live.feed import SHORTEST_WINDOW, HistoryFeed
from aiortstream.live.gateway import History, Resume
from aiortstream.live.merger import Merger
from aiortstream.live.poller import Poller
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import FeedKey, WatchState, Window, WindowTooFullError
from aiortstream.records import Alert, Gap, Scene, TranscriptSegment
from aiortstream.testing import VirtualClock

T = 1_720_000_000.0


@dataclass
class SlowGateway:
    """Answers after `latency` virtual seconds; keeps count of what goes on at once."""

    clock: VirtualClock
    latency: float = 0.05
    answer: Callable[[FeedKey, Window], Sequence[Any]] = lambda _key, _window: ()
    started: list[tuple[float, FeedKey]] = field(default_factory=list)
    asked: list[tuple[FeedKey, str | None, Window, int | None]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def websocket_url(self, resume: Resume | None) -> str:
        raise AssertionError("polls need no socket")

    async def open_websocket(self, url: str) -> Any:
        raise AssertionError("polls need no socket")

    async def alert_log(
        self, rtstream_id: str | None, index_id: str | None, window: Window, limit: int | None
    ) -> History[Alert]:
        return await self._serve(FeedKey("alert", rtstream_id or "*", index_id), None, window, limit)

    async def transcripts(
        self, rtstream_id: str, engine: str | None, window: Window, limit: int | None
    ) -> History[TranscriptSegment]:
        return await self._serve(FeedKey("transcript", rtstream_id), engine, window, limit)

    async def scenes(self, rtstream_id: str, index_id: str, window: Window, limit: int | None) -> History[Scene]:
        return await self._serve(FeedKey("scene", rtstream_id, index_id), None, window, limit)

    async def restart_transcript(self, rtstream_id: str, engine: str | None, connection_id: str) -> None:
        raise AssertionError("polls bind nothing")

    async def replace_alert(self, alert: AlertBinding, connection_id: str) -> str:
        raise AssertionError("polls bind nothing")

    async def _serve(self, key: FeedKey, engine: str | None, window: Window, limit: int | None) -> History[Any]:
        self.started.append((self.clock.time(), key))
        self.asked.append((key, engine, window, limit))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.clock.sleep(self.latency)
            return History(self.answer(key, window))
        finally:
            self.at_once -= 1


def scene(start: float, index: str = "i1") -> Scene:
    return Scene(start, start + 1, "x", "rts-1", "visual", index)


@dataclass
class Bench:
    """A poller at work, and the watches it works for."""

    clock: VirtualClock
    gateway: SlowGateway
    settings: LiveSettings
    poller: Poller
    task: asyncio.Task[None]

    def watch(self, index: str = "i1", *, since: float = T - 10, bound: bool = False) -> HistoryFeed[Any]:
        key = FeedKey("scene", "rts-1", index)
        return self.open(HistoryFeed(key, self.merger(since), self.settings), bound=bound)

    def merger(self, since: float) -> Merger[Any]:
        return Merger(since, overlap=60.0, max_keys=1000)

    def open(self, feed: HistoryFeed[Any], *, bound: bool = False) -> HistoryFeed[Any]:
        feed.on_poll_due = lambda: self.poller.schedule(feed)
        feed.open(self.clock.time(), bound=bound)
        return feed


@asynccontextmanager
async def bench(**settings: Any) -> AsyncIterator[Bench]:
    clock = VirtualClock(T)
    gateway = SlowGateway(clock)
    chosen = LiveSettings(**settings)
    poller = Poller(gateway, chosen, clock, jitter=lambda: 0.0)
    task = asyncio.create_task(poller.run())
    try:
        yield Bench(clock, gateway, chosen, poller, task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


# --- bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("latency", "per_second"),
    [(0.05, 50.0), (0.5, 16.0)],  # the rate is the bound; then 8 at once, half a second each
)
async def test_a_thousand_watches_due_at_once_respect_both_bounds_and_all_have_their_turn(
    latency: float, per_second: float
) -> None:
    async with bench(poll_interval=1000.0, max_poll_interval=1000.0) as b:
        b.gateway.latency = latency
        feeds = [b.watch(f"i{n}") for n in range(1000)]
        await b.clock.advance(1000 / per_second + 1)
        assert [key.index_id for _, key in b.gateway.started] == [f"i{n}" for n in range(1000)]
        assert b.gateway.most_at_once <= b.settings.max_concurrent_polls
        starts = [at for at, _ in b.gateway.started]
        busiest = max(sum(1 for other in starts[i : i + 100] if other < at + 1) for i, at in enumerate(starts))
        assert busiest <= per_second + b.settings.max_concurrent_polls
        assert starts[-1] - T >= 1000 / per_second - 1
        assert all(feed.statistics().polls == 1 for feed in feeds)


async def test_the_rate_is_even() -> None:
    async with bench(max_polls_per_second=4.0, poll_interval=1000.0, max_poll_interval=1000.0) as b:
        for n in range(5):
            b.watch(f"i{n}")
        await b.clock.advance(3)
        assert [at - T for at, _ in b.gateway.started] == [0.0, 0.25, 0.5, 0.75, 1.0]


async def test_what_is_due_first_comes_first_and_what_becomes_sooner_is_not_forgotten() -> None:
    async with bench(poll_interval=100.0, max_poll_interval=100.0) as b:
        first, second = b.watch("i1"), b.watch("i2")
        await b.clock.advance(1)
        b.gateway.started.clear()
        first.hint(b.clock.time())
        await b.clock.advance(1)
        assert [key.index_id for _, key in b.gateway.started] == ["i1"]
        await b.clock.advance(200)
        for index, expected in (("i1", [1.0, 101.05, 201.1]), ("i2", [100.07, 200.12])):
            times = [round(at - T, 2) for at, key in b.gateway.started if key.index_id == index]
            assert times == expected  # i1's first entry was overtaken, and caused no poll of its own
        assert second.statistics().polls == 3


async def test_an_idle_poller_waits_without_polling() -> None:
    async with bench() as b:
        await b.clock.advance(3600)
        assert b.gateway.started == []
        b.watch()
        await b.clock.settle()
        assert len(b.gateway.started) == 1


# --- what is asked ----------------------------------------------------------------------------------------------------


async def test_transcripts_and_scenes_are_asked_for_by_their_ids() -> None:
    async with bench() as b:
        b.open(HistoryFeed(FeedKey("transcript", "rts-7"), b.merger(T), b.settings, engine="assemblyai"))
        b.watch("i3")
        await b.clock.advance(0.1)
        assert [(key, engine) for key, engine, _, _ in b.gateway.asked] == [
            (FeedKey("transcript", "rts-7"), "assemblyai"),
            (FeedKey("scene", "rts-1", "i3"), None),
        ]


async def test_no_more_is_asked_for_at_once_than_the_watch_may_buffer() -> None:
    async with bench(max_buffer=1000) as b:
        b.open(HistoryFeed(FeedKey("scene", "rts-1", "i1"), b.merger(T), b.settings, max_buffer=7))
        await b.clock.advance(0.1)
        assert [limit for _, _, _, limit in b.gateway.asked] == [7]


async def test_a_window_that_holds_too_much_is_halved_until_it_is_taken_whole() -> None:
    async with bench(max_buffer=10) as b:

        def too_much(_key: FeedKey, window: Window) -> Sequence[Any]:
            if window.end - window.start > SHORTEST_WINDOW:
                raise WindowTooFullError
            return [scene(T - 100 + n / 100) for n in range(50)]

        b.gateway.answer = too_much
        b.watch(since=T - 40)
        await b.clock.advance(3)
        lengths = [round(window.end - window.start, 3) for _, _, window, _ in b.gateway.asked]
        assert lengths == sorted(lengths, reverse=True)
        assert lengths[-1] == SHORTEST_WINDOW
        limits = [limit for _, _, _, limit in b.gateway.asked]
        assert limits == [10 if length > SHORTEST_WINDOW else None for length in lengths]


# --- what each failure does -------------------------------------------------------------------------------------------


def fail_with(error: BaseException) -> Callable[[FeedKey, Window], Sequence[Any]]:
    def answer(_key: FeedKey, _window: Window) -> Sequence[Any]:
        raise error

    return answer


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("no such key", status=401),
        AuthenticationError("not yours", status=403),
        NotFoundError("no such index", status=404),
        PaymentRequiredError("no credits", status=402),
        ClientClosedError("closed"),
        ZeroDivisionError("a defect of ours"),
    ],
)
async def test_what_cannot_pass_ends_its_watch_and_no_other(error: Exception) -> None:
    async with bench() as b:
        doomed, other = b.watch("i1"), b.watch("i2")
        b.gateway.answer = lambda key, window: fail_with(error)(key, window) if key.index_id == "i1" else ()
        await b.clock.advance(30)
        assert doomed.state is WatchState.ENDED
        with pytest.raises(type(error)):
            doomed.buffer.raise_end()
        assert doomed.statistics().polls == doomed.statistics().poll_failures == 0
        assert other.statistics().polls > 1
        assert not b.task.done()


@pytest.mark.parametrize(
    "error",
    [
        ServerError("down", status=503),
        ConnectionFailedError("away"),
        RequestTimeoutError("late"),
        ProtocolError("what?"),
        RateLimitedError("slow down", status=429),
    ],
)
async def test_what_may_pass_is_tried_again_and_later_each_time(error: Exception) -> None:
    async with bench(poll_interval=2.0, max_poll_interval=10.0) as b:
        b.gateway.latency = 0.0
        b.gateway.answer = fail_with(error)
        feed = b.watch()
        await b.clock.advance(30)
        assert [at - T for at, _ in b.gateway.started] == [0.0, 2.0, 6.0, 14.0, 24.0]
        assert feed.statistics().poll_failures == 5
        b.gateway.answer = lambda _key, _window: [scene(T - 5)]
        await b.clock.advance(10)
        assert feed.pop(b.clock.time()) == scene(T - 5)


async def test_a_server_that_says_how_long_to_wait_is_obeyed_whatever_frames_hint() -> None:
    async with bench() as b:
        error = RateLimitedError("slow down", status=429)
        error.retry_after = 40.0
        b.gateway.latency = 0.0
        b.gateway.answer = fail_with(error)
        feed = b.watch()
        await b.clock.advance(1)
        for _ in range(38):
            feed.hint(b.clock.time())
            await b.clock.advance(1)
        assert len(b.gateway.started) == 1
        await b.clock.advance(2)
        assert len(b.gateway.started) == 2


async def test_watches_that_failed_together_are_not_tried_again_together() -> None:
    clock = VirtualClock(T)
    gateway = SlowGateway(clock, latency=0.0, answer=fail_with(ConnectionFailedError("away")))
    jitters = iter([0.0, 0.5, 0.25, 0.75] * 10)
    poller = Poller(gateway, LiveSettings(max_polls_per_second=1e6), clock, jitter=lambda: next(jitters))
    task = asyncio.create_task(poller.run())
    b = Bench(clock, gateway, LiveSettings(), poller, task)
    for n in range(4):
        b.watch(f"i{n}")
    await clock.advance(4)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [round(at - T, 3) for at, _ in gateway.started[4:]] == [2.0, 2.5, 3.0, 3.5]
    assert [key.index_id for _, key in gateway.started[4:]] == ["i0", "i2", "i1", "i3"]


async def test_history_that_is_refused_is_lost_and_told_and_reading_goes_on() -> None:
    async with bench() as b:
        b.gateway.answer = fail_with(InvalidRequestError("too long ago", status=400))
        feed = b.watch()
        await b.clock.advance(0.1)
        with pytest.raises(DataLost, match="cannot be fetched"):
            feed.pop(b.clock.time())
        b.gateway.answer = lambda _key, _window: [scene(T + 1)]
        await b.clock.advance(5)
        assert feed.pop(b.clock.time()) == scene(T + 1)


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [lambda _key, _window: [scene(T - 5)], fail_with(ConnectionFailedError("away")), fail_with(WindowTooFullError())],
)
@pytest.mark.parametrize("bound", [True, False])
async def test_a_watch_that_ended_while_it_was_polled_stays_ended(answer: Any, bound: bool) -> None:
    async with bench() as b:
        b.gateway.answer = answer
        feed = b.watch(bound=bound)
        await b.clock.settle()
        assert b.gateway.at_once == 1
        feed.end(ValueError("why"))
        await b.clock.advance(60)
        assert len(b.gateway.started) == 1
        assert (feed.state, feed.reason) == (WatchState.ENDED, "why")
        assert (feed.poll_due, len(feed.buffer)) == (None, 0)


async def test_a_watch_that_ended_before_its_turn_is_not_polled() -> None:
    async with bench(max_concurrent_polls=1) as b:
        b.watch("i1")
        second = b.watch("i2")
        await b.clock.settle()
        second.end()
        await b.clock.advance(1)
        assert [key.index_id for _, key in b.gateway.started] == ["i1"]


async def test_a_full_consumer_is_not_polled_for_until_it_makes_room() -> None:
    async with bench(max_buffer=4, poll_interval=1.0, max_poll_interval=1.0) as b:
        b.gateway.answer = lambda _key, window: [scene(T - 9 + n) for n in range(4)] if window.start < T else ()
        feed = b.watch()
        await b.clock.advance(10)
        assert len(b.gateway.started) == 1
        for _ in range(2):
            feed.pop(b.clock.time())
        await b.clock.advance(1)
        assert len(b.gateway.started) > 1


async def test_cancelling_leaves_no_task_and_no_poll() -> None:
    before = asyncio.all_tasks()
    async with bench() as b:
        b.gateway.latency = 1e6
        for n in range(20):
            b.watch(f"i{n}")
        await b.clock.advance(1)
        assert b.gateway.at_once == b.settings.max_concurrent_polls
    assert b.gateway.at_once == 0
    assert b.task.cancelled()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before
    assert b.poller._heap == []


# --- watches of the same feed -----------------------------------------------------------------------------------------


async def test_watches_of_the_same_feed_share_their_polls() -> None:
    async with bench() as b:
        feeds = [b.watch("i1") for _ in range(200)]  # each is told in a turn of its own
        b.poller._feeds_of = lambda key: feeds if key.index_id == "i1" else ()
        alone = b.watch("i2")
        b.gateway.answer = lambda _key, _window: [scene(T - 5)]
        for _ in range(20):
            await b.clock.advance(0.05)
        assert len(b.gateway.started) == 2
        assert [len(feed.buffer) for feed in (*feeds, alone)] == [1] * 201
        for _ in range(50):
            await b.clock.advance(0.05)
        assert len(b.gateway.started) == 4


async def test_a_watch_that_wants_much_more_of_the_past_is_fetched_for_by_itself() -> None:
    async with bench() as b:
        near, far = b.watch(since=T - 10), b.watch(since=T - 3000)
        b.poller._feeds_of = lambda _: (near, far)
        await b.clock.advance(1.0)
        assert sorted(round(T - window.start) for _, _, window, _ in b.gateway.asked) == [70, 3060]


async def test_what_is_fetched_together_fails_together_and_is_refused_to_each() -> None:
    async with bench() as b:
        feeds = [b.watch() for _ in range(3)]
        b.poller._feeds_of = lambda _: feeds
        b.gateway.answer = fail_with(InvalidRequestError("no such stretch"))
        await b.clock.advance(0.5)
        assert [[item.cause for item in feed.buffer if isinstance(item, Gap)] for feed in feeds] == [
            ["history_unavailable"]
        ] * 3
        b.gateway.answer = fail_with(NotFoundError("no such index"))
        await b.clock.advance(30.0)
        assert {feed.state for feed in feeds} == {WatchState.ENDED}
