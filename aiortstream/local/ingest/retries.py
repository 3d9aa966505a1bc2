"""How long to wait before a source is tried again."""

from __future__ import annotations

import random
from collections.abc import Iterator

from .errors import Remedy, SourceError

FIRST_DELAY = 0.25  # seconds
BRISK_DELAY = 2.0  # the longest while it may be a restart, or a cable
BRISK_FOR = 60.0  # seconds for which it may be
LONGEST_DELAY = 15.0
SLOW_DELAY = 30.0  # where only the owner can help: a camera may lock an account after some wrong passwords
SLOWEST_DELAY = 900.0
HEALTHY_AFTER = 10.0  # seconds of being live after which the delays start over


def jittered_delays() -> Iterator[float]:
    """Seconds to wait before each next attempt, for a source that is away.

    Doubling from a quarter second to two, and after a minute on to 15. Each is less by up to a half, by chance, so that
    a thousand streams of one failed server do not come back in step.
    """
    delay, waited = FIRST_DELAY, 0.0
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - spread, not secrecy
        waited += delay
        delay = min(delay * 2, BRISK_DELAY if waited < BRISK_FOR else LONGEST_DELAY)


def slow_delays() -> Iterator[float]:
    """The same for a source that refuses us: doubling from half a minute to a quarter of an hour."""
    delay = SLOW_DELAY
    while True:
        yield delay * random.uniform(0.75, 1.0)  # noqa: S311
        delay = min(delay * 2, SLOWEST_DELAY)


class Waits:
    """The waits between the attempts of one stream. `delays` makes those for a source that is away."""

    def __init__(self, delays: Iterator[float], *, listening: bool) -> None:
        self._delays = delays
        self._slow = slow_delays()
        self._listening = listening

    def after(self, error: SourceError) -> float:
        """The wait that an error calls for."""
        delay = next(self._delays)
        if self._listening:
            return min(delay, FIRST_DELAY)  # nobody is hammered, and the encoder finds the door closed meanwhile
        if error.remedy is Remedy.RETRY_SLOWLY:
            return max(delay, next(self._slow))
        return delay
