"""Transcripts: whether a stream's is wanted, and what was said."""

# ruff: noqa: S608 - what is put into statements are constants of this package; values are bound.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from aiortstream.local.store.spans import Window, note_length

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence


@dataclass(frozen=True, slots=True)
class TranscriptRow:
    """Whether a transcript was asked for, and with which engine, in the wire's name for it."""

    rtstream_id: str
    engine: str
    running: bool
    created_at: float
    updated_at: float


class WordRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One word; times in milliseconds."""

    word: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class UtteranceRow:
    """One final segment. `id` rises in the order of commits."""

    id: int
    rtstream_id: str
    start_ms: int
    end_ms: int
    text: str
    words: tuple[WordRow, ...]


_words = msgspec.json.Decoder(tuple[WordRow, ...])
_COLUMNS = "id, rtstream_id, start_ms, end_ms, text, words"


def set_running(conn: sqlite3.Connection, rtstream_id: str, *, running: bool, engine: str | None, at: float) -> None:
    """Ask for the transcript, or end it; None keeps the engine that was asked for, or takes the default."""
    conn.execute(
        "INSERT INTO transcripts (rtstream_id, engine, running, created_at, updated_at)"
        " VALUES (:stream, coalesce(:engine, 'default'), :running, :at, :at) ON CONFLICT (rtstream_id) DO UPDATE SET"
        " engine = coalesce(:engine, engine), running = :running, updated_at = :at",
        {"stream": rtstream_id, "engine": engine, "running": running, "at": at},
    )


def get(conn: sqlite3.Connection, rtstream_id: str) -> TranscriptRow | None:
    """The transcript of a stream, None if it was never asked for."""
    row = conn.execute(
        "SELECT rtstream_id, engine, running, created_at, updated_at FROM transcripts WHERE rtstream_id = ?",
        (rtstream_id,),
    ).fetchone()
    return None if row is None else TranscriptRow(row[0], row[1], bool(row[2]), row[3], row[4])


def add(
    conn: sqlite3.Connection,
    rtstream_id: str,
    *,
    start_ms: int,
    end_ms: int,
    text: str,
    words: Sequence[WordRow],
    model: str,
) -> UtteranceRow:
    """Write a segment. Its times are its key for clients: where they are taken, its end moves by a millisecond."""
    end_ms = max(end_ms, start_ms + 1)
    encoded = msgspec.json.encode(words)
    while True:
        cursor = conn.execute(
            "INSERT INTO utterances (rtstream_id, start_ms, end_ms, text, words, model) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (rtstream_id, start_ms, end_ms, text, encoded, model),
        )
        if cursor.rowcount:
            break
        end_ms += 1
    note_length(conn, rtstream_id, end_ms - start_ms)
    return UtteranceRow(cursor.lastrowid or 0, rtstream_id, start_ms, end_ms, text, tuple(words))


def page(
    conn: sqlite3.Connection, rtstream_id: str, window: Window, *, limit: int, offset: int
) -> Sequence[UtteranceRow]:
    """Segments that touch the window, in the order of their starts."""
    condition, values = window.condition(conn, rtstream_id)
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM utterances WHERE rtstream_id = ?{condition}"
        " ORDER BY start_ms, end_ms LIMIT ? OFFSET ?",
        (rtstream_id, *values, limit, offset),
    )
    return [_row(row) for row in rows]


def count(conn: sqlite3.Connection, rtstream_id: str, window: Window) -> int:
    """How many segments touch the window."""
    condition, values = window.condition(conn, rtstream_id)
    row = conn.execute(f"SELECT count(*) FROM utterances WHERE rtstream_id = ?{condition}", (rtstream_id, *values))
    return int(row.fetchone()[0])


def after(conn: sqlite3.Connection, rtstream_id: str, utterance_id: int, *, limit: int) -> Sequence[UtteranceRow]:
    """Segments committed after the one named, in that order."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM utterances WHERE rtstream_id = ? AND id > ? ORDER BY id LIMIT ?",
        (rtstream_id, utterance_id, limit),
    )
    return [_row(row) for row in rows]


def last_id(conn: sqlite3.Connection, rtstream_id: str) -> int:
    """Id of the segment committed last, 0 if there is none."""
    row = conn.execute("SELECT max(id) FROM utterances WHERE rtstream_id = ?", (rtstream_id,)).fetchone()
    return int(row[0] or 0)


def _row(row: Iterable[object]) -> UtteranceRow:
    identifier, rtstream_id, start_ms, end_ms, text, words = row
    return UtteranceRow(identifier, rtstream_id, start_ms, end_ms, text, _words.decode(words))  # type: ignore[arg-type]
