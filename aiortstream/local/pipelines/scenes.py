"""Writing a scene: its row, its words, its vector, in one transaction; then the websockets, then the alerts."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from aiortstream.local.ai.protocols import ModelError
from aiortstream.local.patience import call_model
from aiortstream.local.store import finding, scenes
from aiortstream.records import Scene

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from aiortstream.local.pipelines.base import Context
    from aiortstream.local.store.indexes import IndexRow
    from aiortstream.local.store.streams import StreamRow

logger = logging.getLogger("aiortstream.local.scenes")

_CALL_SECONDS = 15.0
LARGEST_TEXT = 200_000  # characters; a frame must stay below the mebibyte that official clients take


@dataclass(frozen=True, slots=True)
class Draft:
    """A scene to be: bounds in unix milliseconds; `model` wrote it."""

    start_ms: int
    end_ms: int
    text: str
    metadata: Mapping[str, Any] | None
    model: str


class Writer(Protocol):
    """Where the drafts of an index go."""

    async def write(self, stream: StreamRow, index: IndexRow, draft: Draft) -> None:
        """Commit it, if it is to be kept, and tell of it."""


class SceneWriter:
    """Writes the scenes of a stream. `on_scene` is told the index of each that has been committed."""

    def __init__(self, context: Context, *, on_scene: Callable[[str], None]) -> None:
        self._context = context
        self._on_scene = on_scene

    async def write(
        self,
        stream: StreamRow,
        index: IndexRow,
        draft: Draft,
        also: Callable[[sqlite3.Connection], None] | None = None,
    ) -> None:
        """Commit a scene, with what `also` does, and tell of it."""
        text = draft.text[:LARGEST_TEXT]
        embedding = await embed(self._context, index, text)

        def add(conn: sqlite3.Connection) -> scenes.SceneRow:
            if also is not None:
                also(conn)
            return scenes.add(
                conn,
                index.id,
                start_ms=draft.start_ms,
                end_ms=draft.end_ms,
                text=text,
                metadata=draft.metadata,
                model=draft.model,
                embedding=embedding,
            )

        row = await self._context.db.run(add)
        scene = Scene(
            row.start_ms / 1000, row.end_ms / 1000, row.text, stream.id, index.kind, index.id, stream.name, row.metadata
        )
        self._context.publisher.publish(self._context.bindings.of(index.id), scene)
        self._on_scene(index.id)


async def embed(context: Context, index: IndexRow, text: str) -> scenes.Embedding | None:
    """Its vector; without one it is found by its words alone, which is better than no scene."""
    try:
        embedder = context.models.embedder()
        vectors = await call_model(lambda: embedder.embed([text]), seconds=_CALL_SECONDS)
    except ModelError as error:
        logger.warning("index %s: a scene has no vector: %s", index.id, error)
        return None
    return scenes.Embedding(embedder.model, finding.pack(np.asarray(vectors[0], np.float32)))
