"""How long is waited before a source is tried again."""

from __future__ import annotations

from itertools import islice

from aiortstream.local.ingest.errors import Remedy, SourceError
from aiortstream.local.ingest.retries import FIRST_DELAY, LONGEST_DELAY, SLOW_DELAY, jittered_delays, wait_after


def test_delays_grow_to_a_limit_and_differ_from_stream_to_stream() -> None:
    many = [list(islice(jittered_delays(), 12)) for _ in range(50)]
    for delays in many:
        for index, delay in enumerate(delays):
            longest = min(LONGEST_DELAY, FIRST_DELAY * 2**index)
            assert longest / 2 <= delay <= longest
    assert len({delays[5] for delays in many}) > 40


def test_what_only_the_owner_can_mend_is_tried_slowly() -> None:
    error = SourceError("authentication refused", Remedy.RETRY_SLOWLY)
    assert SLOW_DELAY / 2 <= wait_after(error, 0.25, listening=False) <= SLOW_DELAY
    assert wait_after(SourceError("connection refused"), 0.25, listening=False) == 0.25


def test_a_listener_is_back_at_once() -> None:
    assert wait_after(SourceError("no encoder"), 15.0, listening=True) == FIRST_DELAY
