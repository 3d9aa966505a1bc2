"""Scenes: the records of an index, their words for full-text search, and their vectors."""

# ruff: noqa: S608 - what is put into statements are constants of this package; values are bound.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from aiortstream.local.store.spans import Window, note_length

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class SceneRow:
    """One record. `id` rises in the order of commits."""

    id: int
    index_id: str
    start_ms: int
    end_ms: int
    text: str
    metadata: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Embedding:
    """A vector as it is stored: float16, little-endian; vectors of different models are never compared."""

    model: str
    vector: bytes


_COLUMNS = "id, index_id, start_ms, end_ms, text, metadata"


def add(
    conn: sqlite3.Connection,
    index_id: str,
    *,
    start_ms: int,
    end_ms: int,
    text: str,
    metadata: Mapping[str, Any] | None,
    model: str,
    embedding: Embedding | None,
    by_words: bool = True,
) -> SceneRow:
    """Write a scene with all that finds it; its end moves by a millisecond where its times, its key, are taken.

    `by_words=False` for one that is not searched itself: its words would only be in the way of others.
    """
    end_ms = max(end_ms, start_ms + 1)
    encoded = msgspec.json.encode(metadata).decode() if metadata else None
    while True:
        cursor = conn.execute(
            "INSERT INTO scenes (index_id, start_ms, end_ms, text, metadata, model) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (index_id, start_ms, end_ms, text, encoded, model),
        )
        if cursor.rowcount:
            break
        end_ms += 1
    identifier = cursor.lastrowid or 0
    if by_words:
        conn.execute("INSERT INTO scene_words (rowid, text) VALUES (?, ?)", (identifier, text))
    if embedding is not None:
        conn.execute(
            "INSERT INTO scene_vectors (index_id, model, scene_id, vector) VALUES (?, ?, ?, ?)",
            (index_id, embedding.model, identifier, embedding.vector),
        )
    note_length(conn, index_id, end_ms - start_ms)
    return SceneRow(identifier, index_id, start_ms, end_ms, text, metadata or None)


def page(conn: sqlite3.Connection, index_id: str, window: Window, *, limit: int, offset: int) -> Sequence[SceneRow]:
    """Scenes that touch the window, newest first."""
    condition, values = window.condition(conn, index_id)
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM scenes WHERE index_id = ?{condition}"
        " ORDER BY start_ms DESC, end_ms DESC LIMIT ? OFFSET ?",
        (index_id, *values, limit, offset),
    )
    return [_row(row) for row in rows]


def after(conn: sqlite3.Connection, index_id: str, scene_id: int, *, limit: int) -> Sequence[SceneRow]:
    """Scenes committed after the one named, in that order."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM scenes WHERE index_id = ? AND id > ? ORDER BY id LIMIT ?", (index_id, scene_id, limit)
    )
    return [_row(row) for row in rows]


def models(conn: sqlite3.Connection, scene_ids: Iterable[int]) -> dict[int, str]:
    """Which model has written each of these scenes."""
    found = {}
    for scene_id in scene_ids:
        found[scene_id] = conn.execute("SELECT model FROM scenes WHERE id = ?", (scene_id,)).fetchone()[0]
    return found


def embeddings(conn: sqlite3.Connection, index_id: str, first: int, last: int) -> dict[int, Embedding]:
    """Vectors of an index's scenes of these ids and between, one each, for those that have one."""
    found: dict[int, Embedding] = {}
    model = ""
    # From model to model by its key: there are few models, and very many vectors.
    while (
        row := conn.execute(
            "SELECT min(model) FROM scene_vectors WHERE index_id = ? AND model > ?", (index_id, model)
        ).fetchone()
    )[0] is not None:
        model = row[0]
        rows = conn.execute(
            "SELECT scene_id, vector FROM scene_vectors WHERE index_id = ? AND model = ? AND scene_id BETWEEN ? AND ?",
            (index_id, model, first, last),
        )
        found |= {scene_id: Embedding(model, vector) for scene_id, vector in rows}
    return found


def last_id(conn: sqlite3.Connection, index_id: str) -> int:
    """Id of the scene committed last, 0 if there is none."""
    row = conn.execute("SELECT max(id) FROM scenes WHERE index_id = ?", (index_id,)).fetchone()
    return int(row[0] or 0)


def by_id(conn: sqlite3.Connection, scene_ids: Iterable[int]) -> dict[int, SceneRow]:
    """The scenes of these ids."""
    found = {}
    for scene_id in scene_ids:
        row = conn.execute(f"SELECT {_COLUMNS} FROM scenes WHERE id = ?", (scene_id,)).fetchone()
        if row is not None:
            found[scene_id] = _row(row)
    return found


def _row(row: tuple[int, str, int, int, str, str | None]) -> SceneRow:
    identifier, index_id, start_ms, end_ms, text, metadata = row
    return SceneRow(
        identifier, index_id, start_ms, end_ms, text, None if metadata is None else msgspec.json.decode(metadata)
    )
