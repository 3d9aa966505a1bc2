"""The built-in describer: text, likely objects, light and change. It is not a caption, and it does not claim to be.

Models look at as little as they can: of a window at most two frames are read, the last one and the one that differs
most from it, and at most three are searched for objects; pictures that came before, of any stream, are remembered.
A window in which nothing changes costs the shrinking of its frames.
"""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Protocol

from aiortstream.local.ai.pictures import Glance, PictureMemory, change, glance, largest_change
from aiortstream.local.ai.protocols import Description, ModelError
from aiortstream.local.ai.sights import Sight, as_json, in_words, metadata
from aiortstream.local.ai.summary import wants_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from aiortstream.local.ai.detector import Detection
    from aiortstream.local.ai.executor import ModelExecutor
    from aiortstream.local.media import Frame

_SEARCHED_FRAMES = 3
# What is seen in one frame of several is a flicker of the detector's more often than a thing.
_SIGHTINGS = 2


class Reader(Protocol):
    """Reads text; `ocr.TextReader`."""

    def load(self) -> None:
        """Load the models now."""

    def read(self, image: NDArray[np.uint8]) -> tuple[str, ...]:
        """The lines of text in an RGB picture."""


class Detector(Protocol):
    """Finds objects; `detector.ObjectDetector`."""

    def load(self) -> None:
        """Load the weights now."""

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """The things in an RGB picture."""


class FrameDescriber:
    """Text on screen, likely objects, brightness, colours, movement. One instance serves all streams."""

    def __init__(self, executor: ModelExecutor, reader: Reader, detector: Detector | None = None) -> None:
        self._executor = executor
        self._reader = reader
        self._detector = detector
        self._texts: PictureMemory[tuple[str, ...]] = PictureMemory()
        self._things: PictureMemory[Counter[str]] = PictureMemory()

    @property
    def model(self) -> str:
        """What is at work."""
        return "builtin:ocr" if self._detector is None else "builtin:ocr+nanodet"

    async def load(self) -> None:
        """Load the models now rather than at the first call.

        Raises `BackendMissing` without the package that reads text, `ModelError` for a bad detector file.
        """
        await self._executor.run(self._load)

    async def describe(self, frames: Sequence[Frame], prompt: str) -> Description:
        """Say what can be said about one window. `prompt` decides between sentences and JSON, and nothing else.

        Raises `ModelError` for no frames, `ModelBusy` when the vision lane is full. Cancelling drops the result.
        """
        if not frames:
            raise ModelError("there are no frames to describe")
        sight = await self._executor.run(self._look, [frame.image for frame in frames])
        return Description(as_json(sight) if wants_json(prompt) else in_words(sight), metadata(sight))

    def _load(self) -> None:
        self._reader.load()
        if self._detector is not None:
            self._detector.load()

    def _look(self, images: list[NDArray[np.uint8]]) -> Sight:
        glances = [glance(image) for image in images]
        return Sight(
            texts=self._read(images, glances),
            objects=self._search(images, glances),
            brightness=statistics.fmean(glance.brightness for glance in glances),
            colours=glances[-1].colours,
            change=largest_change(glances),
            frames=len(images),
        )

    def _read(self, images: list[NDArray[np.uint8]], glances: list[Glance]) -> tuple[str, ...]:
        """The lines of the frames worth reading, oldest first, each line once."""
        lines: dict[str, None] = {}
        for index in _worth_reading(glances):
            if glances[index].is_plain:
                continue
            found = self._texts.recall(glances[index])
            if found is None:
                found = self._reader.read(images[index])
                self._texts.remember(glances[index], found)
            lines.update(dict.fromkeys(found))
        return tuple(lines)

    def _search(self, images: list[NDArray[np.uint8]], glances: list[Glance]) -> dict[str, int]:
        """The objects seen in two frames at least, if there are two; the number is the middle one of the sightings."""
        if self._detector is None:
            return {}
        sightings: defaultdict[str, list[int]] = defaultdict(list)
        chosen = (
            sorted({0, len(images) // 2, len(images) - 1}) if len(images) > _SEARCHED_FRAMES else range(len(images))
        )
        for index in chosen:
            found = self._things.recall(glances[index])
            if found is None:
                found = Counter(detection.label for detection in self._detector.detect(images[index]))
                self._things.remember(glances[index], found)
            for label, count in found.items():
                sightings[label].append(count)
        needed = min(_SIGHTINGS, len(images))
        return {label: statistics.median_low(seen) for label, seen in sightings.items() if len(seen) >= needed}


def _worth_reading(glances: list[Glance]) -> list[int]:
    """The last frame, and before it the one that differs most, if any is another picture."""
    last = len(glances) - 1
    steps = [change(earlier, glances[last]) for earlier in glances[:last]]
    differing = [index for index, step in enumerate(steps) if not step.is_same]
    if not differing:
        return [last]
    return [max(differing, key=lambda index: (steps[index].mean, steps[index].peak)), last]
