"""Sentences and stems."""

from __future__ import annotations

import pytest

from aiortstream.local.ai.words import content_stems, sentences, stem, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two!  Three?", ["One.", "Two!", "Three?"]),
        ("a line\nanother   line\n\n", ["a line", "another line"]),
        ("It costs 3.50 today. Really.", ["It costs 3.50 today.", "Really."]),
        ('He said "stop." Then he left.', ['He said "stop.', "Then he left."]),
        ("no end", ["no end"]),
        ("  ", []),
        ("", []),
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@pytest.mark.parametrize(
    "forms",
    [
        ["open", "opens", "opened", "opening"],
        ["close", "closes", "closed", "closing"],
        ["stop", "stops", "stopped", "stopping"],
        ["pass", "passes", "passed", "passing"],
        ["fill", "filled", "filling"],
        ["delivery", "deliveries"],
        ["person", "people", "persons", "person's"],
        ["score", "scores", "scored", "scoring"],
        ["price", "prices", "pricing"],
        ["leave", "leaves", "leaving", "left"],
    ],
)
def test_forms_of_a_word_have_one_stem(forms: list[str]) -> None:
    assert len({stem(form) for form in forms}) == 1, [stem(form) for form in forms]


@pytest.mark.parametrize(("one", "other"), [("bus", "bush"), ("red", "ring"), ("door", "doom"), ("cat", "car")])
def test_other_words_have_another_stem(one: str, other: str) -> None:
    assert stem(one) != stem(other)


def test_content_leaves_out_small_words_and_negations() -> None:
    assert content_stems("There is no truck at the gate, isn't there?") == ["truck", "gat"]


def test_curly_apostrophes_are_apostrophes() -> None:
    assert words("It’s OK") == ["it's", "ok"]
