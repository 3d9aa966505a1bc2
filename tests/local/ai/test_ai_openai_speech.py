"""Transcriptions from an endpoint: the sound that goes out, the times that come back."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from fake_endpoint import KEY, FakeEndpoint

from aiortstream.local.ai.executor import ModelExecutor
from aiortstream.local.ai.openai import EndpointError, OpenAiEndpoint, OpenAiTranscriber
from aiortstream.local.ai.protocols import Utterance, Word
from aiortstream.local.media import SAMPLE_RATE, AudioChunk

T0 = 1_700_000_000.0


@pytest.fixture
async def server() -> AsyncIterator[FakeEndpoint]:
    server = FakeEndpoint()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def transcriber(server: FakeEndpoint) -> AsyncIterator[OpenAiTranscriber]:
    endpoint, lane = OpenAiEndpoint(server.url, KEY, timeout=10, first_pause=0.001), ModelExecutor("speech")
    yield OpenAiTranscriber(endpoint, "whisper-1", lane, language="en")
    await endpoint.aclose()
    await lane.aclose()


def chunk(samples: Any = None) -> AudioChunk:
    return AudioChunk(T0, np.zeros(4 * SAMPLE_RATE, np.float32) if samples is None else samples)


async def test_the_sound_goes_out_as_a_wav_file_with_the_right_questions(
    server: FakeEndpoint, transcriber: OpenAiTranscriber
) -> None:
    server.json({"text": ""})
    samples = np.array([0, 0.5, -1, 2], np.float32)
    assert await transcriber.transcribe(chunk(samples)) == []

    (request,) = server.received
    assert request.path == "/v1/audio/transcriptions"
    fields = dict(request.body)
    with wave.open(io.BytesIO(fields.pop("file"))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SAMPLE_RATE, 1, 2)
        assert np.frombuffer(file.readframes(4), "<i2").tolist() == [0, 16383, -32767, 32767]
    granularities = [value for name, value in request.body if name == "timestamp_granularities[]"]
    assert granularities == ["word", "segment"]
    assert (fields["model"], fields["response_format"], fields["language"]) == ("whisper-1", "verbose_json", "en")


async def test_words_are_given_to_the_segment_that_they_begin_in(
    server: FakeEndpoint, transcriber: OpenAiTranscriber
) -> None:
    server.json(
        {
            "text": "Hello there. Bye.",
            "segments": [
                {"text": " Hello  there.", "start": 0.0, "end": 1.2},
                {"text": "Bye.", "start": 2.0, "end": 9.0},
            ],
            "words": [
                {"word": "Hello", "start": 0.1, "end": 0.5},
                {"word": " there", "start": 0.6, "end": 1.1},
                {"word": "", "start": 1.1, "end": 1.1},
                {"word": "Bye", "start": 2.0, "end": 2.4},
            ],
        }
    )
    assert await transcriber.transcribe(chunk()) == [
        Utterance(T0, T0 + 1.2, "Hello there.", (Word("Hello", T0 + 0.1, T0 + 0.5), Word("there", T0 + 0.6, T0 + 1.1))),
        Utterance(T0 + 2.0, T0 + 4.0, "Bye.", (Word("Bye", T0 + 2.0, T0 + 2.4),)),
    ]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"text": " Yes. "}, Utterance(T0, T0 + 4, "Yes.")),
        (
            {"text": "Yes.", "segments": None, "words": [{"word": "Yes", "start": 1, "end": 1.5}]},
            Utterance(T0 + 1, T0 + 1.5, "Yes.", (Word("Yes", T0 + 1, T0 + 1.5),)),
        ),
        ({"text": "Yes.", "segments": [{"text": "Yes.", "start": 1, "end": 2}]}, Utterance(T0 + 1, T0 + 2, "Yes.")),
    ],
    ids=["text alone", "words alone", "segments alone"],
)
async def test_servers_that_tell_less_are_understood(
    server: FakeEndpoint, transcriber: OpenAiTranscriber, answer: object, expected: Utterance
) -> None:
    server.json(answer)
    assert await transcriber.transcribe(chunk()) == [expected]


async def test_the_file_is_sent_whole_again_after_a_failure(
    server: FakeEndpoint, transcriber: OpenAiTranscriber
) -> None:
    server.json({"error": "busy"}, status=503)
    server.json({"text": "Yes."})
    await transcriber.transcribe(chunk())
    first, second = (dict(request.body)["file"] for request in server.received)
    assert first == second
    assert len(first) == 44 + 2 * 4 * SAMPLE_RATE


async def test_an_answer_without_text_is_an_error(server: FakeEndpoint, transcriber: OpenAiTranscriber) -> None:
    server.json({"result": "Yes."})
    with pytest.raises(EndpointError, match="missing required field `text`"):
        await transcriber.transcribe(chunk())


async def test_which_languages_it_knows(server: FakeEndpoint, transcriber: OpenAiTranscriber) -> None:
    assert transcriber.languages == frozenset({"en"})
    assert OpenAiTranscriber(transcriber._endpoint, "whisper-1", transcriber._executor).languages is None
