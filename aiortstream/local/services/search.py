"""Search over the scenes of streams. Neighbouring scenes that say the same are one result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortstream.local.services.errors import BadRequest
from aiortstream.local.services.lookup import collection_of, given, index_of, stream_of
from aiortstream.local.services.ranking import Ranking, check_limit, check_query, check_share, good_enough
from aiortstream.local.store import finding, indexes, scenes, streams
from aiortstream.wire.rest import SearchAnswer, SearchRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from aiortstream.local.ports import Models
    from aiortstream.local.store.database import Database
    from aiortstream.wire.rest import SearchRequest

DEFAULT_RESULTS = 10
_SPARE = 5  # times as many candidates as results: neighbours that say the same become one
_ADJACENT_MS = 1_000  # between the windows of scenes that may become one


class SearchService:
    """Search in the scenes of a stream or of a collection."""

    def __init__(self, db: Database, models: Models) -> None:
        self._db = db
        self._ranking = Ranking(db, models, finding.SCENES)

    async def stream(self, rtstream_id: str, request: SearchRequest) -> SearchAnswer:
        """Scenes of a stream, or of one of its indexes, best first; none found is an empty list.

        Raises NotFound, BadRequest.
        """
        _check(request)
        index_id = given(request.scene_index_id)

        def scope(conn: sqlite3.Connection) -> Sequence[indexes.IndexRow]:
            stream_of(conn, rtstream_id)
            if index_id is not None:
                return [index_of(conn, rtstream_id, index_id)]
            return indexes.of_stream(conn, rtstream_id)

        return SearchAnswer(await self._search(await self._db.read(scope), request))

    async def collection(self, collection_id: str, request: SearchRequest) -> SearchAnswer:
        """Scenes of all streams of a collection, each with its stream, best first. Raises NotFound, BadRequest."""
        _check(request)

        def scope(conn: sqlite3.Connection) -> tuple[Sequence[indexes.IndexRow], Mapping[str, str]]:
            found = collection_of(conn, collection_id).id
            return indexes.of_collection(conn, found), streams.names(conn, found)

        searched, names = await self._db.read(scope)
        index_id = given(request.scene_index_id)
        if index_id is not None:
            searched = [index for index in searched if index.id == index_id]
        owners = {index.id: index.rtstream_id for index in searched}
        results = await self._search(searched, request)
        for result in results:
            result.rtstream_id = result.id = owners[result.scene_index_id or ""]
            result.rtstream_name = names[result.rtstream_id]
        return SearchAnswer(results)

    async def _search(self, searched: Sequence[indexes.IndexRow], request: SearchRequest) -> list[SearchRecord]:
        if not searched:
            return []
        wanted = given(request.result_threshold)
        limit = DEFAULT_RESULTS if wanted is None else wanted
        index_ids = [index.id for index in searched]
        scores = await self._ranking.scores(request.query, index_ids, limit * _SPARE)
        best = good_enough(scores, given(request.score_threshold), given(request.dynamic_score_percentage))
        rows = await self._db.read(lambda conn: scenes.by_id(conn, best))
        names = {index.id: index.name for index in searched}
        return _joined([rows[scene_id] for scene_id in best if scene_id in rows], scores, names)[:limit]


def _check(request: SearchRequest) -> None:
    check_query(request.query)
    check_limit("result_threshold", given(request.result_threshold))
    for name in ("score_threshold", "dynamic_score_percentage"):
        check_share(name, given(getattr(request, name)))
    if given(request.filter):
        raise BadRequest("filter: this server knows no filters; leave it out, or empty")


def _joined(
    rows: Sequence[scenes.SceneRow], scores: Mapping[int, float], names: Mapping[str, str | None]
) -> list[SearchRecord]:
    """Results in the order of `rows`; scenes of an index that adjoin and say the same extend the first of them."""
    results: list[SearchRecord] = []
    placed: dict[int, SearchRecord] = {}
    for run in _runs(rows):
        record = SearchRecord(
            min(row.start_ms for row in run) / 1000,
            max(row.end_ms for row in run) / 1000,
            run[0].text,
            round(max(scores[row.id] for row in run), 4),
            run[0].index_id,
            names[run[0].index_id],
            None if run[0].metadata is None else dict(run[0].metadata),
        )
        placed |= {row.id: record for row in run}
    for row in rows:
        if placed[row.id] not in results:
            results.append(placed[row.id])
    return results


def _runs(rows: Sequence[scenes.SceneRow]) -> list[list[scenes.SceneRow]]:
    runs: list[list[scenes.SceneRow]] = []
    for row in sorted(rows, key=lambda row: (row.index_id, row.start_ms)):
        last = runs[-1][-1] if runs else None
        if (
            last is not None
            and (last.index_id, last.text) == (row.index_id, row.text)
            and row.start_ms - last.end_ms <= _ADJACENT_MS
        ):
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs
