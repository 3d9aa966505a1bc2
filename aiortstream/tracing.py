"""What is told of every request: to hooks as it happens, and to whoever captures the answers of a stretch of code.

A hook is called on the event loop, in the task that makes the call, and must not block. One that raises does no harm:
the first time it is logged. Paths have names in place of ids (`/rtstream/{rtstream_id}/status`), and no key, header,
query, body or message is in any of it, so that it can be used as it is for spans and labels of metrics. Without hooks
none of these values is made. The websocket tells of itself by `LiveSettings.hooks`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, overload

if TYPE_CHECKING:
    from aiortstream.answers import Reply

logger = logging.getLogger("aiortstream.transport")

_CAPTURED = 1000  # answers that one capture keeps: the newest
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class RequestStarted:
    """A request is about to be sent for the first time. `call` is a number that all of its events carry."""

    call: int
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class RequestRetrying:
    """An attempt has failed, and another follows in `delay` seconds."""

    call: int
    method: str
    path: str
    attempt: int
    """The one that failed; the first is 1."""
    delay: float
    status: int | None
    """Of the answer, or None where there was none."""
    error: str | None
    """The name of the error's class where there was no answer."""
    request_id: str | None


@dataclass(frozen=True, slots=True)
class RequestFinished:
    """An answer has come, of whatever status."""

    call: int
    method: str
    path: str
    attempt: int
    status: int
    duration: float
    """Seconds, with all attempts and the waiting between them."""
    request_id: str | None


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """No answer has come, and none will: the connection broke, the deadline passed, or it was cancelled."""

    call: int
    method: str
    path: str
    attempt: int
    duration: float
    error: str
    """The name of the error's class."""


CallEvent: TypeAlias = RequestStarted | RequestRetrying | RequestFinished | RequestFailed
CallHook: TypeAlias = Callable[[CallEvent], None]


@dataclass(frozen=True, slots=True)
class RawResponse:
    """An answer as it came. What it was read as is what the call returned."""

    method: str
    path: str
    """With its ids."""
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    request_id: str | None
    elapsed: float
    """Seconds, with all attempts and the waiting between them."""
    retries: int


class Responses(Sequence[RawResponse]):
    """The answers of a stretch of code, the oldest first; the newest thousand are kept."""

    def __init__(self, client: object, outer: Responses | None) -> None:
        self._client = client
        self._outer = outer
        self._kept: deque[RawResponse] = deque(maxlen=_CAPTURED)
        self._open = True

    def __len__(self) -> int:
        return len(self._kept)

    @overload
    def __getitem__(self, index: int) -> RawResponse: ...
    @overload
    def __getitem__(self, index: slice) -> list[RawResponse]: ...
    def __getitem__(self, index: int | slice) -> RawResponse | list[RawResponse]:
        return list(self._kept)[index]

    def __repr__(self) -> str:
        return f"Responses({list(self._kept)!r})"

    @property
    def last(self) -> RawResponse:
        """The newest. Raises IndexError where nothing has been answered."""
        return self._kept[-1]

    def note(self, client: object, response: RawResponse) -> None:
        """Keep an answer to a request of `client`, here and in captures around this one."""
        if self._open and client is self._client:
            self._kept.append(response)
        if self._outer is not None:
            self._outer.note(client, response)

    def close(self) -> None:
        """The stretch of code is over."""
        self._open = False


_capturing: ContextVar[Responses | None] = ContextVar("aiortstream_capturing", default=None)


@contextmanager
def capture(client: object) -> Iterator[Responses]:
    """Have the answers to this client's requests kept, of this task and the tasks that it starts meanwhile."""
    responses = Responses(client, _capturing.get())
    token = _capturing.set(responses)
    try:
        yield responses
    finally:
        responses.close()
        _capturing.reset(token)


class CallHooks:
    """The hooks of one client."""

    def __init__(self, hooks: Sequence[CallHook] = ()) -> None:
        self._hooks = tuple(hooks)
        self._failed: set[int] = set()  # places of those that have raised, which is logged once

    def __bool__(self) -> bool:
        return bool(self._hooks)

    def tell(self, event: CallEvent) -> None:
        """Hand `event` to each."""
        for place, hook in enumerate(self._hooks):
            try:
                hook(event)
            except Exception:
                if place not in self._failed:
                    self._failed.add(place)
                    logger.exception("a hook failed on %s; it is not logged again", type(event).__name__)


class Trace:
    """One request that somebody wants to hear of."""

    def __init__(self, hooks: CallHooks, responses: Responses | None, client: object, method: str, path: str) -> None:
        self._hooks = hooks
        self._responses = responses
        self._client = client
        self._call = next(_numbers)
        self._of = (method, path)
        self._began = asyncio.get_running_loop().time()
        self._attempt = 1
        hooks.tell(RequestStarted(self._call, method, path))

    def retrying(self, delay: float, reply: Reply | None, error: Exception | None) -> None:
        """Another attempt follows."""
        status, request_id = (None, None) if reply is None else (reply.status, reply.request_id)
        name = None if error is None else type(error).__name__
        self._hooks.tell(RequestRetrying(self._call, *self._of, self._attempt, delay, status, name, request_id))
        self._attempt += 1

    def finished(self, reply: Reply, path: str) -> None:
        """It was answered; `path` is the real one."""
        elapsed = self._elapsed()
        self._hooks.tell(RequestFinished(self._call, *self._of, self._attempt, reply.status, elapsed, reply.request_id))
        if self._responses is not None:
            raw = RawResponse(
                self._of[0], path, reply.status, reply.headers, reply.body, reply.request_id, elapsed, self._attempt - 1
            )
            self._responses.note(self._client, raw)

    def failed(self, error: BaseException) -> None:
        """It was not."""
        self._hooks.tell(RequestFailed(self._call, *self._of, self._attempt, self._elapsed(), type(error).__name__))

    def _elapsed(self) -> float:
        return asyncio.get_running_loop().time() - self._began


def trace(hooks: CallHooks, client: object, method: str, path: Callable[[], str], *, alone: bool) -> Trace | None:
    """Of a request that is about to be made, if anybody wants to hear of it; `path` tells its path without ids.

    alone: nobody's code makes it, so no capture has it.
    """
    responses = None if alone else _capturing.get()
    if not hooks and responses is None:
        return None
    return Trace(hooks, responses, client, method, path())
