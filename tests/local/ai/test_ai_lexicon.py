"""Words against words: shared, denied, opposite, missing."""

from __future__ import annotations

import pytest

from aiortstream.local.ai.lexicon import contradiction, found, missing, read, wanted_words
from aiortstream.local.ai.words import stem


@pytest.mark.parametrize(
    ("prompt", "label", "expected"),
    [
        ("Somebody mentions a fire", "fire", {"fire"}),
        ("The warehouse door is open", "x", {"warehouse", "door", "open"}),
        ("User opened Slack application", "slack_opened", {"slack"}),
        ("Somebody says something", "refund asked", {"refund", "asked"}),
        ("", "", set()),
    ],
    ids=["framing", "plain", "shown when open", "label instead", "nothing"],
)
def test_wanted_words(prompt: str, label: str, expected: set[str]) -> None:
    assert wanted_words(prompt, label) == {stem(word) for word in expected}


@pytest.mark.parametrize(
    ("wanted", "text", "word"),
    [
        ("open", "It was opened.", "opened"),
        ("person", "Two women talk.", "women"),
        ("vehicle", "A lorry stops.", "lorry"),
        ("storm", "Thunderstorms are near.", "thunderstorms"),
        ("horse", "On horseback.", "horseback"),
        ("lock", "It is unlocked.", None),
        ("man", "A person talks.", None),
        ("car", "A cartoon.", None),
        ("fire", "There is no fire.", None),
    ],
)
def test_found(wanted: str, text: str, word: str | None) -> None:
    assert found(stem(wanted), read(text).affirmed) == word


def test_a_negation_reaches_two_words_and_not_past_its_clause() -> None:
    said = read("No dogs or cats bark, birds sing")
    assert list(said.denied.values()) == ["dogs", "cats"]
    assert list(said.affirmed.values()) == ["bark", "birds", "sing"]


@pytest.mark.parametrize(
    ("prompt", "text", "expected"),
    [
        ("The door is open", "The door was closed.", 'the record says "closed", the opposite'),
        ("The door is closed", "Door open", 'the record says "open", the opposite'),
        ("The door is open", "The door was closed and is open again.", ""),
        ("The door is open", "The door is wide.", ""),
        ("A person enters", "No people are visible.", 'the record denies "people"'),
        ("No person is there", "No people are visible.", ""),
        ("Temperature too high", "Temperature low", 'the record says "low", the opposite'),
        ("The barrier is raised", "Barrier lowered", 'the record says "lowered", the opposite'),
    ],
)
def test_contradiction(prompt: str, text: str, expected: str) -> None:
    assert contradiction(prompt, wanted_words(prompt, ""), read(text)) == expected


@pytest.mark.parametrize(
    ("prompt", "text", "states", "expected"),
    [
        ("The door is open", "FRONT DOOR", True, "open"),
        ("The door is open", "FRONT DOOR", False, ""),
        ("A person is at the door", "FRONT DOOR OPEN", False, "person"),
        ("A man is at the door", "A person at the door", True, ""),
        ("A dog barks", "An animal barks", True, ""),
        ("A dog barks", "A cat meows", True, "dog"),
        ("Battery is low", "Battery 4%", True, ""),
        ("A fire", "Smoke", True, ""),
    ],
)
def test_missing(prompt: str, text: str, states: bool, expected: str) -> None:
    assert missing(wanted_words(prompt, ""), read(text), states=states) == expected
