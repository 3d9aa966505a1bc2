"""What may be chosen for some calls and not for others: how long, how often, with which headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from aiortstream.arguments import seconds_above_zero
from aiortstream.errors import InvalidArgumentError

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset(
    {
        "x-access-token",
        "x-videodb-client",
        "host",
        "connection",
        "upgrade",
        "content-type",
        "content-length",
        "content-encoding",
        "transfer-encoding",
        "expect",
    }
)
_NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CallOptions:
    """Options of a view of a client or a handle; None leaves one as it is."""

    timeout: float | None = None
    """Seconds for one request with its retries."""
    max_retries: int | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: _NONE, repr=False)  # a header may hold a credential

    def then(self, other: CallOptions) -> CallOptions:
        """These, with those of `other` where it has any."""
        return CallOptions(
            self.timeout if other.timeout is None else other.timeout,
            self.max_retries if other.max_retries is None else other.max_retries,
            _without_twins(self.headers, other.headers),
        )


def call_options(timeout: float | None, max_retries: object, headers: Mapping[str, str] | None) -> CallOptions:
    """Options, checked. Raises InvalidArgumentError, which quotes no header's value."""
    if timeout is not None:
        timeout = seconds_above_zero(timeout, "timeout")
    return CallOptions(timeout, _whole(max_retries), _headers(headers or {}))


def _whole(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
        return value
    raise InvalidArgumentError(f"max_retries: expected a whole number from 0, got {value!r:.60}")


def _headers(headers: Mapping[Any, Any]) -> Mapping[str, str]:
    for name, value in headers.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise InvalidArgumentError(f"headers: expected the name of a header, got {name!r:.60}")
        if name.lower() in _OURS:
            raise InvalidArgumentError(f"headers: {name} is set by the client itself")
        if not isinstance(value, str) or not value.isascii() or not (value.isprintable() or not value):
            raise InvalidArgumentError(f"headers: expected printable ASCII as the value of {name}")
    return MappingProxyType(dict(headers)) if headers else _NONE


def _without_twins(old: Mapping[str, str], new: Mapping[str, str]) -> Mapping[str, str]:
    """Both, without those of `old` that `new` has, in whatever case."""
    if not new:
        return old
    replaced = {name.lower() for name in new}
    return MappingProxyType({**{name: old[name] for name in old if name.lower() not in replaced}, **new})
