"""Query parameters: numbers and times, and what is said of those that are none."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from aiortstream.local.routes.query import Query
from aiortstream.local.services.errors import BadRequest

T = 1_700_000_000.0


def query(text: str) -> Query:
    return Query(make_mocked_request("GET", f"/?{text}"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("start=1700000000", T),
        ("start=1700000000.25", T + 0.25),
        ("start=1700000000000", T),
        ("start=1700000000000000", T),
        ("start=2023-11-14T22:13:20Z", T),
        ("start=2023-11-14T22:13:20", T),
        ("start=2023-11-15T03:43:20%2B05:30", T),
        ("start=0", 0.0),
        ("start=0.0", 0.0),
        ("start=", None),
        ("", None),
    ],
)
def test_times_in_every_unit(text: str, value: float | None) -> None:
    assert query(text).moment("start") == value


@pytest.mark.parametrize("text", ["12.5", "-1700000000", "nan", "inf", "tomorrow", "1e99", "0x10", "17e8e"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(BadRequest, match="start: expected unix seconds"):
        query(f"start={text}").moment("start")


@pytest.mark.parametrize("text", ["", "start=0", "start="])
def test_a_time_that_must_be_there(text: str) -> None:
    with pytest.raises(BadRequest, match="start: expected unix seconds"):
        query(text).required_moment("start")


@pytest.mark.parametrize("end", ["1700000000", "1699999999"])
def test_a_window_must_have_a_length(end: str) -> None:
    with pytest.raises(BadRequest, match="end: expected a time after start"):
        query(f"start=1700000000&end={end}").window()


def test_a_window_may_be_open() -> None:
    assert query("start=1700000000").window() == (T, None)
    assert query("end=1700000000").window() == (None, T)
    assert query("").window() == (None, None)


@pytest.mark.parametrize(("text", "value"), [("page=3", 3), ("page=3.0", 3), ("page=", 1), ("", 1)])
def test_whole_numbers(text: str, value: int) -> None:
    assert query(text).integer("page", 1, least=1) == value


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "nan", "inf", "1e99", "99999999999"])
def test_what_is_no_page(text: str) -> None:
    with pytest.raises(BadRequest, match="page: expected a whole number from 1 to"):
        query(f"page={text}").integer("page", 1, least=1)
