"""Search over scenes: what a record means, and which of the words asked for it holds.

The score of a scene is the likeness of its meaning to the query's (cosine of embeddings, 0 to 1), raised by the share
of the query's words that it holds: `likeness + (1 - likeness) * WORD_WEIGHT * share`. Without a model for embeddings it
is the words alone. Neighbouring scenes that say the same are one result.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import numpy as np

from aiortstream.local.ai.protocols import ModelError
from aiortstream.local.patience import call_model
from aiortstream.local.services.errors import BadRequest
from aiortstream.local.services.lookup import collection_of, given, index_of, stream_of
from aiortstream.local.services.vectors import VectorScan
from aiortstream.local.store import finding, indexes, scenes, streams
from aiortstream.wire.rest import SearchAnswer, SearchRecord

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from aiortstream.local.ports import Models
    from aiortstream.local.store.database import Database
    from aiortstream.wire.rest import SearchRequest

DEFAULT_RESULTS = 10
LARGEST_RESULTS = 1000
DEFAULT_SCORE = 0.2
LARGEST_QUERY = 4_000  # characters
WORD_WEIGHT = 0.5
_MODEL_SECONDS = 30.0  # deadline of embedding the query
_SPARE = 5  # times as many candidates as results: neighbours that say the same become one
_ADJACENT_MS = 1_000  # between the windows of scenes that may become one

logger = logging.getLogger("aiortstream.local.search")


class SearchService:
    """Search in the scenes of a stream or of a collection."""

    def __init__(self, db: Database, models: Models) -> None:
        self._db = db
        self._models = models
        self._scan = VectorScan(db)

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
        shares, likeness = await asyncio.gather(
            self._by_words(request.query, index_ids, limit * _SPARE),
            self._by_meaning(request.query, index_ids, limit * _SPARE),
        )
        scores = {
            scene_id: _score(likeness.get(scene_id, 0.0), shares.get(scene_id, 0.0))
            for scene_id in {*shares, *likeness}
        }
        best = sorted(_good_enough(scores, request), key=lambda scene_id: (-scores[scene_id], -scene_id))
        rows = await self._db.read(lambda conn: scenes.by_id(conn, best))
        names = {index.id: index.name for index in searched}
        return _joined([rows[scene_id] for scene_id in best if scene_id in rows], scores, names)[:limit]

    async def _by_words(self, query: str, index_ids: Sequence[str], limit: int) -> Mapping[int, float]:
        terms = finding.terms(query)
        return await self._db.read(lambda conn: finding.by_words(conn, terms, frozenset(index_ids), limit=limit))

    async def _by_meaning(self, query: str, index_ids: Sequence[str], limit: int) -> Mapping[int, float]:
        try:
            embedder = self._models.embedder()
            vector = (await call_model(lambda: embedder.embed([query]), seconds=_MODEL_SECONDS))[0]
        except ModelError as error:
            logger.warning("searching by words alone: %s", error)
            return {}
        return await self._scan.nearest(index_ids, embedder.model, np.asarray(vector, np.float32), limit=limit)


def _check(request: SearchRequest) -> None:
    if not request.query.strip() or len(request.query) > LARGEST_QUERY:
        raise BadRequest(f"query: expected 1 to {LARGEST_QUERY} characters, got {len(request.query.strip())}")
    limit = given(request.result_threshold)
    if limit is not None and not 1 <= limit <= LARGEST_RESULTS:
        raise BadRequest(f"result_threshold: expected a whole number from 1 to {LARGEST_RESULTS}, got {limit}")
    for name in ("score_threshold", "dynamic_score_percentage"):
        value = given(getattr(request, name))
        if value is not None and not 0 <= value <= 100:
            raise BadRequest(f"{name}: expected a share from 0 to 1 or a percentage up to 100, got {value}")
    if given(request.filter):
        raise BadRequest("filter: this server knows no filters; leave it out, or empty")


def _score(likeness: float, share: float) -> float:
    return likeness + (1 - likeness) * WORD_WEIGHT * share


def _good_enough(scores: Mapping[int, float], request: SearchRequest) -> list[int]:
    """Scenes above the threshold, and above a share of the best score where that is asked for."""
    threshold = given(request.score_threshold)
    least = DEFAULT_SCORE if threshold is None else _share(threshold)
    of_best = given(request.dynamic_score_percentage)
    if of_best is not None:
        least = max(least, _share(of_best) * max(scores.values(), default=0.0))
    return [scene_id for scene_id, score in scores.items() if score >= least]


def _share(value: float) -> float:
    """Thresholds are documented both as shares and as percentages; above 1 it can only be the latter."""
    return value / 100 if value > 1 else value


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
