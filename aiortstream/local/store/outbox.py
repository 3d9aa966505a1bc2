"""Webhook deliveries that are still to be made, and those that were.

A row is written in the transaction of the firing it tells of, so that a crash between the two cannot lose it. It is
pending while `next_attempt_at` is set. Times are unix seconds.
"""

# ruff: noqa: S608 - what is put into statements are constants of this package; values are bound.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping


State = Literal["pending", "delivered", "failed"]
_STATES: Mapping[State, str] = {
    "pending": "next_attempt_at IS NOT NULL",
    "delivered": "delivered_at IS NOT NULL AND next_attempt_at IS NULL",
    "failed": "delivered_at IS NULL AND next_attempt_at IS NULL",
}


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row: what to send where. `message_id` stays the same over all attempts; `attempts` counts those made."""

    id: int
    message_id: str
    alert_id: str | None
    """None where it tells of a capture session."""
    url: str
    body: bytes
    created_at: float
    attempts: int
    next_attempt_at: float | None
    delivered_at: float | None
    last_error: str | None

    @property
    def state(self) -> State:
        """What has become of it."""
        if self.next_attempt_at is not None:
            return "pending"
        return "failed" if self.delivered_at is None else "delivered"


_COLUMNS = "id, message_id, alert_id, url, body, created_at, attempts, next_attempt_at, delivered_at, last_error"


def add(conn: sqlite3.Connection, *, message_id: str, alert_id: str | None, url: str, body: bytes, at: float) -> int:
    """Queue a delivery that is due at once; its row id."""
    cursor = conn.execute(
        "INSERT INTO outbox (message_id, alert_id, url, body, created_at, next_attempt_at) VALUES (?, ?, ?, ?, ?, ?)",
        (message_id, alert_id, url, body, at, at),
    )
    return cursor.lastrowid or 0


def due(conn: sqlite3.Connection, now: float, limit: int, *, without: Collection[str] = ()) -> list[Delivery]:
    """Pending deliveries whose time has come, the longest due first; none to the URLs `without`."""
    passed = f" AND url NOT IN ({', '.join('?' * len(without))})" if without else ""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM outbox WHERE next_attempt_at <= ?{passed} ORDER BY next_attempt_at, id LIMIT ?",
        (now, *without, limit),
    )
    return [Delivery(*row) for row in rows]


def get(conn: sqlite3.Connection, delivery_id: int) -> Delivery | None:
    """One delivery, pending or not."""
    row = conn.execute(f"SELECT {_COLUMNS} FROM outbox WHERE id = ?", (delivery_id,)).fetchone()
    return None if row is None else Delivery(*row)


def page(
    conn: sqlite3.Connection,
    *,
    alert_id: str | None,
    state: State | None,
    start: float | None,
    end: float | None,
    limit: int,
    offset: int,
) -> list[Delivery]:
    """Deliveries made from `start` on and before `end`, the newest first; what is None does not select."""
    bounds = {"alert_id = ?": alert_id, "created_at >= ?": start, "created_at < ?": end}
    given = {condition: value for condition, value in bounds.items() if value is not None}
    where = [*given, *([_STATES[state]] if state is not None else [])]
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM outbox WHERE {' AND '.join(where) or 'TRUE'} ORDER BY id DESC LIMIT ? OFFSET ?",
        (*given.values(), limit, offset),
    )
    return [Delivery(*row) for row in rows]


def again(conn: sqlite3.Connection, delivery_id: int, at: float) -> None:
    """Let it be due at once, whatever became of it, with its attempts counted anew and its id as it was."""
    conn.execute(
        "UPDATE outbox SET next_attempt_at = ?, attempts = 0, delivered_at = NULL WHERE id = ?", (at, delivery_id)
    )


def next_due(conn: sqlite3.Connection) -> float | None:
    """When the next pending delivery is due; None if none is pending."""
    row = conn.execute("SELECT min(next_attempt_at) FROM outbox WHERE next_attempt_at IS NOT NULL").fetchone()
    return None if row[0] is None else float(row[0])


def pending(conn: sqlite3.Connection) -> int:
    """How many are to be sent, now or later."""
    return int(conn.execute("SELECT count(*) FROM outbox WHERE next_attempt_at IS NOT NULL").fetchone()[0])


def delivered(conn: sqlite3.Connection, delivery_id: int, at: float) -> None:
    """The receiver took it."""
    conn.execute(
        "UPDATE outbox SET attempts = attempts + 1, next_attempt_at = NULL, delivered_at = ?, last_error = NULL"
        " WHERE id = ?",
        (at, delivery_id),
    )


def failed(conn: sqlite3.Connection, delivery_id: int, at: float, next_attempt_at: float | None, error: str) -> None:
    """An attempt made `at` failed; None for `next_attempt_at` gives the delivery up."""
    conn.execute(
        "UPDATE outbox SET attempts = attempts + 1, next_attempt_at = ?, last_attempt_at = ?, last_error = ?"
        " WHERE id = ?",
        (next_attempt_at, at, error, delivery_id),
    )


def gone(conn: sqlite3.Connection, delivery_id: int, at: float, error: str) -> None:
    """The receiver said it is gone for good: give this delivery up, and send its alert's later ones nowhere."""
    failed(conn, delivery_id, at, None, error)
    conn.execute(
        "UPDATE alerts SET callback_gone_at = ? WHERE id = (SELECT alert_id FROM outbox WHERE id = ?)",
        (at, delivery_id),
    )
    conn.execute(
        "UPDATE outbox SET next_attempt_at = NULL, last_error = ? WHERE next_attempt_at IS NOT NULL AND alert_id ="
        " (SELECT alert_id FROM outbox WHERE id = ?)",
        (error, delivery_id),
    )


def forget(conn: sqlite3.Connection, before: float) -> int:
    """Delete deliveries that are no longer pending and were made before; how many."""
    return conn.execute("DELETE FROM outbox WHERE next_attempt_at IS NULL AND created_at < ?", (before,)).rowcount
