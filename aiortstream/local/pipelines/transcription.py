"""Sound to transcript: stretches of speech, cut by an endpointer, become utterances, rows and frames.

One stretch at a time, so that segments come in order. Sound that arrives meanwhile waits, up to a minute of it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from aiortstream.local.ai.protocols import ModelError
from aiortstream.local.media import SAMPLE_RATE
from aiortstream.local.patience import call_model
from aiortstream.local.pipelines.base import Tally
from aiortstream.local.pipelines.inbox import Inbox
from aiortstream.local.store import transcripts
from aiortstream.records import SpokenWord, TranscriptSegment
from aiortstream.wire.times import to_milliseconds

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from aiortstream.local.ai.protocols import Utterance
    from aiortstream.local.media import AudioChunk
    from aiortstream.local.pipelines.base import Context
    from aiortstream.local.ports import Endpointer
    from aiortstream.local.store.streams import StreamRow

logger = logging.getLogger("aiortstream.local.transcription")

MAX_SECONDS = 60.0  # of sound that may wait
BATCH_SECONDS = 0.1  # of sound that is worth a hop to a thread; it adds as much to the delay
IDLE_SECONDS = 2.0  # without sound after which what was being said is taken to have ended
_CALL_SECONDS = 60.0
_CALL_DELAYS = (0.5, 2.0)


class Transcription:
    """The transcript of one stream. `stream` and `public` may be replaced while it runs."""

    def __init__(self, context: Context, stream: StreamRow, *, on_progress: Callable[[float], None]) -> None:
        """`on_progress` is told up to which unix time it has listened; what is being said then is not written yet."""
        self.stream = stream
        self.public = True
        """Whether websockets are told; otherwise it runs for the audio indexes alone."""
        self._context = context
        self._on_progress = on_progress
        self._tally = Tally()
        self._inbox: Inbox[AudioChunk] = Inbox(limit=MAX_SECONDS, batch=BATCH_SECONDS, weight=_seconds)

    @property
    def tally(self) -> Tally:
        """`dropped` counts seconds of sound."""
        self._tally.dropped = self._inbox.dropped
        return self._tally

    def on_audio(self, chunk: AudioChunk) -> None:
        """Take sound, on the decoding thread."""
        self._inbox.put(chunk)

    def finish(self) -> None:
        """No more sound comes."""
        self._inbox.close()

    async def run(self) -> None:
        """Transcribe until no more sound comes."""
        await self._context.warm(speech=True)
        endpointer = self._context.models.endpointer()
        talking = False  # whether sound has come since the last flush
        while not self._inbox.exhausted:
            chunks = await self._inbox.take(seconds=IDLE_SECONDS)
            if chunks:
                await self._write_all(await asyncio.to_thread(_feed, endpointer, chunks))
                talking = True
            elif talking:
                await self._write_all(await asyncio.to_thread(endpointer.flush))
                talking = False
            if chunks:
                self._on_progress(chunks[-1].end)
        await self._write_all(await asyncio.to_thread(endpointer.flush))

    async def _write_all(self, stretches: Sequence[AudioChunk]) -> None:
        for stretch in stretches:
            await self._write(stretch)

    async def _write(self, stretch: AudioChunk) -> None:
        try:
            transcriber = self._context.models.transcriber()
            utterances = await call_model(
                lambda: transcriber.transcribe(stretch), seconds=_CALL_SECONDS, delays=_CALL_DELAYS
            )
        except ModelError as error:
            logger.warning("%s: %.1f s of speech are not transcribed: %s", self.stream.id, _seconds(stretch), error)
            self._tally.failed(str(error))
            return
        if utterances:
            rows = await self._context.db.run(lambda conn: self._add(conn, utterances, transcriber.model))
            self._tally.succeeded(len(rows), ended=rows[-1].end_ms / 1000)
            for row in rows:
                self._publish(row)

    def _add(
        self, conn: sqlite3.Connection, utterances: Sequence[Utterance], model: str
    ) -> list[transcripts.UtteranceRow]:
        return [
            transcripts.add(
                conn,
                self.stream.id,
                start_ms=to_milliseconds(utterance.start),
                end_ms=to_milliseconds(utterance.end),
                text=utterance.text,
                words=[
                    transcripts.WordRow(word.text, to_milliseconds(word.start), to_milliseconds(word.end))
                    for word in utterance.words
                ],
                model=model,
            )
            for utterance in utterances
        ]

    def _publish(self, row: transcripts.UtteranceRow) -> None:
        if self.public:
            words = tuple(SpokenWord(word.start_ms / 1000, word.end_ms / 1000, word.word) for word in row.words)
            segment = TranscriptSegment(
                row.start_ms / 1000, row.end_ms / 1000, row.text, self.stream.id, self.stream.name, words
            )
            self._context.publisher.publish(self._context.bindings.of(self.stream.id), segment)


def _feed(endpointer: Endpointer, chunks: Sequence[AudioChunk]) -> list[AudioChunk]:
    return [stretch for chunk in chunks for stretch in endpointer.feed(chunk)]


def _seconds(chunk: AudioChunk) -> float:
    return len(chunk.samples) / SAMPLE_RATE
