"""The built-in summariser: it picks sentences, and writes none."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from aiortstream.local.ai.words import content_stems, sentences

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHORT_WORDS = 40
_SHORT_SENTENCES = 2
_MOST_SENTENCES = 3
_SENTENCES_PER_PICK = 4  # one sentence in four is kept, up to _MOST_SENTENCES
_CONTENT_WORDS = 3  # a sentence with fewer is filler: "Okay, um, any questions?"
_MAX_SENTENCES = 200  # the last ones of a longer text: the work grows with the square
_DAMPING = 0.6  # lower than the usual 0.85, or a prompt would hardly count
_PROMPT_WEIGHT = 10.0  # against 1 for any sentence: what was asked for should win over what is said most

_JSON = re.compile(r"\bjson\b", re.IGNORECASE)


def wants_json(prompt: str) -> bool:
    """Whether a prompt asks for JSON."""
    return _JSON.search(prompt) is not None


class ExtractiveSummariser:
    """TextRank: the sentences that share most with the others, and with the prompt, in their own order.

    A short text (up to two sentences, or fewer than 40 words) is returned whole. It cannot rephrase, answer a question
    or follow a free prompt; words of the prompt only weigh in the choice. It needs no packages and no weights.
    """

    @property
    def model(self) -> str:
        """Name of the method."""
        return "builtin:textrank"

    async def summarise(self, text: str, prompt: str) -> str:
        """A few sentences of `text`; as `{"summary": ...}` if the prompt asks for JSON. Milliseconds, on the loop."""
        summary = extract(text, prompt)
        return json.dumps({"summary": summary}, ensure_ascii=False) if wants_json(prompt) else summary


def extract(text: str, prompt: str) -> str:
    """The sentences of `text` that say most of it."""
    said = sentences(text)
    if len(said) <= _SHORT_SENTENCES or len(text.split()) < _SHORT_WORDS:
        return " ".join(said)
    said = said[-_MAX_SENTENCES:]
    stems = [Counter(content_stems(sentence)) for sentence in said]
    rank = _rank(_vectors(stems), np.array([_relevance(counts, prompt) for counts in stems]))
    wanted = min(_MOST_SENTENCES, max(1, len(said) // _SENTENCES_PER_PICK))
    # A repeated sentence would be chosen twice; sorted() is stable, so equal ranks keep the order of the text.
    order = sorted(range(len(said)), key=lambda index: -rank[index])
    distinct = list({said[index].casefold(): index for index in reversed(order)}.values())[::-1]
    return " ".join(said[index] for index in sorted(distinct[:wanted]))


def _relevance(counts: Counter[str], prompt: str) -> float:
    """How likely a reader with this prompt is to start at a sentence; never for filler."""
    if len(counts) < _CONTENT_WORDS:
        return 0.0
    return 1.0 + _PROMPT_WEIGHT * len(counts.keys() & set(content_stems(prompt)))


def _vectors(stems: list[Counter[str]]) -> NDArray[np.float64]:
    """One unit vector a sentence: how often each stem is in it, rarer stems weighing more."""
    index = {stem: column for column, stem in enumerate(dict.fromkeys(stem for counts in stems for stem in counts))}
    table = np.zeros((len(stems), max(len(index), 1)))
    for row, counts in enumerate(stems):
        for stem, count in counts.items():
            table[row, index[stem]] = count
    rarity = np.log((1 + len(stems)) / (1 + (table > 0).sum(axis=0))) + 1
    table *= rarity
    lengths = np.linalg.norm(table, axis=1, keepdims=True)
    return table / np.where(lengths > 0, lengths, 1.0)


def _rank(vectors: NDArray[np.float64], relevance: NDArray[np.float64]) -> NDArray[np.float64]:
    """PageRank over likeness, restarting by relevance."""
    count = len(vectors)
    start = relevance / relevance.sum() if relevance.any() else np.full(count, 1 / count)
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, 0.0)
    # Filler is no place to go to, either.
    likeness[:, relevance == 0] = 0.0
    sums = likeness.sum(axis=1, keepdims=True)
    steps = np.where(sums > 0, likeness / np.where(sums > 0, sums, 1.0), start)
    rank = start
    for _ in range(50):
        rank = (1 - _DAMPING) * start + _DAMPING * (rank @ steps)
    return rank
