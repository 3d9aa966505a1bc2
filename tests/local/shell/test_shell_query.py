"""Query parameters: numbers and times, and what is said of those that are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
from aiohttp.test_utils import make_mocked_request

from aiortstream.local.routes.query import (
    Flag,
    Moment,
    Number,
    OptionalText,
    PageQuery,
    Text,
    Whole,
    WindowQuery,
    parameters,
    read_query,
)
from aiortstream.local.services.errors import BadRequest

T = 1_700_000_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixed:
    """One of each kind."""

    sort: Annotated[str, Text(("up", "down"))] = "up"
    name: OptionalText = None
    loud: Annotated[bool, Flag()] = False
    gain: Annotated[float | None, Number()] = None
    since: Annotated[float | None, Moment(zero=False)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """What must be there."""

    start: Annotated[float, Moment(zero=False)]
    count: Annotated[int, Whole(least=1, most=9)]


def read(text: str, declared: type) -> object:
    return read_query(make_mocked_request("GET", f"/?{text}"), declared)


def window(text: str) -> tuple[float | None, float | None]:
    found = read(text, WindowQuery)
    assert isinstance(found, WindowQuery)
    return found.start, found.end


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
    assert window(text)[0] == value


@pytest.mark.parametrize("text", ["12.5", "-1700000000", "nan", "inf", "tomorrow", "1e99", "0x10", "17e8e", "%00"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(BadRequest, match="start: expected unix seconds"):
        read(f"start={text}", WindowQuery)


@pytest.mark.parametrize("text", ["count=1", "start=0&count=1", "start=&count=1"])
def test_a_time_that_must_be_there(text: str) -> None:
    with pytest.raises(BadRequest, match="start: expected unix seconds"):
        read(text, Needed)


def test_what_must_be_there_and_is() -> None:
    assert read("start=1700000000&count=9", Needed) == Needed(start=T, count=9)
    with pytest.raises(BadRequest, match="count: expected a whole number from 1 to 9, got None"):
        read("start=1700000000", Needed)


@pytest.mark.parametrize("end", ["1700000000", "1699999999"])
def test_a_window_must_have_a_length(end: str) -> None:
    with pytest.raises(BadRequest, match="end: expected a time after start"):
        read(f"start=1700000000&end={end}", WindowQuery)


def test_a_window_may_be_open() -> None:
    assert window("start=1700000000") == (T, None)
    assert window("end=1700000000") == (None, T)
    assert window("") == (None, None)


@pytest.mark.parametrize(("text", "value"), [("page=3", 3), ("page=3.0", 3), ("page=", 1), ("", 1)])
def test_whole_numbers(text: str, value: int) -> None:
    assert read(text, PageQuery) == PageQuery(page=value)


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", "nan", "inf", "1e99", "99999999999", "%00"])
def test_what_is_no_page(text: str) -> None:
    with pytest.raises(BadRequest, match="page: expected a whole number from 1 to"):
        read(f"page={text}", PageQuery)


def test_every_kind() -> None:
    found = read("sort=down&name=caf%C3%A9&loud=1&gain=-0.5&since=1700000000&whatever=1", Mixed)
    assert found == Mixed(sort="down", name="café", loud=True, gain=-0.5, since=T)
    assert read("loud=FALSE&sort=&name=", Mixed) == Mixed()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sort=sideways", "sort: expected one of up, down, got 'sideways'"),
        ("loud=maybe", "loud: expected true or false, got 'maybe'"),
        ("gain=nan", "gain: expected a number, got 'nan'"),
        ("gain=loud", "gain: expected a number"),
        ("since=0", "since: expected unix seconds"),
        ("name=a%00b", "name: expected at most 4096 characters of text, without NUL"),
        ("name=" + "x" * 5000, r"name: .*'\.\.\. \(5000 characters\)"),
        ("name=a&name=b", "name: expected it once, got it 2 times"),
    ],
)
def test_what_fits_no_kind(text: str, said: str) -> None:
    with pytest.raises(BadRequest, match=said):
        read(text, Mixed)


def test_a_field_must_say_what_fits() -> None:
    @dataclass(frozen=True)
    class Silent:
        page: int = 1

    with pytest.raises(TypeError, match=r"Silent\.page does not say what fits"):
        parameters(Silent)
