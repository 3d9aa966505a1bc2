"""Units of time: the wire carries seconds, milliseconds, microseconds and ISO strings; inside, all is unix seconds.

Between the years 2001 and 2100 the numbers of the three units do not overlap, so a number says its own unit. One that
fits none is refused: it counts from another epoch, or it is an offset, and passing it on would be a guess.
"""

from __future__ import annotations

from datetime import UTC, datetime

from aiortstream.errors import InvalidArgumentError

EARLIEST = 978_307_200.0  # 2001-01-01: before it, nothing was streamed to this service
LATEST = 4_102_444_800.0  # 2100-01-01
_UNITS = (1.0, 1e3, 1e6)
_QUOTED = 60  # characters of what is no time that its error quotes


def to_seconds(value: object) -> float:
    """Unix seconds of a wire time: a number in s, ms or µs, or an ISO 8601 string. ValueError if it is neither."""
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"not a time: {value!r}")
    for unit in _UNITS:
        if EARLIEST * unit <= value <= LATEST * unit:
            return value / unit
    raise ValueError(f"{value!r} is no unix time in seconds, milliseconds or microseconds between 2001 and 2100")


def _from_text(text: str) -> float:
    try:
        return to_seconds(float(text))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:_QUOTED]!r} is neither a unix time nor an ISO 8601 time") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)  # the service writes naive UTC (`created_at`)
    seconds = moment.timestamp()
    if not EARLIEST <= seconds <= LATEST:
        raise ValueError(f"{text!r} is not between 2001 and 2100")
    return seconds


def to_milliseconds(seconds: float) -> int:
    """What the websocket carries."""
    return round(seconds * 1000)


def to_iso(seconds: float) -> str:
    """ISO 8601 in microseconds with an offset, as webhooks carry it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def to_naive_iso(seconds: float) -> str:
    """Naive ISO 8601 in microseconds, UTC, as `created_at` is written."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")


def moment(value: float | datetime, name: str) -> float:
    """Unix seconds of an argument a person gave: seconds or an aware datetime, with an error that says what it was."""
    return _moment(value, name)


def _moment(value: object, name: str) -> float:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise InvalidArgumentError(f"{name}: expected a datetime with a time zone, got the naive {value!r}")
        return value.timestamp()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgumentError(f"{name}: expected unix seconds or an aware datetime, got {value!r}")
    if not EARLIEST <= value <= LATEST:
        hint = ""
        if EARLIEST * 1e3 <= value <= LATEST * 1e6:
            hint = "; it looks like milliseconds or microseconds"
        raise InvalidArgumentError(f"{name}: expected unix seconds (as time.time() gives), got {value!r}{hint}")
    return float(value)


def window(start: float | datetime, end: float | datetime) -> tuple[float, float]:
    """A window a person gave, checked: both unix seconds or aware datetimes, `end` after `start`."""
    first, last = moment(start, "start"), moment(end, "end")
    if last <= first:
        raise InvalidArgumentError(f"end: expected a time after start ({first}), got {last}")
    return first, last
