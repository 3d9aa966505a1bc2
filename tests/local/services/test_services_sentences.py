"""A transcript in pieces."""

from __future__ import annotations

from aiortstream.local.services.sentences import LONGEST_WORDS, by_time, sentences, within, words
from aiortstream.local.store.spoken import SpokenRow
from aiortstream.local.store.transcripts import WordRow


def spoken(text: str, start_ms: int = 0, step_ms: int = 500) -> SpokenRow:
    """An utterance with a word every `step_ms`."""
    timed = tuple(
        WordRow(word, start_ms + number * step_ms, start_ms + (number + 1) * step_ms)
        for number, word in enumerate(text.split())
    )
    return SpokenRow(start_ms, timed[-1].end_ms, text, timed)


def test_sentences_go_over_the_bounds_of_utterances() -> None:
    made = sentences([spoken("Well, I think. That we"), spoken('should "go." Now', 2600)])
    assert [(each.text, each.start_ms, each.end_ms) for each in made] == [
        ("Well, I think.", 0, 1500),
        ('That we should "go."', 1500, 3600),
        ("Now", 3600, 4100),
    ]


def test_a_long_pause_ends_a_sentence() -> None:
    assert [each.text for each in sentences([spoken("so then"), spoken("later on", 3001)])] == ["so then", "later on"]
    assert [each.text for each in sentences([spoken("so then"), spoken("later on", 3000)])] == ["so then later on"]


def test_speech_without_full_stops_is_not_one_sentence() -> None:
    made = sentences([spoken("word " * (2 * LONGEST_WORDS + 1))])
    assert [len(each.text.split()) for each in made] == [LONGEST_WORDS, LONGEST_WORDS, 1]


def test_an_utterance_whose_words_are_not_known_is_one() -> None:
    unknown = SpokenRow(1000, 1000, "Good morning.")
    assert list(words([unknown, SpokenRow(0, 1, "")])) == [WordRow("Good morning.", 1000, 1000)]
    (made,) = sentences([unknown])
    assert (made.text, made.start_ms, made.end_ms) == ("Good morning.", 1000, 1001)  # it lasts, however short
    assert sentences([]) == []


def test_stretches_of_time_without_silence() -> None:
    made = by_time([spoken("one two three"), spoken("four", 5000)], 1000)
    assert [(each.start_ms, each.end_ms, each.text) for each in made] == [
        (0, 1000, "one two"),
        (1000, 2000, "three"),
        (5000, 6000, "four"),
    ]


def test_what_touches_a_window() -> None:
    rows = [spoken("a", 0), spoken("b", 500), spoken("c", 1000)]
    assert [each.text for each in within(rows, 500, 1000)] == ["b"]
    assert [each.text for each in within(rows, 501, None)] == ["b", "c"]
    assert [each.text for each in within(rows, None, 1001)] == ["a", "b", "c"]
