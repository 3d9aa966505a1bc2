"""Which records a page holds, whichever way a server reads what is asked."""

from __future__ import annotations

import math

import pytest

from aiortstream.testing.paging import LARGEST_PAGE, PageQuery, Policies, SelectedBy

T = 1_720_000_000.0
SPANS = [(T + 10 * n, T + 10 * n + 10) for n in range(5)]


def select(policies: Policies, **query: object) -> list[float]:
    """How long after T the records of the page begin."""
    asked = PageQuery.read({name: str(value) for name, value in query.items()})
    return [start - T for start, _ in asked.select(SPANS, lambda span: span, policies)[0]]


@pytest.mark.parametrize(("newest_first", "expected"), [(True, [40, 30]), (False, [0, 10])])
def test_pages_are_in_either_order(newest_first: bool, expected: list[float]) -> None:
    assert select(Policies(newest_first), page_size=2) == expected


def test_pages_follow_each_other_and_say_whether_more_do() -> None:
    found = [
        PageQuery.read({"page": str(page), "page_size": "2"}).select(SPANS, lambda span: span, Policies(False))
        for page in (1, 2, 3, 4)
    ]
    assert [[start - T for start, _ in records] for records, _, _ in found] == [[0, 10], [20, 30], [40], []]
    assert [(more, count) for _, more, count in found] == [(True, 5), (True, 5), (False, 5), (False, 5)]


@pytest.mark.parametrize(("inclusive", "expected"), [(True, [40, 30, 20]), (False, [40, 30])])
def test_what_ends_at_since_itself_is_a_policy(inclusive: bool, expected: list[float]) -> None:
    assert select(Policies(since_inclusive=inclusive), since=T + 30) == expected


@pytest.mark.parametrize(
    ("selected_by", "expected"), [("overlap", [30, 20, 10, 0]), ("start", [30, 20, 10]), ("end", [20, 10, 0])]
)
def test_what_belongs_to_a_window_is_a_policy(selected_by: SelectedBy, expected: list[float]) -> None:
    assert select(Policies(selected_by=selected_by), start=T + 10, end=T + 35) == expected


def test_what_is_absent_is_all_and_zero_is_the_beginning_of_time() -> None:
    assert PageQuery.read({}) == PageQuery(1, 100, -math.inf, math.inf, -math.inf)
    assert PageQuery.read({"start": "0", "page": "2.0"}) == PageQuery(2, 100, -math.inf, math.inf, -math.inf)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"page": "0"}, "page: expected a whole number from 1"),
        ({"page": "1.5"}, "page: expected a whole number"),
        ({"page": "x"}, "page: expected a whole number"),
        ({"page_size": str(LARGEST_PAGE + 1)}, "page_size: expected a whole number from 1 to 1000"),
        ({"since": "yesterday"}, "since: expected unix seconds"),
        ({"start": "12"}, "start: expected unix seconds"),
        ({"start": str(T), "end": str(T)}, "end: expected a time after start"),
    ],
)
def test_what_does_not_fit_is_named(query: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PageQuery.read(query)
