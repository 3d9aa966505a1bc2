"""Scene indexes: created, started, stopped, asked something else, read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aiortstream.local.batching import BadBatch, SpeechBatch, VisualBatch, parse_batch
from aiortstream.local.ids import short_id
from aiortstream.local.services.errors import BadRequest
from aiortstream.local.services.lookup import (
    given,
    model_refusals,
    page_bounds,
    scene_index_of,
    stream_of,
    window_since,
)
from aiortstream.local.store import indexes, scenes, transcripts
from aiortstream.wire.rest import SceneIndexAnswer, SceneIndexesAnswer, SceneRecord, ScenesAnswer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from aiortstream.local.ports import Models
    from aiortstream.local.runtime import StreamManager
    from aiortstream.local.store.database import Database
    from aiortstream.wire.rest import SceneIndexRequest

LARGEST_PROMPT = 20_000  # characters
_PROMPTS = {"visual": "Describe the scene", "audio": "Summarize what is being said"}
_MEDIA = {"visual": "video", "audio": "audio"}


class IndexService:
    """Indexes of the pictures or of the speech of a stream."""

    def __init__(self, db: Database, manager: StreamManager, models: Models) -> None:
        self._db = db
        self._manager = manager
        self._models = models

    async def create(self, rtstream_id: str, request: SceneIndexRequest) -> SceneIndexAnswer:
        """A new index, running from now on. An audio index has its stream transcribed, asked for or not.

        Raises NotFound, BadRequest for a config that cannot be meant or a stream without that medium, Unavailable
        without the model.
        """
        connection_id = given(request.ws_connection_id)
        batch = _batch(request)
        self._check_model(batch, request.model_name)
        row = indexes.IndexRow(
            id=short_id(),
            rtstream_id=rtstream_id,
            kind=batch.kind,
            extraction_type=request.extraction_type or "time",
            extraction_config=batch.config(),
            prompt=_prompt(request.prompt or _PROMPTS[batch.kind]),
            model_name=request.model_name,
            name=request.name,
            running=True,
            created_at=time.time(),
        )

        def create(conn: sqlite3.Connection) -> None:
            stream = stream_of(conn, rtstream_id)
            medium = _MEDIA[row.kind]
            if medium not in stream.media_types:
                raise BadRequest(
                    f"stream {rtstream_id!r} was connected without {medium}, so it cannot have this index: connect it"
                    f" with media_types that include {medium!r}"
                )
            indexes.add(conn, row, indexes.ReadMark(transcripts.last_id(conn, rtstream_id), 0))
            self._manager.bindings.note(conn, row.id, connection_id)

        await self._db.run(create)
        self._manager.bindings.bind(row.id, connection_id)
        await self._manager.apply(rtstream_id)
        return _answer(row)

    async def list(self, rtstream_id: str) -> SceneIndexesAnswer:
        """All scene indexes of a stream, oldest first. Raises NotFound."""

        def read(conn: sqlite3.Connection) -> Sequence[indexes.IndexRow]:
            return [row for row in indexes.every(conn, stream_of(conn, rtstream_id).id) if row.role == "scene"]

        return SceneIndexesAnswer([_answer(row) for row in await self._db.read(read)])

    async def get(self, rtstream_id: str, index_id: str) -> SceneIndexAnswer:
        """One index. Raises NotFound."""
        return _answer(await self._db.read(lambda conn: scene_index_of(conn, rtstream_id, index_id)))

    async def page(
        self,
        rtstream_id: str,
        index_id: str,
        page: int = 1,
        page_size: int = 100,
        start: float | None = None,
        end: float | None = None,
        since: float | None = None,
    ) -> ScenesAnswer:
        """Scenes that touch `start` to `end`, and end at `since` or later, newest first.

        Times are unix seconds; all bounds are inclusive, to the millisecond. Raises NotFound, BadRequest.
        """
        limit, offset = page_bounds(page, page_size)
        window = window_since(start, end, since)

        def read(conn: sqlite3.Connection) -> Sequence[scenes.SceneRow]:
            scene_index_of(conn, rtstream_id, index_id)
            return scenes.page(conn, index_id, window, limit=limit, offset=offset)

        rows = await self._db.read(read)
        return ScenesAnswer([_record(row) for row in rows[:page_size]], len(rows) > page_size)

    async def start(self, rtstream_id: str, index_id: str) -> None:
        """Go on, with what comes from now on. One that runs is left alone. Raises NotFound."""

        def start(conn: sqlite3.Connection) -> None:
            if not scene_index_of(conn, rtstream_id, index_id).running:
                indexes.set_mark(conn, index_id, indexes.ReadMark(transcripts.last_id(conn, rtstream_id), 0))
                indexes.set_running(conn, index_id, running=True, at=time.time())

        await self._db.run(start)
        await self._manager.apply(rtstream_id)

    async def stop(self, rtstream_id: str, index_id: str) -> None:
        """Stop, after what is at hand. One that is stopped is left alone. Raises NotFound."""

        def stop(conn: sqlite3.Connection) -> None:
            scene_index_of(conn, rtstream_id, index_id)
            indexes.set_running(conn, index_id, running=False, at=time.time())

        await self._db.run(stop)
        await self._manager.apply(rtstream_id)

    async def set_prompt(self, rtstream_id: str, index_id: str, prompt: str) -> SceneIndexAnswer:
        """Ask something else of what comes from now on. Raises NotFound, BadRequest."""
        wanted = _prompt(prompt)

        def change(conn: sqlite3.Connection) -> indexes.IndexRow:
            scene_index_of(conn, rtstream_id, index_id)
            indexes.set_prompt(conn, index_id, wanted, at=time.time())
            return scene_index_of(conn, rtstream_id, index_id)

        row = await self._db.run(change)
        await self._manager.apply(rtstream_id)
        return _answer(row)

    def _check_model(self, batch: VisualBatch | SpeechBatch, model_name: str | None) -> None:
        with model_refusals("model_name"):
            if isinstance(batch, VisualBatch):
                self._models.describer(model_name)
            else:
                self._models.summariser(model_name)
                self._models.transcriber()


def _batch(request: SceneIndexRequest) -> VisualBatch | SpeechBatch:
    try:
        return parse_batch(request.extraction_type, request.extraction_config)
    except BadBatch as error:
        raise BadRequest(str(error)) from error


def _prompt(prompt: str) -> str:
    if not prompt.strip() or len(prompt) > LARGEST_PROMPT:
        raise BadRequest(f"prompt: expected 1 to {LARGEST_PROMPT} characters, got {len(prompt.strip())}")
    return prompt


def _answer(row: indexes.IndexRow) -> SceneIndexAnswer:
    return SceneIndexAnswer(
        row.id,
        row.extraction_type,
        dict(row.extraction_config),
        row.prompt,
        row.name,
        "running" if row.running else "stopped",
    )


def _record(row: scenes.SceneRow) -> SceneRecord:
    metadata = None if row.metadata is None else dict(row.metadata)
    return SceneRecord(row.start_ms / 1000, row.end_ms / 1000, row.text, row.text, metadata)
