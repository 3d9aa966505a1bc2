"""The voice activity model as it comes in faster-whisper, on a real voice."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from aiortstream.local.ai import silero
from aiortstream.local.ai.endpointing import BLOCK, Endpointer
from aiortstream.local.ai.loading import Lazy
from aiortstream.local.ai.protocols import ModelError
from aiortstream.local.ai.silero import SileroProbability, silero_session
from aiortstream.local.media import SAMPLE_RATE, AudioChunk

faster_whisper = pytest.importorskip("faster_whisper", reason="pip install 'aiortstream[local-speech]'")

CLIP = Path(__file__).parents[2] / "data" / "speech" / "amiable.ogg"


@pytest.fixture(scope="module")
def session() -> Lazy[object]:
    return Lazy(silero_session)


@pytest.fixture(scope="module")
def voice() -> NDArray[np.float32]:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(CLIP)) as container:
        pieces = [piece.to_ndarray()[0] for frame in container.decode(audio=0) for piece in resampler.resample(frame)]
    return np.concatenate(pieces)


def blocks(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    return samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_the_memory_carries_over_calls_as_if_there_had_been_one(
    session: Lazy[object], voice: NDArray[np.float32], batch: int
) -> None:
    sound = blocks(voice)
    expected = faster_whisper.vad.get_vad_model()(sound.ravel())

    probability = SileroProbability(session)
    found = np.concatenate([probability(sound[first : first + batch]) for first in range(0, len(sound), batch)])

    np.testing.assert_allclose(found, expected.ravel(), atol=1e-5)


def test_a_reset_forgets(session: Lazy[object], voice: NDArray[np.float32]) -> None:
    probability = SileroProbability(session)
    first = probability(blocks(voice))
    probability.reset()
    np.testing.assert_array_equal(probability(blocks(voice)), first)


def test_a_sentence_between_silences_is_one_stretch(session: Lazy[object], voice: NDArray[np.float32]) -> None:
    silence = np.zeros(2 * SAMPLE_RATE, np.float32)
    endpointer = Endpointer(SileroProbability(session))
    stretches = endpointer.feed(AudioChunk(1000.0, np.concatenate((silence, voice, silence))))
    (stretch,) = stretches
    assert 1001.7 < stretch.start < 1002.3
    assert 1004.8 < stretch.end < 1005.5
    assert endpointer.flush() == []


def test_a_faster_whisper_without_the_model_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Package:
        __file__ = str(tmp_path / "__init__.py")

    monkeypatch.setattr(silero, "import_backend", lambda *_, **__: Package)
    with pytest.raises(ModelError, match=r"silero_vad.*does not carry"):
        silero_session()
