"""One request under way: what it is, what its errors say, and whether it is tried again. No I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from yarl import URL

from aiortstream.answers import Operation, Reply
from aiortstream.errors import (
    ConnectionFailedError,
    RequestTimeoutError,
    ServerError,
    UnansweredByServerError,
    UnansweredError,
    UnansweredInTimeError,
    VideodbError,
)
from aiortstream.operations import UNLISTED
from aiortstream.retry import RETRY_AFTER_CAP, may_repeat


@dataclass(frozen=True, slots=True)
class Call:
    """One request under way, retries included."""

    operation: Operation
    url: URL
    body: bytes | None
    params: Mapping[str, str] | None
    idempotent: bool
    with_key: bool
    deadline: float  # loop time
    look: str | None = None
    template: str | None = None

    @property
    def doubt(self) -> str:
        """What to say of a request after which nobody knows whether it was carried out; nothing if it only reads."""
        if self.idempotent:
            return ""
        return f"whether it was done is unknown{f': {self.look} tells' if self.look else ''}"

    def failed(self, kind: type[ConnectionFailedError | RequestTimeoutError], message: str) -> VideodbError:
        """The error of a request that was sent, perhaps, and not answered."""
        if self.idempotent:
            return kind(message)
        error = (UnansweredError if kind is ConnectionFailedError else UnansweredInTimeError)(
            f"{message}; {self.doubt}"
        )
        error.check = self.look
        return error

    def refused(self, error: ServerError) -> ServerError:
        """The error of one that the server failed on; a proxy may have lost the answer of one that has done it."""
        if self.idempotent:
            return error
        doubtful = UnansweredByServerError(
            error.message,
            status=error.status,
            error_code=error.error_code,
            request_id=error.request_id,
            method=error.method,
            path=error.path,
        )
        doubtful.check = self.look
        doubtful.add_note(self.doubt)
        return doubtful

    def path_without_ids(self) -> str:
        """Its path with names in place of what differs."""
        return UNLISTED if self.template is None else f"/{self.template}"


class UnreachedError(Exception):
    """An attempt that surely was not taken by the server. `lasting`: another one would end so too."""

    def __init__(self, error: ConnectionFailedError, *, lasting: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.lasting = lasting


def pause(call: Call, delays: Iterator[float], *, sent: bool = True, asked: float | None = None) -> float | None:
    """Seconds until another attempt, or None if there should be none. `asked` is the server's wish."""
    if not may_repeat(idempotent=call.idempotent, sent=sent):
        return None
    if asked is not None and asked > RETRY_AFTER_CAP:
        return None
    delay = next(delays) if asked is None else asked
    return delay if asyncio.get_running_loop().time() + delay < call.deadline else None


def gone(reply: Reply) -> Reply:
    """The answer to a deletion that was repeated: that there is nothing is what was wanted."""
    return replace(reply, status=200, body=b'{"success":true}') if reply.status == 404 else reply
