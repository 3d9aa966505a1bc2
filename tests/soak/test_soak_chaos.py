"""Chaos: a genuine embedded server behind a proxy that fails, quick and slow consumers, nothing lost in silence."""

from __future__ import annotations

import pytest
from chaos import FAULTS, soak


@pytest.mark.timeout(180)
async def test_faults_of_every_kind_lose_nothing_and_repeat_nothing() -> None:
    tally = await soak(8000, seed=3, fault_every=0.2, faults=tuple(dict.fromkeys(FAULTS)))
    assert set(tally.faults) == set(FAULTS)
    assert (tally.lost, tally.duplicates) == (0, 0)
    assert tally.reconnects > 0
    assert tally.deliveries >= tally.events


@pytest.mark.soak
@pytest.mark.timeout(7200)
async def test_a_million_events_through_hundreds_of_faults() -> None:
    tally = await soak(1_000_000, seed=1)
    print(tally)
    assert (tally.lost, tally.duplicates) == (0, 0)
    assert sum(tally.faults.values()) >= 200
