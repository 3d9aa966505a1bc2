"""The wall clock that ingest lives by, and the pace of sources that have none of their own."""

from __future__ import annotations

import math
import threading
import time
from typing import Protocol

_MAX_BEHIND = 1.0  # seconds a paced source may catch up after a stall; what is more has simply not been played


class WallClock(Protocol):
    """Unix time, and waiting for it to pass. Tests hand in one that runs as fast as it is asked to."""

    def now(self) -> float:
        """Unix time in seconds."""

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Block for `seconds` or until `stop` is set; returns whether it is."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        return time.time()

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        return stop.wait(seconds)


class Pacer:
    """Plays media at the speed of time: holds each packet until its moment has come."""

    def __init__(self, clock: WallClock) -> None:
        self._clock = clock
        self._start = math.nan  # the unix time of media time zero; nan before the first packet

    def wait(self, media: float, stop: threading.Event) -> float:
        """Wait until media time `media` (seconds) is due; returns its unix time. Returns at once when `stop` is set."""
        now = self._clock.now()
        if math.isnan(self._start):
            self._start = now - media
        behind = now - (self._start + media)
        if behind > _MAX_BEHIND:
            self._start += behind
        elif behind < 0:
            self._clock.wait(stop, -behind)
        return self._start + media
