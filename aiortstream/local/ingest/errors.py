"""What goes wrong with a source, in words that help, and what follows from it: libav's errors mapped once."""

from __future__ import annotations

import errno
from enum import Enum, auto

import av.error


class Remedy(Enum):
    """What to do about a source that failed."""

    RETRY = auto()
    RETRY_SLOWLY = auto()  # only its owner can help, by a password or a stream that exists: do not hammer it
    GIVE_UP = auto()


class SourceError(Exception):
    """A source could not be opened or read on. `reason` is for people, and carries no credentials."""

    def __init__(self, reason: str, remedy: Remedy = Remedy.RETRY) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy

    @property
    def retryable(self) -> bool:
        """Whether it can help to try again."""
        return self.remedy is not Remedy.GIVE_UP


# The first match counts, so subclasses stand before their bases. RTMP servers answer "no such stream" and "not allowed"
# alike, and libav turns both into EPERM.
_OPENING: tuple[tuple[type[Exception], str, Remedy], ...] = (
    (av.error.ExitError, "timed out", Remedy.RETRY),
    (av.error.TimeoutError, "timed out", Remedy.RETRY),
    (av.error.ConnectionRefusedError, "connection refused", Remedy.RETRY),
    (av.error.ConnectionResetError, "connection reset", Remedy.RETRY),
    (av.error.HTTPUnauthorizedError, "authentication refused", Remedy.RETRY_SLOWLY),
    (av.error.HTTPForbiddenError, "access forbidden", Remedy.RETRY_SLOWLY),
    (av.error.HTTPNotFoundError, "no such stream", Remedy.RETRY),
    (av.error.HTTPTooManyRequestsError, "the server asks for fewer requests", Remedy.RETRY_SLOWLY),
    (av.error.HTTPServerError, "the server reports an error of its own", Remedy.RETRY),
    (av.error.HTTPError, "the server refused the request", Remedy.RETRY_SLOWLY),
    (av.error.PermissionError, "no such stream, or the server does not allow it", Remedy.RETRY),
    (av.error.FileNotFoundError, "no such file", Remedy.GIVE_UP),
    (av.error.IsADirectoryError, "a directory, not a media file", Remedy.GIVE_UP),
    (av.error.ProtocolNotFoundError, "the installed libav does not know or allow this protocol", Remedy.GIVE_UP),
    (av.error.InvalidDataError, "not media that libav can read", Remedy.RETRY_SLOWLY),
    (av.error.ArgumentError, "not media that libav can read, or of a kind that is not allowed", Remedy.RETRY_SLOWLY),
    (av.error.EOFError, "the source ended before any media came", Remedy.RETRY),
)


def opening_failed(error: Exception) -> SourceError:
    """What an error of opening a source means."""
    for kind, reason, remedy in _OPENING:
        if isinstance(error, kind):
            return SourceError(reason, remedy)
    if isinstance(error, OSError) and error.errno == errno.EIO:
        return SourceError("the host is unknown, does not answer, or closed the connection")
    if isinstance(error, OSError) and error.strerror:
        return SourceError(f"connection failed: {error.strerror.lower()}")
    return SourceError(f"cannot be opened: {type(error).__name__}")


def reading_failed(error: Exception) -> SourceError:
    """What an error of reading on means. A publisher that leaves surfaces as EIO on RTMP, never as a clean end."""
    match error:
        case av.error.ExitError() | av.error.TimeoutError():
            return SourceError("no data from the source: timed out")
        case av.error.EOFError():
            return SourceError("the source ended the stream")
        case av.error.OSError():
            return SourceError("the source ended the stream, or the connection was lost")
        case _:
            return SourceError(f"reading failed: {type(error).__name__}")
