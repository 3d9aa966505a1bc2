"""What can be told about a picture without any model: how bright it is, which colours, and whether it changed."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

T = TypeVar("T")

_SMALL_WIDTH = 320  # pixels that a picture is shrunk to, about: text that can be read still shows when it changes
_CELL = 8  # pixels of the small picture on a side: 32 of a 720p frame, about one letter of readable text
_COLOUR_SHARE = 0.2  # a colour that covers less is not worth a word
_MOST_COLOURS = 2

# Below it is noise: a still camera's picture after lossy compression stays under half of this in every cell.
_SAME_CELL = 8 / 255
# A mean change over the whole picture below this is somebody's hand or a clock, above it the scene.
_SMALL_CHANGE = 0.02


@dataclass(frozen=True, slots=True)
class Glance:
    """A frame made small: `grey` of shape (height, width), and the names of its main colours."""

    grey: NDArray[np.uint8]
    colours: tuple[str, ...]

    @property
    def brightness(self) -> float:
        """Mean brightness, 0 to 1."""
        return float(self.grey.mean()) / 255

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing in it but one even surface."""
        return float(self.grey.std()) < 2.0


@dataclass(frozen=True, slots=True)
class Change:
    """How far two pictures differ, 0 to 1: all over, and in the cell that differs most."""

    mean: float
    peak: float

    @property
    def is_same(self) -> bool:
        """Whether a person would call it the same picture, down to a word of text."""
        return self.peak < _SAME_CELL

    @property
    def in_words(self) -> str:
        """The end of a sentence."""
        if self.is_same:
            return "the picture did not change"
        return "small movements" if self.mean < _SMALL_CHANGE else "the picture changed"


UNCHANGED = Change(0.0, 0.0)
_CUT = Change(1.0, 1.0)  # pictures of different shapes cannot be compared


def glance(image: NDArray[np.uint8]) -> Glance:
    """Shrink an RGB picture of shape (height, width, 3). About 4 ms of one core for 720p."""
    small = Image.fromarray(image).reduce(max(1, image.shape[1] // _SMALL_WIDTH))
    return Glance(np.asarray(small.convert("L")), _colours(small))


def change(one: Glance, other: Glance) -> Change:
    """How far two frames differ."""
    if one.grey.shape != other.grey.shape:
        return _CUT
    differences = np.abs(one.grey.astype(np.int16) - other.grey.astype(np.int16))
    height, width = (size - size % _CELL for size in differences.shape)
    if not height or not width:
        peak = float(differences.max())
    else:
        cells = differences[:height, :width].reshape(height // _CELL, _CELL, width // _CELL, _CELL)
        peak = float(cells.mean(axis=(1, 3)).max())
    return Change(float(differences.mean()) / 255, peak / 255)


def largest_change(glances: Sequence[Glance]) -> Change:
    """The largest step from one frame to the next; none for a single frame."""
    steps = (change(one, other) for one, other in pairwise(glances))
    return max(steps, key=lambda step: (step.mean, step.peak), default=UNCHANGED)


class PictureMemory(Generic[T]):
    """What was found in the last different pictures, for when one of them comes back. May be used by several threads.

    A still camera, or a slide that stays, is then looked at by a model once. Pictures are compared as `Change.is_same`
    says, not by a hash: two slides of one layout with another word in them are two pictures.
    """

    def __init__(self, size: int = 16) -> None:
        self._lock = threading.Lock()
        self._found: deque[tuple[Glance, T]] = deque(maxlen=size)  # guarded by _lock; most recently used last

    def recall(self, picture: Glance) -> T | None:
        """What was found in a picture like this one; None if it has not been seen."""
        with self._lock:
            for index in reversed(range(len(self._found))):
                seen, found = self._found[index]
                if change(picture, seen).is_same:
                    del self._found[index]
                    self._found.append((seen, found))
                    return found
        return None

    def remember(self, picture: Glance, found: T) -> None:
        """Keep what was found, in place of the picture that was not asked for the longest."""
        with self._lock:
            self._found.append((picture, found))


def _colours(picture: Image.Image) -> tuple[str, ...]:
    """The names of the colours that cover most of it, largest first."""
    hue, saturation, value = (np.asarray(band, np.int16).ravel() for band in picture.reduce(4).convert("HSV").split())
    # PIL counts hue in 256ths of a turn.
    names = np.array(["red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "red"])
    name = names[np.searchsorted([11, 30, 50, 113, 134, 180, 210, 245], hue, side="right")]
    name = np.where((name == "orange") & (value < 150), "brown", name)
    pale = np.where(value > 200, "white", "grey")
    name = np.where(saturation < 40, pale, name)
    name = np.where(value < 45, "black", name)
    found, counts = np.unique(name, return_counts=True)
    largest = np.argsort(-counts, kind="stable")[:_MOST_COLOURS]
    return tuple(str(found[index]) for index in largest if counts[index] >= _COLOUR_SHARE * len(name))
