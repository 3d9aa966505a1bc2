"""Transcript into pieces of so many words, sentences or seconds, as an audio index asks. Pure.

Words are taken in the order they were committed. A piece may begin and end inside a segment; its mark says where the
next one begins, so that reading can go on after a restart.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from aiortstream.local.store.indexes import ReadMark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aiortstream.local.batching import SpeechBatch
    from aiortstream.local.store.transcripts import UtteranceRow

_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？")
_CLOSING = "\"')]}»”’"  # may follow the mark that ends a sentence
LONGEST_SENTENCE = 60  # words: where no marks come, a sentence is taken to end
SETTLE_MS = 10_000  # by which a word may be written after what was said later has been heard: a long stretch


@dataclass(frozen=True, slots=True)
class Piece:
    """Words to be summarised together; bounds in unix milliseconds, `mark` is where reading goes on after it."""

    text: str
    start_ms: int
    end_ms: int
    mark: ReadMark


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    start_ms: int
    end_ms: int
    mark: ReadMark  # after this word

    @property
    def ends_sentence(self) -> bool:
        return self.text.rstrip(_CLOSING).endswith(_SENTENCE_ENDS)


class Pieces:
    """Cuts a transcript that grows."""

    def __init__(self, batch: SpeechBatch, mark: ReadMark) -> None:
        self._batch = batch
        self._mark = mark  # up to which words have been taken in
        self._words: deque[_Word] = deque()  # taken in, and in no piece yet
        self._heard_ms = 0  # up to which all that was said has been taken in
        self._window_ms: int | None = None  # start of the current window of a "time" batch

    @property
    def read_to(self) -> int:
        """The last segment that was taken in whole."""
        return self._mark.utterance_id

    def add(self, rows: Sequence[UtteranceRow]) -> None:
        """Take in the next segments."""
        for row in rows:
            self._words.extend(list(_words(row, self._mark.utterance_id))[self._mark.words :])
            self._mark = ReadMark(row.id, 0)

    def heard(self, until: float) -> None:
        """The transcriber has listened up to `until` (unix seconds); a stretch of speech before it may still come."""
        self._heard_ms = max(self._heard_ms, round(until * 1000))

    def pop(self) -> Piece | None:
        """The next piece that is complete."""
        match self._batch.segmenter:
            case "word":
                count = int(self._batch.value)
                return self._cut(count) if len(self._words) >= count else None
            case "sentence":
                count = self._sentences(int(self._batch.value))
                return self._cut(count) if count else None
            case "time":
                return self._pop_window()

    def flush(self) -> Piece | None:
        """What is left, complete or not."""
        self._window_ms = None
        return self._cut(len(self._words)) if self._words else None

    def _sentences(self, wanted: int) -> int:
        """How many words the next sentences have, as many as are wanted; 0 if they are not complete."""
        ended = length = 0
        for count, word in enumerate(self._words, 1):
            length += 1
            if word.ends_sentence or length == LONGEST_SENTENCE:
                ended, length = ended + 1, 0
            if ended == wanted:
                return count
        return 0

    def _pop_window(self) -> Piece | None:
        if not self._words:
            return None
        length = round(self._batch.value * 1000)
        first = self._words[0].start_ms
        if self._window_ms is None or not self._window_ms <= first < self._window_ms + length:
            self._window_ms = first  # after a silence, the next window begins with the next word
        start, end = self._window_ms, self._window_ms + length
        count = sum(1 for _ in itertools.takewhile(lambda word: word.start_ms < end, self._words))
        if count == len(self._words) and self._heard_ms < end + SETTLE_MS:
            return None
        self._window_ms = end
        return replace(self._cut(count), start_ms=start, end_ms=end)

    def _cut(self, count: int) -> Piece:
        words = [self._words.popleft() for _ in range(count)]
        return Piece(
            " ".join(word.text for word in words),
            min(word.start_ms for word in words),
            max(word.end_ms for word in words),
            words[-1].mark,
        )


def _words(row: UtteranceRow, previous: int) -> Iterator[_Word]:
    """The words of a segment; where the model gave them no times, they share the segment's evenly."""
    timed = [(word.word, word.start_ms, word.end_ms) for word in row.words] or list(_spread(row))
    for number, (text, start_ms, end_ms) in enumerate(timed, 1):
        mark = ReadMark(row.id, 0) if number == len(timed) else ReadMark(previous, number)
        yield _Word(text, start_ms, end_ms, mark)


def _spread(row: UtteranceRow) -> Iterator[tuple[str, int, int]]:
    texts = row.text.split()
    step = (row.end_ms - row.start_ms) / max(1, len(texts))
    for number, text in enumerate(texts):
        yield text, round(row.start_ms + number * step), round(row.start_ms + (number + 1) * step)
