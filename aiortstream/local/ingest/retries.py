"""How long to wait before a source is tried again."""

from __future__ import annotations

import random
from collections.abc import Iterator

from .errors import Remedy, SourceError

FIRST_DELAY = 0.25  # seconds
LONGEST_DELAY = 15.0
SLOW_DELAY = 30.0  # where only the owner can help
HEALTHY_AFTER = 10.0  # seconds of being live after which the delays start over


def jittered_delays() -> Iterator[float]:
    """Seconds to wait before each next attempt: doubling from a quarter second to 15, each less up to half by chance,
    so that a thousand streams of one failed server do not come back in step."""
    delay = FIRST_DELAY
    while True:
        yield delay * random.uniform(0.5, 1.0)  # noqa: S311 - spread, not secrecy
        delay = min(delay * 2, LONGEST_DELAY)


def wait_after(error: SourceError, delay: float, *, listening: bool) -> float:
    """The wait that an error calls for, given the one that is due."""
    if listening:
        return min(delay, FIRST_DELAY)  # nobody is hammered, and the encoder finds the door closed meanwhile
    if error.remedy is Remedy.RETRY_SLOWLY:
        return max(delay, SLOW_DELAY * random.uniform(0.5, 1.0))  # noqa: S311
    return delay
