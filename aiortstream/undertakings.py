"""An operation that the server may still be at: what it said last, and where to ask. The transport asks."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from yarl import URL

from aiortstream.answers import Operation, decode
from aiortstream.errors import ConnectionFailedError, ProtocolError, RequestTimeoutError, ResponseError, VideodbError
from aiortstream.retry import TRANSIENT_STATUS
from aiortstream.wire.envelope import Envelope, JobData

A = TypeVar("A")


@dataclass(slots=True)
class Undertaking:
    """What was asked of the server, which may still be at it: what it said last, and where to ask."""

    operation: Operation
    lost: Callable[[type[ConnectionFailedError | RequestTimeoutError], str], VideodbError]
    """The error that says so if it is not known what became of it."""
    delays: Iterator[float]
    """Seconds before each look."""
    envelope: Envelope
    url: URL | None = None
    """None once it is over: the envelope is then that of the result."""
    again: Callable[[float], Coroutine[Any, Any, Undertaking]] | None = None
    """Where the request itself is how to look: makes it once more, within so many seconds."""

    @property
    def is_over(self) -> bool:
        """Whether the result is there."""
        return self.url is None

    @property
    def status(self) -> str:
        """The server's word for where it is."""
        return str(self.envelope.status or "done")

    @property
    def percentage(self) -> float | None:
        """How far it is, from 0 to 100, or None where the server does not say so."""
        try:
            told = self.read(JobData).percentage
        except ProtocolError:
            return None
        return None if told is None or not 0 <= told <= 100 else told

    async def ask_again(self, within: float) -> None:
        """Make the request itself once more. A server that cannot answer at the moment leaves it as it is."""
        if self.again is None:
            return
        try:
            newest = await self.again(within)
        except ResponseError as error:
            if error.status in TRANSIENT_STATUS:
                return  # what was begun goes on
            raise
        self.envelope, self.url, self.again = newest.envelope, newest.url, newest.again

    def read(self, answer: type[A]) -> A:
        """The result. Raises ProtocolError where it is not what it should be."""
        return decode(self.envelope.data, answer, self.operation)


def job_url(envelope: Envelope, operation: Operation) -> URL:
    data = decode(envelope.data, JobData, operation)
    try:
        url = URL(data.output_url or "")
    except ValueError:
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ProtocolError(f"{operation}: a job without an absolute output_url")
    return url


def plain_error(kind: type[ConnectionFailedError | RequestTimeoutError], message: str) -> VideodbError:
    return kind(message)
