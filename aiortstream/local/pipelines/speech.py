"""Transcript to scenes: an audio index summarises pieces of what was said.

It reads the transcript from the database, from a mark that moves with each scene in the scene's own transaction. What a
slow model has not read yet waits there, and a restart reads on.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiortstream.local.ai.protocols import ModelError
from aiortstream.local.patience import call_model
from aiortstream.local.pipelines.base import Tally
from aiortstream.local.pipelines.pieces import Piece, Pieces
from aiortstream.local.pipelines.scenes import Draft
from aiortstream.local.store import indexes, transcripts

if TYPE_CHECKING:
    from aiortstream.local.batching import SpeechBatch
    from aiortstream.local.pipelines.base import Context
    from aiortstream.local.pipelines.scenes import SceneWriter
    from aiortstream.local.store.indexes import IndexRow
    from aiortstream.local.store.streams import StreamRow

logger = logging.getLogger("aiortstream.local.speech")

_ROWS = 200  # segments read at once
_CALL_SECONDS = 60.0
_CALL_DELAYS = (1.0, 5.0)


class SpeechSummaries:
    """One audio index. `stream` and `index` may be replaced while it runs: by the same with another name, prompt."""

    def __init__(
        self, context: Context, stream: StreamRow, index: IndexRow, batch: SpeechBatch, writer: SceneWriter
    ) -> None:
        self.stream = stream
        self.index = index
        self._context = context
        self._batch = batch
        self._writer = writer
        self._tally = Tally()
        self._heard = 0.0  # unix time up to which the transcriber has listened
        self._finishing = False
        self._news = asyncio.Event()  # set when _heard or _finishing has changed

    @property
    def tally(self) -> Tally:
        """`dropped` counts pieces that the model failed on."""
        return self._tally

    def heard(self, until: float) -> None:
        """The transcriber has listened up to that unix time. Event loop only."""
        self._heard = max(self._heard, until)
        self._news.set()

    def finish(self) -> None:
        """The transcript grows no more: what is left is summarised too, however little it is."""
        self._finishing = True
        self._news.set()

    async def run(self) -> None:
        """Summarise until the transcript grows no more."""
        await self._context.warm(text=True)
        mark = await self._context.db.read(lambda conn: indexes.mark(conn, self.index.id))
        pieces = Pieces(self._batch, mark)
        while True:
            finishing = self._finishing
            self._news.clear()
            await self._read_on(pieces)
            if finishing:
                break
            await self._news.wait()
        if (rest := pieces.flush()) is not None:
            await self._summarise(rest)

    async def _read_on(self, pieces: Pieces) -> None:
        heard = self._heard  # before reading: what is written later says nothing of what is read now
        while True:
            rows = await self._context.db.read(
                lambda conn: transcripts.after(conn, self.stream.id, pieces.read_to, limit=_ROWS)
            )
            pieces.add(rows)
            if len(rows) < _ROWS:
                pieces.heard(heard)
            while (piece := pieces.pop()) is not None:
                await self._summarise(piece)
            if len(rows) < _ROWS:
                return

    async def _summarise(self, piece: Piece) -> None:
        index = self.index
        try:
            summariser = self._context.models.summariser(index.model_name)
            text = await call_model(
                lambda: summariser.summarise(piece.text, index.prompt), seconds=_CALL_SECONDS, delays=_CALL_DELAYS
            )
        except (ModelError, ValueError) as error:
            logger.warning("index %s: a piece of speech is not summarised: %s", index.id, error)
            self._tally.failed(str(error))
            self._tally.dropped += 1
            await self._context.db.run(lambda conn: indexes.set_mark(conn, index.id, piece.mark))
            return
        draft = Draft(piece.start_ms, piece.end_ms, text, None, summariser.model)
        await self._writer.write(
            self.stream, index, draft, also=lambda conn: indexes.set_mark(conn, index.id, piece.mark)
        )
        self._tally.succeeded(ended=piece.end_ms / 1000)
