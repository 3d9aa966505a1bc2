"""The pipelines that a plan asks for, kept in step with it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from aiortstream.local.batching import VisualBatch, parse_batch
from aiortstream.local.pipelines.alerts import AlertJudging
from aiortstream.local.pipelines.scenes import SceneWriter
from aiortstream.local.pipelines.speech import SpeechSummaries
from aiortstream.local.pipelines.transcription import Transcription
from aiortstream.local.pipelines.understandings import UnderstandingWriter
from aiortstream.local.pipelines.visuals import Visuals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiortstream.local.media import AudioTap, FrameTap
    from aiortstream.local.pipelines.base import Context, Pipeline
    from aiortstream.local.runtime.crew import Crew
    from aiortstream.local.runtime.plan import Plan
    from aiortstream.local.store.indexes import IndexRow

FINISH_SECONDS = 8.0  # for all that is at hand when a stream or an index is stopped
_TRANSCRIPTION = "transcription"
_INDEX = "index "
_ALERTS = "alerts "
_KINDS = (_TRANSCRIPTION, _INDEX, _ALERTS)


class Taps(Protocol):
    """Where frames and sound come from."""

    def add_frame_tap(self, tap: FrameTap) -> None:
        """Hand frames to it from now on."""

    def remove_frame_tap(self, tap: FrameTap) -> None:
        """Hand it no more."""

    def add_audio_tap(self, tap: AudioTap) -> None:
        """Hand sound to it from now on."""

    def remove_audio_tap(self, tap: AudioTap) -> None:
        """Hand it no more."""


class Work:
    """The pipelines of one running stream. In its crew they are `transcription`, `index <id>` and `alerts <id>`."""

    def __init__(self, context: Context, crew: Crew, taps: Taps) -> None:
        self._context = context
        self._crew = crew
        self._taps = taps
        self._writer = SceneWriter(context, on_scene=self._on_scene)
        self._understood = UnderstandingWriter(context, on_scene=self._on_scene)

    async def follow(self, plan: Plan) -> None:
        """Start what is missing, end what is no longer wanted, and tell the others what has changed."""
        indexes = {_INDEX + index.id: index for index in plan.indexes}
        wanted = [*indexes, *(_ALERTS + index_id for index_id in plan.watched)]
        if plan.transcribes:
            wanted.append(_TRANSCRIPTION)
        await self._finish(key for key in self._crew if key.startswith(_KINDS) and key not in wanted)
        for key in wanted:
            if key not in self._crew:
                self._start(key, plan)
            self._update(self._crew[key], plan, indexes.get(key))

    async def finish(self) -> None:
        """End everything in the crew, each after what it has at hand."""
        await self._finish(self._crew)

    async def _finish(self, keys: Iterable[str]) -> None:
        """First what reads the stream, then what reads their records, then what reads those."""
        leaving = tuple(keys)
        stages: dict[int, list[str]] = {}
        for key in leaving:
            self._disconnect(self._crew[key])
            stages.setdefault(_stage(self._crew[key]), []).append(key)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + FINISH_SECONDS
        for _, members in sorted(stages.items()):
            await self._crew.finish(members, seconds=max(0.0, deadline - loop.time()))

    def _start(self, key: str, plan: Plan) -> None:
        if key == _TRANSCRIPTION:
            transcription = Transcription(self._context, plan.stream, on_progress=self._on_progress)
            self._crew.start(key, transcription)
            self._taps.add_audio_tap(transcription)
        elif key.startswith(_ALERTS):
            self._crew.start(key, AlertJudging(self._context, plan.stream, key.removeprefix(_ALERTS)))
        else:
            self._start_index(key, plan, next(index for index in plan.indexes if _INDEX + index.id == key))

    def _start_index(self, key: str, plan: Plan, index: IndexRow) -> None:
        batch = parse_batch(index.extraction_type, index.extraction_config)
        if isinstance(batch, VisualBatch):
            writer = self._writer if index.role == "scene" else self._understood
            visuals = Visuals(self._context, plan.stream, index, batch, writer)
            self._crew.start(key, visuals)
            self._taps.add_frame_tap(visuals.windows)
        else:
            self._crew.start(key, SpeechSummaries(self._context, plan.stream, index, batch, self._writer))

    def _update(self, pipeline: Pipeline, plan: Plan, index: IndexRow | None) -> None:
        match pipeline:
            case Transcription():
                pipeline.stream, pipeline.public = plan.stream, plan.transcript
            case Visuals() | SpeechSummaries() if index is not None:
                pipeline.stream, pipeline.index = plan.stream, index
            case AlertJudging():
                pipeline.stream = plan.stream
                pipeline.wake()
            case _:
                pass

    def _disconnect(self, pipeline: Pipeline) -> None:
        match pipeline:
            case Transcription():
                self._taps.remove_audio_tap(pipeline)
            case Visuals():
                self._taps.remove_frame_tap(pipeline.windows)
            case _:
                pass

    def _on_progress(self, until: float) -> None:
        for key in self._crew:
            pipeline = self._crew[key]
            if isinstance(pipeline, SpeechSummaries):
                pipeline.heard(until)

    def _on_scene(self, index_id: str) -> None:
        key = _ALERTS + index_id
        if key in self._crew:
            pipeline = self._crew[key]
            if isinstance(pipeline, AlertJudging):
                pipeline.wake()


def _stage(pipeline: Pipeline) -> int:
    match pipeline:
        case SpeechSummaries():
            return 1
        case AlertJudging():
            return 2
        case _:
            return 0
