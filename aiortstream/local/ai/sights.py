"""What the built-in describer found in a window of frames, put into sentences, into JSON and into metadata."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiortstream.local.ai.pictures import UNCHANGED, Change

if TYPE_CHECKING:
    from collections.abc import Mapping

# Below the first a picture is called dark, above the second bright.
_DARK, _BRIGHT = 0.3, 0.55

_NOTE = (
    "Written by the built-in describer, which reads text, finds objects if a detector is configured, and measures "
    "light, colour and change. It does not follow free prompts; an endpoint with a vision model does."
)

# The sentence of `in_words` on light, colour and change, and the keys of `as_json` for that and for the note: readers
# who look for things leave them out.
LIGHT_SENTENCE = re.compile(r"(?:Dark picture|Bright picture|Picture of medium brightness)\b[^.]*\.")
LIGHT_KEY = "dominant_colors"
NOTE_KEY = "note"

_PLURALS = {
    "person": "people",
    "knife": "knives",
    "mouse": "mice",
    "sheep": "sheep",
    "skis": "skis",
    "scissors": "scissors",
    "broccoli": "broccoli",
}


@dataclass(frozen=True, slots=True)
class Sight:
    """A window of frames: lines of text in the order they appeared, guessed objects and their number, light, change."""

    texts: tuple[str, ...] = ()
    objects: Mapping[str, int] = field(default_factory=dict)
    brightness: float = 0.0
    colours: tuple[str, ...] = ()
    change: Change = UNCHANGED
    frames: int = 1


def in_words(sight: Sight) -> str:
    """Plain sentences, for people, for search and for the judge. What was guessed is called likely."""
    sentences = []
    if sight.texts:
        sentences.append("Text on screen: " + ", ".join(f'"{_unquoted(line)}"' for line in sight.texts) + ".")
    if sight.objects:
        things = [_counted(label, count) for label, count in sorted(sight.objects.items(), key=_most_first)]
        sentences.append("Likely: " + ", ".join(things) + ".")
    picture = _light(sight.brightness)
    if sight.colours:
        picture += ", mostly " + " and ".join(sight.colours)
    if sight.frames > 1:
        picture += "; " + sight.change.in_words
    sentences.append(picture + ".")
    return " ".join(sentences)


def as_json(sight: Sight) -> str:
    """The same as a JSON object, for prompts that ask for JSON. It says that it followed no prompt."""
    return json.dumps(
        {
            "text_on_screen": list(sight.texts),
            "objects": dict(sight.objects),
            "brightness": round(sight.brightness, 3),
            LIGHT_KEY: list(sight.colours),
            "changed": not sight.change.is_same,
            NOTE_KEY: _NOTE,
        },
        ensure_ascii=False,
    )


def metadata(sight: Sight) -> dict[str, Any]:
    """The same for programs: ocr (lines), objects (label to number), brightness, colour, motion (0 to 1)."""
    return {
        "ocr": list(sight.texts),
        "objects": dict(sight.objects),
        "brightness": round(sight.brightness, 3),
        "colour": sight.colours[0] if sight.colours else "mixed",
        "motion": round(sight.change.mean, 4),
    }


def _light(brightness: float) -> str:
    if brightness < _DARK:
        return "Dark picture"
    return "Bright picture" if brightness > _BRIGHT else "Picture of medium brightness"


def _most_first(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _counted(label: str, count: int) -> str:
    """ "a car", "an umbrella", "2 people"."""
    if count > 1:
        return f"{count} {_plural(label)}"
    if label in _PLURALS and _PLURALS[label] == label and label != "sheep":
        return label
    return f"{'an' if label[0] in 'aeiou' else 'a'} {label}"


def _plural(label: str) -> str:
    if label in _PLURALS:
        return _PLURALS[label]
    return label + ("es" if label.endswith(("s", "ch", "sh", "x")) else "s")


def _unquoted(line: str) -> str:
    return line.replace('"', "'")
