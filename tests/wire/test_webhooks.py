"""The body of an alert's callback, as recorded and as documented."""

from __future__ import annotations

import pytest

from aiortstream.records import Alert
from aiortstream.wire.times import to_seconds
from aiortstream.wire.webhooks import alert_body

ALERT = Alert(
    "parcel_left",
    1720000021.750125,
    "rts-gate",
    text="A parcel lies at the gate",
    confidence=0.95,
    start=1720000010.5,
    end=1720000015.0,
    event_id="11fc2440057d22ec",
    alert_id="a1",
    stream_url="https://s/1.m3u8",
    player_url="https://p?url=1",
)


def test_as_recorded_times_are_iso_and_the_event_id_has_its_prefix() -> None:
    assert alert_body(ALERT, times="iso") == {
        "event_id": "event-11fc2440057d22ec",
        "label": "parcel_left",
        "confidence": 0.95,
        "explanation": "A parcel lies at the gate",
        "timestamp": "2024-07-03T09:47:01.750125+00:00",
        "start_time": "2024-07-03T09:46:50.500000+00:00",
        "end_time": "2024-07-03T09:46:55.000000+00:00",
        "stream_url": "https://s/1.m3u8",
        "player_url": "https://p?url=1",
    }


def test_as_documented_the_window_is_in_seconds_and_the_moment_stays_iso() -> None:
    body = alert_body(ALERT, times="seconds")
    assert (body["start_time"], body["end_time"]) == (1720000010.5, 1720000015.0)
    assert body["timestamp"] == "2024-07-03T09:47:01.750125+00:00"


@pytest.mark.parametrize("times", ["iso", "seconds"])
def test_what_is_not_known_is_null_and_never_a_word(times: object) -> None:
    body = alert_body(Alert("x", 1720000000.0), times=times)  # type: ignore[arg-type] # from the parameters
    assert {name for name, value in body.items() if value is None} == {
        "event_id",
        "confidence",
        "start_time",
        "end_time",
        "stream_url",
        "player_url",
    }


def test_its_times_are_read_as_the_same_moments() -> None:
    body = alert_body(ALERT, times="iso")
    assert to_seconds(body["start_time"]) == ALERT.start
    assert to_seconds(body["timestamp"]) == pytest.approx(ALERT.timestamp, abs=1e-6)
