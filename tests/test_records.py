"""The records that watches hand out: typed attributes, the seed's keys, aware datetimes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from aiortstream.records import (
    Alert,
    CaptureSessionEvent,
    DecodeFailure,
    Gap,
    Keyed,
    PartialTranscript,
    Scene,
    SpokenWord,
    Timed,
    TranscriptSegment,
    UnknownEvent,
)

T = 1720000003.125
SEGMENT = TranscriptSegment(T, T + 1, "put the kettle on", "rts-1", words=(SpokenWord(T, T + 0.5, "put"),))
SCENE = Scene(T, T + 2, "a van", "rts-1", "visual", "i1")
ALERT = Alert("parcel_left", T, "rts-1", text="A parcel")
GAP = Gap("scene", T, T + 9, "disconnected", True, "rts-1")
ALL: list[Keyed] = [
    SEGMENT,
    PartialTranscript(T, T + 1, "put", "rts-1"),
    SCENE,
    ALERT,
    CaptureSessionEvent("capture_session.active", "cap-1"),
    UnknownEvent("novel", {"x": 1}),
    DecodeFailure("why", b"raw"),
    GAP,
    SpokenWord(T, T + 0.5, "put"),
]


@pytest.mark.parametrize("record", ALL, ids=lambda record: type(record).__name__)
def test_every_field_is_also_a_key(record: Keyed) -> None:
    for name in record.__struct_fields__:
        assert record[name] == getattr(record, name)
        assert name in record
    assert dict(record) == {key: record[key] for key in record.keys()}  # noqa: SIM118 - it is no dict: both are tested
    assert {**record} == dict(record)


@pytest.mark.parametrize("record", ALL, ids=lambda record: type(record).__name__)
def test_what_is_no_field_is_no_key(record: Keyed) -> None:
    for name in ("colour", "aliases", "keys", "__class__", "start_time", 5):
        assert name not in record
    with pytest.raises(KeyError, match="colour"):
        record["colour"]
    assert record.get("colour") is None
    assert record.get("colour", "red") == "red"


@pytest.mark.parametrize("record", ALL, ids=lambda record: type(record).__name__)
def test_records_are_values(record: Keyed) -> None:
    assert record == msgspec.structs.replace(record)
    with pytest.raises(AttributeError):
        record.colour = 1  # type: ignore[attr-defined] # that it is refused is the point
    with pytest.raises(AttributeError):
        setattr(record, record.__struct_fields__[0], None)


@pytest.mark.parametrize(
    ("record", "key", "value"),
    [
        (SCENE, "description", "a van"),
        (SCENE, "text", "a van"),
        (SCENE, "rtstream_index_id", "i1"),
        (SEGMENT, "word_timestamps", SEGMENT.words),
        (SEGMENT.words[0], "text", "put"),
        (ALERT, "event_label", "parcel_left"),
        (ALERT, "explanation", "A parcel"),
    ],
)
def test_the_other_names_of_the_wire_are_answered(record: Keyed, key: str, value: object) -> None:
    assert record[key] == record.get(key) == value
    assert key in record
    assert key in list(record)


@pytest.mark.parametrize("record", [SEGMENT, SCENE, SEGMENT.words[0]])
def test_times_are_also_aware_datetimes(record: Timed) -> None:
    assert record.start_time == datetime(2024, 7, 3, 9, 46, 43, 125000, UTC)
    assert record.end_time.timestamp() == record.end
    assert record.end_time.tzinfo is UTC


def test_an_alert_has_a_moment_and_need_not_have_a_window() -> None:
    assert ALERT.time == datetime(2024, 7, 3, 9, 46, 43, 125000, UTC)
    assert (ALERT.start, ALERT.end, ALERT.triggered) == (None, None, True)


def test_final_and_partial_are_told_apart_by_type_and_by_key() -> None:
    partial = PartialTranscript(T, T + 1, "put", "rts-1")
    assert (SEGMENT["is_final"], partial["is_final"]) == (True, False)
    assert not issubclass(PartialTranscript, TranscriptSegment)


@pytest.mark.parametrize(
    ("gap", "words"),
    [
        (GAP, ["scenes of rts-1", "2024-07-03T09:46:43", "2024-07-03T09:46:52", "disconnected", "can be fetched"]),
        (Gap("alert", T, None, "slow_consumer", False), ["alerts of any stream", "and now", "cannot be fetched"]),
    ],
)
def test_a_gap_says_what_from_when_to_when_and_why(gap: Gap, words: list[str]) -> None:
    for word in words:
        assert word in str(gap)


def test_no_two_events_share_their_empty_data() -> None:
    first, second = CaptureSessionEvent("e", "c1"), CaptureSessionEvent("e", "c2")
    data: Any = first.data
    data["x"] = 1
    assert second.data == {}
