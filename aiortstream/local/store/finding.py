"""Looking records up: by their words, and by their vectors in blocks. Scenes of streams, and moments of videos."""

# ruff: noqa: S608 - what is put into statements are constants of this package; values are bound.

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

_ITEM = np.dtype("<f2")
MAX_TERMS = 16  # of a query: what more words add to a question for a scene, its vector says already
_WORD = re.compile(r"\w+")
# Words that stand in every text and say nothing of any.
_EMPTY_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and any are as at be been but by can did do does for from had has have he her his how i if in into is it"
        " its me my no not of on or our she so some that the their them then there these they this to us was we were"
        " what when where which who will with would you your",
    )
)


@dataclass(frozen=True, slots=True)
class Corpus:
    """The tables of one kind of record; each record belongs to an index, by `index_id`."""

    records: str
    words: str
    vectors: str
    record_id: str


SCENES = Corpus("scenes", "scene_words", "scene_vectors", "scene_id")
MOMENTS = Corpus("moments", "moment_words", "moment_vectors", "moment_id")


@dataclass(frozen=True, slots=True)
class Block:
    """Vectors of consecutive records: `vectors` has one row for each of `ids`, which rise."""

    ids: NDArray[np.int64]
    vectors: NDArray[np.float32]

    @property
    def bytes(self) -> int:
        """Memory it takes."""
        return self.ids.nbytes + self.vectors.nbytes


def pack(vector: NDArray[np.float32]) -> bytes:
    """A vector as it is stored."""
    return vector.astype(_ITEM).tobytes()


def terms(query: str) -> Sequence[str]:
    """The words of a query that are worth looking for, each once; all of them if none is."""
    words = list(dict.fromkeys(word.lower() for word in _WORD.findall(query)))
    telling = [word for word in words if word not in _EMPTY_WORDS]
    return (telling or words)[:MAX_TERMS]


def by_words(
    conn: sqlite3.Connection,
    query_terms: Sequence[str],
    index_ids: Collection[str],
    *,
    limit: int,
    corpus: Corpus = SCENES,
) -> Mapping[int, float]:
    """The best records of these indexes that hold some of the terms: what share of them each holds, in (0, 1]."""
    if not query_terms:
        return {}
    words, records = corpus.words, corpus.records
    rows = conn.execute(
        f"SELECT {words}.rowid, index_id FROM {words} JOIN {records} ON {records}.id = {words}.rowid"
        f" WHERE {words} MATCH ? ORDER BY bm25({words})",
        (" OR ".join(f'"{term}"' for term in query_terms),),
    )
    best: list[int] = []
    for record_id, index_id in rows:
        if index_id in index_ids:
            best.append(record_id)
            if len(best) == limit:
                break
    return {record_id: held / len(query_terms) for record_id, held in _held(conn, query_terms, best, words).items()}


def block(
    conn: sqlite3.Connection,
    index_id: str,
    model: str,
    after: int,
    *,
    dimensions: int,
    limit: int,
    corpus: Corpus = SCENES,
) -> Block:
    """Vectors of up to `limit` records of an index that follow the record `after`, those of other lengths left out."""
    identifier = corpus.record_id
    rows = conn.execute(
        f"SELECT {identifier}, vector FROM {corpus.vectors} WHERE index_id = ? AND model = ? AND {identifier} > ?"
        f" AND length(vector) = ? ORDER BY {identifier} LIMIT ?",
        (index_id, model, after, dimensions * _ITEM.itemsize, limit),
    ).fetchall()
    vectors = np.frombuffer(b"".join(row[1] for row in rows), _ITEM).reshape(len(rows), dimensions)
    return Block(np.array([row[0] for row in rows], np.int64), vectors.astype(np.float32))


def _held(
    conn: sqlite3.Connection, query_terms: Sequence[str], record_ids: Sequence[int], words: str
) -> dict[int, int]:
    """How many of the terms each record holds; asked of the index itself, since only that knows how it stems."""
    held = dict.fromkeys(record_ids, 0)
    for term in query_terms:
        for record_id in record_ids:
            found = conn.execute(
                f"SELECT 1 FROM {words} WHERE {words} MATCH ? AND rowid = ?", (f'"{term}"', record_id)
            ).fetchone()
            held[record_id] += found is not None
    return held
