"""The oracle: it passes what kept the promise, and says what did not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace
from test_testing_server import until

from aiortstream import Alert, AsyncClient, DataLost, Gap, LiveSettings, Scene, TranscriptSegment
from aiortstream.testing import FaultGate, FaultPlan, Oracle, ScriptedServer
from aiortstream.testing.faults import DropFrame, Duplicate, GarbageFrame, LostAnswer, Refused, Reset, Stall, Status
from aiortstream.testing.identity import Record

T = 1_720_000_000.0
EMITTED = [TranscriptSegment(T + n, T + n + 1, str(n), "rts-1") for n in range(5)]


def gap(start: float, end: float | None, stream: str | None = "rts-1") -> Gap:
    return Gap("transcript", start, end, "disconnected", False, stream)


def test_what_was_delivered_once_or_lies_in_a_gap_is_well() -> None:
    oracle = Oracle()
    oracle.emitted(EMITTED)
    watched = oracle.watch("front door")
    for item in (*EMITTED[:2], DataLost(gap(T + 2.5, T + 4)), *EMITTED[4:]):
        watched.note(item)
    (report,) = oracle.check()
    assert (report.emitted, report.delivered, report.ok) == (5, 3, True)
    assert list(report.in_gaps) == EMITTED[2:4]
    assert str(report) == "front door: 3 of 5 delivered, 1 gaps"


def test_a_record_that_is_lost_is_named() -> None:
    oracle = Oracle()
    oracle.emitted(EMITTED)
    watched = oracle.watch()
    for record in EMITTED[:4]:
        watched.note(record)
    with pytest.raises(AssertionError, match=r"1 lost in silence, for instance .*text='4'"):
        oracle.check()


@pytest.mark.parametrize(
    "told", [gap(T, T + 3), gap(T, None, "rts-2"), Gap("alert", T, None, "disconnected", False, "rts-1")]
)
def test_a_gap_elsewhere_or_of_something_else_excuses_nothing(told: Gap) -> None:
    oracle = Oracle()
    oracle.emitted(EMITTED[4:])
    oracle.watch().note(told)
    with pytest.raises(AssertionError, match="1 lost in silence"):
        oracle.check()


def test_a_gap_of_another_index_excuses_nothing() -> None:
    oracle = Oracle()
    oracle.emitted([Scene(T, T + 2, "a door", "rts-1", "visual", "i1")])
    watched = oracle.watch()
    watched.note(Gap("scene", T, None, "not_bound", False, "rts-1", "i2"))
    with pytest.raises(AssertionError, match="1 lost in silence"):
        oracle.check()
    watched.note(Gap("scene", T, None, "not_bound", False, "rts-1", "i1"))
    oracle.check()


def test_a_gap_of_all_events_excuses_what_lies_in_it() -> None:
    oracle = Oracle()
    oracle.emitted([*EMITTED, Alert("person", T + 1, "rts-2")])
    oracle.watch().note(Gap("event", T, T + 60, "disconnected", False))
    assert len(oracle.check()[0].in_gaps) == 6


def test_a_gap_that_has_no_end_excuses_all_after_it() -> None:
    oracle = Oracle()
    oracle.emitted(EMITTED)
    oracle.watch().note(gap(T, None))
    assert len(oracle.check()[0].in_gaps) == 5


def test_what_comes_twice_whichever_way_it_came_is_named() -> None:
    oracle = Oracle()
    oracle.emitted(EMITTED)
    watched = oracle.watch()
    again = TranscriptSegment(EMITTED[0].start + 1e-5, EMITTED[0].end - 1e-5, "0", "rts-1")
    for record in (*EMITTED, again):
        watched.note(record)
    with pytest.raises(AssertionError, match="1 delivered twice"):
        oracle.check()


def test_what_was_never_there_is_named() -> None:
    oracle = Oracle()
    oracle.watch().note(EMITTED[0])
    with pytest.raises(AssertionError, match="1 never emitted"):
        oracle.check()


def test_what_has_another_text_was_never_emitted() -> None:
    oracle = Oracle()
    oracle.emitted(EMITTED[:1])
    oracle.watch().note(replace(EMITTED[0], text="something else"))
    with pytest.raises(AssertionError, match=r"1 never emitted, for instance .*something else"):
        oracle.check()


@pytest.mark.parametrize(
    ("scope", "own"),
    [
        ({"rtstream_id": "rts-1"}, 2),
        ({"rtstream_id": "rts-1", "kind": "scene"}, 1),
        ({"index_id": "i1"}, 2),
        ({"kind": "alert"}, 1),
        ({"label": "person"}, 1),
        ({"wants": lambda record: record.text == "a door"}, 1),
        ({}, 4),
    ],
)
def test_what_is_of_another_watch_is_named(scope: dict[str, Any], own: int) -> None:
    oracle = Oracle()
    records: list[Record] = [
        EMITTED[0],
        Scene(T, T + 2, "a door", "rts-1", "visual", "i1"),
        Scene(T, T + 2, "a car", "rts-2", "visual", "i2"),
        Alert("person", T, "rts-2", index_id="i1"),
    ]
    oracle.emitted(records)
    watched = oracle.watch(**scope)
    for record in records:
        watched.note(record)
    (report,) = oracle.reports()
    assert (report.emitted, len(report.foreign), report.ok) == (own, 4 - own, own == 4)
    assert (f"{4 - own} of another watch" in str(report)) == (own < 4)


def test_what_is_of_another_time_is_not_wanted_and_not_wrong() -> None:
    oracle = Oracle()
    oracle.emitted(EMITTED)
    oracle.watch("nothing", since=T + 2, until=T + 4)
    everything = oracle.watch("everything", since=T + 2, until=T + 4)
    for record in EMITTED:
        everything.note(record)
    nothing, report = oracle.reports()
    assert [record.text for record in nothing.lost] == ["2", "3"]
    assert (report.emitted, report.delivered, report.ok) == (2, 5, True)


def test_a_scene_that_does_not_say_its_index_is_found_by_its_time_and_text() -> None:
    oracle = Oracle()
    doors = [Scene(T, T + 2, text, "rts-1", "visual", f"i-{text}") for text in ("red", "blue")]
    oracle.emitted(doors)
    watched = oracle.watch()
    for door in doors:
        watched.note(replace(door, index_id=None))
    oracle.check()
    watched.note(replace(doors[0], index_id=None))
    watched.note(replace(doors[0], index_id=None, text="green"))
    (report,) = oracle.reports()
    assert (report.twice, [record.text for record in report.unknown]) == ((doors[0],), ["green"])


def test_alerts_that_nothing_tells_apart_may_come_as_often_as_they_fired() -> None:
    oracle = Oracle()
    alerts = [Alert("person", T, "rts-1", index_id=f"i{number}") for number in range(2)]
    oracle.emitted(alerts)
    oracle.emitted(alerts)  # telling of them again is nothing
    watched = oracle.watch()
    for _ in alerts:
        watched.note(Alert("person", T, "rts-1"))
    oracle.check()
    watched.note(Alert("person", T, "rts-1"))
    with pytest.raises(AssertionError, match="1 delivered twice"):
        oracle.check()


@pytest.mark.parametrize(
    ("order", "healing", "misplaced"),
    [
        ("01234", "hhhhh", ""),
        ("02134", "hhhhh", "1"),
        ("23401", "hhhhh", "01"),
        ("02134", "-----", ""),  # frames may pass each other
        ("02134", "hh---", ""),
        ("02134", "h-hhh", ""),  # what came live says nothing of what is healed later
        ("04123", "-hhhh", "123"),
        ("23104", "h-hhh", "0"),  # each stretch of healing by itself
    ],
)
def test_what_is_healed_comes_in_order(order: str, healing: str, misplaced: str) -> None:
    oracle = Oracle()
    oracle.emitted(EMITTED)
    watched = oracle.watch()
    for number, state in zip(order, healing, strict=True):
        watched.note(EMITTED[int(number)], healing=state == "h")
    (report,) = oracle.reports()
    assert [record.text for record in report.misplaced] == list(misplaced)
    if misplaced:
        with pytest.raises(AssertionError, match=f"{len(misplaced)} out of order while healing"):
            oracle.check()


def test_what_was_emitted_later_may_come_later_and_feeds_do_not_wait_for_each_other() -> None:
    oracle = Oracle()
    other = TranscriptSegment(T, T + 1, "another stream", "rts-2")
    oracle.emitted([*EMITTED[1:], EMITTED[0], other])
    watched = oracle.watch()
    for record in (*EMITTED[1:], EMITTED[0], other):
        watched.note(record, healing=True)
    oracle.check()


def test_a_gap_without_an_outage_is_invented_where_the_outages_are_known() -> None:
    oracle = Oracle()
    oracle.watch().note(gap(T + 10, T + 20))
    oracle.check()
    oracle.check(outages=[(T + 19, T + 30)])
    oracle.check(outages=[(T, T + 1), (T + 9.5, T + 9.5)])  # noticed a moment later
    for elsewhere in ([(T + 21, T + 30)], [(T, T + 8)], []):
        with pytest.raises(AssertionError, match="1 gaps without an outage"):
            oracle.check(outages=elsewhere)


def test_an_alert_may_have_been_on_its_way_when_its_gap_began() -> None:
    oracle = Oracle()
    early, logged = Alert("person", T, "rts-1"), Alert("person", T, "rts-1", firing_id=1, fired_at=T + 2)
    oracle.emitted([early, logged])
    watched = oracle.watch()
    watched.note(Gap("alert", T + 0.5, T + 1, "disconnected", False, "rts-1"))
    watched.note(Gap("alert", T + 2.5, T + 3, "disconnected", False, "rts-1"))
    (report,) = oracle.reports()
    assert report.in_gaps == (early,)
    assert report.lost == (logged,)  # what has a history is told exactly


def test_each_watch_is_asked_for_what_it_wants_and_order_is_counted() -> None:
    oracle = Oracle()
    scene = Scene(T, T + 2, "a door", "rts-2", "visual", "i1")
    alert = Alert("person", T, "rts-2", firing_id=3, fired_at=T + 3)
    oracle.emitted([*EMITTED, scene, alert])
    spoken = oracle.watch("spoken", wants=lambda record: isinstance(record, TranscriptSegment))
    rest = oracle.watch("rest", rtstream_id="rts-2")
    for record in reversed(EMITTED):
        spoken.note(record)
    rest.note(scene)
    rest.note(alert)
    rest.note("no record")
    assert [(report.name, report.disordered) for report in oracle.check()] == [("spoken", 4), ("rest", 0)]


async def test_it_looks_over_the_shoulder_of_a_consumer() -> None:
    async with ScriptedServer() as server, FaultGate(server.url, FaultPlan()) as gate:
        stream = server.add_stream()
        for number in range(3):
            server.emit_transcript(stream, str(number), start=T + number, end=T + number + 1)
        oracle = Oracle()
        watched = oracle.watch("past")
        async with AsyncClient("key", base_url=gate.url) as client, asyncio.timeout(5.0):
            past = client.rtstream(stream).watch_transcript(since=T, follow=False)
            assert [segment.text async for segment in watched.reading(past)] == ["0", "1", "2"]
        oracle.emitted(server.emitted)
        assert oracle.check()[0].delivered == 3


QUICK = LiveSettings(
    connect_timeout=1.0,
    heartbeat=0.5,
    reconnect_delay=0.01,
    max_reconnect_delay=0.05,
    poll_interval=0.02,
    max_poll_interval=0.05,
    audit_interval=0.1,
    max_polls_per_second=1e3,
)


@pytest.mark.parametrize("features", [(), ("resume", "alert_log", "since")])
@pytest.mark.parametrize("seed", range(3))
async def test_our_own_watches_pass_it_whatever_goes_wrong(seed: int, features: tuple[str, ...]) -> None:
    # Where alerts have no history, one whose frame a healthy connection loses is lost in silence: no client can know.
    oracle, plan = Oracle(), FaultPlan()
    async with (
        asyncio.timeout(30.0),
        ScriptedServer(features=features) as server,
        FaultGate(server.url, plan) as gate,
        AsyncClient("key", base_url=gate.url, timeout=2.0, live=QUICK) as client,
    ):
        rtstream = client.rtstream(server.add_stream())
        await rtstream.start_transcript()
        visuals = await rtstream.index_visuals(prompt="?")
        await visuals.create_alert(await client.create_event("A person", "person"), callback_url="")
        watches: list[tuple[Any, Any]] = [
            (rtstream.watch_transcript(gaps="yield"), oracle.watch("spoken", kind="transcript")),
            (visuals.watch_scenes(gaps="yield"), oracle.watch("seen", kind="scene")),
            (rtstream.watch_alerts(), oracle.watch("alerts", kind="alert")),
        ]

        async def read(watch: Any, watched: Any) -> None:
            async for _ in watched.reading(watch):
                pass

        async with asyncio.TaskGroup() as readers:
            for watch, watched in watches:
                await watch.__aenter__()
                readers.create_task(read(watch, watched))
            await until(lambda: all(watch.state == "live" for watch, _ in watches))
            plan.frames(Reset(), after=20)
            plan.at_random(
                seed,
                [Reset(), Duplicate(), GarbageFrame(), Stall(0.01), *([DropFrame()] if features else [])],
                requests=[Status(503), Reset(), LostAnswer(), Stall(0.02)],
                handshakes=[Refused(), Reset()],
                probability=0.06,
            )
            for number in range(60):
                server.emit_transcript(rtstream.id, f"t{number}", late=0.05 if number % 7 == 0 else 0.0)
                server.emit_scene(visuals.rtstream_index_id, f"s{number}")
                server.detect(visuals.rtstream_index_id, "person", f"a{number}")
                await asyncio.sleep(0.005)
            plan.clear()
            before = client.health().reconnects
            gate.drop_connections()  # a connection that is new has no fault behind it that is still to be found
            await until(lambda: client.health().reconnects > before)
            well = {"live", "polling"}  # the hosted service sends an index to the connection it was made for alone
            await until(lambda: all(watch.state in well for watch, _ in watches))
            await until(lambda: len(server.world.streams[rtstream.id].segments) == 60)  # the late ones too
            server.emit_transcript(rtstream.id, "end")
            server.emit_scene(visuals.rtstream_index_id, "end")
            await until(lambda: all(_has(watched, "end") for _, watched in watches[:2]))
            await asyncio.sleep(2 * QUICK.audit_interval)
            for watch, _ in watches:
                await watch.aclose()
        oracle.emitted(server.emitted)
        spoken, seen, alerts = oracle.check(outages=gate.outages)
    assert (spoken.emitted, spoken.delivered) == (seen.emitted, seen.delivered) == (61, 61)
    assert alerts.emitted >= 60  # there is one that stands at every moment, and two while one is replaced
    assert plan.applied["Reset"] >= 1
    assert len(plan.log) >= 5


def _has(watched: Any, text: str) -> bool:
    return any(record.text == text for record in watched.records)
