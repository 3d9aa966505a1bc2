"""Events (what to look for), alerts (where to look for it and whom to tell), firings (when it was seen)."""

# ruff: noqa: S608 - what is put into statements are constants of this package; values are bound.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event definition; labels need not be unique."""

    id: str
    prompt: str
    label: str
    created_at: float


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One alert on an index, with its event. Scenes after `judged_to` are still to be judged."""

    id: str
    index_id: str
    event_id: str
    prompt: str
    label: str
    callback_url: str
    callback_gone: bool
    enabled: bool
    judged_to: int


@dataclass(frozen=True, slots=True)
class FiringRow:
    """An alert that a scene has set off."""

    id: int
    alert_id: str
    scene_id: int
    fired_ms: int
    logged_ms: int
    """When it was committed, never smaller than that of the id before."""
    confidence: float
    explanation: str


@dataclass(frozen=True, slots=True)
class LogRow:
    """A firing with all that it is about."""

    firing: FiringRow
    rtstream_id: str
    rtstream_name: str
    stored: bool
    """Whether the stream is recorded, so that the scene can be played."""
    index_id: str
    event_id: str
    label: str
    start_ms: int
    end_ms: int


_ALERTS = (
    "SELECT alerts.id, index_id, event_id, prompt, label, callback_url, callback_gone_at, enabled, judged_to"
    " FROM alerts JOIN events ON events.id = event_id"
)


def add_event(conn: sqlite3.Connection, event: EventRow) -> None:
    """A new event."""
    conn.execute(
        "INSERT INTO events (id, prompt, label, created_at) VALUES (?, ?, ?, ?)",
        (event.id, event.prompt, event.label, event.created_at),
    )


def get_event(conn: sqlite3.Connection, event_id: str) -> EventRow | None:
    """The event of that id."""
    row = conn.execute("SELECT id, prompt, label, created_at FROM events WHERE id = ?", (event_id,)).fetchone()
    return None if row is None else EventRow(*row)


def events(conn: sqlite3.Connection) -> Sequence[EventRow]:
    """All events, oldest first."""
    rows = conn.execute("SELECT id, prompt, label, created_at FROM events ORDER BY created_at, id")
    return [EventRow(*row) for row in rows]


def add(
    conn: sqlite3.Connection,
    alert_id: str,
    *,
    index_id: str,
    event_id: str,
    callback_url: str,
    judged_to: int,
    at: float,
) -> None:
    """A new alert, enabled: it judges the scenes after `judged_to`."""
    conn.execute(
        "INSERT INTO alerts (id, index_id, event_id, callback_url, enabled, judged_to, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, 1, ?, ?, ?)",
        (alert_id, index_id, event_id, callback_url, judged_to, at, at),
    )


def get(conn: sqlite3.Connection, index_id: str, alert_id: str) -> AlertRow | None:
    """The alert of that id, if it belongs to that index."""
    row = conn.execute(f"{_ALERTS} WHERE alerts.id = ? AND index_id = ?", (alert_id, index_id)).fetchone()
    return None if row is None else _row(row)


def of_index(conn: sqlite3.Connection, index_id: str) -> Sequence[AlertRow]:
    """All alerts of an index, oldest first."""
    rows = conn.execute(f"{_ALERTS} WHERE index_id = ? ORDER BY alerts.created_at, alerts.id", (index_id,))
    return [_row(row) for row in rows]


def watched_indexes(conn: sqlite3.Connection, rtstream_id: str) -> frozenset[str]:
    """Indexes of a stream that have an alert, enabled or not."""
    rows = conn.execute(
        "SELECT id FROM indexes WHERE rtstream_id = ? AND EXISTS (SELECT 1 FROM alerts WHERE index_id = indexes.id)",
        (rtstream_id,),
    )
    return frozenset(row[0] for row in rows)


def set_enabled(conn: sqlite3.Connection, alert_id: str, *, enabled: bool, judged_to: int, at: float) -> None:
    """Switch it; what was recorded while it was off stays unjudged: `judged_to` is the last scene there is."""
    conn.execute(
        "UPDATE alerts SET judged_to = CASE WHEN enabled THEN judged_to ELSE ? END, enabled = ?, updated_at = ?"
        " WHERE id = ?",
        (judged_to, enabled, at, alert_id),
    )


def set_judged(conn: sqlite3.Connection, alert_id: str, scene_id: int) -> None:
    """Every scene up to this one has been judged."""
    conn.execute("UPDATE alerts SET judged_to = max(judged_to, ?) WHERE id = ?", (scene_id, alert_id))


def add_firing(
    conn: sqlite3.Connection,
    alert_id: str,
    scene_id: int,
    *,
    rtstream_id: str,
    index_id: str,
    fired_ms: int,
    now_ms: int,
    confidence: float,
    explanation: str,
    model: str,
) -> FiringRow:
    """It has fired. Raises `sqlite3.IntegrityError` if it has on this scene before.

    It is logged at `now_ms`, or, should the clock have been set back, when the one before it was: whoever has read up
    to some time finds nothing new before it.
    """
    row = conn.execute("SELECT logged_ms FROM firings ORDER BY id DESC LIMIT 1").fetchone()
    logged_ms = now_ms if row is None else max(now_ms, int(row[0]))
    cursor = conn.execute(
        "INSERT INTO firings (rtstream_id, index_id, alert_id, scene_id, fired_ms, logged_ms, confidence, explanation,"
        " model) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (rtstream_id, index_id, alert_id, scene_id, fired_ms, logged_ms, confidence, explanation, model),
    )
    return FiringRow(cursor.lastrowid or 0, alert_id, scene_id, fired_ms, logged_ms, confidence, explanation)


def firings(conn: sqlite3.Connection, alert_id: str) -> Sequence[FiringRow]:
    """Every time an alert has fired, oldest first."""
    rows = conn.execute(
        "SELECT id, alert_id, scene_id, fired_ms, logged_ms, confidence, explanation FROM firings WHERE alert_id = ?"
        " ORDER BY scene_id",
        (alert_id,),
    )
    return [FiringRow(*row) for row in rows]


def log(
    conn: sqlite3.Connection,
    *,
    rtstream_id: str | None,
    index_id: str | None,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
    offset: int,
) -> Sequence[LogRow]:
    """Firings logged from `start_ms` on and before `end_ms`, oldest first; what is None does not select.

    An index is of one stream: name either of them, so that it can be looked up in the order of time.
    """
    bounds = {
        "rtstream_id = ?": rtstream_id,
        "index_id = ?": index_id,
        "logged_ms >= ?": start_ms,
        "logged_ms < ?": end_ms,
    }
    given = {condition: value for condition, value in bounds.items() if value is not None}
    where = " AND ".join(given) or "TRUE"
    # Paged by ids alone, so that what is passed over costs no look-up.
    rows = conn.execute(
        "SELECT firings.id, alert_id, scene_id, fired_ms, logged_ms, confidence, explanation, firings.rtstream_id,"
        " streams.name, store, firings.index_id, event_id, label, start_ms, end_ms FROM firings"
        " CROSS JOIN alerts ON alerts.id = alert_id CROSS JOIN events ON events.id = event_id"
        " CROSS JOIN scenes ON scenes.id = scene_id CROSS JOIN streams ON streams.id = firings.rtstream_id"
        f" WHERE firings.id IN (SELECT id FROM firings WHERE {where} ORDER BY logged_ms, id LIMIT ? OFFSET ?)"
        " ORDER BY firings.id",
        (*given.values(), limit, offset),
    )
    return [_log_row(*row) for row in rows]


def _log_row(*row: Any) -> LogRow:
    *firing, rtstream_id, name, store, index_id, event_id, label, start_ms, end_ms = row
    return LogRow(FiringRow(*firing), rtstream_id, name, bool(store), index_id, event_id, label, start_ms, end_ms)


def _row(row: tuple[str, str, str, str, str, str, float | None, int, int]) -> AlertRow:
    identifier, index_id, event_id, prompt, label, callback_url, gone_at, enabled, judged_to = row
    return AlertRow(
        identifier, index_id, event_id, prompt, label, callback_url, gone_at is not None, bool(enabled), judged_to
    )
