"""Understandings, whose records are kept to be indexed, and the indexes that take copies of them.

Both are rows of `indexes` as well, by their id: there is what they have in common with scene indexes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from aiortstream.local.store import indexes, scenes

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, slots=True)
class UnderstandingRow:
    """What an understanding has beyond its row of `indexes`. `output` is the name of its analyzer."""

    output: str
    store: bool
    segmentation: Mapping[str, Any]
    analyzers: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What an index takes its records from, and what for."""

    understanding_id: str
    output: str
    use_for: tuple[str, ...]


_json = msgspec.json


def add(conn: sqlite3.Connection, index: indexes.IndexRow, row: UnderstandingRow) -> None:
    """A new understanding."""
    indexes.add(conn, index, indexes.ReadMark(0, 0))
    conn.execute(
        "INSERT INTO understandings (id, output, store, segmentation, analyzers) VALUES (?, ?, ?, ?, ?)",
        (index.id, row.output, row.store, _text(row.segmentation), _text(row.analyzers)),
    )


def get(conn: sqlite3.Connection, understanding_id: str) -> UnderstandingRow:
    """That of this id, which must be there."""
    output, store, segmentation, analyzers = conn.execute(
        "SELECT output, store, segmentation, analyzers FROM understandings WHERE id = ?", (understanding_id,)
    ).fetchone()
    return UnderstandingRow(output, bool(store), _json.decode(segmentation), _json.decode(analyzers))


def stores(conn: sqlite3.Connection, understanding_id: str) -> bool:
    """Whether its records are kept."""
    row = conn.execute("SELECT store FROM understandings WHERE id = ?", (understanding_id,)).fetchone()
    return bool(row[0])


def add_index(conn: sqlite3.Connection, index: indexes.IndexRow, understanding_id: str, use_for: Sequence[str]) -> None:
    """A new index of an understanding's records, none of which it has taken yet."""
    indexes.add(conn, index, indexes.ReadMark(0, 0))
    conn.execute(
        "INSERT INTO understanding_indexes (id, understanding_id, use_for) VALUES (?, ?, ?)",
        (index.id, understanding_id, ",".join(use_for)),
    )


def source(conn: sqlite3.Connection, index_id: str) -> SourceRow:
    """What that index, which must be there, takes its records from."""
    understanding_id, output, use_for = conn.execute(
        "SELECT understanding_id, output, use_for FROM understanding_indexes"
        " JOIN understandings ON understandings.id = understanding_id WHERE understanding_indexes.id = ?",
        (index_id,),
    ).fetchone()
    return SourceRow(understanding_id, output, tuple(use_for.split(",")))


def running_indexes(conn: sqlite3.Connection, understanding_id: str) -> Sequence[str]:
    """Ids of the indexes that take its records as they come."""
    rows = conn.execute(
        "SELECT understanding_indexes.id FROM understanding_indexes JOIN indexes USING (id)"
        " WHERE understanding_id = ? AND running ORDER BY created_at, id",
        (understanding_id,),
    )
    return [row[0] for row in rows]


def take(conn: sqlite3.Connection, index_id: str, *, limit: int) -> int:
    """Copy records that the index has not taken yet, the oldest first, `limit` at most; how many there were."""
    read_to = indexes.mark(conn, index_id).utterance_id
    understanding_id = source(conn, index_id).understanding_id
    rows = scenes.after(conn, understanding_id, read_to, limit=limit)
    if not rows:
        return 0
    models = scenes.models(conn, [row.id for row in rows])
    embeddings = scenes.embeddings(conn, understanding_id, rows[0].id, rows[-1].id)
    for row in rows:
        scenes.add(
            conn,
            index_id,
            start_ms=row.start_ms,
            end_ms=row.end_ms,
            text=row.text,
            metadata=row.metadata,
            model=models[row.id],
            embedding=embeddings.get(row.id),
        )
    indexes.set_mark(conn, index_id, indexes.ReadMark(rows[-1].id, 0))
    return len(rows)


def _text(value: object) -> str:
    return _json.encode(value).decode()
