"""Speech to text with an endpoint's transcription model."""

from __future__ import annotations

import io
import wave
from typing import TYPE_CHECKING

import aiohttp
import msgspec
import numpy as np

from aiortstream.local.ai.protocols import Utterance, Word
from aiortstream.local.media import SAMPLE_RATE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiortstream.local.ai.executor import ModelExecutor
    from aiortstream.local.ai.openai.endpoint import OpenAiEndpoint
    from aiortstream.local.media import AudioChunk


class _SpokenWord(msgspec.Struct):
    word: str
    start: float
    end: float


class _Segment(msgspec.Struct):
    text: str
    start: float
    end: float


class _Transcript(msgspec.Struct):
    """`verbose_json`. Servers leave out what they cannot tell."""

    text: str
    segments: list[_Segment] | None = None
    words: list[_SpokenWord] | None = None


class OpenAiTranscriber:
    """Sends each stretch of speech as a WAV file, and asks for the time of each word."""

    def __init__(
        self, endpoint: OpenAiEndpoint, model: str, executor: ModelExecutor, *, language: str | None = None
    ) -> None:
        """`executor` encodes the sound; `language` is an ISO-639-1 code, None to let the model find out."""
        self._endpoint = endpoint
        self._model = model
        self._executor = executor
        self._language = language

    @property
    def model(self) -> str:
        """Name of the model at the endpoint."""
        return self._model

    @property
    def languages(self) -> frozenset[str] | None:
        """The one it was told; else the model behind the endpoint finds out."""
        return frozenset({self._language}) if self._language else None

    async def transcribe(self, speech: AudioChunk) -> Sequence[Utterance]:
        """The utterances in `speech`, in order; without words where the server does not give their times.

        Raises `ModelError`; cancelling abandons the call.
        """
        wav = await self._executor.run(_wav, speech)
        answer = await self._endpoint.post("audio/transcriptions", _Transcript, lambda: self._form(wav))
        return _utterances(answer, speech)

    def _form(self, wav: bytes) -> aiohttp.FormData:
        form = aiohttp.FormData()
        form.add_field("file", wav, filename="speech.wav", content_type="audio/wav")
        form.add_field("model", self._model)
        form.add_field("response_format", "verbose_json")
        form.add_field("timestamp_granularities[]", "word")
        form.add_field("timestamp_granularities[]", "segment")
        if self._language:
            form.add_field("language", self._language)
        return form


def _wav(speech: AudioChunk) -> bytes:
    """16-bit mono."""
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE)
        writer.writeframes((np.clip(speech.samples, -1, 1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


def _utterances(answer: _Transcript, speech: AudioChunk) -> list[Utterance]:
    def clock(seconds: float) -> float:
        return min(speech.start + max(seconds, 0.0), speech.end)

    words = [
        Word(word.word.strip(), clock(word.start), clock(word.end)) for word in answer.words or () if word.word.strip()
    ]
    segments = [segment for segment in answer.segments or () if segment.text.strip()]
    if not segments:
        text = " ".join(answer.text.split())
        if not text:
            return []
        start, end = (words[0].start, words[-1].end) if words else (speech.start, speech.end)
        return [Utterance(start, end, text, tuple(words))]
    utterances = []
    for index, segment in enumerate(segments):
        # A word belongs to the segment that it begins in; one before the first or in a pause, to the earlier one.
        until = clock(segments[index + 1].start) if index + 1 < len(segments) else float("inf")
        spoken = tuple(word for word in words if word.start < until)
        words = words[len(spoken) :]
        text = " ".join(segment.text.split())
        utterances.append(Utterance(clock(segment.start), clock(segment.end), text, spoken))
    return utterances
