"""Webhook deliveries that are still to be made, and those that were.

A row is written in the transaction of the firing it tells of, so that a crash between the two cannot lose it. It is
pending while `next_attempt_at` is set. Times are unix seconds.
"""

# ruff: noqa: S608 - what is put into statements are constants of this package; values are bound.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row: what to send where. `message_id` stays the same over all attempts; `attempts` counts those made."""

    id: int
    message_id: str
    alert_id: str
    url: str
    body: bytes
    created_at: float
    attempts: int
    next_attempt_at: float | None
    delivered_at: float | None
    last_error: str | None


_COLUMNS = "id, message_id, alert_id, url, body, created_at, attempts, next_attempt_at, delivered_at, last_error"


def add(conn: sqlite3.Connection, *, message_id: str, alert_id: str, url: str, body: bytes, at: float) -> int:
    """Queue a delivery that is due at once; its row id."""
    cursor = conn.execute(
        "INSERT INTO outbox (message_id, alert_id, url, body, created_at, next_attempt_at) VALUES (?, ?, ?, ?, ?, ?)",
        (message_id, alert_id, url, body, at, at),
    )
    return cursor.lastrowid or 0


def due(conn: sqlite3.Connection, now: float, limit: int) -> list[Delivery]:
    """Pending deliveries whose time has come, the longest due first."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM outbox WHERE next_attempt_at <= ? ORDER BY next_attempt_at, id LIMIT ?", (now, limit)
    )
    return [Delivery(*row) for row in rows]


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
