"""Units of time: every number says its own unit, or is refused."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiortstream.errors import InvalidArgumentError
from aiortstream.wire.times import (
    EARLIEST,
    LATEST,
    moment,
    to_iso,
    to_milliseconds,
    to_naive_iso,
    to_seconds,
    window,
)

SECONDS = st.floats(EARLIEST, LATEST)
MILLISECONDS = st.integers(int(EARLIEST * 1000), int(LATEST * 1000))


@pytest.mark.parametrize(
    "wire",
    [
        1710000012.34,
        1710000012340,
        1710000012340.0,
        1710000012340000,
        "1710000012.34",
        "1710000012340",
        "2024-03-09T16:00:12.340Z",
        "2024-03-09T16:00:12.340000+00:00",
        "2024-03-09T21:30:12.340+05:30",
        "2024-03-09T16:00:12.340",
        "2024-03-09 16:00:12.340",
        "20240309T160012.340",
    ],
)
def test_every_spelling_of_one_moment_is_the_same_unix_second(wire: object) -> None:
    assert to_seconds(wire) == 1710000012.34


@pytest.mark.parametrize(
    "wire",
    [
        0,
        -1.0,
        12.5,
        1234.5,
        EARLIEST - 1,
        LATEST + 1,
        EARLIEST * 1000 - 1,
        LATEST * 1000 + 1,
        LATEST * 1e6 + 1000,
        10**400,
        math.nan,
        math.inf,
        -math.inf,
        True,
        None,
        [],
        {},
        b"1710000012",
    ],
)
def test_other_epochs_offsets_and_other_things_are_refused(wire: object) -> None:
    with pytest.raises(ValueError):
        to_seconds(wire)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "12.500s",
        "12:30",
        "nan",
        "inf",
        "1970-01-01T00:00:12Z",
        "0001-01-01T00:00:00",
        "9999-12-31T23:59:59",
    ],
)
def test_texts_that_are_no_moment_of_this_epoch_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"2001|neither"):
        to_seconds(text)


@pytest.mark.parametrize("unit", [1, 1000, 1_000_000])
@pytest.mark.parametrize("edge", [EARLIEST, LATEST])
def test_the_edges_of_each_unit_belong_to_it(unit: int, edge: float) -> None:
    assert to_seconds(edge * unit) == edge


@given(MILLISECONDS)
def test_milliseconds_survive_the_way_through_seconds(milliseconds: int) -> None:
    assert to_milliseconds(to_seconds(milliseconds)) == milliseconds


@given(SECONDS)
def test_seconds_survive_as_milliseconds_to_half_of_one(seconds: float) -> None:
    lost = abs(to_seconds(to_milliseconds(seconds)) - seconds)
    assert lost <= 0.0005 + 1e-6  # half of one, and what a float of that size cannot tell apart


@given(SECONDS)
def test_seconds_survive_as_either_iso_form_to_a_microsecond(seconds: float) -> None:
    for written in (to_iso(seconds), to_naive_iso(seconds)):
        assert abs(to_seconds(written) - seconds) <= 2e-6


def test_iso_forms_are_those_of_the_service() -> None:
    assert to_iso(1748351258.758741) == "2025-05-27T13:07:38.758741+00:00"
    assert to_naive_iso(1748351258.758741) == "2025-05-27T13:07:38.758741"
    assert to_iso(1748351258.0) == "2025-05-27T13:07:38.000000+00:00"


def test_an_argument_may_be_seconds_or_an_aware_datetime() -> None:
    assert moment(1710000012, "since") == 1710000012.0
    assert isinstance(moment(1710000012, "since"), float)
    assert moment(datetime(2024, 3, 9, 16, 0, 12, tzinfo=UTC), "since") == 1710000012.0
    assert moment(datetime(2024, 3, 9, 21, 30, 12, tzinfo=timezone(timedelta(hours=5.5))), "since") == 1710000012.0


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (datetime(2024, 3, 9), "time zone"),  # noqa: DTZ001 - that it is naive is the point
        (1710000012340, "looks like milliseconds"),
        (1710000012340000, "looks like milliseconds or microseconds"),
        (12.5, "time.time"),
        (math.nan, "time.time"),
        (math.inf, "time.time"),
        (10**400, "time.time"),
        (True, "aware datetime"),
        ("2024-03-09", "aware datetime"),
        (None, "aware datetime"),
    ],
)
def test_a_wrong_argument_is_named_with_what_was_expected(value: float, told: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"since: expected .*{told}"):
        moment(value, "since")


def test_a_window_needs_its_end_after_its_start() -> None:
    assert window(1710000000, datetime(2024, 3, 9, 16, 0, 12, tzinfo=UTC)) == (1710000000.0, 1710000012.0)
    for end in (1710000000, 1709999999):
        with pytest.raises(InvalidArgumentError, match="end: expected a time after start"):
            window(1710000000, end)
