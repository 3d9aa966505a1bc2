"""Which websocket connections are told of what.

A topic is the id of a stream (its transcript), of an index (its scenes) or of an alert (its firings). Who sends asks
memory. The database has the same for the next start of the server, after which a client may go on with its connection:
a binding is written in the transaction of what it belongs to (`note`), then taken up here (`bind`). A connection that
has not been open for `KEPT_SECONDS` is forgotten; until then those that are gone are passed over by whoever sends.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aiortstream.local.ids import is_connection_id
from aiortstream.local.store import bindings

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

    from aiortstream.local.store.database import Database

MAX_OF_TOPIC = 1000  # as many as a server takes at all
MAX_CONNECTIONS = 10_000  # that are remembered
KEPT_SECONDS = 7 * 86_400.0  # a laptop may sleep over a long weekend, and its client believes that it is still bound


class Bindings:
    """Connections by topic, in the order they were bound. `clock` gives unix seconds. Event loop only, but for `note`.

    Where a bound is reached, the connections that have not been seen for longest give way.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._topics: dict[str, dict[str, None]] = {}
        self._bound: dict[str, set[str]] = {}  # the same by connection
        self._seen: dict[str, float] = {}  # when each of _bound was last known to be open, longest ago first

    async def load(self, db: Database) -> None:
        """Take up what the last run of the server has left."""
        before = self._clock() - KEPT_SECONDS

        def read(conn: sqlite3.Connection) -> list[tuple[str, str, float]]:
            bindings.forget(conn, before=before, most=MAX_CONNECTIONS)
            return list(bindings.every(conn))

        stored = await db.run(read)
        for connection_id, seen_at in sorted({row[1]: row[2] for row in stored}.items(), key=lambda each: each[1]):
            self._seen[connection_id] = seen_at
        for topic, connection_id, _ in stored:
            self._add(topic, connection_id)

    def note(self, conn: sqlite3.Connection, topic: str, connection_id: str | None) -> None:
        """Write a binding, on the writing thread. One of our own ids only: no other can ever come back."""
        if connection_id and is_connection_id(connection_id):
            bindings.add(conn, topic, connection_id, at=self._clock(), most=MAX_OF_TOPIC)

    def bind(self, topic: str, connection_id: str | None) -> None:
        """Tell a connection of a topic from now on; None or an empty id binds nothing."""
        if not connection_id:
            return
        self._see(connection_id, self._clock())
        self._topics.get(topic, {}).pop(connection_id, None)
        self._add(topic, connection_id)
        of_topic = self._topics[topic]
        if len(of_topic) > MAX_OF_TOPIC:
            self._remove(topic, min(of_topic, key=self._seen.__getitem__))
        while len(self._bound) > MAX_CONNECTIONS:
            self._forget(next(iter(self._seen)))

    def of(self, topic: str) -> tuple[str, ...]:
        """The connections bound to a topic."""
        return tuple(self._topics.get(topic, ()))

    async def tidy(self, db: Database, connected: Iterable[str]) -> None:
        """Note that these connections are open, and forget those that have not been for too long."""
        now = self._clock()
        seen = [each for each in connected if each in self._bound]
        for connection_id in seen:
            self._see(connection_id, now)
        for connection_id in [each for each, at in self._seen.items() if at < now - KEPT_SECONDS]:
            self._forget(connection_id)

        def write(conn: sqlite3.Connection) -> None:
            bindings.see(conn, (each for each in seen if is_connection_id(each)), at=now)
            bindings.forget(conn, before=now - KEPT_SECONDS, most=MAX_CONNECTIONS)

        await db.run(write)

    def _see(self, connection_id: str, at: float) -> None:
        self._seen.pop(connection_id, None)
        self._seen[connection_id] = at

    def _add(self, topic: str, connection_id: str) -> None:
        self._topics.setdefault(topic, {})[connection_id] = None
        self._bound.setdefault(connection_id, set()).add(topic)

    def _remove(self, topic: str, connection_id: str) -> None:
        topics, bound = self._topics[topic], self._bound[connection_id]
        del topics[connection_id]
        if not topics:
            del self._topics[topic]
        bound.discard(topic)
        if not bound:
            del self._bound[connection_id], self._seen[connection_id]

    def _forget(self, connection_id: str) -> None:
        for topic in tuple(self._bound[connection_id]):
            self._remove(topic, connection_id)
