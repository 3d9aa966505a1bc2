"""What is bound, what has to be bound again, and what became of an alert's id."""

from __future__ import annotations

from aiortstream.live.bindings import OWN, AlertBinding, SceneBinding, TranscriptBinding
from aiortstream.live.rebinding import Bindings, Rebind
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import FeedKey

TRANSCRIPT = TranscriptBinding("rts-1", "assemblyai")
SCENES = SceneBinding("rts-1", "i1", "visual")
ALERT = AlertBinding("rts-1", "i1", "e1", "", "a1")


def connected(settings: LiveSettings | None = None) -> Bindings:
    made = Bindings(settings or LiveSettings())
    assert made.begin("c1") == []
    for binding in (TRANSCRIPT, SCENES, ALERT):
        assert made.bind(binding, "c1") == "now"
    return made


def next_epoch(made: Bindings, connection_id: str) -> list[Rebind]:
    made.end()
    return made.begin(connection_id)


def test_what_is_bound_to_another_connection_is_none_of_ours() -> None:
    made = connected()
    for connection_id in ("theirs", None):
        assert made.bind(TranscriptBinding("rts-2"), connection_id) == "never"
    assert not made.has_feed(FeedKey("transcript", "rts-2"))
    assert made.has_feed(FeedKey("transcript", "rts-1"))
    assert made.has_feed(FeedKey("scene", "rts-1", "i1"))
    assert not made.has_feed(FeedKey("scene", "rts-1", "i2"))


def test_the_end_of_a_connection_ends_what_it_got() -> None:
    made = connected()
    made.end()
    assert made.connection_id is None
    assert not made.has_feed(FeedKey("transcript", "rts-1"))
    assert not made.has_feed(FeedKey("scene", "rts-1", "i1"))


def test_each_epoch_plans_transcripts_and_alerts_and_never_indexes() -> None:
    made = connected()
    for epoch, connection_id in ((2, "c2"), (3, "c3")):
        plan = next_epoch(made, connection_id)
        assert plan == [Rebind(("transcript", "rts-1"), epoch), Rebind(("alert", "a1"), epoch)]
        first, second = plan
        assert made.due(first) == (TRANSCRIPT, connection_id)
        assert made.rebound(first, None) == TRANSCRIPT
        assert made.due(first) is None
        assert made.rebound(second, f"a1-{epoch}") is not None
    assert made.newest_alert("a1") == "a1-3"
    assert made.outstanding_alerts() == []


def test_what_was_not_reached_in_one_epoch_is_planned_in_the_next() -> None:
    made = connected()
    old = next_epoch(made, "c2")
    assert next_epoch(made, "c3") == [Rebind(r.key, 3) for r in old]
    assert [made.due(r) for r in old] == [None, None]  # of an epoch that is over


def test_while_away_nothing_is_due() -> None:
    made = connected()
    made.end()
    assert made.due(Rebind(("alert", "a1"), 1)) is None
    assert made.plan(ALERT) == []


def test_a_new_alert_that_came_too_late_for_its_connection_is_the_one_to_replace() -> None:
    made = connected()
    (_, late) = next_epoch(made, "c2")
    (_, again) = next_epoch(made, "c3")
    assert made.rebound(late, "a2") is None
    due = made.due(again)
    assert due is not None
    binding, connection_id = due
    assert isinstance(binding, AlertBinding)
    assert (binding.newest_id, connection_id) == ("a2", "c3")
    assert made.newest_alert("a1") == "a2"


def test_what_was_stopped_or_disabled_meanwhile_is_not_bound_again() -> None:
    made = connected()
    plan = next_epoch(made, "c2")
    assert not made.stop_transcript("rts-1")
    made.disable_alert("a1")
    assert [made.due(r) for r in plan] == [None, None]
    assert made.rebound(plan[0], None) is None
    assert not made.has_feed(FeedKey("transcript", "rts-1"))
    assert next_epoch(made, "c3") == []


def test_stopping_says_whether_it_was_bound() -> None:
    made = connected()
    assert made.stop_transcript("rts-1")
    assert not made.stop_transcript("rts-1")


def test_a_transcript_started_again_while_its_step_waits_needs_the_step_no_more() -> None:
    made = connected()
    (step, _) = next_epoch(made, "c2")
    assert made.bind(TranscriptBinding("rts-1", "other"), "c2") == "now"
    assert made.due(step) is None
    next_epoch(made, "c3")
    assert made.due(Rebind(("transcript", "rts-1"), 3)) == (TranscriptBinding("rts-1", "other"), "c3")


def test_a_request_answered_after_its_connection_ended_is_bound_again() -> None:
    made = Bindings(LiveSettings())
    made.begin("c1")
    made.end()
    assert made.bind(ALERT, "c1") == "later"
    assert made.plan(ALERT) == []  # nothing to bind it to
    assert made.begin("c2") == [Rebind(("alert", "a1"), 2)]
    assert made.bind(TRANSCRIPT, "c1") == "later"
    assert made.plan(TRANSCRIPT) == [Rebind(("transcript", "rts-1"), 2)]
    assert made.bind(SCENES, "c1") == "never"


def test_what_should_have_been_ours_and_could_not_is_bound_to_the_next_connection() -> None:
    made = Bindings(LiveSettings())
    assert [made.bind(binding, OWN) for binding in (TRANSCRIPT, ALERT, SCENES)] == ["later", "later", "never"]
    plan = made.begin("c1")
    assert [made.due(step) for step in plan] == [(TRANSCRIPT, "c1"), (ALERT, "c1")]


def test_a_step_that_will_not_succeed_leaves_an_alert_unreached_until_it_is_created_anew() -> None:
    made = connected()
    plan = next_epoch(made, "c2")
    for step in plan:
        made.not_rebound(step)
    assert list(made.unreached_alerts()) == [ALERT]
    assert next_epoch(made, "c3") == []
    other = AlertBinding("rts-1", "i1", "e2", "", "a7")
    assert made.bind(other, "c3") == "now"
    assert list(made.unreached_alerts()) == [ALERT]
    assert made.bind(AlertBinding("rts-1", "i1", "e1", "http://h", "a8"), "c3") == "now"
    assert list(made.unreached_alerts()) == []


def test_a_failure_of_an_epoch_that_is_over_says_nothing() -> None:
    made = connected()
    (_, old) = next_epoch(made, "c2")
    next_epoch(made, "c3")
    made.not_rebound(old)
    assert list(made.unreached_alerts()) == []
    assert made.outstanding_alerts() == [ALERT]


def test_with_the_policies_off_nothing_is_planned_and_alerts_are_unreached() -> None:
    made = connected(LiveSettings(rebind_alerts=False, rebind_transcripts=False))
    assert next_epoch(made, "c2") == []
    assert list(made.unreached_alerts()) == [ALERT]
    assert made.bind(AlertBinding("rts-1", "i1", "e9", "", "a9"), "c1") == "later"
    assert len(list(made.unreached_alerts())) == 2


def test_a_disabled_alert_is_left_alone_and_an_enabled_one_taken_up_again() -> None:
    made = connected()
    made.disable_alert("a1")
    assert made.enable_alert("a1") is None  # its connection is still there
    assert next_epoch(made, "c2") == [Rebind(("transcript", "rts-1"), 2), Rebind(("alert", "a1"), 2)]
    made.rebound(Rebind(("alert", "a1"), 2), "a2")
    made.disable_alert("a1")
    assert made.newest_alert("a1") == "a2"
    assert [r.key for r in next_epoch(made, "c3")] == [("transcript", "rts-1")]
    enabled = made.enable_alert("a1")
    assert enabled is not None
    assert enabled.newest_id == "a2"
    assert made.plan(enabled) == [Rebind(("alert", "a1"), 3)]


def test_enabling_or_disabling_what_is_not_ours_is_nothing() -> None:
    made = connected()
    made.disable_alert("another")
    assert made.enable_alert("another") is None
    assert made.newest_alert("another") == "another"


def test_an_alert_disabled_while_nobody_hears_it_is_unreached_no_more() -> None:
    made = connected(LiveSettings(rebind_alerts=False))
    next_epoch(made, "c2")
    made.disable_alert("a1")
    assert list(made.unreached_alerts()) == []
    assert made.enable_alert("a1") == ALERT
    assert list(made.unreached_alerts()) == [ALERT]


def test_only_one_index_of_a_stream_and_kind_is_no_guess() -> None:
    made = connected()
    assert made.only_index("rts-1", "visual") == "i1"
    assert made.only_index("rts-1", "audio") is None
    assert made.only_index("rts-2", "visual") is None
    made.bind(SceneBinding("rts-1", "i2", "audio"), "c1")
    assert (made.only_index("rts-1", "visual"), made.only_index("rts-1", "audio")) == ("i1", "i2")
    made.bind(SceneBinding("rts-1", "i3", "visual"), "c1")
    assert made.only_index("rts-1", "visual") is None
