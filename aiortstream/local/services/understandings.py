"""Understandings and the indexes of what they record: created, started, stopped, read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from aiortstream.local.batching import BadBatch, parse_batch
from aiortstream.local.ids import short_id
from aiortstream.local.services.analyzers import read_analysis
from aiortstream.local.services.errors import BadRequest, NotFound
from aiortstream.local.services.lookup import check_name, given, model_refusals, page_bounds, stream_of, window_since
from aiortstream.local.store import indexes, scenes, understandings
from aiortstream.wire.rest import (
    IndexAnswer,
    IndexesAnswer,
    IndexRecord,
    RecordsAnswer,
    UnderstandingAnswer,
    UnderstandingsAnswer,
)

if TYPE_CHECKING:
    import sqlite3

    from aiortstream.local.ports import Models
    from aiortstream.local.runtime import StreamManager
    from aiortstream.local.store.database import Database
    from aiortstream.wire.rest import IndexRequest, UnderstandRequest

USES = ("semantic",)
_TAKEN_AT_ONCE = 500  # records in one transaction: others write in between


class UnderstandingService:
    """What is made of a stream's pictures whether it is searched or not, and the indexes that make it searchable."""

    def __init__(self, db: Database, manager: StreamManager, models: Models) -> None:
        self._db = db
        self._manager = manager
        self._models = models

    async def create(self, rtstream_id: str, request: UnderstandRequest) -> UnderstandingAnswer:
        """A new understanding, running from now on.

        Raises NotFound, BadRequest for what cannot be meant or a stream without pictures, Unavailable without a model.
        """
        analysis = read_analysis(request.segmentation or {}, request.analyzers or [])
        try:
            batch = parse_batch("time", analysis.extraction_config())
        except BadBatch as error:
            raise BadRequest(str(error)) from error
        with model_refusals("analyzers[0].config.model"):
            self._models.describer(analysis.model)
        connection_id = given(request.ws_connection_id)
        row = indexes.IndexRow(
            id=f"und-{short_id()}",
            rtstream_id=rtstream_id,
            kind="visual",
            extraction_type="time",
            extraction_config=batch.config(),
            prompt=analysis.prompt,
            model_name=analysis.model,
            name=analysis.name,
            running=True,
            created_at=time.time(),
            role="understanding",
        )
        store = given(request.store)
        extra = understandings.UnderstandingRow(
            analysis.name, True if store is None else store, analysis.segmentation(), [analysis.analyzer()]
        )

        def create(conn: sqlite3.Connection) -> None:
            if "video" not in stream_of(conn, rtstream_id).media_types:
                raise BadRequest(
                    f"stream {rtstream_id!r} was connected without video, which is what is understood: connect it with"
                    " media_types that include 'video'"
                )
            understandings.add(conn, row, extra)
            self._manager.bindings.note(conn, row.id, connection_id)

        await self._db.run(create)
        self._manager.bindings.bind(row.id, connection_id)
        await self._manager.apply(rtstream_id)
        return _understanding(row, extra)

    async def list(self, rtstream_id: str) -> UnderstandingsAnswer:
        """All understandings of a stream, oldest first. Raises NotFound."""

        def read(conn: sqlite3.Connection) -> list[UnderstandingAnswer]:
            rows = indexes.every(conn, stream_of(conn, rtstream_id).id)
            return [_understanding(row, understandings.get(conn, row.id)) for row in rows if row.role == _UNDERSTANDING]

        return UnderstandingsAnswer(await self._db.read(read))

    async def get(self, rtstream_id: str, understanding_id: str) -> UnderstandingAnswer:
        """One of them. Raises NotFound."""

        def read(conn: sqlite3.Connection) -> UnderstandingAnswer:
            row = _row_of(conn, rtstream_id, understanding_id, _UNDERSTANDING)
            return _understanding(row, understandings.get(conn, row.id))

        return await self._db.read(read)

    async def set_running(self, rtstream_id: str, understanding_id: str, *, running: bool) -> None:
        """Go on with what comes from now on, or stop after what is at hand. Raises NotFound."""

        def change(conn: sqlite3.Connection) -> None:
            _row_of(conn, rtstream_id, understanding_id, _UNDERSTANDING)
            indexes.set_running(conn, understanding_id, running=running, at=time.time())

        await self._db.run(change)
        await self._manager.apply(rtstream_id)

    async def records(
        self,
        rtstream_id: str,
        understanding_id: str,
        output: str | None = None,
        page: int = 1,
        page_size: int = 100,
        start: float | None = None,
        end: float | None = None,
        since: float | None = None,
    ) -> RecordsAnswer:
        """A page of its records that touch `start` to `end`, unix seconds, newest first. Raises NotFound, BadRequest.

        `output` must be the name of its analyzer, where it is given.
        """

        def check(conn: sqlite3.Connection) -> str:
            _row_of(conn, rtstream_id, understanding_id, _UNDERSTANDING)
            known = understandings.get(conn, understanding_id).output
            if output not in (None, known):
                raise BadRequest(f"output: this understanding has the output {known!r}, got {output!r}")
            return known

        known = await self._db.read(check)
        return await self._page(understanding_id, known, page, page_size, start, end, since)

    # --- indexes ------------------------------------------------------------------------------------------------------

    async def create_index(self, rtstream_id: str, request: IndexRequest) -> IndexAnswer:
        """A new index with all that its understanding has recorded, running from now on.

        Raises NotFound, BadRequest for a source that is none, that keeps nothing, or that is of another stream.
        """
        name, use_for = given(request.name), tuple(given(request.use_for) or USES)
        if name is not None:
            check_name("name", name)
        if unknown := [use for use in use_for if use not in USES]:
            raise BadRequest(f"use_for: expected a list of {', '.join(map(repr, USES))}, got {unknown[0]!r}")
        named, output = _source(request.source)

        def create(conn: sqlite3.Connection) -> tuple[indexes.IndexRow, understandings.SourceRow]:
            stream = stream_of(conn, rtstream_id)
            try:
                found = _row_of(conn, stream.id, named, _UNDERSTANDING)
            except NotFound as error:
                raise BadRequest(f"source.understanding_id: {error}") from error
            understanding = understandings.get(conn, found.id)
            if not understanding.store:
                raise BadRequest("source: this understanding keeps nothing (store=false), so there is nothing to index")
            if output not in (None, understanding.output):
                raise BadRequest(f"source.output: expected {understanding.output!r}, got {output!r}")
            row = indexes.IndexRow(
                id=f"idx-{short_id()}",
                rtstream_id=rtstream_id,
                kind=found.kind,
                extraction_type=found.extraction_type,
                extraction_config=found.extraction_config,
                prompt=found.prompt,
                model_name=found.model_name,
                name=name,
                running=True,
                created_at=time.time(),
                role="index",
            )
            understandings.add_index(conn, row, found.id, use_for)
            return row, understandings.source(conn, row.id)

        row, source = await self._db.run(create)
        await self._take_all(row.id)
        return _index(row, source)

    async def list_indexes(self, rtstream_id: str) -> IndexesAnswer:
        """All indexes of understandings of a stream, oldest first. Raises NotFound."""

        def read(conn: sqlite3.Connection) -> list[IndexAnswer]:
            rows = indexes.every(conn, stream_of(conn, rtstream_id).id)
            return [_index(row, understandings.source(conn, row.id)) for row in rows if row.role == _INDEX]

        return IndexesAnswer(await self._db.read(read))

    async def get_index(self, rtstream_id: str, index_id: str) -> IndexAnswer:
        """One of them. Raises NotFound."""

        def read(conn: sqlite3.Connection) -> IndexAnswer:
            row = _row_of(conn, rtstream_id, index_id, _INDEX)
            return _index(row, understandings.source(conn, row.id))

        return await self._db.read(read)

    async def set_index_running(self, rtstream_id: str, index_id: str, *, running: bool) -> None:
        """Take what was recorded meanwhile, and what comes; or take nothing more. Raises NotFound."""

        def change(conn: sqlite3.Connection) -> None:
            _row_of(conn, rtstream_id, index_id, _INDEX)
            indexes.set_running(conn, index_id, running=running, at=time.time())

        await self._db.run(change)
        if running:
            await self._take_all(index_id)
        await self._manager.apply(rtstream_id)

    async def index_records(
        self,
        rtstream_id: str,
        index_id: str,
        page: int = 1,
        page_size: int = 100,
        start: float | None = None,
        end: float | None = None,
        since: float | None = None,
    ) -> RecordsAnswer:
        """A page of what it has taken, as `records`. Raises NotFound, BadRequest."""

        def check(conn: sqlite3.Connection) -> str:
            _row_of(conn, rtstream_id, index_id, _INDEX)
            return understandings.source(conn, index_id).output

        output = await self._db.read(check)
        return await self._page(index_id, output, page, page_size, start, end, since)

    async def _take_all(self, index_id: str) -> None:
        while await self._db.run(lambda conn: understandings.take(conn, index_id, limit=_TAKEN_AT_ONCE)):
            pass

    async def _page(
        self,
        owner: str,
        output: str,
        page: int,
        page_size: int,
        start: float | None,
        end: float | None,
        since: float | None,
    ) -> RecordsAnswer:
        limit, offset = page_bounds(page, page_size)
        window = window_since(start, end, since)
        rows = await self._db.read(lambda conn: scenes.page(conn, owner, window, limit=limit, offset=offset))
        return RecordsAnswer([_record(row, output) for row in rows[:page_size]], len(rows) > page_size)


_UNDERSTANDING: indexes.Role = "understanding"
_INDEX: indexes.Role = "index"


def _row_of(conn: sqlite3.Connection, rtstream_id: str, identifier: str, role: indexes.Role) -> indexes.IndexRow:
    found = indexes.get(conn, stream_of(conn, rtstream_id).id, identifier)
    if found is None or found.role != role:
        what = "understanding" if role == _UNDERSTANDING else "index of an understanding"
        raise NotFound(f"stream {rtstream_id!r} has no {what} {identifier!r}")
    return found


def _source(source: dict[str, Any]) -> tuple[str, str | None]:
    """The understanding and the output that a descriptor names; the Node SDK spells its keys in its own way."""
    named = source.get("understanding_id") or source.get("understandingId")
    if not isinstance(named, str):
        raise BadRequest(
            f"source.understanding_id: expected the id of an understanding, as its outputs have it, got {named!r}"
        )
    output = source.get("output")
    if output is not None and not isinstance(output, str):
        raise BadRequest(f"source.output: expected text, got {output!r}")
    return named, output


def _understanding(row: indexes.IndexRow, extra: understandings.UnderstandingRow) -> UnderstandingAnswer:
    described = {
        "type": "understanding",
        "asset_type": "rtstream",
        "rtstream_id": row.rtstream_id,
        "understanding_id": row.id,
        "output": extra.output,
        "extract_type": "vlm",
        "mode": "continuous",
    }
    return UnderstandingAnswer(
        understanding_id=row.id,
        rtstream_id=row.rtstream_id,
        status=_status(row),
        store=extra.store,
        segmentation=dict(extra.segmentation),
        analyzers=[dict(analyzer) for analyzer in extra.analyzers],
        outputs={extra.output: described},
    )


def _index(row: indexes.IndexRow, source: understandings.SourceRow) -> IndexAnswer:
    return IndexAnswer(
        index_id=row.id,
        rtstream_id=row.rtstream_id,
        name=row.name,
        status=_status(row),
        use_for=list(source.use_for),
        source_understanding_id=source.understanding_id,
        output=source.output,
    )


def _status(row: indexes.IndexRow) -> str:
    return "running" if row.running else "stopped"


def _record(row: scenes.SceneRow, output: str) -> IndexRecord:
    metadata = None if row.metadata is None else dict(row.metadata)
    return IndexRecord(row.start_ms / 1000, row.end_ms / 1000, row.text, row.text, metadata, output)
