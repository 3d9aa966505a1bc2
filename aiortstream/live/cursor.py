"""Where a watch has got to, as a string that can be kept and given to `since=` later, in another process too.

It holds the position (unix seconds) and the keys of the records handed out within the overlap behind it, so that
what a later poll finds there again is not handed out twice.
"""

from __future__ import annotations

import base64
import binascii
from typing import TypeAlias

import msgspec

from aiortstream.errors import InvalidArgumentError

Key: TypeAlias = tuple[int, int]
"""What makes a record the same record within its feed: start and end in milliseconds."""

_PREFIX = "c1."


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """A position in one feed. `feed` names it, so that a cursor is not used on another by mistake."""

    feed: str
    position: float
    keys: tuple[Key, ...]

    def __str__(self) -> str:
        return _PREFIX + base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")


def parse_cursor(text: str, feed: str) -> Cursor:
    """The cursor in `text`, which must be of `feed`; InvalidArgumentError says what else it is."""
    if not text.startswith(_PREFIX):
        raise InvalidArgumentError(
            f"since: expected unix seconds, an aware datetime or a watch's cursor, got {text[:40]!r}"
        )
    body = text.removeprefix(_PREFIX)
    try:
        cursor = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)), type=Cursor)
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise InvalidArgumentError(f"since: this cursor is damaged: {error}") from error
    if cursor.feed != feed:
        raise InvalidArgumentError(f"since: this cursor belongs to {cursor.feed}, not to {feed}")
    return cursor
