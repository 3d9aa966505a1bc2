"""Connections that go on under their id, that are replaced before they end, and servers that keep a log of alerts."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aiortstream.live.bindings import AlertBinding, Binding, SceneBinding, TranscriptBinding
from aiortstream.live.broadcast import BroadcastFeed, alert_filter
from aiortstream.live.buffer import Buffer
from aiortstream.live.feed import HistoryFeed
from aiortstream.live.merger import Merger
from aiortstream.live.session import Session
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import FeedKey, WatchState
from aiortstream.records import Alert, Gap, Scene, TranscriptSegment, UnknownEvent
from aiortstream.wire.extras import ALERT_LOG, RESUME
from aiortstream.wire.frames import Hello

T = 1_720_000_000.0
SETTINGS = LiveSettings()
TRANSCRIPT = TranscriptBinding("rts-1")
SCENES = SceneBinding("rts-1", "i1", "visual")
ALERT = AlertBinding("rts-1", "i1", "e1", "", "a1")
FEATURES = (RESUME,)


def hello(name: str, sequence: int | None = 0, *, complete: bool = False, log: bool = False) -> Hello:
    return Hello(name, (*FEATURES, ALERT_LOG) if log else FEATURES, sequence, complete)


def session(*bindings: Binding, log: bool = False, settings: LiveSettings = SETTINGS) -> Session:
    made = Session(settings)
    made.connected(hello("c1", log=log), T)
    for binding in bindings:
        assert made.bind(binding, "c1", T) == []
    return made


def transcript() -> HistoryFeed[TranscriptSegment]:
    return HistoryFeed(FeedKey("transcript", "rts-1"), Merger(T - 10, overlap=60.0, max_keys=1000), SETTINGS)


def scenes() -> HistoryFeed[Scene]:
    return HistoryFeed(FeedKey("scene", "rts-1", "i1"), Merger(T - 10, overlap=60.0, max_keys=1000), SETTINGS)


def events() -> BroadcastFeed:
    return BroadcastFeed("event", SETTINGS, lambda _: True)


def alerts(*, since: float | None = None) -> BroadcastFeed:
    wants = alert_filter("rts-1", None, None)

    def with_history(buffer: Buffer[Any]) -> HistoryFeed[Alert]:
        merger: Merger[Alert] = Merger(T - 1 if since is None else since, overlap=60.0, max_keys=1000)
        key = FeedKey("alert", "rts-1")
        return HistoryFeed(key, merger, SETTINGS, gaps_in_band=True, wants=wants, buffer=buffer)

    return BroadcastFeed("alert", SETTINGS, wants, rtstream_id="rts-1", since=since, with_history=with_history)


def alert(number: int, at: float = T + 1, *, logged: bool = True) -> Alert:
    return Alert("x", at, "rts-1", firing_id=number if logged else None, fired_at=at if logged else None)


def settle(feed: HistoryFeed[Any], now: float = T, records: Any = ()) -> None:
    while feed.poll_due is not None and feed.poll_due <= now:
        window = feed.next_window(now)
        assert window is not None
        feed.poll_succeeded(window, records, now)


def drain(feed: HistoryFeed[Any] | BroadcastFeed) -> list[Any]:
    return [feed.pop(T) for _ in range(len(feed.buffer))]


def state_of(feed: HistoryFeed[Any] | BroadcastFeed) -> WatchState:
    return feed.state  # through a function, so that the type checker does not take it for constant


def event(made: Session, number: int | None, record: Any = None, epoch: int | None = None) -> None:
    made.event(record or UnknownEvent(f"n{number}", {}), T + 1, made.epoch if epoch is None else epoch, number)


# --- going on ---------------------------------------------------------------------------------------------------------


def test_a_connection_that_is_resumed_whole_leaves_no_gap_and_needs_no_binding() -> None:
    made = session(TRANSCRIPT, SCENES, ALERT)
    everything = events()
    made.add(everything, T)
    event(made, 1)
    made.disconnected(made.epoch, T + 5)
    resume = made.resume_point()
    assert resume is not None
    assert (resume.connection_id, resume.after) == ("c1", 1)
    assert state_of(everything) is WatchState.WAITING
    assert made.connected(hello("c1", 1, complete=True), T + 9) == []
    event(made, 2)
    assert [item.channel for item in drain(everything)] == ["n1", "n2"]
    statistics = everything.statistics()
    assert (statistics.open_gap, statistics.outcome) == (None, "REBOUND")
    assert statistics.last_gap is not None
    assert (statistics.last_gap.start, statistics.last_gap.end) == (T + 1, T + 9)
    assert made.is_settled


@pytest.mark.parametrize("make", [transcript, scenes])
def test_feeds_are_bound_again_by_resuming_and_live_after_a_poll(make: Any) -> None:
    made = session(TRANSCRIPT, SCENES)
    feed = make()
    made.add(feed, T)
    settle(feed)
    assert state_of(feed) is WatchState.LIVE
    made.disconnected(made.epoch, T + 5)
    assert state_of(feed) is WatchState.POLLING
    made.connected(hello("c1", 0, complete=True), T + 9)
    assert state_of(feed) is WatchState.CATCHING_UP
    settle(feed, T + 9)
    assert state_of(feed) is WatchState.LIVE
    assert feed.statistics().outcome == "REBOUND"


def test_what_was_missed_where_it_is_not_resumed_whole_is_a_gap() -> None:
    made = session(ALERT)
    everything = events()
    made.add(everything, T)
    event(made, 3)
    drain(everything)
    made.disconnected(made.epoch, T + 5)
    made.connected(hello("c1", 50, complete=False), T + 9)
    event(made, 51)
    gap, after = drain(everything)
    assert (gap.start, gap.end, gap.cause, after.channel) == (T + 1, T + 9, "disconnected", "n51")
    assert made.lost_frames == 2  # 1 and 2: what was before 50 is the gap


def test_what_is_stopped_or_disabled_meanwhile_stays_so() -> None:
    made = session(TRANSCRIPT, ALERT)
    feed = transcript()
    made.add(feed, T)
    made.disconnected(made.epoch, T + 5)
    made.unbind_transcript("rts-1", T + 6)
    made.alert_disabled("a1", T + 6)
    assert made.connected(hello("c1", 0, complete=True), T + 9) == []
    settle(feed, T + 9)
    assert state_of(feed) is WatchState.POLLING
    assert made.alert_enabled("a1", T + 10) == []  # the connection that it is bound to is back


def test_another_id_is_another_connection() -> None:
    made = session(TRANSCRIPT, ALERT)
    made.disconnected(made.epoch, T + 5)
    plan = made.connected(hello("c2", 0), T + 9)
    assert {step.key for step in plan} == {("transcript", "rts-1"), ("alert", "a1")}
    resume = made.resume_point()
    assert resume is not None
    assert resume.connection_id == "c2"


def test_a_server_that_does_not_number_is_not_asked_to_go_on() -> None:
    made = Session(SETTINGS)
    made.connected(Hello("c1"), T)
    assert made.resume_point() is None


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_a_frame_that_comes_twice_is_routed_once() -> None:
    made = session()
    everything = events()
    made.add(everything, T)
    for number in (1, 2, 2, 1, 3):
        event(made, number)
    assert [item.channel for item in drain(everything)] == ["n1", "n2", "n3"]


def test_a_number_that_is_left_out_is_a_lost_frame_and_everybody_looks() -> None:
    made = session(TRANSCRIPT)
    feed, everything = transcript(), events()
    made.add(feed, T)
    made.add(everything, T)
    settle(feed)
    event(made, 1)
    event(made, 4)
    assert made.lost_frames == 2
    assert [getattr(item, "cause", None) for item in drain(everything)] == [None, "lost_frame", None]
    assert feed.poll_due == T + 1


# --- replacing --------------------------------------------------------------------------------------------------------


def test_while_a_connection_is_replaced_both_are_heard_and_nothing_is_missed() -> None:
    made = session(TRANSCRIPT, SCENES, ALERT)
    spoken, seen, everything = transcript(), scenes(), events()
    feeds: list[Any] = [spoken, seen, everything]
    for feed in feeds:
        made.add(feed, T)
    settle(spoken)
    settle(seen)
    old = made.epoch
    plan = made.connected(hello("c2"), T + 2)
    waiting = not made.is_settled
    assert waiting
    assert [state_of(feed) for feed in feeds] == [WatchState.LIVE] * 3
    event(made, None, TranscriptSegment(T, T + 1, "by the old", "rts-1"), old)
    event(made, None, Scene(T, T + 2, "by the old", "rts-1", "visual"), old)
    for step in plan:
        assert made.due(step) is not None
        made.rebound(step, "a2" if step.key[0] == "alert" else None, T + 3)
    assert made.is_settled
    event(made, 1, TranscriptSegment(T + 1, T + 2, "by the new", "rts-1"))
    made.disconnected(old, T + 5)
    assert [record.text for record in drain(spoken)] == ["by the old", "by the new"]
    assert [record.text for record in drain(seen)] == ["by the old"]
    assert not any(isinstance(item, Gap) for item in drain(everything))
    assert (state_of(spoken), state_of(seen)) == (WatchState.LIVE, WatchState.POLLING)
    assert seen.statistics().open_gap is not None
    settle(seen, T + 5)
    after = seen.statistics()
    assert (after.open_gap, after.outcome) == (None, "POLLING")


def test_a_connection_that_is_replaced_under_its_id_takes_each_frame_once() -> None:
    made = session(TRANSCRIPT, SCENES)
    everything, seen = events(), scenes()
    made.add(everything, T)
    made.add(seen, T)
    settle(seen)
    old = made.epoch
    event(made, 1)
    assert made.connected(hello("c1", 1, complete=True), T + 2) == []
    event(made, 2, epoch=old)
    event(made, 2)
    event(made, 3)
    made.disconnected(old, T + 3)
    assert [item.channel for item in drain(everything)] == ["n1", "n2", "n3"]
    assert state_of(seen) is WatchState.LIVE


def test_an_alert_that_both_alerts_of_a_replacement_fire_is_handed_over_once() -> None:
    made = session(ALERT)
    feed = alerts()
    made.add(feed, T)
    (step,) = made.connected(Hello("c2"), T + 2)
    made.rebound(step, "a2", T + 3)
    for source in ("a1", "a2"):
        fired = Alert("x", T + 3, "rts-1", start=T, end=T + 2, alert_id=source, index_id="i1")
        made.event(fired, T + 3, made.epoch)
    assert len(drain(feed)) == 1
    assert feed.statistics().duplicates == 1


# --- a log of alerts --------------------------------------------------------------------------------------------------


def test_where_there_is_a_log_alerts_that_were_missed_are_fetched_and_no_gap_is_left() -> None:
    made = session(ALERT, log=True)
    watched = alerts()
    made.add(watched, T)
    feed = watched.successor
    assert feed is not None
    settle(feed)
    assert state_of(feed) is WatchState.LIVE
    event(made, 1, alert(1))
    made.disconnected(made.epoch, T + 5)
    made.connected(hello("c9", log=True), T + 9)
    settle(feed, T + 9, [alert(1), alert(2, T + 6)])
    assert [item.firing_id for item in drain(feed)] == [1, 2]
    gap = feed.statistics().last_gap
    assert gap is not None
    assert (gap.recovered, gap.recoverable) == (1, True)


def test_a_watch_that_was_opened_before_the_server_said_so_gets_a_history_too() -> None:
    made = Session(SETTINGS)
    watched = alerts(since=T - 100)
    made.add(watched, T)
    upgraded: list[Any] = []
    made.on_upgraded = upgraded.append
    made.connected(hello("c1", log=True), T)
    assert upgraded == [watched.successor]
    feed = watched.successor
    assert feed is not None
    settle(feed, T, [alert(1, T - 50)])
    assert [fired.firing_id for fired in drain(feed)] == [1]


async def test_who_waited_before_the_server_said_so_is_woken_by_what_the_log_has() -> None:
    made = Session(SETTINGS)
    watched = alerts(since=T - 100)
    made.add(watched, T)
    waiting = asyncio.create_task(watched.buffer.wait())
    await asyncio.sleep(0)
    made.connected(hello("c1", log=True), T)
    assert watched.successor is not None
    settle(watched.successor, T, [alert(1, T - 50)])
    await asyncio.wait_for(waiting, 5.0)
    assert [fired.firing_id for fired in drain(watched.successor)] == [1]


def test_without_a_log_what_was_before_is_a_gap_and_said_at_once() -> None:
    made = session()
    made.connected(Hello("c2"), T)
    feed = alerts(since=T - 100)
    made.add(feed, T)
    (gap,) = drain(feed)
    assert (gap.start, gap.end, gap.cause, gap.recoverable) == (T - 100, T, "history_unavailable", False)


def test_alerts_of_the_log_without_a_number_are_hints() -> None:
    made = session(ALERT, log=True)
    watched = alerts()
    made.add(watched, T)
    feed = watched.successor
    assert feed is not None
    settle(feed)
    event(made, 1, alert(0, logged=False))
    assert (len(feed.buffer), feed.poll_due) == (0, T + 1)


def test_alerts_that_nothing_sends_to_us_are_polled_for() -> None:
    made = session(log=True)
    watched = alerts()
    made.add(watched, T)
    feed = watched.successor
    assert feed is not None
    settle(feed)
    assert state_of(feed) is WatchState.POLLING
    made.bind(ALERT, "c1", T + 1)
    settle(feed, T + 1)
    assert state_of(feed) is WatchState.LIVE


# --- indexes ----------------------------------------------------------------------------------------------------------


def test_while_an_index_is_created_a_frame_that_names_none_is_a_hint_for_the_other() -> None:
    made = session(SCENES)
    feed = scenes()
    made.add(feed, T)
    settle(feed)
    made.creating_index("rts-1", "c1", 1)
    event(made, None, Scene(T, T + 2, "whose?", "rts-1", "visual"))
    assert (len(feed.buffer), feed.poll_due) == (0, T + 1)
    made.creating_index("rts-1", "c1", -1)
    settle(feed, T + 1)
    event(made, None, Scene(T + 2, T + 4, "its own", "rts-1", "visual"))
    assert [record.text for record in drain(feed)] == ["its own"]


def test_what_was_being_created_for_another_connection_is_forgotten_with_it() -> None:
    made = session(SCENES)
    made.creating_index("rts-1", "c1", 1)
    made.disconnected(made.epoch, T + 1)
    made.connected(Hello("c2"), T + 2)
    made.bind(SCENES, "c2", T + 2)
    feed = scenes()
    made.add(feed, T + 2)
    settle(feed, T + 2)
    event(made, None, Scene(T, T + 2, "its own", "rts-1", "visual"))
    assert [record.text for record in drain(feed)] == ["its own"]


def test_watches_of_all_events_are_told_of_indexes_that_no_longer_come_by_frame() -> None:
    made = session(SCENES)
    everything = events()
    made.add(everything, T)
    made.disconnected(made.epoch, T + 5)
    assert made.take_lost_scenes(T + 5) == []
    made.connected(hello("c2"), T + 9)
    assert made.take_lost_scenes(T + 9) == [SCENES]
    assert made.take_lost_scenes(T + 9) == []
    outage, scenes_gone = drain(everything)
    assert (outage.kind, outage.end) == ("event", T + 9)
    assert (scenes_gone.kind, scenes_gone.index_id, scenes_gone.end, scenes_gone.cause) == (
        "scene",
        "i1",
        None,
        "not_bound",
    )


def test_indexes_of_a_connection_that_goes_on_are_not_lost() -> None:
    made = session(SCENES)
    made.disconnected(made.epoch, T + 5)
    made.connected(hello("c1"), T + 9)
    assert made.take_lost_scenes(T + 9) == []


def test_indexes_of_a_connection_that_was_replaced_are_lost_once_it_is_closed() -> None:
    made = session(SCENES)
    old = made.epoch
    made.connected(hello("c2"), T + 2)
    assert made.take_lost_scenes(T + 2) == []
    made.disconnected(old, T + 5)
    assert made.take_lost_scenes(T + 5) == [SCENES]
