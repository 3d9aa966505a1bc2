"""What is said in videos: transcripts, made of the whole sound, and the index of it that search goes through."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import numpy as np

from aiortstream.local.ai.protocols import ModelError
from aiortstream.local.ids import short_id
from aiortstream.local.patience import call_model
from aiortstream.local.progress import teller
from aiortstream.local.recording.files import MediaError
from aiortstream.local.recording.sound import SoundReader
from aiortstream.local.services.errors import BadRequest, Unavailable
from aiortstream.local.services.lookup import given, model_refusals, video_of
from aiortstream.local.services.sentences import by_time, sentences, within, words
from aiortstream.local.services.uploads import check_no_callback
from aiortstream.local.store import finding, spoken
from aiortstream.local.store.scenes import Embedding
from aiortstream.local.store.spoken import NewMoment, SpokenRow
from aiortstream.local.store.transcripts import WordRow
from aiortstream.wire.times import to_milliseconds
from aiortstream.wire.videos import SpokenRecord, VideoIndexAnswer, VideoTranscriptAnswer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from aiortstream.local.media import AudioChunk
    from aiortstream.local.ports import Endpointer, Models
    from aiortstream.local.services.videos import VideoService
    from aiortstream.local.store.database import Database
    from aiortstream.wire.videos import GenerateTranscriptRequest, VideoIndexRequest

SEGMENTERS = ("word", "sentence", "time")
_BATCH_SECONDS = 30.0  # of sound that is decoded in one go
_BATCH_TEXTS = 64  # embedded in one call
_TRANSCRIBED = 0.9  # of the work of making a transcript and its index
_CALL_SECONDS = 60.0
_CALL_DELAYS = (0.5, 2.0, 8.0, 30.0)  # live streams come first on the models' lanes; nobody hurries this


class SpokenService:
    """Transcripts and indexes of videos. One at a time for each video: the second finds what the first has made."""

    def __init__(self, db: Database, models: Models, videos: VideoService) -> None:
        self._db = db
        self._models = models
        self._videos = videos
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by video

    async def transcript(
        self,
        video_id: str,
        *,
        start: float | None = None,
        end: float | None = None,
        segmenter: str = "word",
        length: int = 1,
        force: bool = False,
    ) -> VideoTranscriptAnswer:
        """What is said in a video, in pieces; made if it has not been, or with `force`. May take long.

        `length` is in seconds, for the segmenter "time". Raises NotFound, BadRequest, Unavailable.
        """
        if segmenter not in SEGMENTERS:
            raise BadRequest(f"segmenter: expected one of {', '.join(SEGMENTERS)}, got {segmenter!r}")
        for name, value in (("start", start), ("end", end)):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise BadRequest(f"{name}: expected seconds from the beginning of the video, got {value}")
        if start is not None and end is not None and end < start:
            raise BadRequest(f"end: expected no time before start ({start}), got {end}")
        said = await self._transcript(video_id, force=force)
        if segmenter == "word":
            pieces = [SpokenRow(word.start_ms, word.end_ms, word.word) for word in words(said)]
        else:
            pieces = sentences(said) if segmenter == "sentence" else by_time(said, max(1, length) * 1000)
        kept = within(pieces, *(None if value is None else to_milliseconds(value) for value in (start, end)))
        return _answer(kept)

    async def generate(self, video_id: str, request: GenerateTranscriptRequest) -> VideoTranscriptAnswer:
        """The transcript of a video, word by word; made anew with `force`. Raises as `transcript` does."""
        self._check_language(request.language_code)
        check_no_callback(given(request.callback_url))
        return await self.transcript(video_id, force=bool(request.force))

    async def index(self, video_id: str, request: VideoIndexRequest) -> VideoIndexAnswer:
        """Make what is said in a video searchable, sentence by sentence; may take long.

        Raises NotFound, BadRequest for one that is indexed already unless it is forced, Unavailable where a model
        fails. Cancelling it leaves the index as it was.
        """
        if request.index_type not in (None, "spoken_word"):
            raise BadRequest(f"index_type: this server indexes the spoken words of videos, got {request.index_type!r}")
        if request.segmentation_type not in (None, "sentence"):
            raise BadRequest(f"segmentation_type: expected 'sentence', got {request.segmentation_type!r}")
        self._check_language(request.language_code)
        check_no_callback(request.callback_url)
        async with self._lock(video_id):
            await self._check_index(video_id, force=bool(request.force))
            said = await self._find(video_id, force=bool(request.force))
            made = sentences(said)
            embeddings = await self._embed([each.text for each in made])
            new = [
                NewMoment(each.start_ms, each.end_ms, each.text, embedding)
                for each, embedding in zip(made, embeddings, strict=True)
            ]

            def write(conn: sqlite3.Connection) -> None:
                video_of(conn, video_id)  # it may have been deleted meanwhile
                spoken.set_index(conn, video_id, short_id(), new, at=time.time())

            await self._db.run(write)
        return VideoIndexAnswer("spoken_word", video_id, len(new))

    async def _check_index(self, video_id: str, *, force: bool) -> None:
        def read(conn: sqlite3.Connection) -> str | None:
            video_of(conn, video_id)
            return spoken.index_of(conn, video_id)

        if await self._db.read(read) is not None and not force:
            raise BadRequest("Spoken word index for video already exists; pass force to make it again")

    async def _transcript(self, video_id: str, *, force: bool) -> Sequence[SpokenRow]:
        async with self._lock(video_id):
            return await self._find(video_id, force=force)

    async def _find(self, video_id: str, *, force: bool) -> Sequence[SpokenRow]:
        """The transcript as it is, or made now. Call it under the video's lock."""

        def read(conn: sqlite3.Connection) -> tuple[float, Sequence[SpokenRow] | None]:
            return video_of(conn, video_id).duration, spoken.transcript(conn, video_id)

        length, found = await self._db.read(read)
        if found is not None and not force:
            return found
        said = await self._transcribe(video_id, await self._videos.path(video_id), length)

        def write(conn: sqlite3.Connection) -> None:
            video_of(conn, video_id)
            spoken.set_transcript(conn, video_id, said, at=time.time())

        await self._db.run(write)
        return said

    async def _transcribe(self, video_id: str, path: Path, length: float) -> Sequence[SpokenRow]:
        """What is said in a file of `length` seconds."""
        tell = teller(0.0, _TRANSCRIBED)
        try:
            reader = await asyncio.to_thread(SoundReader, path)
        except MediaError as error:
            raise BadRequest(f"video {video_id!r} cannot be transcribed: {error}") from error
        step: asyncio.Future[tuple[list[AudioChunk], bool]] | None = None
        try:
            await self._models.warm(speech=True)
            endpointer = self._models.endpointer()
            said: list[SpokenRow] = []
            while True:
                step = asyncio.ensure_future(asyncio.to_thread(_listen, reader, endpointer))
                stretches, ended = await asyncio.shield(step)
                for stretch in stretches:
                    said += await self._call(stretch)
                    tell(stretch.end / length if length else 0.0)
                if ended:
                    return said
        except ModelError as error:
            raise Unavailable(f"video {video_id!r} is not transcribed: {error}") from error
        finally:
            if step is not None:
                await asyncio.wait((step,))  # cancelled or not, its thread reads the file until it is done
            await asyncio.to_thread(reader.close)

    async def _call(self, stretch: AudioChunk) -> list[SpokenRow]:
        transcriber = self._models.transcriber()
        utterances = await call_model(
            lambda: transcriber.transcribe(stretch), seconds=_CALL_SECONDS, delays=_CALL_DELAYS
        )
        return [
            SpokenRow(
                to_milliseconds(each.start),
                to_milliseconds(each.end),
                each.text,
                tuple(WordRow(w.text, to_milliseconds(w.start), to_milliseconds(w.end)) for w in each.words),
            )
            for each in utterances
        ]

    async def _embed(self, texts: Sequence[str]) -> list[Embedding]:
        made: list[Embedding] = []
        tell = teller(_TRANSCRIBED)
        try:
            embedder = self._models.embedder()
            for first in range(0, len(texts), _BATCH_TEXTS):
                batch = texts[first : first + _BATCH_TEXTS]
                vectors = await call_model(
                    lambda batch=batch: embedder.embed(batch),  # type: ignore[misc] # mypy infers no default
                    seconds=_CALL_SECONDS,
                    delays=_CALL_DELAYS,
                )
                made += [Embedding(embedder.model, finding.pack(np.asarray(each, np.float32))) for each in vectors]
                tell(len(made) / len(texts))
        except ModelError as error:
            raise Unavailable(f"the sentences cannot be indexed: {error}") from error
        return made

    def _check_language(self, code: str | None) -> None:
        """Refuse a language that the transcriber does not know; one that finds out by itself takes any."""
        if not code:
            return
        with model_refusals("language_code"):
            languages = self._models.transcriber().languages
        if languages is not None and code.lower().replace("_", "-").partition("-")[0] not in languages:
            known = ", ".join(sorted(languages))
            raise BadRequest(f"language_code: expected {known}, which is all that is transcribed here, got {code!r}")

    def _lock(self, video_id: str) -> asyncio.Lock:
        return self._locks.setdefault(video_id, asyncio.Lock())


def _listen(reader: SoundReader, endpointer: Endpointer) -> tuple[list[AudioChunk], bool]:
    """Stretches of speech in the next of the sound, and whether it has ended."""
    chunks = reader.read(_BATCH_SECONDS)
    if not chunks:
        return endpointer.flush(), True
    return [stretch for chunk in chunks for stretch in endpointer.feed(chunk)], False


def _answer(pieces: Sequence[SpokenRow]) -> VideoTranscriptAnswer:
    records = [SpokenRecord(piece.start_ms / 1000, piece.end_ms / 1000, piece.text) for piece in pieces]
    return VideoTranscriptAnswer(records, " ".join(piece.text for piece in pieces))
