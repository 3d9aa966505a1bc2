"""Collections of streams and videos."""

# ruff: noqa: S608 - what is put into statements are constants of this package; values are bound.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class CollectionRow:
    """One collection; exactly one is the default."""

    id: str
    name: str
    description: str
    is_default: bool
    created_at: float


_COLUMNS = "id, name, description, is_default, created_at"


def get(conn: sqlite3.Connection, collection_id: str) -> CollectionRow | None:
    """The collection of that id."""
    row = conn.execute(f"SELECT {_COLUMNS} FROM collections WHERE id = ?", (collection_id,)).fetchone()
    return None if row is None else _row(row)


def default(conn: sqlite3.Connection) -> CollectionRow:
    """The default collection."""
    return _row(conn.execute(f"SELECT {_COLUMNS} FROM collections WHERE is_default").fetchone())


def every(conn: sqlite3.Connection) -> list[CollectionRow]:
    """All, oldest first."""
    return [_row(row) for row in conn.execute(f"SELECT {_COLUMNS} FROM collections ORDER BY created_at, id")]


def add(conn: sqlite3.Connection, collection: CollectionRow) -> None:
    """A new collection."""
    conn.execute(
        f"INSERT INTO collections ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)",
        (collection.id, collection.name, collection.description, collection.is_default, collection.created_at),
    )


def update(conn: sqlite3.Connection, collection_id: str, *, name: str | None, description: str | None) -> None:
    """Change what is given."""
    conn.execute(
        "UPDATE collections SET name = coalesce(?, name), description = coalesce(?, description) WHERE id = ?",
        (name, description, collection_id),
    )


def holds(conn: sqlite3.Connection, collection_id: str) -> tuple[int, int]:
    """How many streams and how many videos are in it."""
    streams, videos = (
        conn.execute(f"SELECT count(*) FROM {table} WHERE collection_id = ?", (collection_id,)).fetchone()[0]
        for table in ("streams", "videos")
    )
    return streams, videos


def remove(conn: sqlite3.Connection, collection_id: str) -> None:
    """Delete an empty collection. Raises `sqlite3.IntegrityError` while something is in it."""
    conn.execute("DELETE FROM collections WHERE id = ?", (collection_id,))


def _row(row: tuple[str, str, str, int, float]) -> CollectionRow:
    identifier, name, description, is_default, created_at = row
    return CollectionRow(identifier, name, description, bool(is_default), created_at)
