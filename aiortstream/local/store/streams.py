"""Streams: what was connected, whether it is to run, and how it does."""

# ruff: noqa: S608 - what is put into statements are constants of this package; values are bound.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

StreamStatus = Literal["connecting", "connected", "error", "stopped"]


@dataclass(frozen=True, slots=True)
class StreamRow:
    """One stream. `url` carries credentials: it is for connecting, never for showing."""

    id: str
    collection_id: str
    name: str
    url: str
    media_types: frozenset[str]
    sample_rate: int
    store: bool
    wanted: bool
    status: str
    status_reason: str | None
    created_at: float

    def __repr__(self) -> str:
        return f"StreamRow(id={self.id!r}, name={self.name!r}, status={self.status!r})"


_COLUMNS = "id, collection_id, name, url, media_types, sample_rate, store, wanted, status, status_reason, created_at"

ORDERINGS = {
    "-created_at": "created_at DESC, id DESC",
    "created_at": "created_at, id",
    "-name": "name DESC, id DESC",
    "name": "name, id",
}
"""What a list may be ordered by, in the wire's words."""


def add(conn: sqlite3.Connection, stream: StreamRow) -> None:
    """A new stream."""
    conn.execute(
        f"INSERT INTO streams ({_COLUMNS}, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            stream.id,
            stream.collection_id,
            stream.name,
            stream.url,
            ",".join(sorted(stream.media_types)),
            stream.sample_rate,
            stream.store,
            stream.wanted,
            stream.status,
            stream.status_reason,
            stream.created_at,
            stream.created_at,
        ),
    )


def get(conn: sqlite3.Connection, rtstream_id: str) -> StreamRow | None:
    """The stream of that id."""
    row = conn.execute(f"SELECT {_COLUMNS} FROM streams WHERE id = ?", (rtstream_id,)).fetchone()
    return None if row is None else _row(row)


def page(
    conn: sqlite3.Connection, *, limit: int, offset: int, status: str | None, name: str | None, ordering: str
) -> tuple[Sequence[StreamRow], int]:
    """Some of the streams with that status and with `name` in their names, and how many there are in all."""
    conditions, values = ["1"], list[object]()
    if status is not None:
        conditions.append("status = ?")
        values.append(status)
    if name is not None:
        conditions.append("instr(lower(name), lower(?)) > 0")
        values.append(name)
    where = " AND ".join(conditions)
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM streams WHERE {where} ORDER BY {ORDERINGS[ordering]} LIMIT ? OFFSET ?",
        (*values, limit, offset),
    )
    count = conn.execute(f"SELECT count(*) FROM streams WHERE {where}", values).fetchone()[0]
    return [_row(row) for row in rows], count


def wanted(conn: sqlite3.Connection) -> Sequence[str]:
    """Ids of the streams that are to run, oldest first."""
    return [row[0] for row in conn.execute("SELECT id FROM streams WHERE wanted ORDER BY created_at")]


def names(conn: sqlite3.Connection, collection_id: str) -> dict[str, str]:
    """Names of the streams of a collection by id."""
    return dict(conn.execute("SELECT id, name FROM streams WHERE collection_id = ?", (collection_id,)).fetchall())


def update(conn: sqlite3.Connection, rtstream_id: str, *, name: str | None, sample_rate: int | None, at: float) -> None:
    """Change what is given."""
    conn.execute(
        "UPDATE streams SET name = coalesce(?, name), sample_rate = coalesce(?, sample_rate), updated_at = ?"
        " WHERE id = ?",
        (name, sample_rate, at, rtstream_id),
    )


def want(conn: sqlite3.Connection, rtstream_id: str, *, at: float) -> None:
    """It is to run from now on."""
    _set(conn, rtstream_id, 1, "connecting", None, at)


def unwant(conn: sqlite3.Connection, rtstream_id: str, *, reason: str | None, at: float) -> None:
    """It is not to run any more."""
    _set(conn, rtstream_id, 0, "stopped", reason, at)


def report(conn: sqlite3.Connection, rtstream_id: str, status: StreamStatus, reason: str | None, *, at: float) -> None:
    """How it does. Nothing is changed for one that is not to run: that is news from before it was stopped."""
    conn.execute(
        "UPDATE streams SET status = ?, status_reason = ?, updated_at = ? WHERE id = ? AND wanted",
        (status, reason, at, rtstream_id),
    )


def _set(
    conn: sqlite3.Connection, rtstream_id: str, wanted: int, status: StreamStatus, reason: str | None, at: float
) -> None:
    conn.execute(
        "UPDATE streams SET wanted = ?, status = ?, status_reason = ?, updated_at = ? WHERE id = ?",
        (wanted, status, reason, at, rtstream_id),
    )


def _row(row: tuple[str, str, str, str, str, int, int, int, str, str | None, float]) -> StreamRow:
    identifier, collection_id, name, url, media_types, sample_rate, store, wanted, status, reason, created_at = row
    return StreamRow(
        identifier,
        collection_id,
        name,
        url,
        frozenset(media_types.split(",")),
        sample_rate,
        bool(store),
        bool(wanted),
        status,
        reason,
        created_at,
    )
