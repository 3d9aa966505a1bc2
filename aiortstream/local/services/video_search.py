"""Search in what is said in videos, in both of the wire's forms.

The legacy form refuses what finds nothing, in words that programs look for; Search v2 answers with an empty list, and a
warning that says why where it is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortstream.local.services.errors import BadRequest
from aiortstream.local.services.lookup import collection_of, given, video_of
from aiortstream.local.services.ranking import Ranking, check_limit, check_query, check_share, good_enough
from aiortstream.local.store import finding, spoken, videos
from aiortstream.wire.videos import (
    NO_RESULTS,
    FoundAnswer,
    SearchWarning,
    VideoHit,
    VideoHits,
    VideoSearchAnswer,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from aiortstream.local.ports import Models
    from aiortstream.local.store.database import Database
    from aiortstream.wire.videos import VideoSearchRequest, VideoSearchV2Request

DEFAULT_RESULTS = 10
_SPARE = 3  # times as many candidates as results: what scores well by words may not by meaning
_UNINDEXED = "nothing of what is said in it is indexed: call index_spoken_words() first"
_STITCHED_MS = 1_000  # between sentences that become one shot


class VideoSearchService:
    """Search in one video, or in the videos of a collection."""

    def __init__(self, db: Database, models: Models) -> None:
        self._db = db
        self._ranking = Ranking(db, models, finding.MOMENTS)

    async def legacy_video(self, video_id: str, request: VideoSearchRequest) -> VideoSearchAnswer:
        """Moments of one video. Raises NotFound, and BadRequest ("No results found") where there are none."""
        return await self._legacy(await self._in_video(video_id), request)

    async def legacy_collection(self, collection_id: str, request: VideoSearchRequest) -> VideoSearchAnswer:
        """Moments of a collection's videos, the best video first. Raises as `legacy_video` does."""
        return await self._legacy(await self._in_collection(collection_id), request)

    async def video(self, video_id: str, request: VideoSearchV2Request) -> FoundAnswer:
        """Moments of one video; none is an empty list. Raises NotFound, BadRequest."""
        return await self._v2(await self._in_video(video_id), request)

    async def collection(self, collection_id: str, request: VideoSearchV2Request) -> FoundAnswer:
        """Moments of a collection's videos, the best video first; none is an empty list. Raises NotFound."""
        return await self._v2(await self._in_collection(collection_id), request)

    async def _in_video(self, video_id: str) -> Mapping[str, str]:
        def read(conn: sqlite3.Connection) -> dict[str, str]:
            video_of(conn, video_id)
            index_id = spoken.index_of(conn, video_id)
            return {} if index_id is None else {index_id: video_id}

        return await self._db.read(read)

    async def _in_collection(self, collection_id: str) -> Mapping[str, str]:
        return await self._db.read(
            lambda conn: spoken.indexes_of_collection(conn, collection_of(conn, collection_id).id)
        )

    async def _legacy(self, searched: Mapping[str, str], request: VideoSearchRequest) -> VideoSearchAnswer:
        _check_legacy(request)
        if not searched:
            raise BadRequest(f"{NO_RESULTS}: {_UNINDEXED}")
        limit = request.result_threshold or DEFAULT_RESULTS
        if request.search_type == "keyword":
            scores = await self._ranking.by_words(request.query, list(searched), limit * _SPARE)
        else:
            scores = await self._ranking.scores(request.query, list(searched), limit * _SPARE)
        best = good_enough(scores, request.score_threshold, given(request.dynamic_score_percentage))[:limit]
        found = await self._found(searched, scores, best)
        if not found:
            raise BadRequest(NO_RESULTS)
        for each in found:
            docs = each.docs or []
            if given(request.stitch):
                docs = _stitched(docs)
            if given(request.sort_docs_on) == "start":
                docs.sort(key=lambda doc: doc.start)
            each.docs = docs
        return VideoSearchAnswer(found)

    async def _v2(self, searched: Mapping[str, str], request: VideoSearchV2Request) -> FoundAnswer:
        _check_v2(request)
        if not searched:
            return FoundAnswer([], [SearchWarning("no_index", _UNINDEXED, [])])
        limit = given(request.top_k) or DEFAULT_RESULTS
        scores = await self._ranking.scores(request.query, list(searched), limit * _SPARE)
        best = good_enough(scores, given(request.score_threshold), None)[:limit]
        return FoundAnswer(await self._found(searched, scores, best), [])

    async def _found(
        self, searched: Mapping[str, str], scores: Mapping[int, float], best: Sequence[int]
    ) -> list[VideoHits]:
        """The moments in the order of `best`, gathered by video."""

        def read(conn: sqlite3.Connection) -> list[VideoHits]:
            moments = spoken.moments(conn, best)
            gathered: dict[str, VideoHits] = {}
            for moment in (moments[moment_id] for moment_id in best if moment_id in moments):
                video_id = searched[moment.index_id]
                row = videos.get(conn, video_id)
                if row is None:
                    continue  # deleted while it was searched
                hits = gathered.setdefault(
                    video_id, VideoHits(video_id, row.collection_id, row.duration, row.name, docs=[])
                )
                assert hits.docs is not None
                score = round(scores[moment.id], 4)
                hits.docs.append(VideoHit(moment.start_ms / 1000, moment.end_ms / 1000, moment.text, score))
            return list(gathered.values())

        return await self._db.read(read)


def _stitched(docs: Sequence[VideoHit]) -> list[VideoHit]:
    """Sentences that follow each other as one, at the place of the best of them."""
    made: list[VideoHit] = []
    for doc in sorted(docs, key=lambda each: each.start):
        last = made[-1] if made else None
        if last is None or (doc.start - last.end) * 1000 > _STITCHED_MS:
            made.append(doc)
        else:
            made[-1] = VideoHit(
                last.start,
                max(last.end, doc.end),
                f"{last.text} {doc.text}",
                max(last.score or 0.0, doc.score or 0.0),
            )
    return sorted(made, key=lambda each: -(each.score or 0.0))


def _check_legacy(request: VideoSearchRequest) -> None:
    check_query(request.query)
    check_limit("result_threshold", request.result_threshold)
    check_share("score_threshold", request.score_threshold)
    check_share("dynamic_score_percentage", given(request.dynamic_score_percentage))
    if request.search_type not in (None, "semantic", "keyword"):
        raise BadRequest(f"search_type: expected 'semantic' or 'keyword', got {request.search_type!r}")
    if request.index_type not in (None, "spoken_word"):
        raise BadRequest(f"index_type: expected 'spoken_word', which this server has, got {request.index_type!r}")
    if given(request.sort_docs_on) not in (None, "score", "start"):
        raise BadRequest(f"sort_docs_on: expected 'score' or 'start', got {request.sort_docs_on!r}")
    _check_unknown(request, ("filter", "scene_index_id", "algorithm", "rerank", "rerank_params"))


def _check_v2(request: VideoSearchV2Request) -> None:
    check_query(request.query)
    check_limit("top_k", given(request.top_k))
    check_share("score_threshold", given(request.score_threshold))
    if given(request.mode) not in (None, "default"):
        raise BadRequest(f"mode: this server searches in one way, 'default', got {request.mode!r}")
    _check_unknown(request, ("filter", "return_fields", "include_clip", "session_id", "config"))


def _check_unknown(request: object, names: Sequence[str]) -> None:
    """Refuse what would change the results on the hosted service and changes nothing here."""
    for name in names:
        if given(getattr(request, name)):
            raise BadRequest(f"{name}: this server knows nothing of the kind; leave it out")
