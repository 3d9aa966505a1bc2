"""Which event goes to which watch, and what connections mean for watches: without I/O and without a clock."""

from __future__ import annotations

from typing import Any

import pytest

from aiortstream.live.bindings import OWN, AlertBinding, Binding, SceneBinding, TranscriptBinding
from aiortstream.live.broadcast import BroadcastFeed, alert_filter
from aiortstream.live.feed import HistoryFeed
from aiortstream.live.merger import Merger
from aiortstream.live.session import Session
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import FeedKey, WatchState
from aiortstream.records import (
    Alert,
    CaptureSessionEvent,
    DecodeFailure,
    Event,
    Gap,
    IndexKind,
    PartialTranscript,
    Scene,
    TranscriptSegment,
    UnknownEvent,
)
from aiortstream.wire.frames import Hello

T = 1_720_000_000.0
SETTINGS = LiveSettings()
TRANSCRIPT = TranscriptBinding("rts-1")
ALERT = AlertBinding("rts-1", "i1", "e1", "", "a1")


def segment(stream: str = "rts-1", start: float = T) -> TranscriptSegment:
    return TranscriptSegment(start, start + 1, "hello", stream)


def scene(index: str | None = None, stream: str = "rts-1", kind: IndexKind = "visual", start: float = T) -> Scene:
    return Scene(start, start + 2, "x", stream, kind, index)


def history(key: FeedKey, *, partials: bool = False) -> HistoryFeed[Any]:
    merger: Merger[Any] = Merger(T - 10, overlap=60.0, max_keys=1000)
    return HistoryFeed(key, merger, SETTINGS, partials=partials)


def transcript(stream: str = "rts-1", *, partials: bool = False) -> HistoryFeed[Any]:
    return history(FeedKey("transcript", stream), partials=partials)


def scenes(index: str, stream: str = "rts-1") -> HistoryFeed[Any]:
    return history(FeedKey("scene", stream, index))


def alerts(stream: str | None = "rts-1", index: str | None = None) -> BroadcastFeed:
    return BroadcastFeed("alert", SETTINGS, alert_filter(stream, index, None), rtstream_id=stream, index_id=index)


def everything() -> BroadcastFeed:
    return BroadcastFeed("event", SETTINGS, lambda _: True)


def session(*bindings: Binding, settings: LiveSettings = SETTINGS) -> Session:
    made = Session(settings)
    made.connected(Hello("c1"), T)
    for binding in bindings:
        assert made.bind(binding, "c1", T) == []
    return made


def settle(feed: HistoryFeed[Any], now: float = T) -> HistoryFeed[Any]:
    """Let its polls find nothing until it wants none at once."""
    while feed.poll_due is not None and feed.poll_due <= now:
        window = feed.next_window(now)
        assert window is not None
        feed.poll_succeeded(window, [], now)
    return feed


def opened(made: Session, feed: HistoryFeed[Any]) -> HistoryFeed[Any]:
    made.add(feed, T)
    return settle(feed)


def state_of(feed: HistoryFeed[Any] | BroadcastFeed) -> WatchState:
    return feed.state  # through a function, so that the type checker does not take it for constant


def drain(feed: HistoryFeed[Any] | BroadcastFeed, now: float = T) -> list[Any]:
    got = []
    while len(feed.buffer):
        got.append(feed.pop(now))
    return got


def next_epoch(made: Session, connection_id: str, *, away: float = T + 10, back: float = T + 20) -> list[Any]:
    made.disconnected(made.epoch, away)
    return made.connected(Hello(connection_id), back)


# --- routing ----------------------------------------------------------------------------------------------------------


def test_transcripts_go_to_every_watch_of_their_stream_and_to_no_other() -> None:
    made = session(TRANSCRIPT, TranscriptBinding("rts-2"))
    one, two, other = (opened(made, transcript(stream)) for stream in ("rts-1", "rts-1", "rts-2"))
    made.event(segment(), T + 1, made.epoch)
    assert [drain(feed) for feed in (one, two, other)] == [[segment()], [segment()], []]


def test_partials_go_only_to_those_who_want_them() -> None:
    made = session(TRANSCRIPT)
    finals, both = opened(made, transcript()), opened(made, transcript(partials=True))
    partial = PartialTranscript(T, T + 1, "he", "rts-1")
    made.event(partial, T + 1, made.epoch)
    made.event(segment(), T + 2, made.epoch)
    assert (drain(finals), drain(both)) == ([segment()], [partial, segment()])


def test_a_scene_that_says_its_index_goes_there() -> None:
    made = session(SceneBinding("rts-1", "i1", "visual"), SceneBinding("rts-1", "i2", "visual"))
    one, two = opened(made, scenes("i1")), opened(made, scenes("i2"))
    made.event(scene("i2"), T + 1, made.epoch)
    assert (drain(one), drain(two)) == ([], [scene("i2")])


def test_a_scene_that_does_not_goes_to_the_only_index_of_its_stream_and_kind() -> None:
    made = session(
        SceneBinding("rts-1", "i1", "visual"),
        SceneBinding("rts-1", "i2", "audio"),
        SceneBinding("rts-2", "i3", "visual"),
    )
    visual, audio, other = opened(made, scenes("i1")), opened(made, scenes("i2")), opened(made, scenes("i3", "rts-2"))
    made.event(scene(), T + 1, made.epoch)
    made.event(scene(kind="audio"), T + 1, made.epoch)
    assert (drain(visual), drain(audio), drain(other)) == ([scene()], [scene(kind="audio")], [])


def test_a_scene_of_one_of_two_indexes_is_a_hint_to_both_and_a_record_to_none() -> None:
    made = session(
        SceneBinding("rts-1", "i1", "visual"),
        SceneBinding("rts-1", "i2", "visual"),
        SceneBinding("rts-2", "i3", "visual"),
    )
    feeds = [opened(made, scenes("i1")), opened(made, scenes("i2")), opened(made, scenes("i3", "rts-2"))]
    made.event(scene(), T + 1, made.epoch)
    assert [feed.poll_due for feed in feeds] == [T + 1, T + 1, T + SETTINGS.audit_interval]
    assert [drain(feed) for feed in feeds] == [[], [], []]


def test_a_scene_of_an_index_that_is_not_bound_is_a_hint() -> None:
    made = session()
    feed = opened(made, scenes("i1"))
    made.event(scene(), T + 1, made.epoch)
    assert feed.poll_due == T + 1
    assert drain(feed) == []


@pytest.mark.parametrize(
    ("failure", "hinted"),
    [
        (DecodeFailure("bad", b"x"), [True, True, True]),
        (DecodeFailure("bad", b"x", "transcript", "rts-1"), [True, True, False]),
        (DecodeFailure("bad", b"x", "visual_index", "rts-9"), [False, False, False]),
    ],
)
def test_an_unreadable_frame_is_a_hint_to_whom_it_may_concern(failure: DecodeFailure, hinted: list[bool]) -> None:
    made = session(TRANSCRIPT, SceneBinding("rts-1", "i1", "visual"), TranscriptBinding("rts-2"))
    feeds = [opened(made, transcript()), opened(made, scenes("i1")), opened(made, transcript("rts-2"))]
    made.event(failure, T + 1, made.epoch)
    assert [feed.poll_due == T + 1 for feed in feeds] == hinted
    assert made.decode_failures == 1


def test_a_watch_of_everything_gets_everything() -> None:
    made = session(TRANSCRIPT)
    feed = everything()
    made.add(feed, T)
    events: list[Event] = [
        segment(),
        scene(),
        Alert("person", T),
        CaptureSessionEvent("capture_session.active", "cap-1"),
        UnknownEvent("novel", {}),
        DecodeFailure("bad", b"x"),
    ]
    for event in events:
        made.event(event, T + 1, made.epoch)
    assert drain(feed) == events


def test_a_watch_that_was_removed_gets_nothing_and_leaves_nothing_behind() -> None:
    made = session(TRANSCRIPT, SceneBinding("rts-1", "i1", "visual"))
    feeds: list[Any] = [
        opened(made, transcript()),
        opened(made, transcript()),
        opened(made, scenes("i1")),
        everything(),
    ]
    made.add(feeds[-1], T)
    assert len(list(made.feeds())) == 4
    for feed in feeds[1:]:
        made.remove(feed)
        made.remove(feed)
    made.event(segment(), T + 1, made.epoch)
    assert [len(drain(feed)) for feed in feeds] == [1, 0, 0, 0]
    made.remove(feeds[0])
    assert list(made.feeds()) == []
    assert (made._feeds, made._scenes_of) == ({}, {})


# --- connections ------------------------------------------------------------------------------------------------------


def test_a_bound_feed_goes_live_and_an_unbound_one_polls() -> None:
    made = session(TRANSCRIPT)
    assert state_of(opened(made, transcript())) is WatchState.LIVE
    assert state_of(opened(made, transcript("rts-2"))) is WatchState.POLLING


def test_binding_later_takes_open_watches_live() -> None:
    made = session()
    feeds = [opened(made, transcript()), opened(made, scenes("i1"))]
    made.bind(TRANSCRIPT, "c1", T + 1)
    made.bind(SceneBinding("rts-1", "i1", "visual"), "c1", T + 1)
    assert [settle(feed, T + 1).state for feed in feeds] == [WatchState.LIVE, WatchState.LIVE]


def test_binding_to_somebody_elses_connection_changes_nothing() -> None:
    made = session()
    feed = opened(made, transcript())
    for connection_id in ("theirs", None):
        assert made.bind(TRANSCRIPT, connection_id, T + 1) == []
    assert state_of(settle(feed, T + 60)) is WatchState.POLLING


def test_a_drop_takes_effect_from_when_the_socket_was_last_heard() -> None:
    made = session(TRANSCRIPT)
    feed, all_alerts = opened(made, transcript()), alerts()
    made.add(all_alerts, T)
    made.event(UnknownEvent("sign of life", {}), T + 4, made.epoch)
    made.disconnected(made.epoch, T + 9)
    made.disconnected(made.epoch, T + 9)
    for each in (feed, all_alerts):
        gap = each.statistics().open_gap
        assert gap is not None
        assert (gap.start, gap.cause) == (T + 4, "disconnected")
    assert state_of(feed) is WatchState.POLLING
    assert made.connection_id is None


def test_over_several_epochs_a_transcript_is_bound_and_a_scene_index_polled() -> None:
    made = session(TRANSCRIPT, SceneBinding("rts-1", "i1", "visual"))
    words, pictures = opened(made, transcript()), opened(made, scenes("i1"))
    for epoch in (2, 3, 4):
        now = T + 100 * epoch
        (step,) = next_epoch(made, f"c{epoch}", away=now - 5, back=now)
        assert state_of(settle(words, now)) is WatchState.POLLING
        made.rebound(step, None, now)
        assert state_of(settle(words, now)) is WatchState.LIVE
        assert state_of(settle(pictures, now)) is WatchState.POLLING
        assert made.epoch == epoch


def test_a_step_of_an_epoch_that_is_over_makes_nothing_live() -> None:
    made = session(TRANSCRIPT)
    feed = opened(made, transcript())
    (old,) = next_epoch(made, "c2")
    (new,) = next_epoch(made, "c3", away=T + 30, back=T + 40)
    made.rebound(old, None, T + 41)
    assert state_of(settle(feed, T + 41)) is WatchState.POLLING
    made.rebound(new, None, T + 42)
    assert state_of(settle(feed, T + 42)) is WatchState.LIVE


def test_a_step_that_will_not_succeed_leaves_a_transcript_polling() -> None:
    made = session(TRANSCRIPT)
    feed = opened(made, transcript())
    (step,) = next_epoch(made, "c2")
    made.not_rebound(step, T + 21)
    assert state_of(settle(feed, T + 60)) is WatchState.POLLING
    assert next_epoch(made, "c3") == []


def test_with_the_policy_off_transcripts_are_polled() -> None:
    made = session(TRANSCRIPT, settings=LiveSettings(rebind_transcripts=False))
    feed = opened(made, transcript())
    assert next_epoch(made, "c2") == []
    assert state_of(settle(feed, T + 60)) is WatchState.POLLING


def test_a_stopped_transcript_is_polled_and_not_planned() -> None:
    made = session(TRANSCRIPT)
    feed = opened(made, transcript())
    made.unbind_transcript("rts-1", T + 5)
    gap = feed.statistics().open_gap
    assert state_of(feed) is WatchState.POLLING
    assert gap is not None
    assert gap.cause == "not_bound"
    assert next_epoch(made, "c2") == []


# --- alerts over connections ------------------------------------------------------------------------------------------


def live_alerts(made: Session, feed: BroadcastFeed) -> BroadcastFeed:
    made.add(feed, T)
    assert state_of(feed) is WatchState.LIVE
    return feed


def test_an_alert_watch_is_whole_again_when_its_alert_has_been_replaced() -> None:
    made = session(ALERT)
    feed = live_alerts(made, alerts())
    (step,) = next_epoch(made, "c2")
    assert state_of(feed) is WatchState.WAITING
    assert drain(feed) == []
    made.rebound(step, "a2", T + 25)
    assert state_of(feed) is WatchState.LIVE
    assert drain(feed) == [Gap("alert", T, T + 25, "disconnected", False, "rts-1")]
    assert made.newest_alert("a1") == "a2"


def test_a_transcript_that_takes_long_to_bind_does_not_hold_alerts_back() -> None:
    made = session(ALERT, TRANSCRIPT)
    feed = live_alerts(made, alerts())
    steps = {step.key[0]: step for step in next_epoch(made, "c2")}
    made.rebound(steps["alert"], "a2", T + 25)
    assert state_of(feed) is WatchState.LIVE
    late = alerts()
    made.add(late, T + 26)
    assert state_of(late) is WatchState.LIVE
    made.disconnected(made.epoch, T + 40)
    gap = late.statistics().open_gap
    assert gap is not None
    assert gap.cause == "disconnected"


def test_without_alerts_of_ours_a_watch_is_whole_as_soon_as_there_is_a_connection() -> None:
    made = session(TRANSCRIPT)
    feed = live_alerts(made, alerts())
    next_epoch(made, "c2")
    assert state_of(feed) is WatchState.LIVE
    assert drain(feed) == [Gap("alert", T, T + 20, "disconnected", False, "rts-1")]


@pytest.mark.parametrize(("stream", "index"), [("rts-1", None), ("rts-1", "i1"), (None, None)])
@pytest.mark.parametrize("refused", [True, False])
def test_an_alert_that_nobody_hears_any_more_is_told(stream: str | None, index: str | None, refused: bool) -> None:
    made = session(ALERT, settings=LiveSettings(rebind_alerts=refused))
    feed = live_alerts(made, alerts(stream, index))
    for step in next_epoch(made, "c2"):
        made.not_rebound(step, T + 25)
    assert state_of(feed) is WatchState.WAITING
    assert drain(feed) == [Gap("alert", T, None, "not_bound", False, stream, index)]
    made.bind(AlertBinding("rts-1", "i1", "e1", "", "a9"), "c2", T + 50)
    assert state_of(feed) is WatchState.LIVE
    assert drain(feed) == [Gap("alert", T, T + 50, "disconnected", False, stream, index)]


@pytest.mark.parametrize(("stream", "index"), [("rts-2", None), ("rts-1", "i2"), ("rts-2", "i1")])
def test_an_alert_that_nobody_hears_does_not_concern_other_watches(stream: str, index: str | None) -> None:
    made = session(ALERT, settings=LiveSettings(rebind_alerts=False))
    feed = live_alerts(made, alerts(stream, index))
    next_epoch(made, "c2")
    assert state_of(feed) is WatchState.LIVE
    assert [gap.end for gap in drain(feed)] == [T + 20]


def test_disabling_an_alert_that_nobody_hears_makes_its_watches_whole() -> None:
    made = session(ALERT, settings=LiveSettings(rebind_alerts=False))
    feed = live_alerts(made, alerts())
    next_epoch(made, "c2")
    assert state_of(feed) is WatchState.WAITING
    made.alert_disabled("a1", T + 30)
    assert state_of(feed) is WatchState.LIVE
    assert made.alert_enabled("a1", T + 40) == []
    assert state_of(feed) is WatchState.WAITING


def test_disabling_the_last_alert_that_is_waited_for_makes_the_others_whole() -> None:
    made = session(ALERT, AlertBinding("rts-2", "i2", "e1", "", "b1"))
    feed = live_alerts(made, alerts("rts-2"))
    steps = next_epoch(made, "c2")
    made.rebound(next(step for step in steps if step.key[1] == "b1"), "b2", T + 25)
    assert state_of(feed) is WatchState.WAITING
    made.alert_disabled("a1", T + 30)
    assert state_of(feed) is WatchState.LIVE


def test_an_alert_enabled_on_a_new_connection_is_bound_to_it_and_the_stretch_before_told() -> None:
    made = session(ALERT)
    feed = live_alerts(made, alerts())
    made.alert_disabled("a1", T + 5)
    assert next_epoch(made, "c2") == []
    drain(feed)
    (step,) = made.alert_enabled("a1", T + 30)
    assert state_of(feed) is WatchState.WAITING
    made.rebound(step, "a2", T + 33)
    assert drain(feed) == [Gap("alert", T + 30, T + 33, "disconnected", False, "rts-1")]


def test_an_alert_whose_answer_came_after_its_connection_ended_is_bound_to_the_next() -> None:
    made = session()
    feed, other = live_alerts(made, alerts()), live_alerts(made, alerts("rts-2"))
    next_epoch(made, "c2")
    drain(feed), drain(other)
    (step,) = made.bind(ALERT, "c1", T + 30)
    assert (state_of(feed), state_of(other)) == (WatchState.WAITING, WatchState.LIVE)
    made.rebound(step, "a2", T + 33)
    assert drain(feed) == [Gap("alert", T + 30, T + 33, "disconnected", False, "rts-1")]
    assert drain(other) == []


def test_an_alert_that_got_no_connection_is_missed_from_then_until_it_has_one() -> None:
    made = Session(SETTINGS)
    feed, other = alerts(), alerts("rts-2")
    for each in (feed, other):
        made.add(each, T)
    assert made.bind(ALERT, OWN, T + 3) == []
    (step,) = made.connected(Hello("c1"), T + 8)
    made.rebound(step, "a2", T + 9)
    assert drain(feed) == [Gap("alert", T + 3, T + 9, "disconnected", False, "rts-1")]
    assert drain(other) == []
    assert state_of(other) is WatchState.LIVE


def test_a_transcript_whose_answer_came_after_its_connection_ended_is_bound_to_the_next() -> None:
    made = session()
    feed = opened(made, transcript())
    next_epoch(made, "c2")
    (step,) = made.bind(TRANSCRIPT, "c1", T + 30)
    made.rebound(step, None, T + 31)
    assert state_of(settle(feed, T + 31)) is WatchState.LIVE


def test_watches_opened_between_two_connections_have_a_gap_from_then_where_something_was_bound() -> None:
    made = session(ALERT)
    made.disconnected(made.epoch, T + 10)
    concerned, other, all_events = alerts(), alerts("rts-2"), everything()
    for feed in (concerned, other, all_events):
        made.add(feed, T + 12)
    (step,) = made.connected(Hello("c2"), T + 20)
    made.rebound(step, "a2", T + 21)
    assert drain(concerned) == [Gap("alert", T + 12, T + 21, "disconnected", False, "rts-1")]
    assert drain(other) == []
    assert drain(all_events) == [Gap("event", T + 12, T + 21, "disconnected", False)]


def test_a_watch_of_everything_opened_between_two_connections_has_a_gap_whatever_was_bound() -> None:
    made = session(TRANSCRIPT)
    made.disconnected(made.epoch, T + 10)
    feed = everything()
    made.add(feed, T + 12)
    made.connected(Hello("c2"), T + 20)
    assert drain(feed) == [Gap("event", T + 12, T + 20, "disconnected", False)]


def test_before_the_first_connection_nothing_can_be_missed() -> None:
    made = Session(SETTINGS)
    feeds = [alerts(), everything()]
    for feed in feeds:
        made.add(feed, T)
    made.connected(Hello("c1"), T + 5)
    assert [drain(feed) for feed in feeds] == [[], []]
    assert all(state_of(feed) is WatchState.LIVE for feed in feeds)
