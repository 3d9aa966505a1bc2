"""Consumers that are too slow: what they cost themselves, and what they do not cost others."""

from __future__ import annotations

from typing import Any

import pytest

from aiortstream.live.bindings import TranscriptBinding
from aiortstream.live.feed import HistoryFeed
from aiortstream.live.merger import Merger
from aiortstream.live.session import Session
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import FeedKey, WatchState
from aiortstream.records import TranscriptSegment
from aiortstream.wire.frames import Hello

T = 1_720_000_000.0
KEY = FeedKey("transcript", "rts-1")


def segment(number: int, text: str = "hello") -> TranscriptSegment:
    return TranscriptSegment(T + number, T + number + 1, text, "rts-1")


class Bench:
    """Two watches of one transcript on a live connection, one of which nobody reads."""

    def __init__(self, **settings: Any) -> None:
        self.settings = LiveSettings(**settings)
        self.session = Session(self.settings)
        self.session.connected(Hello("c1"), T)
        self.session.bind(TranscriptBinding("rts-1"), "c1", T)
        self.served: list[TranscriptSegment] = []
        self.slow, self.quick = self.watch(), self.watch()

    def watch(self) -> HistoryFeed[TranscriptSegment]:
        merger: Merger[TranscriptSegment] = Merger(T - 1, overlap=60.0, max_keys=100_000)
        feed = HistoryFeed(KEY, merger, self.settings)
        self.session.add(feed, T)
        self.poll(feed, T)
        return feed

    def send(self, record: TranscriptSegment) -> None:
        self.served.append(record)
        self.session.event(record, record.end, self.session.epoch)

    def poll(self, feed: HistoryFeed[TranscriptSegment], now: float) -> None:
        while feed.poll_due is not None and feed.poll_due <= now:
            window = feed.next_window(now)
            if window is None:
                return
            inside = [r for r in self.served if r.end >= window.start and r.start <= window.end]
            if len(inside) > feed.max_buffer and window.end - window.start > 1.0:
                feed.poll_too_full(window, now)
            else:
                feed.poll_succeeded(window, inside, now)


def test_a_neighbour_gets_each_record_in_the_turn_in_which_it_came() -> None:
    bench = Bench(max_buffer=50)
    for number in range(5000):
        bench.send(segment(number))
        assert bench.quick.pop(T).start == T + number
    assert bench.quick.state is WatchState.LIVE
    assert bench.quick.statistics().polls == 1
    assert bench.slow.state is WatchState.POLLING
    assert bench.slow.statistics().open_gap is not None


@pytest.mark.parametrize(
    ("bound", "length"),
    [({"max_buffer": 50}, 5), ({"max_buffer": 100_000, "max_buffer_bytes": 50_000}, 2000)],
)
def test_what_a_consumer_is_behind_with_is_bounded_by_count_and_by_bytes(bound: Any, length: int) -> None:
    bench = Bench(**bound)
    most = most_bytes = 0
    for number in range(3000):
        bench.send(segment(number, "x" * length))
        bench.quick.pop(T)
        most = max(most, len(bench.slow.buffer))
        most_bytes = max(most_bytes, bench.slow.buffer.bytes)
    assert most <= bound["max_buffer"]
    assert most_bytes <= bench.settings.max_buffer_bytes + length + 1000  # the one that passed the bound


def test_whoever_was_too_slow_gets_all_of_it_in_order_and_is_live_again() -> None:
    bench = Bench(max_buffer=50)
    for number in range(500):
        bench.send(segment(number))
        bench.quick.pop(T)
    now, got = T + 510, []
    for _ in range(200):
        bench.poll(bench.slow, now)
        got += [bench.slow.pop(now).start - T for _ in range(len(bench.slow.buffer))]
        now += 1.0
        if bench.slow.state is WatchState.LIVE:
            break
    assert got == list(range(500))
    assert bench.slow.state is WatchState.LIVE
    gap = bench.slow.statistics().last_gap
    assert gap is not None
    assert (gap.cause, gap.recoverable) == ("slow_consumer", True)
    assert gap.recovered > 0
