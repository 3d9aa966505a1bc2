"""How an index cuts its stream into pieces: the wire's `extraction_type` and `extraction_config`, understood.

| type | config | default |
|---|---|---|
| `time`, `time_based` (visual) | `time`: seconds of a window, `frame_count`: pictures taken from it | 2, 5 |
| `transcript` (audio) | `segmenter`: `word`, `sentence` or `time`, `segmentation_value`: how many | `word`, 10 |

Numbers come as numbers or as text; the service gives them back as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from aiortstream.records import IndexKind

Segmenter = Literal["word", "sentence", "time"]

MAX_SECONDS = 3600
MAX_FRAMES = 30
_VISUAL_TYPES = ("time", "time_based")
_AUDIO_TYPE = "transcript"
_LARGEST: Mapping[Segmenter, int] = {"word": 10_000, "sentence": 1_000, "time": MAX_SECONDS}


class BadBatch(ValueError):  # noqa: N818 - the name says what happened
    """A type or a config that cannot be meant; the message names the field, what it was and what fits."""


@dataclass(frozen=True, slots=True)
class VisualBatch:
    """Windows of `seconds`, each described by `frame_count` pictures that are spread evenly over it."""

    seconds: float = 2
    frame_count: int = 5

    @property
    def kind(self) -> IndexKind:
        """What an index of this sort is called."""
        return "visual"

    def config(self) -> dict[str, str]:
        """As the wire gives it back."""
        return {"time": f"{self.seconds:g}", "frame_count": str(self.frame_count)}


@dataclass(frozen=True, slots=True)
class SpeechBatch:
    """Pieces of transcript of so many words or sentences, or of so many seconds."""

    segmenter: Segmenter = "word"
    value: float = 10

    @property
    def kind(self) -> IndexKind:
        """What an index of this sort is called."""
        return "audio"

    def config(self) -> dict[str, str]:
        """As the wire gives it back."""
        return {"segmenter": self.segmenter, "segmentation_value": f"{self.value:g}"}


_VISUAL, _SPEECH = VisualBatch(), SpeechBatch()  # the defaults


def parse_batch(extraction_type: str | None, config: Mapping[str, Any] | None) -> VisualBatch | SpeechBatch:
    """Understand an index request; what is absent or null has its default. Raises `BadBatch`."""
    given = {name: value for name, value in (config or {}).items() if value is not None}
    if extraction_type is None or extraction_type in _VISUAL_TYPES:
        return _visual(given)
    if extraction_type == _AUDIO_TYPE:
        return _speech(given)
    raise BadBatch(
        f"extraction_type: expected 'time' (or 'time_based') for pictures or 'transcript' for speech,"
        f" got {extraction_type!r}"
    )


def _visual(given: Mapping[str, Any]) -> VisualBatch:
    _check_names(given, ("time", "frame_count"))
    seconds = _number(given, "time", _VISUAL.seconds, MAX_SECONDS)
    return VisualBatch(seconds, int(_number(given, "frame_count", _VISUAL.frame_count, MAX_FRAMES, whole=True)))


def _speech(given: Mapping[str, Any]) -> SpeechBatch:
    _check_names(given, ("segmenter", "segmentation_value"))
    asked = given.get("segmenter", _SPEECH.segmenter)
    segmenter = next((known for known in _LARGEST if known == asked), None)
    if segmenter is None:
        raise BadBatch(f"extraction_config.segmenter: expected 'word', 'sentence' or 'time', got {asked!r}")
    value = _number(given, "segmentation_value", _SPEECH.value, _LARGEST[segmenter], whole=segmenter != "time")
    return SpeechBatch(segmenter, value)


def _check_names(given: Mapping[str, Any], known: Collection[str]) -> None:
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise BadBatch(f"extraction_config: expected the keys {' and '.join(known)}, got {', '.join(unknown)}")


def _number(given: Mapping[str, Any], name: str, default: float, largest: int, *, whole: bool = False) -> float:
    value = given.get(name, default)
    number = _as_number(value)
    if number is None or not 1 <= number <= largest or (whole and not number.is_integer()):
        kind = "a whole number" if whole else "a number"
        raise BadBatch(f"extraction_config.{name}: expected {kind} from 1 to {largest}, got {value!r}")
    return number


def _as_number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
