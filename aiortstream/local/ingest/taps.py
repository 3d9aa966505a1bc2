"""Who wants frames and sound of a stream, and handing them over."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from aiortstream.local.media import AudioChunk, AudioTap, Frame, FrameTap

_log = logging.getLogger(__name__)


class TapSet:
    """The taps of one stream. Added and removed from any thread, read by the ingest threads.

    A tap that raises is logged and removed: one broken consumer must not take the stream from the others.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._frames: tuple[_SampledTap, ...] = ()  # replaced, never changed, so that readers need no lock
        self._audio: tuple[AudioTap, ...] = ()

    @property
    def wants_frames(self) -> bool:
        return bool(self._frames)

    @property
    def wants_audio(self) -> bool:
        return bool(self._audio)

    @property
    def frames_per_second(self) -> float:
        """The largest wish; 0 while nobody wants frames."""
        return max((sampled.tap.frames_per_second for sampled in self._frames), default=0.0)

    def add_frames(self, tap: FrameTap) -> None:
        with self._lock:
            if all(sampled.tap is not tap for sampled in self._frames):
                self._frames += (_SampledTap(tap),)

    def remove_frames(self, tap: FrameTap) -> None:
        with self._lock:
            self._frames = tuple(sampled for sampled in self._frames if sampled.tap is not tap)

    def add_audio(self, tap: AudioTap) -> None:
        with self._lock:
            if all(other is not tap for other in self._audio):
                self._audio += (tap,)

    def remove_audio(self, tap: AudioTap) -> None:
        with self._lock:
            self._audio = tuple(other for other in self._audio if other is not tap)

    def offer_frame(self, time: float, image: Callable[[], NDArray[np.uint8]]) -> None:
        """Hand the frame of a moment to the taps that are due for one; `image` converts it, once, if there are any."""
        frame: Frame | None = None
        for sampled in self._frames:
            if sampled.is_due(time):
                frame = frame or Frame(time, image())
                try:
                    sampled.tap.on_frame(frame)
                except Exception:
                    _log.exception("%s: a frame tap failed and was removed", self._name)
                    self.remove_frames(sampled.tap)

    def offer_audio(self, chunk: AudioChunk) -> None:
        for tap in self._audio:
            try:
                tap.on_audio(chunk)
            except Exception:
                _log.exception("%s: a sound tap failed and was removed", self._name)
                self.remove_audio(tap)


class _SampledTap:
    """A frame tap with the moment from which it is due for its next frame.

    Moments lie on a grid of the wanted period, so that rounding to the source's frames does not lower the rate.
    """

    def __init__(self, tap: FrameTap) -> None:
        self.tap = tap
        self._next: float | None = None  # unix seconds; None before the first frame

    def is_due(self, time: float) -> bool:
        """Whether to give it the frame of `time`; if so, the next moment is set."""
        rate = self.tap.frames_per_second
        if rate <= 0:
            return False
        period = 1 / rate
        tolerance = min(0.005, period / 4)  # time stamps of millisecond containers are rounded
        if self._next is None or not self._next - period - 1 < time < self._next + period:
            self._next = time  # the first, or after a gap or a step back: a new grid
        if time < self._next - tolerance:
            return False
        self._next += period
        return True
