"""The server's clock, as its answers tell it, and what watches make of it."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import Any

import pytest

from aiortstream.live.clock import ServerTime, SystemClock
from aiortstream.live.feed import HistoryFeed
from aiortstream.live.merger import Merger
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import FeedKey, WatchState
from aiortstream.records import TranscriptSegment
from aiortstream.testing import VirtualClock

T = 1_720_000_000.0


def said(seconds: float) -> str:
    """A Date header: whole seconds."""
    return formatdate(int(seconds), usegmt=True)


@pytest.mark.parametrize("ahead", [0.0, 0.4, -0.4])
def test_a_server_that_agrees_within_a_second_is_believed_to_agree(ahead: float) -> None:
    time = ServerTime(VirtualClock(T + 0.5))
    time.observe(said(T + 0.5 + ahead), T + 0.4)
    assert (time.offset, time.known) == (0.0, True)


@pytest.mark.parametrize("ahead", [130.0, -130.0, 3.0])
def test_a_server_that_does_not_agree_is_believed_to_within_a_second(ahead: float) -> None:
    time = ServerTime(VirtualClock(T))
    time.observe(said(T + ahead), T - 0.2)
    assert time.offset == pytest.approx(ahead, abs=0.7)
    assert time.round_trip == pytest.approx(0.2)


def test_later_answers_move_it_no_further_than_they_must() -> None:
    time = ServerTime(VirtualClock(T))
    time.observe(said(T + 100), T)
    first = time.offset
    time.observe(said(T + 100), T)
    assert time.offset == first
    time.observe(said(T + 110), T)
    assert time.offset == pytest.approx(110.0)


@pytest.mark.parametrize("header", [None, "", "yesterday", "Mon, 99 Foo 2024 00:00:00 GMT"])
def test_a_date_that_is_none_changes_nothing(header: str | None) -> None:
    time = ServerTime(VirtualClock(T))
    time.observe(header, T)
    assert (time.offset, time.known) == (0.0, False)


async def test_the_clock_of_the_machine_goes_on_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    before = clock.time()
    monkeypatch.setattr("time.time", lambda: 0.0)  # somebody sets it
    assert before <= clock.time() < before + 60
    assert not await clock.wait(asyncio.Event(), 0.0)


# --- what watches make of it ------------------------------------------------------------------------------------------


class Watched:
    """A watch from now on, on a client whose clock is `ahead` seconds ahead of the server's."""

    def __init__(self, ahead: float) -> None:
        self.clock = VirtualClock(T + ahead)
        self.time = ServerTime(self.clock)
        merger: Merger[Any] = Merger(self.clock.time(), overlap=60.0, max_keys=100)
        self.feed: HistoryFeed[Any] = HistoryFeed(
            FeedKey("transcript", "rts-1"), merger, LiveSettings(), from_now=True, server_time=self.time
        )
        self.feed.open(self.clock.time(), bound=False)

    def poll(self, *starts: float) -> list[float]:
        """One poll, answered by a server whose clock says T."""
        window = self.feed.next_window(self.clock.time())
        assert window is not None
        self.time.observe(said(T), self.clock.time())
        there = [TranscriptSegment(s, s + 1, "x", "rts-1") for s in starts if s + 1 >= window.start]
        self.feed.poll_succeeded(window, there, self.clock.time())
        return [self.feed.pop(self.clock.time()).start for _ in range(len(self.feed.buffer))]


@pytest.mark.parametrize("ahead", [0.0, 130.0, -130.0, 86_400.0, -86_400.0])
def test_a_clock_that_is_wrong_neither_loses_nor_repeats(ahead: float) -> None:
    watched = Watched(ahead)
    got = watched.poll(T - 100, T - 30) + watched.poll(T - 100, T - 30, T + 2) + watched.poll(T - 100, T + 2, T + 8)
    assert got == [T + 2, T + 8]
    assert watched.feed.statistics().position == pytest.approx(T + 9, abs=2)
    assert watched.feed.state is WatchState.POLLING
