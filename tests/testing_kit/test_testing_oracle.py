"""The oracle: it passes what kept the promise, and says what did not."""

from __future__ import annotations

import asyncio

import pytest

from aiortstream import Alert, AsyncClient, DataLost, Gap, Scene, TranscriptSegment
from aiortstream.testing import FaultGate, FaultPlan, Oracle, ScriptedServer

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


@pytest.mark.parametrize("told", [gap(T, T + 3), gap(T, None, "rts-2")])
def test_a_gap_elsewhere_or_of_another_stream_excuses_nothing(told: Gap) -> None:
    oracle = Oracle()
    oracle.emitted(EMITTED[4:])
    oracle.watch().note(told)
    with pytest.raises(AssertionError, match="1 lost in silence"):
        oracle.check()


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


def test_a_gap_without_an_outage_is_invented_where_the_outages_are_known() -> None:
    oracle = Oracle()
    oracle.watch().note(gap(T + 10, T + 20))
    oracle.check()
    oracle.check(outages=[(T + 19, T + 30)])
    with pytest.raises(AssertionError, match="1 gaps without an outage"):
        oracle.check(outages=[(T + 21, T + 30)])


def test_each_watch_is_asked_for_what_it_wants_and_order_is_counted() -> None:
    oracle = Oracle()
    scene = Scene(T, T + 2, "a door", "rts-2", "visual", "i1")
    alert = Alert("person", T, "rts-2", firing_id=3, fired_at=T + 3)
    oracle.emitted([*EMITTED, scene, alert])
    spoken = oracle.watch("spoken", wants=lambda record: isinstance(record, TranscriptSegment))
    rest = oracle.watch("rest", wants=lambda record: record.rtstream_id == "rts-2")
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
