"""Describing, summarising and judging with a chat model behind a real HTTP server."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import AsyncIterator

import numpy as np
import pytest
from fake_endpoint import KEY, FakeEndpoint
from PIL import Image

from aiortstream.local.ai.executor import ModelExecutor
from aiortstream.local.ai.openai import EndpointError, OpenAiDescriber, OpenAiEndpoint, OpenAiJudge, OpenAiSummariser
from aiortstream.local.ai.protocols import Description, ModelError, Verdict
from aiortstream.local.media import Frame


@pytest.fixture
async def server() -> AsyncIterator[FakeEndpoint]:
    server = FakeEndpoint()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def endpoint(server: FakeEndpoint) -> AsyncIterator[OpenAiEndpoint]:
    endpoint = OpenAiEndpoint(server.url, KEY, timeout=10, first_pause=0.001, retries=1)
    yield endpoint
    await endpoint.aclose()


@pytest.fixture
async def lane() -> AsyncIterator[ModelExecutor]:
    executor = ModelExecutor("vision")
    yield executor
    await executor.aclose()


def frames(*reds: int) -> list[Frame]:
    pictures = [np.zeros((720, 1280, 3), np.uint8) for _ in reds]
    for picture, red in zip(pictures, reds, strict=True):
        picture[..., 0] = red
    return [Frame(float(index), picture) for index, picture in enumerate(pictures)]


async def test_frames_are_sent_in_order_small_and_in_their_colours(
    server: FakeEndpoint, endpoint: OpenAiEndpoint, lane: ModelExecutor
) -> None:
    server.chat(" A red wall. ")
    description = await OpenAiDescriber(endpoint, "vlm", lane).describe(frames(40, 220), "Describe the wall")

    assert description == Description("A red wall.")
    (request,) = server.received
    assert request.path == "/v1/chat/completions"
    assert request.body["model"] == "vlm"
    prompt, *pictures = request.body["messages"][-1]["content"]
    assert "Describe the wall" in prompt["text"]
    reds = []
    for part in pictures:
        kind, _, data = part["image_url"]["url"].partition(",")
        assert kind == "data:image/jpeg;base64"
        picture = Image.open(io.BytesIO(base64.b64decode(data)))
        assert picture.size == (768, 432)
        colour = picture.getpixel((100, 100))
        assert isinstance(colour, tuple)
        reds.append(colour[0])
    assert reds == pytest.approx([40, 220], abs=6)


async def test_a_small_frame_is_not_blown_up(
    server: FakeEndpoint, endpoint: OpenAiEndpoint, lane: ModelExecutor
) -> None:
    server.chat("Small.")
    await OpenAiDescriber(endpoint, "vlm", lane).describe([Frame(0, np.zeros((90, 160, 3), np.uint8))], "Describe")
    url = server.received[0].body["messages"][-1]["content"][1]["image_url"]["url"]
    assert Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size == (160, 90)


@pytest.mark.parametrize("answer", ['{"app": "Slack"}', '```json\n{"app": "Slack"}\n```', '```\n{"app": "Slack"}```'])
async def test_json_that_was_asked_for_is_unwrapped_and_its_keys_are_metadata(
    server: FakeEndpoint, endpoint: OpenAiEndpoint, lane: ModelExecutor, answer: str
) -> None:
    server.chat(answer)
    description = await OpenAiDescriber(endpoint, "vlm", lane).describe(frames(1), "Return only valid JSON")
    assert description == Description('{"app": "Slack"}', {"app": "Slack"})


async def test_what_is_no_json_though_asked_for_is_text(
    server: FakeEndpoint, endpoint: OpenAiEndpoint, lane: ModelExecutor
) -> None:
    server.chat("I cannot.")
    description = await OpenAiDescriber(endpoint, "vlm", lane).describe(frames(1), "Return only valid JSON")
    assert description == Description("I cannot.")


async def test_no_frames_are_an_error_and_nothing_is_sent(
    server: FakeEndpoint, endpoint: OpenAiEndpoint, lane: ModelExecutor
) -> None:
    with pytest.raises(ModelError, match="no frames"):
        await OpenAiDescriber(endpoint, "vlm", lane).describe([], "Describe")
    assert server.received == []


@pytest.mark.parametrize("body", [{"choices": []}, {"choices": [{"message": {"content": None}}]}])
async def test_an_empty_answer_is_an_error(server: FakeEndpoint, endpoint: OpenAiEndpoint, body: object) -> None:
    server.json(body)
    with pytest.raises(ModelError, match="the model llm gave an empty answer"):
        await OpenAiSummariser(endpoint, "llm").summarise("text", "Summarise")


async def test_a_summary_is_asked_for_with_prompt_and_text(server: FakeEndpoint, endpoint: OpenAiEndpoint) -> None:
    server.chat("They spoke of pumps.")
    summariser = OpenAiSummariser(endpoint, "llm")
    assert await summariser.summarise("The pumps are late.", "What is said?") == "They spoke of pumps."
    asked = server.received[0].body["messages"][-1]["content"]
    assert "What is said?" in asked
    assert "The pumps are late." in asked


async def test_a_verdict_is_asked_for_by_schema(server: FakeEndpoint, endpoint: OpenAiEndpoint) -> None:
    server.chat('{"triggered": true, "confidence": 0.9, "explanation": " The door is open. "}')
    verdict = await OpenAiJudge(endpoint, "llm").judge("The door is open", "door", 'A "door" stands open.')

    assert verdict == Verdict(triggered=True, confidence=0.9, explanation="The door is open.")
    body = server.received[0].body
    assert body["response_format"]["type"] == "json_schema"
    asked = json.loads(body["messages"][-1]["content"])
    assert asked == {"event": "The door is open", "label": "door", "record": 'A "door" stands open.'}


@pytest.mark.parametrize(
    ("answer", "confidence"),
    [
        ('```json\n{"triggered": false, "confidence": 0.2, "explanation": ""}\n```', 0.2),
        ('{"triggered": false, "confidence": 7}', 1.0),
        ('{"triggered": false, "confidence": -1, "explanation": "no", "extra": 1}', 0.0),
    ],
    ids=["fenced", "too sure", "extra key"],
)
async def test_loose_verdicts_are_understood(
    server: FakeEndpoint, endpoint: OpenAiEndpoint, answer: str, confidence: float
) -> None:
    server.chat(answer)
    verdict = await OpenAiJudge(endpoint, "llm").judge("e", "l", "r")
    assert (verdict.triggered, verdict.confidence) == (False, confidence)


@pytest.mark.parametrize("answer", ["Yes, it is open.", '{"triggered": "maybe", "confidence": 1}', "{}", "[]"])
async def test_what_is_no_verdict_is_an_error(server: FakeEndpoint, endpoint: OpenAiEndpoint, answer: str) -> None:
    server.chat(answer)
    with pytest.raises(ModelError, match="the model llm gave no verdict"):
        await OpenAiJudge(endpoint, "llm").judge("e", "l", "r")


async def test_a_server_that_knows_no_schema_is_asked_in_another_way_and_that_is_remembered(
    server: FakeEndpoint, endpoint: OpenAiEndpoint
) -> None:
    server.json({"error": {"message": "response_format.type must be text or json_object"}}, status=400)
    server.chat('{"triggered": true, "confidence": 1}')
    judge = OpenAiJudge(endpoint, "llm")
    for _ in range(2):
        assert (await judge.judge("e", "l", "r")).triggered
    formats = [request.body.get("response_format", {}).get("type") for request in server.received]
    assert formats == ["json_schema", "json_object", "json_object"]


async def test_a_request_that_is_refused_in_every_way_is_an_error(
    server: FakeEndpoint, endpoint: OpenAiEndpoint
) -> None:
    server.json({"error": {"message": "no such model"}}, status=400)
    judge = OpenAiJudge(endpoint, "llm")
    with pytest.raises(EndpointError, match="no such model"):
        await judge.judge("e", "l", "r")
    assert "response_format" not in server.received[-1].body
    assert len(server.received) == 3


def test_models_are_named_as_at_the_endpoint() -> None:
    endpoint = OpenAiEndpoint("http://127.0.0.1:1/v1")
    assert OpenAiJudge(endpoint, "llm").model == "llm"
