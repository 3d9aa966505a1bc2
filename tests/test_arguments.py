"""Checks of arguments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from aiortstream.arguments import non_empty, page_params, path_of
from aiortstream.errors import InvalidArgumentError

NOW = 1_710_000_000.0


def test_a_path_is_quoted_part_by_part() -> None:
    assert path_of("rtstream", "a/b?c#d", "é") == "rtstream/a%2Fb%3Fc%23d/%C3%A9"


@pytest.mark.parametrize("part", ["", "  ", ".", "..", None, 3])
def test_no_part_is_empty_or_leads_elsewhere(part: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="id: expected"):
        path_of("rtstream", part)


def test_non_empty_names_the_argument() -> None:
    assert non_empty("x", "label") == "x"
    with pytest.raises(InvalidArgumentError, match="label: expected a non-empty string, got ' '"):
        non_empty(" ", "label")


def test_a_page_between_times_that_may_be_left_out() -> None:
    end = datetime.fromtimestamp(NOW, UTC)
    assert page_params(1, 100, None, None) == {"page": 1, "page_size": 100, "start": None, "end": None}
    assert page_params(2, 50, NOW - 1, end) == {"page": 2, "page_size": 50, "start": NOW - 1, "end": NOW}
    assert page_params(1, 1, NOW, NOW)["end"] == NOW


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((0, 100, None, None), "page: expected a whole number above 0, got 0"),
        ((1, -1, None, None), "page_size: expected"),
        ((True, 1, None, None), "page: expected"),
        ((1, 2.5, None, None), "page_size: expected"),
        ((1, 100, NOW, NOW - 1), "end: expected no time before start"),
        ((1, 100, NOW * 1000, None), "start: expected unix seconds"),
    ],
)
def test_pages_that_make_no_sense(arguments: Any, says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says):
        page_params(*arguments)
