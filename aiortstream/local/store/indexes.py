"""Indexes: what is to be made of a stream's pictures or of its speech.

By their role they are scene indexes, understandings (which make records that are not searched), or indexes of what an
understanding records. All have their records in `scenes`, by their id.
"""

# ruff: noqa: S608 - what is put into statements are constants of this package; values are bound.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from aiortstream.records import IndexKind


Role = Literal["scene", "understanding", "index"]


@dataclass(frozen=True, slots=True)
class IndexRow:
    """One index. `extraction_type` and `extraction_config` are the wire's, checked and with defaults filled in."""

    id: str
    rtstream_id: str
    kind: IndexKind
    extraction_type: str
    extraction_config: Mapping[str, str]
    prompt: str
    model_name: str | None
    name: str | None
    running: bool
    created_at: float
    role: Role = "scene"


@dataclass(frozen=True, slots=True)
class ReadMark:
    """How far an index has read: an audio index whole segments of the transcript up to one, and words of the next.

    An index of an understanding has read its records up to that id.
    """

    utterance_id: int
    words: int


_config = msgspec.json.Decoder(dict[str, str])
_COLUMNS = (
    "id, rtstream_id, kind, extraction_type, extraction_config, prompt, model_name, name, running, created_at, role"
)


def add(conn: sqlite3.Connection, index: IndexRow, mark: ReadMark) -> None:
    """A new index."""
    conn.execute(
        f"INSERT INTO indexes ({_COLUMNS}, read_to, read_words, updated_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            index.id,
            index.rtstream_id,
            index.kind,
            index.extraction_type,
            msgspec.json.encode(index.extraction_config).decode(),
            index.prompt,
            index.model_name,
            index.name,
            index.running,
            index.created_at,
            index.role,
            mark.utterance_id,
            mark.words,
            index.created_at,
        ),
    )


def get(conn: sqlite3.Connection, rtstream_id: str, index_id: str) -> IndexRow | None:
    """The index of that id, of any role, if it belongs to that stream."""
    row = conn.execute(
        f"SELECT {_COLUMNS} FROM indexes WHERE id = ? AND rtstream_id = ?", (index_id, rtstream_id)
    ).fetchone()
    return None if row is None else _row(row)


def stream_of(conn: sqlite3.Connection, index_id: str) -> str | None:
    """Which stream an index is of."""
    row = conn.execute("SELECT rtstream_id FROM indexes WHERE id = ?", (index_id,)).fetchone()
    return None if row is None else str(row[0])


def of_stream(conn: sqlite3.Connection, rtstream_id: str) -> Sequence[IndexRow]:
    """All indexes of a stream that can be searched, oldest first: no understandings."""
    return [row for row in every(conn, rtstream_id) if row.role != "understanding"]


def every(conn: sqlite3.Connection, rtstream_id: str) -> Sequence[IndexRow]:
    """All indexes of a stream, of every role, oldest first."""
    rows = conn.execute(f"SELECT {_COLUMNS} FROM indexes WHERE rtstream_id = ? ORDER BY created_at, id", (rtstream_id,))
    return [_row(row) for row in rows]


def of_collection(conn: sqlite3.Connection, collection_id: str) -> Sequence[IndexRow]:
    """All indexes of all streams of a collection that can be searched: no understandings."""
    columns = ", ".join(f"indexes.{column}" for column in _COLUMNS.split(", "))
    rows = conn.execute(
        f"SELECT {columns} FROM streams JOIN indexes ON indexes.rtstream_id = streams.id"
        " WHERE streams.collection_id = ? AND role != 'understanding'",
        (collection_id,),
    )
    return [_row(row) for row in rows]


def names(conn: sqlite3.Connection) -> dict[str, str]:
    """What to call each index: its name, or the beginning of its prompt."""
    return dict(conn.execute("SELECT id, coalesce(name, substr(prompt, 1, 40)) FROM indexes"))


def set_running(conn: sqlite3.Connection, index_id: str, *, running: bool, at: float) -> None:
    """Start or stop it."""
    conn.execute("UPDATE indexes SET running = ?, updated_at = ? WHERE id = ?", (running, at, index_id))


def set_prompt(conn: sqlite3.Connection, index_id: str, prompt: str, *, at: float) -> None:
    """Ask something else of what follows."""
    conn.execute("UPDATE indexes SET prompt = ?, updated_at = ? WHERE id = ?", (prompt, at, index_id))


def mark(conn: sqlite3.Connection, index_id: str) -> ReadMark:
    """How far an index has read."""
    row = conn.execute("SELECT read_to, read_words FROM indexes WHERE id = ?", (index_id,)).fetchone()
    return ReadMark(*row)


def set_mark(conn: sqlite3.Connection, index_id: str, mark: ReadMark) -> None:
    """It has read that far."""
    conn.execute(
        "UPDATE indexes SET read_to = ?, read_words = ? WHERE id = ?", (mark.utterance_id, mark.words, index_id)
    )


def _row(row: tuple[str, str, IndexKind, str, str, str, str | None, str | None, int, float, Role]) -> IndexRow:
    identifier, rtstream_id, kind, extraction_type, config, prompt, model_name, name, running, created_at, role = row
    return IndexRow(
        identifier,
        rtstream_id,
        kind,
        extraction_type,
        _config.decode(config),
        prompt,
        model_name,
        name,
        bool(running),
        created_at,
        role,
    )
