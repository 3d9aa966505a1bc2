"""Numbered frames: what has come, what has not, and what comes late."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aiortstream.live.numbering import Numbering


def test_frames_in_order_skip_nothing() -> None:
    numbers = Numbering("c1", 0)
    assert [numbers.skipped(n) for n in (1, 2, 3)] == [0, 0, 0]
    assert numbers.last == 3


def test_a_jump_tells_how_many_are_missing_and_a_late_one_is_new_once() -> None:
    numbers = Numbering("c1", 10)
    assert numbers.skipped(14) == 3
    assert [numbers.skipped(n) for n in (12, 12, 14, 10)] == [0, None, None, None]
    assert numbers.last == 14


def test_after_a_restart_nothing_from_before_is_expected() -> None:
    numbers = Numbering("c1", 0)
    numbers.skipped(5)
    numbers.restart(20)
    assert (numbers.skipped(3), numbers.skipped(21), numbers.last) == (None, 0, 21)


def test_a_number_without_measure_costs_no_memory() -> None:
    numbers = Numbering("c1", 0)
    assert numbers.skipped(900_000) == 899_999
    assert len(numbers._missing) <= 1000


def test_a_number_that_is_wrong_makes_no_later_one_look_old() -> None:
    numbers = Numbering("c1", 7)
    assert [numbers.skipped(n) for n in (10**400, 8, 9)] == [1, 0, 0]


def test_what_is_no_number_of_a_frame_neither_hides_it_nor_counts() -> None:
    numbers = Numbering("c1", 7)
    assert [numbers.skipped(n) for n in (0, -1, -(10**400))] == [0, 0, 0]
    assert (numbers.last, numbers.skipped(8)) == (7, 0)


@given(st.lists(st.integers(1, 60), max_size=200))
def test_each_number_is_new_at_most_once(arrivals: list[int]) -> None:
    numbers = Numbering("c1", 0)
    fresh = [n for n in arrivals if numbers.skipped(n) is not None]
    assert len(fresh) == len(set(fresh))
    assert set(fresh) == set(arrivals)  # with fewer than are kept, none is taken for old
