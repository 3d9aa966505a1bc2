"""What fits a query best: what a record means, and which of the words asked for it holds.

The score of a record is the likeness of its meaning to the query's (cosine of embeddings, 0 to 1), raised by the share
of the query's words that it holds: `likeness + (1 - likeness) * WORD_WEIGHT * share`. Without a model for embeddings it
is the words alone.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import numpy as np

from aiortstream.local.ai.protocols import ModelError
from aiortstream.local.patience import call_model
from aiortstream.local.services.errors import BadRequest
from aiortstream.local.services.vectors import VectorScan
from aiortstream.local.store import finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aiortstream.local.ports import Models
    from aiortstream.local.store.database import Database

DEFAULT_SCORE = 0.2
LARGEST_RESULTS = 1000
LARGEST_QUERY = 4_000  # characters
WORD_WEIGHT = 0.5
_MODEL_SECONDS = 30.0  # deadline of embedding the query

logger = logging.getLogger("aiortstream.local.search")


class Ranking:
    """Scores of the records of one corpus."""

    def __init__(self, db: Database, models: Models, corpus: finding.Corpus) -> None:
        self._db = db
        self._models = models
        self._corpus = corpus
        self._scan = VectorScan(db, corpus)

    async def scores(self, query: str, index_ids: Sequence[str], limit: int) -> Mapping[int, float]:
        """Scores of the records of these indexes that fit best, up to `limit` by meaning and as many by words."""
        shares, likeness = await asyncio.gather(
            self.by_words(query, index_ids, limit), self._by_meaning(query, index_ids, limit)
        )
        return {
            record_id: _score(likeness.get(record_id, 0.0), shares.get(record_id, 0.0))
            for record_id in {*shares, *likeness}
        }

    async def by_words(self, query: str, index_ids: Sequence[str], limit: int) -> Mapping[int, float]:
        """Which share of the query's words the best records hold, in (0, 1]."""
        terms = finding.terms(query)
        return await self._db.read(
            lambda conn: finding.by_words(conn, terms, frozenset(index_ids), limit=limit, corpus=self._corpus)
        )

    async def _by_meaning(self, query: str, index_ids: Sequence[str], limit: int) -> Mapping[int, float]:
        try:
            embedder = self._models.embedder()
            vector = (await call_model(lambda: embedder.embed([query]), seconds=_MODEL_SECONDS))[0]
        except ModelError as error:
            logger.warning("searching by words alone: %s", error)
            return {}
        return await self._scan.nearest(index_ids, embedder.model, np.asarray(vector, np.float32), limit=limit)


def good_enough(scores: Mapping[int, float], threshold: float | None, of_best: float | None) -> list[int]:
    """Records above the threshold, and above a share of the best score where that is asked for; the best first."""
    least = DEFAULT_SCORE if threshold is None else _share(threshold)
    if of_best is not None:
        least = max(least, _share(of_best) * max(scores.values(), default=0.0))
    good = [record_id for record_id, score in scores.items() if score >= least]
    return sorted(good, key=lambda record_id: (-scores[record_id], -record_id))


def check_query(query: str) -> None:
    """Raise BadRequest for a query that is empty or too long."""
    if not query.strip() or len(query) > LARGEST_QUERY:
        raise BadRequest(f"query: expected 1 to {LARGEST_QUERY} characters, got {len(query.strip())}")


def check_limit(name: str, limit: int | None) -> None:
    """Raise BadRequest for a number of results that cannot be given."""
    if limit is not None and not 1 <= limit <= LARGEST_RESULTS:
        raise BadRequest(f"{name}: expected a whole number from 1 to {LARGEST_RESULTS}, got {limit}")


def check_share(name: str, value: float | None) -> None:
    """Raise BadRequest for a threshold that is neither a share nor a percentage."""
    if value is not None and not 0 <= value <= 100:
        raise BadRequest(f"{name}: expected a share from 0 to 1 or a percentage up to 100, got {value}")


def _score(likeness: float, share: float) -> float:
    return likeness + (1 - likeness) * WORD_WEIGHT * share


def _share(value: float) -> float:
    """Thresholds are documented both as shares and as percentages; above 1 it can only be the latter."""
    return value / 100 if value > 1 else value
