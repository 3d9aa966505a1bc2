"""Checks of what people pass in, shared by the handles: each error says what was wrong and what was expected."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any
from urllib.parse import quote

from aiortstream.errors import InvalidArgumentError
from aiortstream.wire.times import moment


def path_of(*parts: str) -> str:
    """A wire path of quoted parts. An empty part is an id that somebody forgot; dots would lead out of the path."""
    for part in parts:
        if non_empty(part, "id") in (".", ".."):
            raise InvalidArgumentError(f"id: expected an id, got {part!r}")
    return "/".join(quote(part, safe="") for part in parts)


def non_empty(value: object, name: str) -> str:
    """`value` if it is a string with something in it; InvalidArgumentError names the argument."""
    if not isinstance(value, str) or not value.strip():
        # Of something else its type only: it may hold a password, as the URL of a source does.
        got = repr(value) if isinstance(value, str) or value is None else type(value).__name__
        raise InvalidArgumentError(f"{name}: expected a non-empty string, got {got}")
    return value


def page_params(
    page: int, page_size: int, start: float | datetime | None, end: float | datetime | None
) -> dict[str, Any]:
    """Query parameters of one page, of what lies between two times that may each be left out."""
    _whole_number(page, "page")
    _whole_number(page_size, "page_size")
    first = None if start is None else moment(start, "start")
    last = None if end is None else moment(end, "end")
    if first is not None and last is not None and last < first:
        raise InvalidArgumentError(f"end: expected no time before start ({first}), got {last}")
    return {"page": page, "page_size": page_size, "start": first, "end": last}


def seconds_above_zero(value: object, name: str) -> float:
    """`value` if it is a number of seconds above 0; InvalidArgumentError names the argument."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise InvalidArgumentError(f"{name}: expected a number of seconds above 0, got {value!r}")
    return float(value)


def batch_bounds(max_items: object, max_wait: object) -> None:
    """InvalidArgumentError for bounds of a batch that make no sense: none would ever be full, or none handed over."""
    if isinstance(max_items, bool) or not isinstance(max_items, int) or max_items < 1:
        raise InvalidArgumentError(f"max_items: expected a whole number, at least 1, got {max_items!r}")
    if isinstance(max_wait, bool) or not isinstance(max_wait, int | float) or not 0 <= max_wait < math.inf:
        raise InvalidArgumentError(f"max_wait: expected seconds, 0 or more, got {max_wait!r}")


def _whole_number(value: object, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidArgumentError(f"{name}: expected a whole number above 0, got {value!r}")
