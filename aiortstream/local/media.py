"""Decoded media as it travels from ingest to the pipelines: frames and sound, stamped on the stream's own clock.

Times are unix seconds on the timeline of the stream, the same that its recording is cut on (`ingest/clock.py`), so
that a frame, the words spoken over it and the clip that shows it agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE = 16_000  # samples per second of every AudioChunk: what speech models take


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded picture: `image` is RGB, `uint8`, shape (height, width, 3); `time` is its unix time in seconds."""

    time: float
    image: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Mono sound at `SAMPLE_RATE`: `samples` is `float32` in [-1, 1]; `start` is the unix time of its first sample."""

    start: float
    samples: NDArray[np.float32]

    @property
    def end(self) -> float:
        """Unix time in seconds just after the last sample."""
        return self.start + len(self.samples) / SAMPLE_RATE


class FrameTap(Protocol):
    """Takes sampled frames of one stream. Called on the stream's decoding thread: it must not block."""

    @property
    def frames_per_second(self) -> float:
        """How many frames a second this tap wants; the decoder samples for the largest wish."""

    def on_frame(self, frame: Frame) -> None:
        """Take one frame; times rise, except after a discontinuity."""


class AudioTap(Protocol):
    """Takes the sound of one stream. Called on the stream's decoding thread: it must not block."""

    def on_audio(self, chunk: AudioChunk) -> None:
        """Take one chunk; chunks follow each other without overlap, and a gap in time is a gap in the sound."""
