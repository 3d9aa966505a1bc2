"""Which websocket connections were told of what, for those that come back after the server was started again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence


def add(conn: sqlite3.Connection, topic: str, connection_id: str, *, at: float, most: int) -> None:
    """Bind a topic to a connection, anew if it is. Beyond `most` of a topic, those unseen for longest give way."""
    see(conn, (connection_id,), at=at)
    conn.execute("INSERT OR REPLACE INTO bindings (topic, connection_id) VALUES (?, ?)", (topic, connection_id))
    conn.execute(
        "DELETE FROM bindings WHERE id IN (SELECT bindings.id FROM bindings JOIN connections"
        " ON connections.id = connection_id WHERE topic = ? ORDER BY seen_at DESC, bindings.id DESC LIMIT -1 OFFSET ?)",
        (topic, most),
    )


def see(conn: sqlite3.Connection, connection_ids: Iterable[str], *, at: float) -> None:
    """These connections are open."""
    conn.executemany(
        "INSERT INTO connections (id, seen_at) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at",
        ((each, at) for each in connection_ids),
    )


def forget(conn: sqlite3.Connection, *, before: float, most: int) -> None:
    """Forget connections that were last seen before that, and beyond `most` those unseen for longest."""
    conn.execute("DELETE FROM connections WHERE seen_at < ?", (before,))
    conn.execute(
        "DELETE FROM connections WHERE id IN"
        " (SELECT id FROM connections ORDER BY seen_at DESC, id DESC LIMIT -1 OFFSET ?)",
        (most,),
    )


def every(conn: sqlite3.Connection) -> Sequence[tuple[str, str, float]]:
    """Topic, connection and when this was last seen, of all that is bound, in the order of binding."""
    rows = conn.execute(
        "SELECT topic, connection_id, seen_at FROM bindings JOIN connections ON connections.id = connection_id"
        " ORDER BY bindings.id"
    )
    return [(topic, connection_id, seen_at) for topic, connection_id, seen_at in rows]
