"""Watches of what is never repeated: nothing missed without a gap that says so."""

from __future__ import annotations

import pytest

from aiortstream.live.broadcast import BroadcastFeed, alert_filter
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import WatchState
from aiortstream.records import Alert, DecodeFailure, Event, Gap, Scene, UnknownEvent

T = 1_720_000_000.0


def alert(label: str = "person", stream: str | None = "rts-1", index: str | None = "i1") -> Alert:
    return Alert(label, T, stream, index_id=index)


def alerts(size: int = 4) -> BroadcastFeed:
    return BroadcastFeed("alert", LiveSettings(max_buffer=size), alert_filter("rts-1", None, None), rtstream_id="rts-1")


def everything() -> BroadcastFeed:
    return BroadcastFeed("event", LiveSettings(), lambda _: True)


def opened(feed: BroadcastFeed) -> BroadcastFeed:
    feed.open(T, connected=True, missing=False)
    return feed


def drain(feed: BroadcastFeed, now: float = T) -> list[Event | Gap]:
    got = []
    while len(feed.buffer):
        got.append(feed.pop(now))
    return got


def state_of(feed: BroadcastFeed) -> WatchState:
    return feed.state


@pytest.mark.parametrize(
    ("stream", "index", "label", "wanted"),
    [
        (None, None, None, [True, True, True, True, True]),
        ("rts-1", None, None, [True, True, False, True, True]),
        ("rts-1", "i1", None, [True, True, False, False, True]),
        (None, None, "person", [True, False, True, True, True]),
        ("rts-1", "i1", "person", [True, False, False, False, True]),
    ],
)
def test_alerts_are_chosen_by_what_they_say_and_not_refused_for_what_they_do_not(
    stream: str | None, index: str | None, label: str | None, wanted: list[bool]
) -> None:
    wants = alert_filter(stream, index, label)
    offered = [
        alert(),
        alert("car"),
        alert(stream="rts-2", index=None),
        alert(index="i2"),
        alert(stream=None, index=None),
    ]
    assert [wants(each) for each in offered] == wanted
    assert not wants(UnknownEvent("x", {}))
    assert not wants(Scene(T, T + 1, "x", "rts-1", "visual"))


def test_events_pass_in_order_while_connected() -> None:
    feed = opened(alerts())
    first, second = alert("a"), alert("b")
    feed.frame(first, T + 1)
    feed.frame(alert(stream="rts-2"), T + 1)
    feed.frame(second, T + 2)
    assert drain(feed, T + 3) == [first, second]
    statistics = feed.statistics()
    assert (statistics.delivered, statistics.gaps, statistics.position) == (2, 0, T + 3)
    assert state_of(feed) is WatchState.LIVE


def test_a_disconnection_is_a_gap_from_when_it_was_last_well_until_it_is_whole() -> None:
    feed = opened(alerts())
    feed.frame(alert(), T + 5)
    feed.disconnected(T + 5)
    assert state_of(feed) is WatchState.WAITING
    assert feed.statistics().open_gap == Gap("alert", T + 5, None, "disconnected", False, "rts-1")
    feed.connected(T + 30)
    assert drain(feed) == [alert(), Gap("alert", T + 5, T + 30, "disconnected", False, "rts-1")]
    assert state_of(feed) is WatchState.LIVE
    assert feed.statistics().open_gap is None


def test_frames_that_come_before_all_is_bound_again_come_before_the_gap_is_closed() -> None:
    feed = opened(alerts())
    feed.disconnected(T + 5)
    feed.frame(alert("early"), T + 8)
    feed.connected(T + 9)
    early, gap = drain(feed)
    assert early == alert("early")
    assert isinstance(gap, Gap)
    assert gap.end == T + 9


def test_two_drops_in_a_row_are_one_gap_and_a_clock_that_steps_back_makes_no_negative_one() -> None:
    feed = opened(alerts())
    feed.disconnected(T + 5)
    feed.disconnected(T + 7)
    feed.connected(T + 4)
    feed.connected(T + 6)
    assert drain(feed) == [Gap("alert", T + 5, T + 5, "disconnected", False, "rts-1")]
    assert feed.statistics().gaps == 1


def test_what_happened_before_opening_is_not_missed_and_what_should_come_since_is() -> None:
    idle, waiting = alerts(), alerts()
    idle.open(T, connected=False, missing=False)
    waiting.open(T, connected=False, missing=True)
    for feed in (idle, waiting):
        assert state_of(feed) is WatchState.WAITING
        feed.disconnected(T + 1)
        feed.connected(T + 8)
    assert drain(idle) == []
    assert drain(waiting) == [Gap("alert", T, T + 8, "disconnected", False, "rts-1")]


def test_an_overflow_is_a_gap_that_ends_when_there_is_room() -> None:
    feed = opened(alerts(size=4))
    sent = [alert(str(n)) for n in range(8)]
    for n, each in enumerate(sent):
        feed.frame(each, T + n)
    assert state_of(feed) is WatchState.WAITING
    assert len(feed.buffer) == 4
    got = [feed.pop(T + 20), feed.pop(T + 21)]
    assert state_of(feed) is WatchState.LIVE
    after = alert("after")
    feed.frame(after, T + 22)
    got += drain(feed, T + 23)
    assert got == [*sent[:4], Gap("alert", T + 4, T + 21, "slow_consumer", False, "rts-1"), after]


def test_room_while_disconnected_does_not_end_the_gap() -> None:
    feed = opened(alerts(size=4))
    for n in range(6):
        feed.frame(alert(str(n)), T + n)
    feed.disconnected(T + 10)
    assert len(drain(feed, T + 20)) == 4
    assert feed.statistics().open_gap is not None
    feed.connected(T + 40)
    assert drain(feed) == [Gap("alert", T + 4, T + 40, "slow_consumer", False, "rts-1")]


def test_a_connection_while_overflowed_does_not_end_the_gap() -> None:
    feed = opened(alerts(size=4))
    feed.disconnected(T)
    for n in range(6):
        feed.frame(alert(str(n)), T + n)
    feed.connected(T + 10)
    assert feed.statistics().open_gap is not None
    got = drain(feed, T + 20)
    assert got[-1] == Gap("alert", T, T + 20, "disconnected", False, "rts-1")
    assert len(got) == 5


def test_an_alert_that_is_not_bound_again_is_told_at_once_without_an_end_and_once() -> None:
    feed = opened(alerts())
    feed.disconnected(T + 5)
    feed.connected(T + 9, complete=False)
    assert drain(feed) == [Gap("alert", T + 5, None, "not_bound", False, "rts-1")]
    assert state_of(feed) is WatchState.WAITING
    assert "create it again" in feed.reason
    feed.disconnected(T + 20)
    feed.connected(T + 21, complete=False)
    assert drain(feed) == []
    feed.connected(T + 30)
    assert drain(feed) == [Gap("alert", T + 5, T + 30, "disconnected", False, "rts-1")]
    assert state_of(feed) is WatchState.LIVE


def test_a_watch_opened_on_an_alert_nobody_hears_is_told_too() -> None:
    feed = alerts()
    feed.open(T, connected=True, missing=True)
    assert drain(feed) == [Gap("alert", T, None, "not_bound", False, "rts-1")]
    feed.disconnected(T + 1)
    feed.connected(T + 2, complete=False)
    feed.disconnected(T + 3)
    feed.connected(T + 4)
    assert drain(feed) == [Gap("alert", T, T + 4, "not_bound", False, "rts-1")]


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (DecodeFailure("bad", b"", "alert", "rts-1"), True),
        (DecodeFailure("bad", b"", "alert"), True),
        (DecodeFailure("bad", b""), True),
        (DecodeFailure("bad", b"", "alert", "rts-2"), False),
        (DecodeFailure("bad", b"", "transcript", "rts-1"), False),
    ],
)
def test_a_frame_that_may_have_been_an_alert_and_cannot_be_read_is_a_gap(failure: DecodeFailure, told: bool) -> None:
    feed = opened(alerts())
    feed.frame(failure, T + 3)
    expected = [Gap("alert", T + 3, T + 3, "decode_failure", False, "rts-1")] if told else []
    assert drain(feed) == expected
    assert feed.statistics().gaps == len(expected)


def test_a_flood_of_unreadable_frames_is_bounded_too() -> None:
    feed = opened(alerts(size=4))
    for n in range(100):
        feed.frame(DecodeFailure("bad", b"x"), T + n)
    assert len(feed.buffer) == 4
    assert feed.statistics().gaps == 5


def test_a_watch_of_everything_gets_the_failures_themselves() -> None:
    feed = opened(everything())
    failure = DecodeFailure("bad", b"x")
    feed.frame(failure, T)
    assert drain(feed) == [failure]


@pytest.mark.parametrize("error", [None, ValueError("why")])
def test_the_end_is_final(error: Exception | None) -> None:
    feed = opened(alerts())
    feed.disconnected(T)
    feed.end(error)
    feed.connected(T + 1)
    feed.frame(alert(), T + 2)
    assert state_of(feed) is WatchState.ENDED
    assert feed.reason == ("closed" if error is None else "why")
    assert drain(feed) == []
