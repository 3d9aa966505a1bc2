"""Transcripts: asked for, ended, read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aiortstream.local.services.errors import BadRequest
from aiortstream.local.services.lookup import given, model_refusals, page_bounds, stream_of, window_since
from aiortstream.local.store import transcripts
from aiortstream.wire.rest import TranscriptAnswer, TranscriptionStatusAnswer, TranscriptRecord, WordRecord
from aiortstream.wire.times import to_naive_iso

if TYPE_CHECKING:
    import sqlite3

    from aiortstream.local.ports import Models
    from aiortstream.local.runtime import StreamManager
    from aiortstream.local.store.database import Database
    from aiortstream.wire.rest import TranscriptionRequest


class TranscriptService:
    """The transcript of each stream. Engines have many names and are one: each is echoed as it was asked for."""

    def __init__(self, db: Database, manager: StreamManager, models: Models) -> None:
        self._db = db
        self._manager = manager
        self._models = models

    async def start(self, rtstream_id: str, request: TranscriptionRequest) -> TranscriptionStatusAnswer:
        """Transcribe from now on. A further call adds its websocket connection to those that are told.

        Raises NotFound, BadRequest for a stream connected without audio, Unavailable without a speech model.
        """
        engine, connection_id = given(request.engine), given(request.ws_connection_id)
        with model_refusals("engine"):
            self._models.transcriber(engine)

        def start(conn: sqlite3.Connection) -> None:
            stream = stream_of(conn, rtstream_id)
            if "audio" not in stream.media_types:
                raise BadRequest(
                    f"stream {rtstream_id!r} was connected without audio, so there is nothing to transcribe: connect it"
                    " with media_types that include 'audio'"
                )
            transcripts.set_running(conn, rtstream_id, running=True, engine=engine, at=time.time())
            self._manager.bindings.note(conn, rtstream_id, connection_id)

        await self._db.run(start)
        self._manager.bindings.bind(rtstream_id, connection_id)
        await self._manager.apply(rtstream_id)
        return await self.status(rtstream_id)

    async def stop(self, rtstream_id: str, request: TranscriptionRequest) -> TranscriptionStatusAnswer:
        """Transcribe no more, or for the audio indexes of the stream alone. Answers `stopped` also where it was never
        asked for, as the wire has no other word for it here. Raises NotFound.
        """

        def stop(conn: sqlite3.Connection) -> None:
            stream_of(conn, rtstream_id)
            if transcripts.get(conn, rtstream_id) is not None:
                transcripts.set_running(conn, rtstream_id, running=False, engine=given(request.engine), at=time.time())

        await self._db.run(stop)
        await self._manager.apply(rtstream_id)
        answer = await self.status(rtstream_id)
        if answer.status == "not_configured":
            answer.status = "stopped"
        return answer

    async def status(self, rtstream_id: str) -> TranscriptionStatusAnswer:
        """`running`, `stopped`, or `not_configured` if it was never asked for. Raises NotFound."""

        def read(conn: sqlite3.Connection) -> transcripts.TranscriptRow | None:
            return transcripts.get(conn, stream_of(conn, rtstream_id).id)

        row = await self._db.read(read)
        if row is None:
            return TranscriptionStatusAnswer("not_configured")
        return TranscriptionStatusAnswer(
            "running" if row.running else "stopped",
            row.engine,
            created_at=to_naive_iso(row.created_at),
            updated_at=to_naive_iso(row.updated_at),
        )

    async def page(
        self,
        rtstream_id: str,
        *,
        page: int = 1,
        page_size: int = 100,
        start: float | None = None,
        end: float | None = None,
        since: float | None = None,
        engine: str | None = None,
    ) -> TranscriptAnswer:
        """Segments in the order of their starts: those that touch `start` to `end`, and end at `since` or later.

        Times are unix seconds; all bounds are inclusive, to the millisecond. `engine` selects nothing: there is one
        transcript. Raises NotFound, BadRequest.
        """
        del engine
        limit, offset = page_bounds(page, page_size)
        window = window_since(start, end, since)

        def read(conn: sqlite3.Connection) -> tuple[int, list[transcripts.UtteranceRow]]:
            stream_of(conn, rtstream_id)
            count = transcripts.count(conn, rtstream_id, window)
            return count, list(transcripts.page(conn, rtstream_id, window, limit=limit, offset=offset))

        count, rows = await self._db.read(read)
        return TranscriptAnswer(
            [_record(row) for row in rows[:page_size]], len(rows) > page_size, count, page, page_size
        )


def _record(row: transcripts.UtteranceRow) -> TranscriptRecord:
    words = [WordRecord(word.word, word.start_ms / 1000, word.end_ms / 1000) for word in row.words]
    return TranscriptRecord(row.start_ms / 1000, row.end_ms / 1000, row.text, words)
