"""A transcript in pieces: words, sentences, or what was said in stretches of time. Pure; times are milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortstream.local.store.spoken import SpokenRow
from aiortstream.local.store.transcripts import WordRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LONGEST_WORDS = 40  # of a sentence: models that write no full stops must not make one of an hour
LONGEST_PAUSE_MS = 2_000  # inside a sentence
_ENDS = (".", "?", "!", "…")
_AFTER_END = "\"')]»”’"


def words(spoken: Iterable[SpokenRow]) -> Iterator[WordRow]:
    """The words, in order; an utterance whose words are not known is one."""
    for row in spoken:
        if row.words:
            yield from row.words
        elif row.text:
            yield WordRow(row.text, row.start_ms, row.end_ms)


def sentences(spoken: Iterable[SpokenRow]) -> list[SpokenRow]:
    """The sentences, over the bounds of utterances: those are where somebody took breath, or spoke for too long."""
    made: list[SpokenRow] = []
    held: list[WordRow] = []
    for word in words(spoken):
        if held and word.start_ms - held[-1].end_ms > LONGEST_PAUSE_MS:
            made.append(_joined(held))
            held = []
        held.append(word)
        if word.word.rstrip(_AFTER_END).endswith(_ENDS) or len(held) >= LONGEST_WORDS:
            made.append(_joined(held))
            held = []
    return [*made, _joined(held)] if held else made


def by_time(spoken: Iterable[SpokenRow], milliseconds: int) -> list[SpokenRow]:
    """What was said in stretches of so long, counted from the beginning; those of silence are left out."""
    stretches: dict[int, list[WordRow]] = {}
    for word in words(spoken):
        stretches.setdefault(word.start_ms // milliseconds, []).append(word)
    return [
        SpokenRow(number * milliseconds, (number + 1) * milliseconds, " ".join(word.word for word in held))
        for number, held in sorted(stretches.items())
    ]


def within(spoken: Iterable[SpokenRow], start_ms: int | None, end_ms: int | None) -> list[SpokenRow]:
    """What touches a stretch of time; either end may be open."""
    return [
        row
        for row in spoken
        if (start_ms is None or row.end_ms > start_ms) and (end_ms is None or row.start_ms < end_ms)
    ]


def _joined(held: Sequence[WordRow]) -> SpokenRow:
    start = held[0].start_ms
    return SpokenRow(start, max(held[-1].end_ms, start + 1), " ".join(word.word for word in held))
