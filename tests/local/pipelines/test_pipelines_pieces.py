"""A growing transcript, cut as an audio index asks, and read on from any mark."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiortstream.local.batching import SpeechBatch
from aiortstream.local.pipelines.pieces import LONGEST_SENTENCE, SETTLE_MS, Piece, Pieces
from aiortstream.local.store.indexes import ReadMark
from aiortstream.local.store.transcripts import UtteranceRow, WordRow

START = ReadMark(0, 0)


def said(number: int, text: str, start_ms: int | None = None) -> UtteranceRow:
    """Segment `number` of a transcript: a tenth of a second a word."""
    start = number * 10_000 if start_ms is None else start_ms
    words = tuple(
        WordRow(word, start + place * 100, start + place * 100 + 100) for place, word in enumerate(text.split())
    )
    return UtteranceRow(number, "s", start, start + 100 * max(1, len(words)), text, words)


def drain(pieces: Pieces) -> list[Piece]:
    found = []
    while (piece := pieces.pop()) is not None:
        found.append(piece)
    return found


def test_so_many_words_across_segments() -> None:
    pieces = Pieces(SpeechBatch("word", 3), START)
    pieces.add([said(4, "a b"), said(7, "c d e f g")])
    first, second = drain(pieces)
    assert (first.text, first.start_ms, first.end_ms, first.mark) == ("a b c", 40_000, 70_100, ReadMark(4, 1))
    assert (second.text, second.mark) == ("d e f", ReadMark(4, 4))
    rest = pieces.flush()
    assert rest is not None
    assert (rest.text, rest.mark) == ("g", ReadMark(7, 0))
    assert pieces.flush() is None


def test_so_many_sentences() -> None:
    pieces = Pieces(SpeechBatch("sentence", 2), START)
    pieces.add([said(1, 'He said "stop." Then he'), said(2, "left! Nobody followed. And")])
    assert [piece.text for piece in drain(pieces)] == ['He said "stop." Then he left!']
    pieces.add([said(3, "so on.")])
    assert [piece.text for piece in drain(pieces)] == ["Nobody followed. And so on."]


def test_speech_without_marks_still_has_sentences() -> None:
    pieces = Pieces(SpeechBatch("sentence", 1), START)
    pieces.add([said(1, "word " * (LONGEST_SENTENCE + 5))])
    assert [len(piece.text.split()) for piece in drain(pieces)] == [LONGEST_SENTENCE]


def test_windows_of_time_close_when_speech_goes_on_after_them() -> None:
    pieces = Pieces(SpeechBatch("time", 2), START)
    pieces.add([said(1, "a b", 1_000), said(2, "c", 2_900)])
    assert drain(pieces) == []
    pieces.add([said(3, "d", 3_100), said(4, "e", 20_000)])
    assert [(piece.text, piece.start_ms, piece.end_ms) for piece in drain(pieces)] == [
        ("a b c", 1_000, 3_000),
        ("d", 3_000, 5_000),  # contiguous, since speech goes on
    ]
    pieces.add([said(5, "f", 23_000)])
    assert [(piece.text, piece.start_ms, piece.end_ms) for piece in drain(pieces)] == [("e", 20_000, 22_000)]


def test_windows_of_time_close_when_silence_has_been_heard() -> None:
    pieces = Pieces(SpeechBatch("time", 2), START)
    pieces.add([said(1, "a", 1_000)])
    pieces.heard((3_000 + SETTLE_MS - 1) / 1000)
    assert drain(pieces) == []
    pieces.heard((3_000 + SETTLE_MS) / 1000)
    assert [(piece.text, piece.end_ms) for piece in drain(pieces)] == [("a", 3_000)]
    assert drain(pieces) == []


def test_a_segment_without_word_times_shares_its_time() -> None:
    pieces = Pieces(SpeechBatch("word", 1), START)
    pieces.add([UtteranceRow(1, "s", 1_000, 2_000, "one two", ())])
    assert [(piece.text, piece.start_ms, piece.end_ms) for piece in drain(pieces)] == [
        ("one", 1_000, 1_500),
        ("two", 1_500, 2_000),
    ]


def test_a_segment_that_says_nothing_is_read_over() -> None:
    pieces = Pieces(SpeechBatch("word", 1), START)
    pieces.add([UtteranceRow(1, "s", 0, 1, "", ()), said(2, "a")])
    assert [piece.mark for piece in drain(pieces)] == [ReadMark(2, 0)]


WORDS = st.lists(st.sampled_from(["a", "b.", "c?", "dd"]), min_size=1, max_size=6)


@given(
    texts=st.lists(WORDS, min_size=1, max_size=8),
    batch=st.sampled_from([SpeechBatch("word", 3), SpeechBatch("sentence", 2), SpeechBatch("time", 1)]),
    stop_after=st.integers(0, 5),
)
def test_reading_on_from_a_mark_loses_and_repeats_no_word(
    texts: list[list[str]], batch: SpeechBatch, stop_after: int
) -> None:
    rows = [said(2 * number + 1, " ".join(text)) for number, text in enumerate(texts)]
    before = Pieces(batch, START)
    before.add(rows)
    taken: list[Piece] = []
    while len(taken) < stop_after and (piece := before.pop()) is not None:
        taken.append(piece)

    mark = taken[-1].mark if taken else START
    after = Pieces(batch, mark)
    after.add([row for row in rows if row.id > mark.utterance_id])
    rest = [*drain(after)]
    if (last := after.flush()) is not None:
        rest.append(last)

    spoken = [word for text in texts for word in text]
    assert " ".join(piece.text for piece in [*taken, *rest]).split() == spoken


@pytest.mark.parametrize("kind", ["word", "sentence", "time"])
def test_nothing_said_makes_no_piece(kind: str) -> None:
    pieces = Pieces(SpeechBatch(kind, 1), START)  # type: ignore[arg-type]
    pieces.heard(1e9)
    assert pieces.pop() is None
    assert pieces.flush() is None
