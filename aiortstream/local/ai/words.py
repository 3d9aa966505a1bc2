"""English text as the built-in models look at it: sentences, and the stems of the words that carry meaning."""

from __future__ import annotations

import re

# A full stop inside a number, an abbreviation of one letter or a file name ends nothing.
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"')\]]*\s+|\n+")
_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")

_STOP_WORDS = frozenset(
    """
    a about above after again all also am an and any are as at be because been before being below between both but by
    can could did do does doing down during each even ever every few for from further get gets getting go goes going
    got had has have having he her here hers him his how i if in into is it its itself just let like lot me more most
    much my now of off on once only or other our out over own per quite rather really same shall she should so some
    such than that the their them then there these they thing things this those though through to too under until up
    us very was we well were what when where which while who whom whose why will with would yes you your
    i'm i've i'll i'd it's that's there's they're we're we've we'll you're you've you'll he's she's let's what's
    ok okay um uh er hmm yeah
    """.split()  # noqa: SIM905 - a list of that many quoted words reads worse
)

NEGATIONS = frozenset(
    """
    no not nobody none nothing never without neither nor cannot isn't aren't wasn't weren't don't doesn't didn't won't
    can't couldn't hasn't haven't
    """.split()  # noqa: SIM905 - a list of that many quoted words reads worse
)

_IRREGULAR = {
    "people": "person",
    "persons": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "left": "leave",
    "leaving": "leave",
    "leaves": "leave",
    "fell": "fall",
    "came": "come",
    "ran": "run",
    "broke": "break",
    "broken": "break",
    "began": "begin",
    "said": "say",
    "says": "say",
    "shown": "show",
    "knives": "knife",
    "buses": "bus",
}
_SUFFIXES = ("ing", "ed", "es", "s", "ly")
_SHORTEST_STEM = 3


def sentences(text: str) -> list[str]:
    """The sentences of a text, or its lines, with their white space made single; empty ones left out."""
    pieces = (" ".join(piece.split()) for piece in _SENTENCE_END.split(text))
    return [piece for piece in pieces if piece]


def words(text: str) -> list[str]:
    """All words and numbers in lower case, in order."""
    return _WORD.findall(text.lower().replace("’", "'"))


def content_stems(text: str) -> list[str]:
    """The stems of the words that carry meaning, in order, repeated where they repeat. Negations are left out too."""
    return [stem(word) for word in words(text) if word not in _STOP_WORDS and word not in NEGATIONS]


def stem(word: str) -> str:
    """A word without its ending, so that "opens", "opened" and "opening" are one. Not a dictionary form."""
    word = word.removesuffix("'s")
    word = _IRREGULAR.get(word, word)
    for suffix in _SUFFIXES:
        rest = word.removesuffix(suffix)
        if rest != word and len(rest) >= _SHORTEST_STEM and not (suffix == "s" and rest.endswith(("s", "u", "i"))):
            word = _without_doubling(rest) if suffix in {"ing", "ed"} else rest
            break
    if word.endswith("y") and len(word) > _SHORTEST_STEM:
        return word[:-1] + "i"
    return word.removesuffix("e") if len(word) > _SHORTEST_STEM else word


def _without_doubling(word: str) -> str:
    """ "stopp" -> "stop"; but "fill", "pass" and "buzz" keep their two letters."""
    if len(word) > _SHORTEST_STEM and word[-1] == word[-2] and word[-1] not in "aeioulsz":
        return word[:-1]
    return word
