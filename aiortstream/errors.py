"""Every error that aiortstream raises, in one tree.

    VideodbError                      whatever went wrong, catch this to catch all (`Error` is the same class)
    ├── AuthenticationError           no credentials, or the server refused them (401, 403)
    ├── InvalidRequestError           the server refused the request (other 4xx, or `success: false`)
    │   ├── NotFoundError             404: no such stream, index, alert, ...
    │   ├── PaymentRequiredError      402: the account has no credits for this
    │   └── RateLimitedError          429: too many requests; `retry_after` says how long to wait, in seconds
    ├── InvalidArgumentError          refused on our side before anything was sent (also a ValueError)
    ├── ServerError                   5xx, after the retries that were safe
    ├── ConnectionFailedError         no connection to the server could be made, or it broke (also a ConnectionError)
    ├── RequestTimeoutError           a deadline passed (also a TimeoutError)
    │   └── JobTimeoutError           that of a job, which goes on; `job` can be awaited again
    ├── OutcomeUnknownError           what makes something was sent and not answered: it may have been made or not;
    │   │                             `check` names what tells, as `list_events()`. Never repeated, and always one of
    │   ├── UnansweredError           the connection broke (also a ConnectionFailedError)
    │   ├── UnansweredInTimeError     the deadline passed (also a RequestTimeoutError)
    │   └── UnansweredByServerError   the server, or a proxy before it, answered with 5xx (also a ServerError)
    ├── ProtocolError                 the server answered with something outside the protocol
    ├── SearchError                   a search result cannot do what was asked of it
    │   └── NoResultsError            nothing was found (also an InvalidRequestError: the legacy search refuses so)
    ├── ClientClosedError             the client, or the watch, has been closed (also a RuntimeError)
    ├── WrongLoopError                the client belongs to another event loop (also a RuntimeError)
    ├── ServerStartError              the embedded server could not be started
    └── DataLost                      a watch missed a stretch of time that it cannot fetch again; `gap` says which

The first names and their meaning are those of the official SDK. Errors that come from an HTTP answer carry `status`,
`message` (the server's own words), `error_code`, `request_id`, `method` and `path`; none carries a key or a token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiortstream.jobs import Job
    from aiortstream.records import Gap


class VideodbError(Exception):
    """Root of the tree."""


Error = VideodbError


class ResponseError(VideodbError):
    """An error told by an HTTP answer. Not raised itself: its subclasses below are."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        error_code: str | None = None,
        request_id: str | None = None,
        method: str | None = None,
        path: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.error_code = error_code
        self.request_id = request_id
        self.method = method
        self.path = path

    def __str__(self) -> str:
        where = f"{self.method} {self.path}: " if self.method and self.path else ""
        code = f" (HTTP {self.status})" if self.status is not None else ""
        request = f" [request {self.request_id}]" if self.request_id else ""
        return f"{where}{self.message}{code}{request}"


class AuthenticationError(ResponseError):
    """No credentials were given, or the server did not accept them."""


class InvalidRequestError(ResponseError):
    """The server refused the request; `message` is its reason."""


class NotFoundError(InvalidRequestError):
    """The server knows nothing of that id."""


class PaymentRequiredError(InvalidRequestError):
    """The account has no credits left for this."""


class RateLimitedError(InvalidRequestError):
    """Too many requests. `retry_after` is what the server asks for, in seconds, or None."""

    retry_after: float | None = None


class ServerError(ResponseError):
    """The server failed (5xx), and what was safe to try again has been tried."""


class InvalidArgumentError(VideodbError, ValueError):
    """An argument is wrong, and nothing has been sent."""


class ConnectionFailedError(VideodbError, ConnectionError):
    """The server could not be reached, or the connection broke before its answer was complete."""


class RequestTimeoutError(VideodbError, TimeoutError):
    """A deadline passed. Whether the server did what was asked is unknown unless the operation only reads."""


class JobTimeoutError(RequestTimeoutError):
    """The deadline of a job passed, and the server is still at it: `await error.job` waits for as long once more."""

    def __init__(self, message: str, job: Job[Any]) -> None:
        super().__init__(message)
        self.job = job


class OutcomeUnknownError(VideodbError):
    """Nobody knows whether it was done: it was sent, and its answer was lost. Look before it is tried again.

    `check` is the call that tells, as it is written in a program, or None. See docs/operations.md.
    """

    check: str | None = None


class UnansweredError(OutcomeUnknownError, ConnectionFailedError):
    """The connection broke before the answer came; whether it was done is unknown."""


class UnansweredInTimeError(OutcomeUnknownError, RequestTimeoutError):
    """The deadline passed before the answer came; whether it was done is unknown."""


class UnansweredByServerError(OutcomeUnknownError, ServerError):
    """The server, or a proxy before it, failed (5xx); whether it was done is unknown."""


class ProtocolError(VideodbError):
    """The server's answer does not fit the protocol."""


class SearchError(VideodbError):
    """A search result cannot do what was asked of it."""


class NoResultsError(SearchError, InvalidRequestError):
    """A search has found nothing, so there is nothing to play; its message has the service's "No results found".

    The legacy search is refused with it; Search v2 gives an empty result, and compiling that raises it.
    """


class ClientClosedError(VideodbError, RuntimeError):
    """The client or the watch is closed."""


class WrongLoopError(VideodbError, RuntimeError):
    """The client is used on another event loop, or from another thread, than the one it was opened on."""


class ServerStartError(VideodbError):
    """The embedded server could not be started; the message says why."""


class DataLost(VideodbError):  # noqa: N818 - the name says what happened
    """A stretch of a stream can not be delivered and not be fetched again. The watch can be read on after it."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(str(gap))
        self.gap = gap
