"""What text may hold that comes in from outside, and how much of it an error quotes."""

from __future__ import annotations

import re

PLAIN = r"^[^\x00]*$"
"""As JSON Schema and regular expressions write that there is no NUL: C libraries take one for the end."""
_PLAIN = re.compile(r"[^\x00\ud800-\udfff]*")
_QUOTED = 80  # characters


def is_plain(text: str) -> bool:
    """Whether it is without NUL, and without halves of characters, which no UTF-8 can carry."""
    return _PLAIN.fullmatch(text) is not None


def quoted(text: str) -> str:
    """The text for an error, in quotes, shortened if it is long."""
    return repr(text) if len(text) <= _QUOTED else f"{text[:_QUOTED]!r}... ({len(text)} characters)"
