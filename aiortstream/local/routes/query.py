"""Query parameters, declared: what a route takes is a frozen dataclass whose fields say what fits.

    @dataclass(frozen=True, slots=True, kw_only=True)
    class StreamsQuery:
        limit: Annotated[int, Whole(least=1, most=1000)] = 10

The declaration is what requests are read by and what the OpenAPI document is written from. A parameter that is absent,
or empty, has its default; one without a default is required. One that is not declared is ignored.
"""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import MISSING, dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, get_type_hints

from aiortstream.local.routes.text import PLAIN, is_plain, quoted
from aiortstream.local.services.errors import BadRequest
from aiortstream.local.services.lookup import LARGEST_PAGE, LATEST_PAGE
from aiortstream.wire.times import EARLIEST, LATEST, to_seconds

if TYPE_CHECKING:
    from aiohttp import web

LARGEST = 2**31 - 1  # of a whole number: beyond it, arithmetic on offsets means nothing to a database
LONGEST_TEXT = 4096  # characters; a path and its query have 8190 bytes together

Q = TypeVar("Q")


class Kind(ABC):
    """What the text of a parameter must be."""

    @abstractmethod
    def parse(self, text: str) -> object:
        """The value. Raises ValueError if the text is none."""

    @property
    @abstractmethod
    def expected(self) -> str:
        """What fits, in words."""

    @property
    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """What fits, as JSON Schema."""


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """Text as it comes, or one of a few words."""

    choices: tuple[str, ...] = ()

    def parse(self, text: str) -> str:
        if (self.choices and text not in self.choices) or len(text) > LONGEST_TEXT or not is_plain(text):
            raise ValueError
        return text

    @property
    def expected(self) -> str:
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        return f"at most {LONGEST_TEXT} characters of text, without NUL"

    @property
    def schema(self) -> dict[str, Any]:
        if self.choices:
            return {"type": "string", "enum": list(self.choices)}
        return {"type": "string", "maxLength": LONGEST_TEXT, "pattern": PLAIN}


@dataclass(frozen=True, slots=True)
class Whole(Kind):
    """A whole number; a float that is whole will do."""

    least: int = 0
    most: int = LARGEST

    def parse(self, text: str) -> int:
        number = float(text)
        if not (number.is_integer() and self.least <= number <= self.most):
            raise ValueError
        return int(number)

    @property
    def expected(self) -> str:
        return f"a whole number from {self.least} to {self.most}"

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Number(Kind):
    """A finite number."""

    def parse(self, text: str) -> float:
        number = float(text)
        if not math.isfinite(number):
            raise ValueError
        return number

    @property
    def expected(self) -> str:
        return "a number"

    @property
    def schema(self) -> dict[str, Any]:
        return {"type": "number"}


@dataclass(frozen=True, slots=True)
class Flag(Kind):
    """True or false, or 1 or 0."""

    def parse(self, text: str) -> bool:
        return {"true": True, "1": True, "false": False, "0": False}[text.lower()]

    @property
    def expected(self) -> str:
        return "true or false"

    @property
    def schema(self) -> dict[str, Any]:
        return {"anyOf": [{"type": "boolean"}, {"type": "integer", "enum": [0, 1]}]}


@dataclass(frozen=True, slots=True)
class Moment(Kind):
    """Unix seconds; milliseconds, microseconds and ISO 8601 are understood. 0 is the beginning of time, if allowed."""

    zero: bool = True

    def parse(self, text: str) -> float:
        if self.zero and _is_zero(text):
            return 0.0
        return to_seconds(text)

    @property
    def expected(self) -> str:
        return "unix seconds, as time.time() gives"

    @property
    def schema(self) -> dict[str, Any]:
        fits: list[dict[str, Any]] = [{"const": 0}] if self.zero else []
        fits.append({"type": "number", "minimum": EARLIEST, "maximum": LATEST})
        fits.extend({"type": "number", "minimum": EARLIEST * unit, "maximum": LATEST * unit} for unit in (1e3, 1e6))
        fits.append({"type": "string", "format": "date-time"})
        return {"anyOf": fits, "description": "Unix seconds; ms, µs and ISO 8601 between 2001 and 2100 will do too."}


OptionalText: TypeAlias = Annotated[str | None, Text()]
OptionalMoment: TypeAlias = Annotated[float | None, Moment()]
PageNumber: TypeAlias = Annotated[int, Whole(least=1, most=LATEST_PAGE)]
PageSize: TypeAlias = Annotated[int, Whole(least=1, most=LARGEST_PAGE)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowQuery:
    """A stretch of time, either end of which may be open."""

    start: OptionalMoment = None
    end: OptionalMoment = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise BadRequest(f"end: expected a time after start ({self.start}), got {self.end}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery(WindowQuery):
    """One page of what lies in a stretch of time."""

    page: PageNumber = 1
    page_size: PageSize = 100


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter."""

    name: str
    kind: Kind
    required: bool
    default: object


def parameters(declared: type[Any]) -> tuple[Parameter, ...]:
    """What a declaration takes. Raises TypeError for a field that does not say what fits."""
    hashable: Any = declared  # as every class is, though its type does not say so
    return _kept(hashable)


@cache
def _kept(declared: Any) -> tuple[Parameter, ...]:
    return tuple(_parameters(declared))


def _parameters(declared: Any) -> Iterator[Parameter]:
    hints = get_type_hints(declared, include_extras=True)
    for field in dataclasses.fields(declared):
        kinds = [each for each in getattr(hints[field.name], "__metadata__", ()) if isinstance(each, Kind)]
        if len(kinds) != 1:
            raise TypeError(f"{declared.__name__}.{field.name} does not say what fits: annotate it with a Kind")
        required = field.default is MISSING
        yield Parameter(field.name, kinds[0], required, None if required else field.default)


def read_query(request: web.Request, declared: type[Q]) -> Q:
    """The parameters of a request as `declared`. Raises BadRequest that names the parameter and what fits."""
    values: dict[str, object] = {}
    for parameter in parameters(declared):
        name, kind = parameter.name, parameter.kind
        texts = request.query.getall(name, [])
        if len(texts) > 1:
            raise BadRequest(f"{name}: expected it once, got it {len(texts)} times")
        text = texts[0] if texts else None
        if not text:
            if parameter.required:
                raise BadRequest(f"{name}: expected {kind.expected}, got {text!r}")
            continue
        values[name] = _parsed(name, text, kind)
    return declared(**values)


def _parsed(name: str, text: str, kind: Kind) -> object:
    try:
        return kind.parse(text)
    except (ValueError, KeyError, OverflowError):
        raise BadRequest(f"{name}: expected {kind.expected}, got {quoted(text)}") from None


def _is_zero(text: str) -> bool:
    try:
        return float(text) == 0
    except ValueError:
        return False
