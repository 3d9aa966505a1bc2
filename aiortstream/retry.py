"""When something is tried again, and how long after. The only user of `backoff`.

`backoff` is archived and its decorators suit neither iterators nor an injected clock, so only its series is used:
`expo` yields None first, then 1, 2, 4, ...; the jitter is drawn over the whole delay, so that many clients that lost
the same server do not return together.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import backoff

# Answers of a server that is overloaded or being replaced, or of a proxy before it: worth another attempt.
TRANSIENT_STATUS = frozenset({429, 502, 503, 504})
RETRY_AFTER_CAP = 60.0  # seconds: a server that asks for more is not waited for; its error is handed on


def reconnect_delays(
    first: float, maximum: float, *, jitter: Callable[[float], float] | None = None
) -> Iterator[float]:
    """Delays in seconds, without end: doubling from `first` to `maximum`, each drawn from its upper half.

    Not from zero: after each mere connect a delay near nothing would hammer a server that flaps.
    """
    draw = jitter or _upper_half
    for value in backoff.expo(base=2, factor=first, max_value=maximum):
        if value is not None:
            yield draw(float(value))


def request_delays(maximum: float = 8.0, *, jitter: Callable[[float], float] | None = None) -> Iterator[float]:
    """Delays in seconds between attempts of one request."""
    return reconnect_delays(0.25, maximum, jitter=jitter)


def job_delays() -> Iterator[float]:
    """Delays in seconds between two looks at a job: short ones first, for most jobs are short."""
    return reconnect_delays(0.25, 5.0, jitter=lambda delay: delay)


def may_repeat(*, idempotent: bool, sent: bool) -> bool:
    """Whether an attempt that failed may be made again.

    `idempotent`: whether doing it twice is doing it once. `sent`: whether the server may have seen the request. What
    creates something is repeated only if it was never sent: a second attempt at a create that has succeeded makes a
    second, paid, one.
    """
    return idempotent or not sent


def _upper_half(delay: float) -> float:
    return random.uniform(delay / 2, delay)  # noqa: S311 - spreads load, protects nothing
