"""The models of one server: made when first asked for, shared by all its streams, closed together.

Importing this module loads no model library; neither does making `Models`. A model's package is imported, and its
weights are read, by its first call, on the thread of its lane, or by `warm`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, runtime_checkable

from aiortstream.local.ai.executor import ExecutorStatistics, ModelExecutor
from aiortstream.local.ai.loading import Lazy
from aiortstream.local.ai.settings import BUILTIN, ModelSettings, UnknownModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortstream.local.ai.endpointing import Endpointer
    from aiortstream.local.ai.openai import OpenAiEndpoint
    from aiortstream.local.ai.protocols import Describer, Embedder, Judge, Summariser, Transcriber

__all__ = ["ModelSettings", "Models", "UnknownModel"]

T = TypeVar("T")


@runtime_checkable
class _Loads(Protocol):
    """A model with weights on this machine."""

    async def load(self) -> None:
        """Load them now."""


class Models:
    """Every model of a server, by what it is for. Use it on one event loop, and `aclose` it there."""

    def __init__(self, settings: ModelSettings | None = None) -> None:
        self.settings = settings or ModelSettings()
        # One lane each: a slow picture must not hold up a transcript, nor both a search.
        self._lanes = {name: ModelExecutor(name) for name in ("speech", "vision", "text")}
        self._made: dict[tuple[str, str], Any] = {}  # by purpose and model name
        self._voice_activity = Lazy(_voice_activity_session)

    def transcriber(self, engine: str | None = None) -> Transcriber:
        """Speech to text. Any `engine` ("assemblyai", "default", ...) names the one configured: there is one."""
        del engine
        name = self.settings.transcription_model or BUILTIN
        return self._once("transcriber", name, self._make_transcriber)

    def endpointer(self) -> Endpointer:
        """A new endpointer, for one stream. It computes: call it on a thread."""
        from aiortstream.local.ai.endpointing import Endpointer
        from aiortstream.local.ai.silero import SileroProbability

        return Endpointer(SileroProbability(self._voice_activity))

    def describer(self, model_name: str | None = None) -> Describer:
        """Pictures to text, by tier. Raises `UnknownModel`."""
        return self._once("describer", self.settings.model_for(model_name), self._make_describer)

    def summariser(self, model_name: str | None = None) -> Summariser:
        """Text to shorter text, by tier. Raises `UnknownModel`."""
        return self._once("summariser", self.settings.model_for(model_name), self._make_summariser)

    def embedder(self) -> Embedder:
        """Text to vectors."""
        return self._once("embedder", self.settings.embedding_model or BUILTIN, self._make_embedder)

    def judge(self) -> Judge:
        """Whether a record is what an event is about."""
        name = self.settings.judge_model or self.settings.model_for(None)
        return self._once("judge", name, self._make_judge)

    def statistics(self) -> dict[str, ExecutorStatistics]:
        """How loaded each lane is: speech, vision, text."""
        return {name: lane.statistics() for name, lane in self._lanes.items()}

    async def warm(self, *, speech: bool = False, vision: bool = False, text: bool = False) -> None:
        """Load the built-in models of these purposes now, so that the first record does not wait for them.

        Raises `BackendMissing` and `ModelError` as the models do. What is behind an endpoint needs no warming.
        Cancelling lets a load that has begun run on; its model is then ready.
        """
        wanted: list[object] = []
        wanted += [self.transcriber()] if speech else []
        wanted += [self.describer()] if vision else []
        wanted += [self.embedder()] if text else []
        for model in wanted:
            if isinstance(model, _Loads):
                await model.load()
        if speech:
            await self._lanes["speech"].run(self._voice_activity.get)

    async def aclose(self) -> None:
        """Fail the calls under way, join the threads, close the connections. Closing twice is fine."""
        endpoint: OpenAiEndpoint | None = self._made.get(("endpoint", ""))
        if endpoint is not None:
            await endpoint.aclose()
        await asyncio.gather(*(lane.aclose() for lane in self._lanes.values()))

    def _once(self, purpose: str, name: str, make: Callable[[str], T]) -> T:
        key = (purpose, name)
        if key not in self._made:
            self._made[key] = make(name)
        return cast("T", self._made[key])

    def _endpoint(self) -> OpenAiEndpoint:
        def make(_: str) -> OpenAiEndpoint:
            from aiortstream.local.ai.openai import OpenAiEndpoint

            assert self.settings.endpoint_url is not None  # the settings refuse a model's name without it
            return OpenAiEndpoint(self.settings.endpoint_url, self.settings.endpoint_api_key)

        return self._once("endpoint", "", make)

    def _make_transcriber(self, name: str) -> Transcriber:
        lane = self._lanes["speech"]
        if name == BUILTIN:
            from aiortstream.local.ai.speech import WhisperTranscriber

            return WhisperTranscriber(lane, weights=self.settings.whisper_path, cpu_threads=self.settings.cpu_threads)
        from aiortstream.local.ai.openai import OpenAiTranscriber

        return OpenAiTranscriber(self._endpoint(), name, lane)

    def _make_describer(self, name: str) -> Describer:
        lane, threads = self._lanes["vision"], self.settings.cpu_threads
        if name == BUILTIN:
            from aiortstream.local.ai.detector import ObjectDetector
            from aiortstream.local.ai.ocr import TextReader
            from aiortstream.local.ai.vision import FrameDescriber

            path = self.settings.detector_path
            detector = ObjectDetector(path, cpu_threads=threads) if path is not None else None
            return FrameDescriber(lane, TextReader(cpu_threads=threads), detector)
        from aiortstream.local.ai.openai import OpenAiDescriber

        return OpenAiDescriber(self._endpoint(), name, lane)

    def _make_summariser(self, name: str) -> Summariser:
        if name == BUILTIN:
            from aiortstream.local.ai.summary import ExtractiveSummariser

            return ExtractiveSummariser()
        from aiortstream.local.ai.openai import OpenAiSummariser

        return OpenAiSummariser(self._endpoint(), name)

    def _make_embedder(self, name: str) -> Embedder:
        if name == BUILTIN:
            from aiortstream.local.ai.embedding import MiniLmEmbedder

            return MiniLmEmbedder(self._lanes["text"], cpu_threads=self.settings.cpu_threads)
        from aiortstream.local.ai.openai import OpenAiEmbedder

        return OpenAiEmbedder(self._endpoint(), name)

    def _make_judge(self, name: str) -> Judge:
        if name == BUILTIN:
            from aiortstream.local.ai.judging import EmbeddingJudge

            return EmbeddingJudge(self.embedder())
        from aiortstream.local.ai.openai import OpenAiJudge

        return OpenAiJudge(self._endpoint(), name)


def _voice_activity_session() -> Any:
    from aiortstream.local.ai.silero import silero_session

    return silero_session()
