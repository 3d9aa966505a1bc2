"""Embeddings from an endpoint."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from aiohttp import web
from fake_endpoint import KEY, FakeEndpoint

from aiortstream.local.ai.openai import OpenAiEmbedder, OpenAiEndpoint
from aiortstream.local.ai.protocols import ModelError


@pytest.fixture
async def server() -> AsyncIterator[FakeEndpoint]:
    server = FakeEndpoint()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def embedder(server: FakeEndpoint) -> AsyncIterator[OpenAiEmbedder]:
    endpoint = OpenAiEndpoint(server.url, KEY, timeout=10)
    yield OpenAiEmbedder(endpoint, "embed-3")
    await endpoint.aclose()


def vectors(*rows: tuple[int, list[float]]) -> dict[str, Any]:
    return {"data": [{"object": "embedding", "index": index, "embedding": vector} for index, vector in rows]}


async def test_vectors_are_put_in_order_and_made_unit_vectors(server: FakeEndpoint, embedder: OpenAiEmbedder) -> None:
    server.json(vectors((1, [0.0, 2.0]), (0, [3.0, 4.0])))
    found = await embedder.embed(["one", ""])
    np.testing.assert_allclose(found, [[0.6, 0.8], [0.0, 1.0]], rtol=1e-6)
    assert found.dtype == np.float32
    assert server.received[0].path == "/v1/embeddings"
    assert server.received[0].body == {"model": "embed-3", "input": ["one", " "], "encoding_format": "float"}


async def test_many_texts_go_in_several_requests(server: FakeEndpoint, embedder: OpenAiEmbedder) -> None:
    async def answer(request: web.Request) -> web.Response:
        texts = (await request.json())["input"]
        return web.json_response(vectors(*((index, [float(text), 1.0]) for index, text in enumerate(texts))))

    server.answers.append(answer)
    found = await embedder.embed([str(number) for number in range(70)])
    assert found.shape == (70, 2)
    np.testing.assert_allclose(found[:, 0] / found[:, 1], range(70), rtol=1e-5)
    assert [len(request.body["input"]) for request in server.received] == [32, 32, 6]


async def test_no_texts_ask_nothing(server: FakeEndpoint, embedder: OpenAiEmbedder) -> None:
    assert (await embedder.embed([])).shape == (0, 0)
    assert server.received == []


@pytest.mark.parametrize(
    "rows",
    [
        [(0, [1.0])],
        [(0, [1.0]), (0, [1.0])],
        [(0, [1.0]), (2, [1.0])],
        [(0, [1.0]), (1, [1.0, 2.0])],
        [(0, []), (1, [])],
    ],
    ids=["too few", "twice", "wrong index", "unlike sizes", "empty"],
)
async def test_an_answer_that_does_not_fit_is_an_error(
    server: FakeEndpoint, embedder: OpenAiEmbedder, rows: list[tuple[int, list[float]]]
) -> None:
    server.json(vectors(*rows))
    with pytest.raises(ModelError, match=r"embed-3 gave \d vectors of sizes .* for 2 texts"):
        await embedder.embed(["one", "two"])
