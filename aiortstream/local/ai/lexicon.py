"""What words tell the built-in judge: which of an event's words a record uses, denies, contradicts, or lacks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aiortstream.local.ai.words import NEGATIONS, content_stems, stem, words

# How an event is put, not what it is about.
_FRAMING = frozenset(
    stem(word)
    for word in """
    appear application asks banner detected display event happen mention message page question report say screen see
    seen show somebody someone something speak speaker talk tell text user visible word
    """.split()  # noqa: SIM905 - a list of forty quoted words reads worse
)
# Opening one of these is showing it: nobody will write "open" on it.
_SHOWN_WHEN_OPEN = frozenset(map(stem, ("application", "app", "page", "website", "document", "tab")))

_CLAUSE_END = re.compile(r"[,.;:!?\"]|\bbut\b")
_NEGATION_REACH = 2  # content words: "no people", "did not score a goal", but not "can't believe he scored a goal"
_SHORTEST_COMPOUND = 4  # letters of a stem that may be part of a longer word, as "storm" is of "thunderstorm"


def _stems(listed: str) -> frozenset[str]:
    return frozenset(map(stem, listed.split()))


# An event that asks for a state is not met by a record that is silent about it ("FRONT DOOR" for "the door is open").
_STATES = tuple(
    (_stems(one), _stems(other))
    for one, other in (
        ("open", "closed shut"),
        ("start begin", "stop end finish"),
        ("fail lose", "pass succeed win"),
        ("lock", "unlock"),
        ("full", "empty"),
        ("connect", "disconnect"),
        ("online", "offline"),
        ("raise lift", "lower"),
    )
)
# These are also told by numbers ("Battery 4%") or other verbs ("walks in"): only the opposite counts against them.
_OPPOSITES = (
    *_STATES,
    *(
        (_stems(one), _stems(other))
        for one, other in (
            ("enter arrive come", "exit leave depart"),
            ("high above", "low below"),
            ("rise increase", "drop decrease"),
            ("failure", "success"),
            ("hot", "cold"),
        )
    ),
)
_STATE_WORDS = frozenset[str]().union(*(one | other for one, other in _STATES))
_OPPOSED_WORDS = frozenset[str]().union(*(one | other for one, other in _OPPOSITES))

# An event about the kind is met by the thing.
_KINDS = {
    "person": _stems("person man woman boy girl child guy lady gentleman somebody someone everybody")
    | _stems("driver worker visitor customer guest guard officer player"),
    stem("vehicle"): _stems("vehicle car truck bus van lorry motorcycle motorbike taxi"),
    stem("animal"): _stems("animal bird cat dog horse sheep cow elephant bear zebra giraffe fox"),
}
# An event about one of these is not met by a record without it. Roles are not among them: nobody says "customer".
_THINGS = _stems(
    "person man woman boy girl child vehicle car truck bus van lorry motorcycle bicycle train boat airplane "
    "animal bird cat dog horse sheep cow elephant bear zebra giraffe"
)


@dataclass(frozen=True, slots=True)
class Said:
    """The content words of a text by their stems, as they stand there: affirmed, or denied by a negation before."""

    affirmed: dict[str, str]
    denied: dict[str, str]


def read(text: str) -> Said:
    """Look up the words of a text."""
    said = Said({}, {})
    for clause in _CLAUSE_END.split(text):
        reach = 0  # how many content words the last negation still denies
        for word in words(clause):
            if word in NEGATIONS:
                reach = _NEGATION_REACH
                continue
            for stemmed in content_stems(word):
                (said.denied if reach else said.affirmed).setdefault(stemmed, word)
                reach = max(reach - 1, 0)
    return said


def wanted_words(event_prompt: str, label: str) -> frozenset[str]:
    """What an event is about: the stems of its content words, or of its label's where the prompt has none."""
    stems = set(content_stems(event_prompt))
    if stems & _SHOWN_WHEN_OPEN:
        stems -= {stem("open")} | _SHOWN_WHEN_OPEN
    return frozenset(stems - _FRAMING or content_stems(label))


def found(wanted: str, among: dict[str, str]) -> str | None:
    """The record's own word for a stem of the event: itself, a thing of its kind, or a word made with it."""
    for candidate in (wanted, *sorted(_KINDS.get(wanted, ()))):
        if candidate in among:
            return among[candidate]
    if len(wanted) >= _SHORTEST_COMPOUND:
        for candidate, word in among.items():
            if candidate.startswith(wanted) or (candidate.endswith(wanted) and candidate not in _OPPOSED_WORDS):
                return word
    return None


def contradiction(event_prompt: str, wanted: frozenset[str], said: Said) -> str:
    """What in a text denies the event, in words; "" if nothing does."""
    if not NEGATIONS & set(words(event_prompt)):
        for stemmed in sorted(wanted):
            if not found(stemmed, said.affirmed) and (word := found(stemmed, said.denied)):
                return f'the record denies "{word}"'
    for one, other in _OPPOSITES:
        for asked, opposites in ((one, other), (other, one)):
            opposed = sorted(opposites & said.affirmed.keys())
            if asked & wanted and opposed and not asked & said.affirmed.keys():
                return f'the record says "{said.affirmed[opposed[0]]}", the opposite'
    return ""


def missing(wanted: frozenset[str], said: Said, *, states: bool) -> str:
    """The first thing (or state, if those count) that the event needs and the record does not name; "" for none."""
    needed = wanted & (_THINGS | _STATE_WORDS if states else _THINGS)
    return next((stemmed for stemmed in sorted(needed) if not _named(stemmed, said.affirmed)), "")


def _named(wanted: str, among: dict[str, str]) -> bool:
    """Whether a text names it, a thing of its kind, or its kind."""
    kinds = [kind for kind, things in _KINDS.items() if wanted in things]
    return found(wanted, among) is not None or any(kind in among for kind in kinds)
