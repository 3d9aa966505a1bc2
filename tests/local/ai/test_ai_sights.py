"""What was found, in sentences, JSON and metadata."""

from __future__ import annotations

import json

import pytest

from aiortstream.local.ai.pictures import Change
from aiortstream.local.ai.sights import Sight, as_json, in_words, metadata

CHANGED = Change(0.2, 0.5)


def test_everything_in_plain_sentences() -> None:
    sight = Sight(
        texts=("Warehouse door B", 'the "night" shift'),
        objects={"car": 1, "person": 2, "umbrella": 1},
        brightness=0.7,
        colours=("blue", "white"),
        change=CHANGED,
        frames=5,
    )
    assert in_words(sight) == (
        'Text on screen: "Warehouse door B", "the \'night\' shift". Likely: 2 people, a car, an umbrella. '
        "Bright picture, mostly blue and white; the picture changed."
    )


def test_nothing_found_claims_nothing() -> None:
    assert in_words(Sight(brightness=0.4, frames=3)) == "Picture of medium brightness; the picture did not change."


def test_one_frame_says_nothing_of_change() -> None:
    assert in_words(Sight(brightness=0.1, colours=("black",))) == "Dark picture, mostly black."


@pytest.mark.parametrize(
    ("label", "count", "said"),
    [
        ("person", 1, "a person"),
        ("person", 3, "3 people"),
        ("bus", 2, "2 buses"),
        ("bench", 2, "2 benches"),
        ("mouse", 2, "2 mice"),
        ("orange", 1, "an orange"),
        ("sheep", 1, "a sheep"),
        ("sheep", 4, "4 sheep"),
        ("scissors", 1, "scissors"),
        ("skis", 2, "2 skis"),
        ("wine glass", 2, "2 wine glasses"),
    ],
)
def test_things_are_counted_in_english(label: str, count: int, said: str) -> None:
    assert in_words(Sight(objects={label: count})).startswith(f"Likely: {said}.")


def test_json_has_what_was_found_and_says_that_no_prompt_was_followed() -> None:
    sight = Sight(texts=("Über",), objects={"dog": 1}, brightness=0.5, colours=("green",), change=CHANGED, frames=2)
    answer = json.loads(as_json(sight))
    assert "does not follow free prompts" in answer.pop("note")
    assert answer == {
        "text_on_screen": ["Über"],
        "objects": {"dog": 1},
        "brightness": 0.5,
        "dominant_colors": ["green"],
        "changed": True,
    }


def test_metadata_holds_json_values() -> None:
    found = metadata(Sight(texts=("A",), objects={"dog": 1}, brightness=1 / 3, change=CHANGED))
    assert found == {"ocr": ["A"], "objects": {"dog": 1}, "brightness": 0.333, "colour": "mixed", "motion": 0.2}
    assert json.loads(json.dumps(found)) == found
