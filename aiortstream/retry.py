"""When something is tried again, and how long after. The only user of `backoff`.

`backoff` is archived and its decorators suit neither iterators nor an injected clock, so only its series is used:
`expo` yields None first, then 1, 2, 4, ...; the jitter is drawn over the whole delay, so that many clients that lost
the same server do not return together.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import backoff

# Answers of a server that is overloaded or being replaced: what was asked has not been done.
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


def may_repeat(method: str, *, idempotent: bool, sent: bool, status: int | None) -> bool:
    """Whether a failed attempt may be made again.

    `sent`: whether the server may have seen the request. What creates something is repeated only if it was never sent:
    a second attempt at a create that has succeeded makes a second, paid, one.
    """
    if not sent:
        return True
    repeatable = method == "GET" or idempotent
    return repeatable and (status is None or status in TRANSIENT_STATUS)


def _upper_half(delay: float) -> float:
    return random.uniform(delay / 2, delay)  # noqa: S311 - spreads load, protects nothing
