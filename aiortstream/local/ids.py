"""Ids as the hosted service's look."""

from __future__ import annotations

import re
import secrets
import time
import uuid

_CONNECTION = re.compile(r"[0-9a-f]{24}")
_UPLOAD = re.compile(r"[0-9a-f]{24}")


def stream_id(now: float | None = None) -> str:
    """`rts-` and a UUID of version 7: ids sort by the millisecond they were made in."""
    milliseconds = round((time.time() if now is None else now) * 1000)
    bits = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | secrets.randbits(12) << 64 | 0b10 << 62
    return f"rts-{uuid.UUID(int=bits | secrets.randbits(62))}"


def short_id() -> str:
    """16 hexadecimal digits: an index, an event, an alert."""
    return secrets.token_hex(8)


def video_id() -> str:
    """`m-` and a random UUID."""
    return f"m-{uuid.uuid4()}"


def collection_id() -> str:
    """`c-` and a random UUID."""
    return f"c-{uuid.uuid4()}"


def upload_id() -> str:
    """24 hexadecimal digits: a file on its way here. Nobody guesses it."""
    return secrets.token_hex(12)


def is_upload_id(text: str) -> bool:
    """Whether a file on its way here may have such an id, which is also the name it is kept under."""
    return _UPLOAD.fullmatch(text) is not None


def session_id() -> str:
    """`cap-` and a random UUID."""
    return f"cap-{uuid.uuid4()}"


def message_id() -> str:
    """Of a webhook delivery, the same over all attempts."""
    return f"msg_{secrets.token_hex(16)}"


def connection_id() -> str:
    """24 hexadecimal digits: a websocket connection."""
    return secrets.token_hex(12)


def is_connection_id(text: str) -> bool:
    """Whether a server gives such ids to websocket connections."""
    return _CONNECTION.fullmatch(text) is not None
