"""Frames into windows: contiguous stretches of a stream's clock, each with pictures spread evenly over it."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortstream.local.batching import VisualBatch
    from aiortstream.local.media import Frame

# A source's time stamps are rounded: a frame may come this little before its slot. Ingest samples with the same.
_EARLY_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class FrameWindow:
    """Pictures of one window, oldest first; its bounds are unix milliseconds."""

    start_ms: int
    end_ms: int
    frames: tuple[Frame, ...]


class FrameWindows:
    """A frame tap that gathers windows and hands each to `on_window`, on the decoding thread.

    The first window begins with the first frame, each later one where the one before ends. Each is cut into
    `frame_count` slots, and the first frame of a slot is kept. A window ends with the first frame after it; where that
    comes from before it or more than a whole window later, the windows begin anew with it.
    """

    def __init__(self, batch: VisualBatch, on_window: Callable[[FrameWindow], None]) -> None:
        self._on_window = on_window
        self._length_ms = round(batch.seconds * 1000)
        self._slots = batch.frame_count
        self._slot = batch.seconds / batch.frame_count  # seconds
        self._lock = threading.Lock()  # `flush` comes from another thread
        self._start_ms: int | None = None  # of the window being gathered; None before the first frame
        self._frames: list[Frame] = []
        self._next_slot = 0  # of the window being gathered: the first that has no frame yet

    @property
    def frames_per_second(self) -> float:
        """One frame for each slot."""
        return 1 / self._slot

    def on_frame(self, frame: Frame) -> None:
        """Take one frame, on the decoding thread."""
        with self._lock:
            slot = self._place(frame.time)
            if slot >= self._next_slot:
                self._frames.append(frame)
                self._next_slot = slot + 1

    def flush(self) -> None:
        """Hand over what there is of a window: it ends with its last frame."""
        with self._lock:
            self._end_early()
            self._start_ms = None

    def _place(self, time: float) -> int:
        """The slot of a moment in its window, after whatever windows have ended before it."""
        if self._start_ms is None:
            self._start_ms = round(time * 1000)
        early = min(_EARLY_SECONDS, self._slot / 4)
        slot = math.floor((time - self._start_ms / 1000 + early) / self._slot)
        if slot < 0 or slot >= 2 * self._slots:
            self._end_early()
            self._start_ms = round(time * 1000)
            return 0
        if slot >= self._slots:
            self._hand_over(self._start_ms + self._length_ms)
            self._start_ms += self._length_ms
            return slot - self._slots
        return slot

    def _end_early(self) -> None:
        if self._frames and self._start_ms is not None:
            last = round((self._frames[-1].time + self._slot) * 1000)
            self._hand_over(min(last, self._start_ms + self._length_ms))

    def _hand_over(self, end_ms: int) -> None:
        assert self._start_ms is not None
        frames, self._frames, self._next_slot = tuple(self._frames), [], 0
        if frames:
            self._on_window(FrameWindow(self._start_ms, end_ms, frames))
