"""The nearest vectors to a query, by comparing it with all of them.

Ten million multiplications take some milliseconds, so brute force does for the hundred thousand scenes that a stream
has in days. Vectors are read in blocks of consecutive records. A full block does not change any more and is kept in
memory up to a bound, the least recently used giving way; the last, growing one of an index is read each time.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from aiortstream.local.store import finding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from aiortstream.local.store.database import Database

BLOCK_SCENES = 2048
MAX_BYTES = 256 * 1024 * 1024


class VectorScan:
    """Compares queries with all vectors of some indexes of one corpus."""

    def __init__(
        self,
        db: Database,
        corpus: finding.Corpus = finding.SCENES,
        *,
        max_bytes: int = MAX_BYTES,
        block_scenes: int = BLOCK_SCENES,
    ) -> None:
        self._db = db
        self._corpus = corpus
        self._max_bytes = max_bytes
        self._block_scenes = block_scenes
        self._blocks: OrderedDict[tuple[str, str, int, int], finding.Block] = (
            OrderedDict()
        )  # by index, model, dimensions, record before
        self._bytes = 0  # the sum of the blocks' bytes, at most _max_bytes

    @property
    def bytes(self) -> int:
        """Memory that the kept blocks take."""
        return self._bytes

    async def nearest(
        self, index_ids: Sequence[str], model: str, query: NDArray[np.float32], *, limit: int
    ) -> Mapping[int, float]:
        """The records nearest to the unit vector `query`: their cosine, where it is above 0."""
        best: list[tuple[float, int]] = []
        for index_id in index_ids:
            after = 0
            while True:
                block = await self._block(index_id, model, after, len(query))
                if len(block.ids):
                    best = heapq.nlargest(limit, best + await asyncio.to_thread(_nearest, block, query, limit))
                    after = int(block.ids[-1])
                if len(block.ids) < self._block_scenes:
                    break
        return {record_id: cosine for cosine, record_id in best}

    async def _block(self, index_id: str, model: str, after: int, dimensions: int) -> finding.Block:
        key = (index_id, model, dimensions, after)
        kept = self._blocks.get(key)
        if kept is not None:
            self._blocks.move_to_end(key)
            return kept
        block = await self._db.read(
            lambda conn: finding.block(
                conn, index_id, model, after, dimensions=dimensions, limit=self._block_scenes, corpus=self._corpus
            )
        )
        # Another search may have read the same block meanwhile.
        if len(block.ids) == self._block_scenes and key not in self._blocks:
            self._keep(key, block)
        return block

    def _keep(self, key: tuple[str, str, int, int], block: finding.Block) -> None:
        self._blocks[key] = block
        self._bytes += block.bytes
        while self._bytes > self._max_bytes:
            _, dropped = self._blocks.popitem(last=False)
            self._bytes -= dropped.bytes


def _nearest(block: finding.Block, query: NDArray[np.float32], limit: int) -> list[tuple[float, int]]:
    # Not `@`: the threads of BLAS fight with the streams over the cores, and lose tens of milliseconds a block.
    cosines = np.einsum("ij,j->i", block.vectors, query)
    order = np.argsort(cosines)[::-1][:limit]
    return [(min(1.0, float(cosines[i])), int(block.ids[i])) for i in order if cosines[i] > 0]
