"""The built-in judge of event prompts: likeness of meaning and shared words, weighed and explained."""

from __future__ import annotations

import json
import math
import re
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aiortstream.local.ai.protocols import Verdict
from aiortstream.local.ai.sights import LIGHT_KEY, LIGHT_SENTENCE, NOTE_KEY
from aiortstream.local.ai.words import NEGATIONS, content_stems, sentences, stem, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from aiortstream.local.ai.protocols import Embedder

# The weights were chosen on the `development` half of tests/local/ai/judging_cases.json and measured on the other.
_BEST, _WHOLE, _SHARED = 0.65, 0.35, 0.25
_THRESHOLD = 0.42  # the score at which a person would as soon be alerted as not: confidence 0.5
_STEEPNESS = 12.0
_CONTRADICTION = 0.6  # taken off the score where the record says the opposite
_LABEL_HANDICAP = 0.15  # a label is a name: likeness to it says less than likeness to the prompt

_MAX_PIECES = 40  # a record with more is judged on its first ones
_REMEMBERED = 1024  # vectors, 1.5 kB each: the events' own and those of the last records

_QUOTED = re.compile(r'"([^"]+)"')
_LISTED = re.compile(r"\bLikely: ([^.]+)")
_COUNT = re.compile(r"^(?:an?|\d+) ")
_CLAUSE_END = re.compile(r"[,.;:!?\"]|\bbut\b")

# How an event is put, not what it is about.
_FRAMING = frozenset(
    stem(word)
    for word in """
    appear appears application asks banner detected display displayed event happen happens mention mentions mentioned
    message page question report reported say says screen see seen show shows shown somebody someone something
    speak speaker speaks talk talks tell text user users visible word
    """.split()  # noqa: SIM905 - a list of forty quoted words reads worse
)

_ABOUT_LIGHT = frozenset(map(stem, ("picture", "image", "scene", "screen", "dark", "bright", "colour", "color")))

_OPPOSITES = tuple(
    (frozenset(map(stem, one.split())), frozenset(map(stem, other.split())))
    for one, other in (
        ("open", "closed shut"),
        ("start begin", "stop end finish"),
        ("enter arrive come", "exit leave depart"),
        ("fail lose", "pass succeed win"),
        ("failure", "success"),
        ("high above", "low below"),
        ("rise increase", "drop decrease"),
        ("full", "empty"),
        ("lock", "unlock"),
        ("connect", "disconnect"),
        ("online", "offline"),
        ("hot", "cold"),
    )
)

# An event about the kind is met by the thing, not the other way round.
_KINDS = {
    stem(kind): frozenset(map(stem, things.split()))
    for kind, things in {
        "person": "man woman boy girl child guy lady gentleman worker visitor customer",
        "vehicle": "car truck bus van lorry motorcycle motorbike taxi",
        "animal": "bird cat dog horse sheep cow elephant bear zebra giraffe fox",
    }.items()
}
_NEGATION_REACH = 2  # content words: "no people", "did not score a goal", but not "can't believe he scored a goal"


class EmbeddingJudge:
    """Judges by how alike an event and a record are in meaning, and by the words they share.

    It finds what is plainly said or shown. It does not reason: it cannot count ("more than three people"), compare
    numbers, tell who did what to whom, or know that something is absent; a negation or an opposite ("closed" for
    "open") is noticed only where it stands right beside the matching words. Prefer prompts that name the thing, set
    a cooldown, and use an endpoint's model where a false alarm is dear.
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
        wanted = _wanted(event_prompt, label)
        pieces = _pieces(text, wanted)
        if not pieces:
            return Verdict(triggered=False, confidence=0.0, explanation="The record says nothing.")
        prompt, name, *vectors = await self._embed([event_prompt, _name(label), text, *pieces])
        likeness = [max(float(v @ prompt), float(v @ name) - _LABEL_HANDICAP) for v in vectors]
        best = int(np.argmax(likeness[1:]))
        return _verdict(
            _Evidence(
                best_piece=pieces[best],
                best=likeness[1 + best],
                whole=likeness[0],
                wanted=wanted,
                found=_found(text)[0],
                contradiction=_contradiction(event_prompt, wanted, pieces[best]),
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


@dataclass(frozen=True, slots=True)
class _Evidence:
    best_piece: str
    best: float  # likeness of that piece, a cosine
    whole: float  # likeness of the whole record
    wanted: frozenset[str]  # stems of the event's content words
    found: dict[str, str]  # stems of the record's, each with the word as it stands there
    contradiction: str  # in words; "" for none


def _verdict(evidence: _Evidence) -> Verdict:
    shared = {wanted: word for wanted in sorted(evidence.wanted) if (word := _said(wanted, evidence.found))}
    overlap = len(shared) / len(evidence.wanted) if evidence.wanted else 0.0
    score = _BEST * evidence.best + _WHOLE * evidence.whole + _SHARED * overlap
    if evidence.contradiction:
        score -= _CONTRADICTION
    confidence = 1 / (1 + math.exp(-_STEEPNESS * (score - _THRESHOLD)))
    words_shared = ", ".join(dict.fromkeys(shared.values())) or "none"
    explanation = f'Similarity {evidence.best:.2f} to "{_shortened(evidence.best_piece)}"; shared words: {words_shared}'
    if evidence.contradiction:
        explanation += f"; but {evidence.contradiction}"
    return Verdict(triggered=confidence >= 0.5, confidence=round(confidence, 3), explanation=explanation + ".")


def _said(wanted: str, found: dict[str, str]) -> str | None:
    """The record's own word for a stem of the event, or for something of its kind."""
    candidates = (wanted, *sorted(_KINDS.get(wanted, ())))
    return next((found[candidate] for candidate in candidates if candidate in found), None)


def _wanted(event_prompt: str, label: str) -> frozenset[str]:
    """What an event is about: the stems of its content words, of its label's where the prompt has none."""
    stems = set(content_stems(event_prompt)) - _FRAMING
    return frozenset(stems or content_stems(_name(label)))


def _name(label: str) -> str:
    """A label as words: "door_open" -> "door open"."""
    return re.sub(r"[_\-.]+", " ", label)


def _found(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """The content words of a text by their stems: those it affirms, and those that a negation right before denies."""
    affirmed: dict[str, str] = {}
    denied: dict[str, str] = {}
    for clause in _CLAUSE_END.split(text):
        reach = 0  # how many content words the last negation still denies
        for word in words(clause):
            if word in NEGATIONS:
                reach = _NEGATION_REACH
                continue
            for stemmed in content_stems(word):
                (denied if reach else affirmed).setdefault(stemmed, word)
                reach = max(reach - 1, 0)
    return affirmed, denied


def _contradiction(event_prompt: str, wanted: frozenset[str], piece: str) -> str:
    """What in `piece` denies the event, in words; "" if nothing does."""
    affirmed, denied = _found(piece)
    if not NEGATIONS & set(words(event_prompt)):
        for stemmed in sorted(wanted):
            if not _said(stemmed, affirmed) and (word := _said(stemmed, denied)):
                return f'the record denies "{word}"'
    for one, other in _OPPOSITES:
        for event_words, opposites in ((one, other), (other, one)):
            opposed = opposites & affirmed.keys()
            if event_words & wanted and opposed and not event_words & affirmed.keys():
                return f'the record says "{affirmed[min(opposed)]}", the opposite'
    return ""


def _pieces(text: str, wanted: frozenset[str]) -> list[str]:
    """The sentences, and within them what is quoted or listed: a match must not drown in its surroundings.

    Of listed objects only those that the event names: a cat by itself is too much like a dog.
    """
    listed = [_COUNT.sub("", item) for found in _LISTED.findall(text) for item in found.split(", ")]
    named = [item.replace("people", "person") for item in listed if any(_said(w, _found(item)[0]) for w in wanted)]
    return list(dict.fromkeys([*sentences(text), *_QUOTED.findall(text), *named]))[:_MAX_PIECES]


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
                if key == "objects" and isinstance(item, dict):
                    yield "Likely: " + ", ".join(item) + "."
                elif key not in skipped:
                    yield from _texts(item, skipped)


def _shortened(text: str, length: int = 80) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"
