"""The bodies of callbacks: of an alert's, as the hosted service has been recorded to send it.

Times are ISO 8601 with an offset in recorded deliveries and float seconds in the documentation; the profile chooses.
The event id carries an `event-` prefix in recorded ones, and nowhere else.
"""

from __future__ import annotations

from typing import Any, Literal

from aiortstream.records import Alert, CaptureSessionEvent
from aiortstream.wire.times import to_iso

WebhookTimes = Literal["iso", "seconds"]
EventIdForm = Literal["prefixed", "bare"]


def alert_body(alert: Alert, *, times: WebhookTimes, event_id: EventIdForm = "prefixed") -> dict[str, Any]:
    """The JSON object that is posted to `callback_url` when `alert` fires."""

    def moment(seconds: float | None) -> str | float | None:
        if seconds is None:
            return None
        return to_iso(seconds) if times == "iso" else seconds

    return {
        "event_id": f"event-{alert.event_id}" if alert.event_id and event_id == "prefixed" else alert.event_id,
        "label": alert.label,
        "confidence": alert.confidence,
        "explanation": alert.text,
        "timestamp": to_iso(alert.timestamp),
        "start_time": moment(alert.start),
        "end_time": moment(alert.end),
        "stream_url": alert.stream_url,
        "player_url": alert.player_url,
    }


def capture_body(event: CaptureSessionEvent, end_user_id: str, at: float) -> dict[str, Any]:
    """The JSON object that is posted to a capture session's `callback_url`; an alert's has no `event`, which tells."""
    return {
        "version": "2",
        "event": event.event,
        "timestamp": to_iso(at).replace("+00:00", "Z"),
        "capture_session_id": event.capture_session_id,
        "end_user_id": end_user_id,
        "status": event.status,
        "data": event.data,
    }
