"""Text to vectors with an endpoint's embedding model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from aiortstream.local.ai.protocols import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from aiortstream.local.ai.openai.endpoint import OpenAiEndpoint

_BATCH = 32


class _Vector(msgspec.Struct):
    index: int
    embedding: list[float]


class _Vectors(msgspec.Struct):
    data: list[_Vector]


class OpenAiEmbedder:
    """Vectors of whatever size the model gives, made unit vectors."""

    def __init__(self, endpoint: OpenAiEndpoint, model: str) -> None:
        self._endpoint = endpoint
        self._model = model

    @property
    def model(self) -> str:
        """Name of the model at the endpoint, kept with its vectors."""
        return self._model

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, shape (len(texts), dimensions); (0, 0) for no texts.

        Raises `ModelError`, also for an answer with too few vectors or of unlike sizes; cancelling abandons the call.
        """
        if not texts:
            return np.empty((0, 0), np.float32)
        batches = [await self._batch(texts[first : first + _BATCH]) for first in range(0, len(texts), _BATCH)]
        return np.concatenate(batches)

    async def _batch(self, texts: Sequence[str]) -> NDArray[np.float32]:
        # Some servers refuse an empty text, and none gives it a meaning.
        request = {"model": self._model, "input": [text or " " for text in texts], "encoding_format": "float"}
        answer = await self._endpoint.post("embeddings", _Vectors, lambda: request)
        vectors = {vector.index: vector.embedding for vector in answer.data}
        sizes = {len(vector) for vector in vectors.values()}
        if sorted(vectors) != list(range(len(texts))) or len(sizes) != 1 or 0 in sizes:
            raise ModelError(
                f"the model {self._model} gave {len(vectors)} vectors of sizes {sorted(sizes)} for {len(texts)} texts"
            )
        table = np.array([vectors[index] for index in range(len(texts))], np.float32)
        lengths = np.linalg.norm(table, axis=1, keepdims=True)
        return np.asarray(table / np.where(lengths > 0, lengths, 1.0), np.float32)
