"""Which records a page of a `ScriptedServer` holds: what a query asks for, and the policies that decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from aiortstream.wire.times import to_seconds

R = TypeVar("R")
SelectedBy: TypeAlias = Literal["overlap", "start", "end"]
LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Policies:
    """How history is read, where no source says how the hosted service does it."""

    newest_first: bool = True
    since_inclusive: bool = True
    """Whether a record that ends at `since` itself is among those since then."""
    selected_by: SelectedBy = "overlap"
    """Whether a record belongs to a window that it touches, that it starts in, or that it ends in."""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """What is asked for; times in unix seconds."""

    page: int
    page_size: int
    start: float
    end: float
    since: float

    @classmethod
    def read(cls, query: Mapping[str, str]) -> PageQuery:
        """From the parameters of a request. Raises ValueError, which names the one that does not fit."""
        start, end = _moment(query, "start", -math.inf), _moment(query, "end", math.inf)
        if end <= start:
            raise ValueError(f"end: expected a time after start ({start}), got {end}")
        return cls(
            whole(query, "page", 1, least=1),
            whole(query, "page_size", 100, least=1, most=LARGEST_PAGE),
            start,
            end,
            _moment(query, "since", -math.inf),
        )

    def select(
        self, records: Sequence[R], span: Callable[[R], tuple[float, float]], policies: Policies
    ) -> tuple[list[R], bool, int]:
        """One page, whether more follow, and how many there are in all."""
        found = sorted(
            (record for record in records if self._wants(*span(record), policies)),
            key=span,
            reverse=policies.newest_first,
        )
        first = (self.page - 1) * self.page_size
        return found[first : first + self.page_size], len(found) > first + self.page_size, len(found)

    def _wants(self, start: float, end: float, policies: Policies) -> bool:
        if end < self.since or (end == self.since and not policies.since_inclusive):
            return False
        match policies.selected_by:
            case "overlap":
                return end >= self.start and start <= self.end
            case "start":
                return self.start <= start <= self.end
            case "end":
                return self.start <= end <= self.end


def whole(query: Mapping[str, str], name: str, absent: int, *, least: int, most: int = 2**31 - 1) -> int:
    """A whole number of a query, `absent` where it is not there. Raises ValueError."""
    text = query.get(name)
    if not text:
        return absent
    try:
        number = float(text)  # SDKs in which all numbers are floats send `1.0`
    except ValueError:
        number = math.nan
    if not (number.is_integer() and least <= number <= most):
        raise ValueError(f"{name}: expected a whole number from {least} to {most}, got {text!r}")
    return int(number)


def _moment(query: Mapping[str, str], name: str, absent: float) -> float:
    text = query.get(name)
    if not text or text in ("0", "0.0"):  # the beginning of time
        return absent
    try:
        return to_seconds(text)
    except ValueError as error:
        raise ValueError(f"{name}: expected unix seconds; {error}") from None
