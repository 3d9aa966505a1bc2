"""The built-in judge of event prompts: likeness of meaning and shared words, weighed and explained."""

from __future__ import annotations

import json
import math
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aiortstream.local.ai import lexicon
from aiortstream.local.ai.protocols import Verdict
from aiortstream.local.ai.sights import LIGHT_KEY, LIGHT_SENTENCE, NOTE_KEY
from aiortstream.local.ai.words import content_stems, sentences, stem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from aiortstream.local.ai.protocols import Embedder

# The weights were chosen on half of the cases in tests/local/ai/judging_cases.json and measured on the other half.
_BEST, _WHOLE, _SHARED = 0.65, 0.35, 0.25
_THRESHOLD = 0.42  # the score at which a person would as soon be alerted as not: confidence 0.5
_STEEPNESS = 12.0
_CONTRADICTED = 0.6  # taken off the score where the record says the opposite
_MISSING = 0.4  # taken off where the record lacks the thing, or the state, that the event is about
_LABEL_HANDICAP = 0.15  # a label is a name: likeness to it says less than likeness to the prompt

_MAX_PIECES = 40  # a record with more is judged on its first ones
_REMEMBERED = 1024  # vectors, 1.5 kB each: the events' own and those of the last records
_LONG_LINE = 3  # words: a shorter line of text on screen is a part of something ("FRONT DOOR", "OPEN")
_WINDOW = 3  # such lines are looked at two, three and all together

_QUOTED = re.compile(r'"([^"]+)"')
_LISTED = re.compile(r"^Likely: ([^.]+)")
_COUNT = re.compile(r"^(?:an?|\d+) ")
_ABOUT_LIGHT = frozenset(map(stem, ("picture", "image", "scene", "screen", "dark", "bright", "colour", "color")))


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a record that is compared with the event, and what stands around it."""

    text: str
    context: str
    is_object: bool = False  # a detector's word, which knows things and no states


@dataclass(frozen=True, slots=True)
class _Evidence:
    piece: _Piece  # the one that is most like the event
    best: float  # its likeness, a cosine
    whole: float  # likeness of the whole record
    shared: dict[str, str]  # stems of the event's content words that the record uses, with its own words
    overlap: float  # how many of them, 0 to 1
    contradiction: str  # in words; "" for none
    missing: str  # a stem; "" for none


class EmbeddingJudge:
    """Judges by how alike an event and a record are in meaning, and by the words they share.

    It finds what is plainly said or shown. It does not reason: it cannot count ("more than three people"), compare
    numbers, tell who did what to whom, or know that something is absent; negations and opposites ("closed" for
    "open") are noticed only where they stand beside the matching words. Prefer prompts that name the thing, set a
    cooldown, and use an endpoint's model where a false alarm is dear.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()  # most recently used last

    @property
    def model(self) -> str:
        """Name of the method and the embeddings under it."""
        return f"builtin:{self._embedder.model}"

    async def judge(self, event_prompt: str, label: str, record: str) -> Verdict:
        """Judge one record. Confidence 0.5 and more triggers. Cancelling it forgets nothing but the answer."""
        text = _readable(record, with_light=not _ABOUT_LIGHT.isdisjoint(content_stems(event_prompt)))
        name = re.sub(r"[_\-.]+", " ", label)
        wanted = lexicon.wanted_words(event_prompt, name)
        pieces = _pieces(text, wanted)
        if not pieces:
            return Verdict(triggered=False, confidence=0.0, explanation="The record says nothing.")
        vectors = await self._embed([event_prompt, name, text, *(piece.text for piece in pieces)])
        likeness = _likeness(*vectors)
        best = int(np.argmax(likeness[1:]))
        said, around = lexicon.read(text), lexicon.read(pieces[best].context)
        shared = {stem: word for stem in sorted(wanted) if (word := lexicon.found(stem, said.affirmed))}
        return _verdict(
            _Evidence(
                piece=pieces[best],
                best=likeness[1 + best],
                whole=likeness[0],
                shared=shared,
                overlap=len(shared) / len(wanted) if wanted else 0.0,
                contradiction=lexicon.contradiction(event_prompt, wanted, around),
                missing=lexicon.missing(wanted, said, states=not pieces[best].is_object),
            )
        )

    async def _embed(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        unknown = list(dict.fromkeys(text for text in texts if text not in self._vectors))
        if unknown:
            self._vectors.update(zip(unknown, await self._embedder.embed(unknown), strict=True))
        answer = [self._vectors[text] for text in texts]
        for text in texts:
            self._vectors.move_to_end(text)
        while len(self._vectors) > _REMEMBERED:
            self._vectors.popitem(last=False)
        return answer


def _likeness(prompt: NDArray[np.float32], name: NDArray[np.float32], *texts: NDArray[np.float32]) -> list[float]:
    """How alike each text is to the event, by its prompt or by its label."""
    return [max(float(text @ prompt), float(text @ name) - _LABEL_HANDICAP) for text in texts]


def _verdict(evidence: _Evidence) -> Verdict:
    score = _BEST * evidence.best + _WHOLE * evidence.whole + _SHARED * evidence.overlap
    words_shared = ", ".join(dict.fromkeys(evidence.shared.values())) or "none"
    explanation = f'Similarity {evidence.best:.2f} to "{_shortened(evidence.piece.text)}"; shared words: {words_shared}'
    if evidence.contradiction:
        score -= _CONTRADICTED
        explanation += f"; but {evidence.contradiction}"
    elif evidence.missing:
        score -= _MISSING
        explanation += f'; but nothing about "{evidence.missing}"'
    confidence = 1 / (1 + math.exp(-_STEEPNESS * (score - _THRESHOLD)))
    return Verdict(triggered=confidence >= 0.5, confidence=round(confidence, 3), explanation=explanation + ".")


def _pieces(text: str, wanted: frozenset[str]) -> list[_Piece]:
    """The sentences, and within them what is quoted or listed: a match must not drown in its surroundings."""
    pieces: dict[str, _Piece] = {}
    for sentence in sentences(text):
        lines, listed = _QUOTED.findall(sentence), _LISTED.match(sentence)
        if lines:
            found = [_Piece(piece, " ".join(lines)) for piece in _lines_together(lines)]
        elif listed:
            found = _objects(listed.group(1).split(", "), wanted) or [_Piece(sentence, sentence, is_object=True)]
        else:
            found = [_Piece(sentence, sentence)]
        for piece in found:
            pieces.setdefault(piece.text, piece)
    return list(pieces.values())[:_MAX_PIECES]


def _lines_together(lines: list[str]) -> Iterator[str]:
    """Lines that may belong together, as one text each; a long line also by itself."""
    yield " ".join(lines)
    yield from (line for line in lines if len(line.split()) >= _LONG_LINE)
    for size in range(2, _WINDOW + 1):
        yield from (" ".join(lines[first : first + size]) for first in range(len(lines) - size + 1))


def _objects(listed: list[str], wanted: frozenset[str]) -> list[_Piece]:
    """Those of a detector's objects that the event names. Not the others: a cat by itself is too much like a dog."""
    names = [_COUNT.sub("", item).replace("people", "person") for item in listed]
    return [
        _Piece(name, name, is_object=True)
        for name in names
        if any(lexicon.found(stemmed, lexicon.read(name).affirmed) for stemmed in wanted)
    ]


def _readable(record: str, *, with_light: bool) -> str:
    """A record in words: of a JSON object its values. Of light and colours, which every record of the built-in
    describer mentions, only where the event is about them.
    """
    try:
        value = json.loads(record)
    except ValueError:
        return (record if with_light else LIGHT_SENTENCE.sub("", record)).strip()
    skipped = {NOTE_KEY} if with_light else {NOTE_KEY, LIGHT_KEY}
    return "\n".join(_texts(value, skipped)) if isinstance(value, dict | list) else record.strip()


def _texts(value: Any, skipped: set[str]) -> Iterator[str]:
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from _texts(item, skipped)
        case dict():
            for key, item in value.items():
                if key == "text_on_screen" and isinstance(item, list):
                    yield "Text on screen: " + ", ".join(f'"{line}"' for line in item) + "." if item else ""
                elif key == "objects" and isinstance(item, dict):
                    yield "Likely: " + ", ".join(item) + "."
                elif key not in skipped:
                    yield from _texts(item, skipped)


def _shortened(text: str, length: int = 80) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
