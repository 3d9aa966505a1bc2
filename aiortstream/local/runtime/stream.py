"""One stream at run time: its ingest and its pipelines, made to agree with what is wanted of it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiortstream.local.batching import SpeechBatch, VisualBatch, parse_batch
from aiortstream.local.ingest.source import UnsupportedSource, parse_source
from aiortstream.local.ingest.stream import StreamIngest
from aiortstream.local.pipelines.alerts import AlertJudging
from aiortstream.local.pipelines.scenes import SceneWriter
from aiortstream.local.pipelines.speech import SpeechSummaries
from aiortstream.local.pipelines.transcription import Transcription
from aiortstream.local.pipelines.visuals import Visuals
from aiortstream.local.recording.segmenter import Segmenter, recover
from aiortstream.local.runtime.journal import Journal
from aiortstream.local.runtime.worker import Worker
from aiortstream.local.services.recordings import recording_root
from aiortstream.local.store import streams

if TYPE_CHECKING:
    from pathlib import Path

    from aiortstream.local.pipelines.base import Context
    from aiortstream.local.runtime.wishes import Wishes
    from aiortstream.local.store.indexes import IndexRow
    from aiortstream.local.store.streams import StreamRow

logger = logging.getLogger("aiortstream.local.runtime")

SOURCE_ENDED = "source ended"


class StreamRuntime:
    """Owns everything that runs for one stream. `apply` and `aclose` are called one at a time."""

    def __init__(self, context: Context, data_dir: Path, stream: StreamRow) -> None:
        self._context = context
        self._data_dir = data_dir
        self._stream = stream
        self._ingest: StreamIngest | None = None
        self._ingesting: asyncio.Task[None] | None = None
        self._journal: Worker[Journal] | None = None
        self._transcription: Worker[Transcription] | None = None
        self._visuals: dict[str, Worker[Visuals]] = {}  # by index, like the two below
        self._speech: dict[str, Worker[SpeechSummaries]] = {}
        self._judging: dict[str, Worker[AlertJudging]] = {}
        self._writer = SceneWriter(context, on_scene=self._judge)

    async def apply(self, wishes: Wishes) -> None:
        """Start what is wanted and does not run, end what runs and is not wanted, pass on what has changed."""
        self._stream = wishes.stream
        if not wishes.stream.wanted:
            await self.aclose()
            return
        await self._start_ingest()
        await self._apply_judging(wishes.watched)
        await self._apply_speech(wishes)
        await self._apply_transcription(wishes)
        await self._apply_visuals(wishes)

    async def aclose(self) -> None:
        """End everything: the source first, so that what it has brought is worked off, each part within a deadline."""
        await self._stop_ingest()
        await self._end_all([worker.end for worker in self._visuals.values()])
        self._visuals.clear()
        if self._transcription is not None:
            await self._transcription.end()
            self._transcription = None
        await self._end_all([worker.end for worker in self._speech.values()])
        self._speech.clear()
        await self._end_all([worker.end for worker in self._judging.values()])
        self._judging.clear()
        if self._journal is not None:
            await self._journal.end()
            self._journal = None

    # --- ingest -------------------------------------------------------------------------------------------------------

    async def _start_ingest(self) -> None:
        if self._ingesting is not None:
            return
        try:
            spec = await asyncio.to_thread(parse_source, self._stream.url)
        except UnsupportedSource as error:  # it was accepted once: a file that has gone, or an older version's
            await self._give_up(f"the source cannot be opened: {error}")
            return
        journal = Journal(self._context.db, self._stream.id)
        self._journal = Worker(journal, f"{self._stream.id} journal")
        recorder = None
        if self._stream.store:
            root = recording_root(self._data_dir, self._stream.id)
            await asyncio.to_thread(recover, root)
            recorder = Segmenter(root, on_segment=journal.on_segment)
        self._ingest = StreamIngest(
            spec,
            media_types=self._stream.media_types,
            recorder=recorder,
            on_status=journal.on_status,
            name=self._stream.id,
        )
        self._ingesting = asyncio.create_task(self._run_ingest(self._ingest), name=f"{self._stream.id} ingest")

    async def _run_ingest(self, ingest: StreamIngest) -> None:
        """Ingest to the end of the source, which is then not wanted any more: a live one has none."""
        try:
            await ingest.run()
            reason = ingest.status.reason
        except Exception as error:
            logger.exception("%s: ingest failed", self._stream.id)
            reason = f"ingest failed: {type(error).__name__}"
        await self._give_up(reason or SOURCE_ENDED)

    async def _give_up(self, reason: str) -> None:
        await self._context.db.run(lambda conn: streams.unwant(conn, self._stream.id, reason=reason, at=time.time()))
        for visuals in self._visuals.values():
            visuals.pipeline.windows.flush()

    async def _stop_ingest(self) -> None:
        task, self._ingesting = self._ingesting, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._ingest = None

    # --- pipelines ----------------------------------------------------------------------------------------------------

    async def _apply_transcription(self, wishes: Wishes) -> None:
        if not wishes.speech:
            if self._transcription is not None:
                worker, self._transcription = self._transcription, None
                if self._ingest is not None:
                    self._ingest.remove_audio_tap(worker.pipeline)
                await worker.end()
            return
        if self._transcription is None and self._ingest is not None:
            pipeline = Transcription(self._context, self._stream, on_progress=self._heard)
            self._transcription = Worker(pipeline, f"{self._stream.id} transcription")
            self._ingest.add_audio_tap(pipeline)
        if self._transcription is not None:
            self._transcription.pipeline.stream = self._stream
            self._transcription.pipeline.public = wishes.transcript

    async def _apply_visuals(self, wishes: Wishes) -> None:
        wanted = {index.id: index for index in wishes.indexes if index.kind == "visual"}
        for index_id in [known for known in self._visuals if known not in wanted]:
            worker = self._visuals.pop(index_id)
            if self._ingest is not None:
                self._ingest.remove_frame_tap(worker.pipeline.windows)
            await worker.end()
        for index in wanted.values():
            if index.id not in self._visuals and self._ingest is not None:
                batch = _batch(index)
                assert isinstance(batch, VisualBatch)
                pipeline = Visuals(self._context, self._stream, index, batch, self._writer)
                self._visuals[index.id] = Worker(pipeline, f"{self._stream.id} index {index.id}")
                self._ingest.add_frame_tap(pipeline.windows)
            if index.id in self._visuals:
                self._visuals[index.id].pipeline.stream = self._stream
                self._visuals[index.id].pipeline.index = index

    async def _apply_speech(self, wishes: Wishes) -> None:
        wanted = {index.id: index for index in wishes.indexes if index.kind == "audio"}
        for index_id in [known for known in self._speech if known not in wanted]:
            await self._speech.pop(index_id).end()
        for index in wanted.values():
            if index.id not in self._speech:
                batch = _batch(index)
                assert isinstance(batch, SpeechBatch)
                pipeline = SpeechSummaries(self._context, self._stream, index, batch, self._writer)
                self._speech[index.id] = Worker(pipeline, f"{self._stream.id} index {index.id}")
            self._speech[index.id].pipeline.stream = self._stream
            self._speech[index.id].pipeline.index = index

    async def _apply_judging(self, watched: frozenset[str]) -> None:
        for index_id in [known for known in self._judging if known not in watched]:
            await self._judging.pop(index_id).end()
        for index_id in watched:
            if index_id not in self._judging:
                pipeline = AlertJudging(self._context, self._stream, index_id)
                self._judging[index_id] = Worker(pipeline, f"{self._stream.id} alerts of {index_id}")
            self._judging[index_id].pipeline.stream = self._stream
            self._judging[index_id].pipeline.wake()

    def _heard(self, until: float) -> None:
        for worker in self._speech.values():
            worker.pipeline.heard(until)

    def _judge(self, index_id: str) -> None:
        if index_id in self._judging:
            self._judging[index_id].pipeline.wake()

    @staticmethod
    async def _end_all(endings: list[Callable[[], Awaitable[None]]]) -> None:
        await asyncio.gather(*(end() for end in endings))


def _batch(index: IndexRow) -> VisualBatch | SpeechBatch:
    return parse_batch("transcript" if index.kind == "audio" else "time", index.extraction_config)
