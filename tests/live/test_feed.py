"""The state machine of a feed, driven without I/O and without a clock."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from aiortstream.errors import DataLost
from aiortstream.live.cursor import parse_cursor
from aiortstream.live.feed import HistoryFeed
from aiortstream.live.merger import Merger
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import FeedKey, WatchState, Window
from aiortstream.records import Gap, Scene

NOW = 1_700_000_000.0
KEY = FeedKey("scene", "rts-1", "index")
SETTINGS = LiveSettings(max_buffer=20, overlap=60.0)


def scene(start: float, end: float | None = None, text: str = "x") -> Scene:
    return Scene(start, start + 2.0 if end is None else end, text, "rts-1", "visual", "index")


def make_feed(
    since: float = NOW, *, until: float | None = None, follow: bool = True, gaps: str = "raise", max_buffer: int = 20
) -> HistoryFeed[Scene]:
    merger: Merger[Scene] = Merger(since, overlap=60.0, max_keys=1000, until=until)
    return HistoryFeed(
        KEY,
        merger,
        replace(SETTINGS, max_buffer=max_buffer),
        history_end=None if follow else NOW,
        gaps_in_band=gaps == "yield",
    )


def drain(feed: HistoryFeed[Scene], now: float = NOW) -> list[Scene]:
    got = []
    while len(feed.buffer):
        item = feed.pop(now)
        assert isinstance(item, Scene)
        got.append(item)
    return got


def state_of(feed: HistoryFeed[Scene]) -> WatchState:
    return feed.state  # through a function, so that the type checker does not take it for constant


def poll(feed: HistoryFeed[Scene], records: list[Scene], now: float) -> Window:
    window = feed.next_window(now)
    assert window is not None
    feed.poll_succeeded(window, [r for r in records if r.end > window.start and r.start < window.end], now)
    return window


def go_live(feed: HistoryFeed[Scene], now: float = NOW) -> None:
    feed.open(now, bound=True)
    while state_of(feed) is not WatchState.LIVE:
        poll(feed, [], now)


def test_a_bound_feed_polls_once_and_is_live() -> None:
    feed = make_feed()
    feed.open(NOW, bound=True)
    assert state_of(feed) is WatchState.CATCHING_UP
    poll(feed, [], NOW)
    assert state_of(feed) is WatchState.LIVE
    feed.frame(scene(NOW), NOW + 2)
    assert [s.start for s in drain(feed)] == [NOW]


def test_an_unbound_feed_polls_and_grows_slower_while_nothing_comes() -> None:
    feed = make_feed()
    feed.open(NOW, bound=False)
    now, waits = NOW, []
    for _ in range(8):
        poll(feed, [], now)
        assert feed.poll_due is not None
        waits.append(feed.poll_due - now)
        now = feed.poll_due
    assert waits == sorted(waits)
    assert waits[-1] == SETTINGS.max_poll_interval
    poll(feed, [scene(now)], now)
    assert feed.poll_due == now + SETTINGS.poll_interval
    assert state_of(feed) is WatchState.POLLING


def test_frames_during_catch_up_come_after_history_and_once() -> None:
    feed = make_feed(NOW - 100)
    feed.open(NOW, bound=True)
    window = feed.next_window(NOW)
    assert window is not None
    both, only_live = scene(NOW - 2), scene(NOW)
    feed.frame(both, NOW)
    feed.frame(only_live, NOW)
    feed.poll_succeeded(window, [both, scene(NOW - 50), scene(NOW - 90)], NOW)
    assert [s.start for s in drain(feed)] == [NOW - 90, NOW - 50, NOW - 2, NOW]
    assert feed.statistics().duplicates == 1
    assert state_of(feed) is WatchState.LIVE


def test_more_frames_during_catch_up_than_fit_are_fetched_by_another_poll() -> None:
    feed = make_feed()
    feed.open(NOW, bound=True)
    window = feed.next_window(NOW)
    assert window is not None
    served = [scene(NOW + i * 0.1, NOW + i * 0.1 + 0.05) for i in range(25)]
    for record in served:
        feed.frame(record, NOW + 3)
    feed.poll_succeeded(window, [], NOW + 3)
    assert state_of(feed) is WatchState.CATCHING_UP
    drain(feed)
    poll(feed, served, NOW + 3)
    assert state_of(feed) is WatchState.LIVE
    assert [r.start for r in drain(feed)] == [r.start for r in served[20:]]


def test_a_drop_opens_a_gap_that_the_next_complete_poll_heals() -> None:
    feed = make_feed()
    go_live(feed)
    feed.frame(scene(NOW), NOW + 2)
    feed.unbound(NOW + 5, NOW + 9, "the websocket is away")
    assert state_of(feed) is WatchState.POLLING
    gap = feed.statistics().open_gap
    assert gap is not None
    assert (gap.start, gap.cause, gap.recoverable) == (NOW + 5, "disconnected", True)
    poll(feed, [scene(NOW), scene(NOW + 6)], NOW + 10)
    assert [s.start for s in drain(feed)] == [NOW, NOW + 6]
    assert feed.statistics().open_gap is None
    assert feed.statistics().recovered == 1


def test_after_binding_again_only_a_poll_begun_later_makes_it_live() -> None:
    feed = make_feed()
    feed.open(NOW, bound=False)
    early = feed.next_window(NOW)
    assert early is not None
    feed.bound(NOW + 1)
    feed.poll_succeeded(early, [], NOW + 1)
    assert state_of(feed) is WatchState.CATCHING_UP
    poll(feed, [scene(NOW)], NOW + 1)
    assert state_of(feed) is WatchState.LIVE
    assert len(drain(feed)) == 1


def test_a_slow_consumer_loses_its_buffer_and_keeps_its_place() -> None:
    feed = make_feed()
    go_live(feed)
    served = [scene(NOW + i, NOW + i + 0.5) for i in range(30)]
    for record in served[:25]:
        feed.frame(record, record.end)
    assert state_of(feed) is WatchState.POLLING
    assert len(feed.buffer) == 0
    gap = feed.statistics().open_gap
    assert gap is not None
    assert gap.cause == "slow_consumer"
    got, now = [], NOW + 31
    for _ in range(10):
        if feed.poll_due is not None:
            poll(feed, served, now)
        got += drain(feed, now)
    assert got == served
    assert state_of(feed) is WatchState.LIVE


def test_what_a_poll_under_way_brings_after_a_demotion_is_not_taken() -> None:
    feed = make_feed()
    go_live(feed)
    old = scene(NOW)
    feed.frame(old, NOW + 2)
    late = NOW + 1000
    feed.hint(late)
    window = feed.next_window(late)
    assert window is not None
    for i in range(25):
        feed.frame(scene(NOW + 900 + i), late)
    feed.poll_succeeded(window, [scene(NOW + 900 + i) for i in range(25)], late)
    retry = feed.next_window(late)
    assert retry is not None
    assert retry.start <= NOW


def test_a_frame_while_polling_is_a_hint_even_when_a_poll_is_under_way() -> None:
    feed = make_feed()
    feed.open(NOW, bound=False)
    window = feed.next_window(NOW)
    assert window is not None
    feed.frame(scene(NOW), NOW + 0.5)
    feed.poll_succeeded(window, [], NOW + 1)
    assert feed.poll_due == NOW + 1


def test_follow_false_reads_history_and_ends() -> None:
    feed = make_feed(NOW - 50, follow=False)
    feed.open(NOW, bound=False)
    poll(feed, [scene(NOW - 40), scene(NOW - 45)], NOW)
    assert feed.buffer.ended
    assert [s.start for s in drain(feed)] == [NOW - 45, NOW - 40]


def test_until_ends_after_the_settling_time() -> None:
    feed = make_feed(until=NOW + 10)
    go_live(feed)
    feed.frame(scene(NOW + 8), NOW + 10)
    feed.frame(scene(NOW + 10), NOW + 12)
    assert feed.poll_due == NOW + 10 + SETTINGS.settle
    poll(feed, [], NOW + 10 + SETTINGS.settle)
    assert feed.buffer.ended
    assert [s.start for s in drain(feed)] == [NOW + 8]


def test_long_history_is_read_in_windows_that_shrink_when_full() -> None:
    served = [scene(NOW - 6000 + i * 10, NOW - 6000 + i * 10 + 3) for i in range(600)]
    feed = make_feed(NOW - 6000, follow=False)
    feed.open(NOW, bound=False)
    got: list[Scene] = []
    for _ in range(10_000):
        if feed.buffer.ended:
            break
        window = feed.next_window(NOW)
        if window is not None:
            records = [r for r in served if r.start >= window.start and r.end <= window.end]  # the strictest server
            if len(records) > 20:
                feed.poll_too_full(window, NOW)
            else:
                feed.poll_succeeded(window, records, NOW)
        got += drain(feed)
    assert got + drain(feed) == served


def test_refused_history_is_told_once_and_reading_goes_on() -> None:
    feed = make_feed(NOW - 50)
    feed.open(NOW, bound=False)
    window = feed.next_window(NOW)
    assert window is not None
    feed.poll_refused(window, NOW)
    with pytest.raises(DataLost) as lost:
        feed.pop(NOW)
    assert lost.value.gap.cause == "history_unavailable"
    assert lost.value.gap.end == NOW
    poll(feed, [scene(NOW + 1)], NOW + 4)
    assert [s.start for s in drain(feed)] == [NOW + 1]


def test_gaps_can_be_had_in_band() -> None:
    feed = make_feed(NOW - 50, gaps="yield")
    feed.open(NOW, bound=False)
    window = feed.next_window(NOW)
    assert window is not None
    feed.poll_refused(window, NOW)
    gap = feed.pop(NOW)
    assert isinstance(gap, Gap)
    assert not gap.recoverable


def test_failures_slow_down_and_never_end_a_watch() -> None:
    feed = make_feed()
    feed.open(NOW, bound=False)
    waits, now = [], NOW
    for _ in range(6):
        assert feed.next_window(now) is not None
        feed.poll_failed(now)
        assert feed.poll_due is not None
        waits.append(feed.poll_due - now)
        now = feed.poll_due
    assert waits == [2.0, 4.0, 8.0, 10.0, 10.0, 10.0]
    assert not feed.buffer.ended


def test_a_cursor_goes_on_without_repeating_and_without_losing_late_records() -> None:
    feed = make_feed(NOW - 100)
    feed.open(NOW, bound=False)
    first, second, late = scene(NOW - 20), scene(NOW - 10), scene(NOW - 30)
    poll(feed, [first, second], NOW)
    feed.pop(NOW)
    cursor = parse_cursor(str(feed.cursor()), str(KEY))
    resumed: HistoryFeed[Scene] = HistoryFeed(KEY, Merger.resume(cursor, overlap=60.0, max_keys=1000), SETTINGS)
    resumed.open(NOW, bound=False)
    poll(resumed, [first, second, late], NOW)
    assert [s.start for s in drain(resumed)] == [NOW - 30, NOW - 10]


def test_an_empty_poll_moves_the_cursor() -> None:
    feed = make_feed()
    feed.open(NOW, bound=False)
    before = feed.cursor().position
    poll(feed, [], NOW + 500)
    assert feed.cursor().position > before


class FeedMachine(RuleBasedStateMachine):
    """A server that has records, a socket that loses, repeats and delays them, polls that fail, a consumer that lags.

    Whatever happens: nothing twice, never more memory than the bound, and at the end everything was handed over.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.served: list[Scene] = []
        self.received: list[Scene] = []
        self.window: Window | None = None
        self.answer: list[Scene] = []

    @initialize(bound=st.booleans(), history=st.integers(0, 30))
    def begin(self, bound: bool, history: int) -> None:
        self.served = [scene(NOW - 100 + i * 3, NOW - 100 + i * 3 + 2.5) for i in range(history)]
        self.connected = bound
        self.feed = make_feed(NOW - 200)
        self.feed.open(self.now, bound=bound)

    @rule(lag=st.floats(0, 30), length=st.floats(0.5, 8), lost=st.booleans(), twice=st.booleans())
    def emit(self, lag: float, length: float, lost: bool, twice: bool) -> None:
        end = round(self.now - lag, 3)
        record = scene(round(end - length, 3), end, text=str(len(self.served)))
        if any(r.start == record.start and r.end == record.end for r in self.served):
            return
        self.served.append(record)
        if self.connected and not lost:
            self.feed.frame(record, self.now)
            if twice:
                self.feed.frame(record, self.now)

    @rule(seconds=st.floats(0.1, 20))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def disconnect(self) -> None:
        self.connected = False
        self.feed.unbound(self.now, self.now, "away")

    @rule()
    def connect(self) -> None:
        self.connected = True
        self.feed.bound(self.now)

    @precondition(lambda self: self.window is None and self.feed.poll_due is not None)
    @rule()
    def ask(self) -> None:
        assert self.feed.poll_due is not None
        self.now = max(self.now, self.feed.poll_due)
        self.window = self.feed.next_window(self.now)
        if self.window is not None:
            # As of the moment of asking, newest first, only what lies wholly inside: the least helpful server.
            inside = [r for r in self.served if r.end > self.window.start and r.start < self.window.end]
            self.answer = sorted(inside, key=lambda r: r.start, reverse=True)

    @precondition(lambda self: self.window is not None)
    @rule(fails=st.booleans())
    def answer_poll(self, fails: bool) -> None:
        assert self.window is not None
        window, self.window = self.window, None
        if fails:
            self.feed.poll_failed(self.now)
        elif len(self.answer) > 20 and window.end - window.start > 1.0:
            self.feed.poll_too_full(window, self.now)
        else:
            self.feed.poll_succeeded(window, self.answer, self.now)

    @rule(count=st.integers(1, 40))
    def consume(self, count: int) -> None:
        for _ in range(min(count, len(self.feed.buffer))):
            item = self.feed.pop(self.now)
            assert isinstance(item, Scene)
            self.received.append(item)

    @rule()
    def restart(self) -> None:
        """Another process goes on from the cursor."""
        cursor = parse_cursor(str(self.feed.cursor()), str(KEY))
        self.window, self.connected = None, False
        merger: Merger[Scene] = Merger.resume(cursor, overlap=60.0, max_keys=1000)
        self.feed = HistoryFeed(KEY, merger, SETTINGS)
        self.feed.open(self.now, bound=False)

    @invariant()
    def nothing_twice(self) -> None:
        texts = [(r.start, r.end) for r in self.received]
        assert len(texts) == len(set(texts))

    @invariant()
    def bounded(self) -> None:
        if hasattr(self, "feed"):
            assert len(self.feed.buffer) <= 3 * SETTINGS.max_buffer

    def teardown(self) -> None:
        if not hasattr(self, "feed"):
            return
        for _ in range(300):  # the network is well and the consumer is quick: everything arrives
            if self.window is not None:
                self.answer_poll(False)
            elif self.feed.poll_due is not None:
                self.ask()
            self.consume(1000)
            if self.window is None and self.settled():
                break
        missing = {(r.start, r.end) for r in self.served} - {(r.start, r.end) for r in self.received}
        assert not missing, (missing, self.feed.statistics())

    def settled(self) -> bool:
        return len(self.feed.buffer) == 0 and len(self.received) == len(self.served)


# With the runs of test_machines.py ten thousand, in a minute; far more of them, and longer ones, as a soak.
RUN = settings(
    max_examples=8000,
    stateful_step_count=15,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(240)
def test_whatever_happens_everything_arrives_once() -> None:
    run_state_machine_as_test(FeedMachine, settings=RUN)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_the_same_for_long() -> None:
    run_state_machine_as_test(FeedMachine, settings=settings(RUN, max_examples=100_000, stateful_step_count=50))


def test_an_answer_that_took_long_says_nothing_of_what_came_meanwhile() -> None:
    feed = make_feed(NOW - 1)
    feed.open(NOW, bound=False)
    window = feed.next_window(NOW)
    assert window is not None
    feed.poll_succeeded(window, [], NOW + 300)  # read by the server at NOW, and five minutes under way
    following = feed.next_window(NOW + 302)
    assert following is not None
    assert following.start <= NOW - 60  # what was late at NOW is still looked for


def test_records_that_nobody_can_judge_any_more_are_told_of_and_reading_goes_on() -> None:
    feed: HistoryFeed[Scene] = HistoryFeed(
        KEY, Merger(NOW - 1, overlap=60.0, max_keys=2), replace(SETTINGS, max_buffer=100), gaps_in_band=True
    )
    go_live(feed)
    for n in range(30):  # ten times as many as are to be remembered, and more
        feed.frame(scene(NOW + n), NOW + n)
    assert len([feed.pop(NOW + 30) for _ in range(len(feed.buffer))]) == 30
    feed.frame(scene(NOW + 3.5), NOW + 31)
    gap = feed.pop(NOW + 31)
    assert isinstance(gap, Gap)
    assert (gap.start, gap.end, gap.cause, gap.recoverable) == (NOW + 3.5, NOW + 5.5, "history_unavailable", False)
    feed.frame(scene(NOW + 40), NOW + 42)
    assert drain(feed, NOW + 42) == [scene(NOW + 40)]


def test_what_comes_late_into_a_window_that_was_read_is_found_once_the_present_is_reached() -> None:
    feed = HistoryFeed(KEY, Merger[Scene](NOW - 200, overlap=60.0, max_keys=10_000), SETTINGS)
    feed.open(NOW, bound=False)
    there = [scene(NOW - 30 + n / 100, NOW - 30 + n / 100 + 0.005) for n in range(3000)]
    late = scene(NOW - 25.5, NOW - 25.2)
    got: list[Scene] = []
    now = NOW
    for _ in range(2000):
        if feed.poll_due is not None:
            now = max(now, feed.poll_due)
            window = feed.next_window(now)
            if window is not None:
                inside = [r for r in there if r.end >= window.start and r.start <= window.end]
                if len(inside) > feed.max_buffer and window.end - window.start > 1.0:
                    feed.poll_too_full(window, now)
                else:
                    feed.poll_succeeded(window, inside, now)
        for _ in range(len(feed.buffer)):
            item = feed.pop(now)
            assert isinstance(item, Scene)
            got.append(item)
        now += 0.05
        if len(got) > 1000 and late not in there:
            there.append(late)  # thirty seconds late, into a stretch that was read a moment ago
        if late in got:
            break
    assert late in got
    assert len({(r.start, r.end) for r in got}) == len(got)
