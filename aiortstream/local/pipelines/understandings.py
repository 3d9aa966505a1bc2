"""Writing what an understanding makes of a window: its record, and the copies that its indexes take of it.

An understanding that keeps nothing (`store=False`) tells the websockets, and that is all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortstream.local.pipelines.scenes import LARGEST_TEXT, Draft, embed
from aiortstream.local.store import scenes, understandings
from aiortstream.records import Scene

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from aiortstream.local.pipelines.base import Context
    from aiortstream.local.store.indexes import IndexRow
    from aiortstream.local.store.streams import StreamRow

TAKEN_AT_ONCE = 50  # records: one that lags behind, after a crash while it was made, catches up in some windows


class UnderstandingWriter:
    """Writes the records of understandings. `on_scene` is told of each index that has taken some."""

    def __init__(self, context: Context, *, on_scene: Callable[[str], None]) -> None:
        self._context = context
        self._on_scene = on_scene

    async def write(self, stream: StreamRow, index: IndexRow, draft: Draft) -> None:
        """Commit a record with the copies of it, if it is to be kept, and tell of it."""
        text = draft.text[:LARGEST_TEXT]
        start_ms, end_ms, taken = draft.start_ms, max(draft.end_ms, draft.start_ms + 1), list[str]()
        if await self._context.db.read(lambda conn: understandings.stores(conn, index.id)):
            embedding = await embed(self._context, index, text)

            def add(conn: sqlite3.Connection) -> tuple[scenes.SceneRow, Sequence[str]]:
                row = scenes.add(
                    conn,
                    index.id,
                    start_ms=draft.start_ms,
                    end_ms=draft.end_ms,
                    text=text,
                    metadata=draft.metadata,
                    model=draft.model,
                    embedding=embedding,
                    by_words=False,
                )
                running = understandings.running_indexes(conn, index.id)
                return row, [each for each in running if understandings.take(conn, each, limit=TAKEN_AT_ONCE)]

            row, copied = await self._context.db.run(add)
            end_ms, taken = row.end_ms, list(copied)
        record = Scene(
            start_ms / 1000, end_ms / 1000, text, stream.id, index.kind, index.id, stream.name, draft.metadata or None
        )
        self._context.publisher.publish(self._context.bindings.of(index.id), record)
        for index_id in taken:
            self._on_scene(index_id)
