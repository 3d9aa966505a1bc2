"""Query parameters: text into numbers and times, with refusals that name the parameter and what fits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from aiortstream.local.services.errors import BadRequest
from aiortstream.wire.times import to_seconds

if TYPE_CHECKING:
    from aiohttp import web

LARGEST = 2**31 - 1  # of a whole number: beyond it, arithmetic on offsets means nothing to a database


class Query:
    """The parameters of one request. One that is absent, or empty, is as if it were not there."""

    def __init__(self, request: web.Request) -> None:
        self._values = request.query

    def text(self, name: str) -> str | None:
        """The value as it came."""
        return self._values.get(name) or None

    def integer(self, name: str, default: int, *, least: int = 0, most: int = LARGEST) -> int:
        """A whole number from `least` to `most`; a float that is whole will do. Raises BadRequest."""
        text = self.text(name)
        if text is None:
            return default
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not (number.is_integer() and least <= number <= most):
            raise BadRequest(f"{name}: expected a whole number from {least} to {most}, got {text!r}")
        return int(number)

    def number(self, name: str, *, absent: float | None = None) -> float | None:
        """A number; None if it is absent, or has the value that stands for absence. Raises BadRequest."""
        text = self.text(name)
        if text is None:
            return None
        try:
            number = float(text)
        except ValueError:
            raise BadRequest(f"{name}: expected a number, got {text!r}") from None
        return None if number == absent else number

    def flag(self, name: str) -> bool:
        """True or false; absent is false. Raises BadRequest."""
        text = (self.text(name) or "false").lower()
        if text not in ("true", "false", "1", "0"):
            raise BadRequest(f"{name}: expected true or false, got {text!r}")
        return text in ("true", "1")

    def moment(self, name: str) -> float | None:
        """Unix seconds; milliseconds, microseconds and ISO 8601 are understood, 0 is the beginning of time.

        Raises BadRequest.
        """
        text = self.text(name)
        if text is None:
            return None
        try:
            return 0.0 if _is_zero(text) else to_seconds(text)
        except ValueError as error:
            raise BadRequest(f"{name}: expected unix seconds, as time.time() gives; {error}") from None

    def required_moment(self, name: str) -> float:
        """The same for a parameter that must be there and be a real moment. Raises BadRequest."""
        value = self.moment(name)
        if not value:
            raise BadRequest(f"{name}: expected unix seconds, as time.time() gives, got {self._values.get(name)!r}")
        return value

    def window(self) -> tuple[float | None, float | None]:
        """`start` and `end`, each optional. Raises BadRequest if `end` is not after `start`."""
        start, end = self.moment("start"), self.moment("end")
        if start is not None and end is not None and end <= start:
            raise BadRequest(f"end: expected a time after start ({start}), got {end}")
        return start, end


def _is_zero(text: str) -> bool:
    try:
        return float(text) == 0
    except ValueError:
        return False
