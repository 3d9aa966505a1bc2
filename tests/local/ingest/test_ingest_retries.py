"""How long is waited before a source is tried again."""

from __future__ import annotations

from itertools import count, islice, repeat

import pytest

from aiortstream.local.ingest.errors import Remedy, SourceError
from aiortstream.local.ingest.retries import (
    BRISK_DELAY,
    BRISK_FOR,
    FIRST_DELAY,
    LONGEST_DELAY,
    SLOW_DELAY,
    SLOWEST_DELAY,
    Waits,
    jittered_delays,
)

AWAY = SourceError("connection refused")
REFUSED = SourceError("authentication refused", Remedy.RETRY_SLOWLY)


def test_delays_stay_short_for_a_minute_then_grow_and_differ_from_stream_to_stream(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    many = [list(islice(jittered_delays(), 60)) for _ in range(50)]
    assert len({delays[5] for delays in many}) > 40
    for delays in many:
        assert all(delay <= min(BRISK_DELAY, FIRST_DELAY * 2**n) for n, delay in enumerate(delays[:30]))
        assert sum(delays[:30]) >= BRISK_FOR / 2 - BRISK_DELAY
        assert LONGEST_DELAY / 2 <= delays[-1] <= LONGEST_DELAY
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    first = list(islice(jittered_delays(), 6))
    assert first == [0.25, 0.5, 1.0, 2.0, 2.0, 2.0]


def test_what_only_the_owner_can_mend_is_tried_ever_more_slowly() -> None:
    waits = Waits(repeat(0.25), listening=False)
    slow = [waits.after(REFUSED) for _ in range(8)]
    for wait, longest in zip(slow, (30, 60, 120, 240, 480, 900, 900, 900), strict=True):
        assert longest * 0.75 <= wait <= longest
    assert (SLOW_DELAY, SLOWEST_DELAY) == (30, 900)
    assert waits.after(AWAY) == 0.25
    # An account that is locked after three wrong passwords in five minutes stays open.
    assert sum(slow[:3]) >= 150


def test_a_listener_is_back_at_once() -> None:
    waits = Waits(count(15), listening=True)
    assert waits.after(SourceError("no encoder")) == FIRST_DELAY
    assert waits.after(REFUSED) == FIRST_DELAY
