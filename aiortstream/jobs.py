"""Operations that may take long: awaited as any other, or followed while the server is at them.

    video = await coll.upload("evening.mp4")                       # as any coroutine

    job = rtstream.export(timeout=600)
    async for update in job:                                       # or on_progress=, which gets the same updates
        print(update.status, update.percentage)
    result = await job

The server's part goes on whatever becomes of the waiting. A deadline that passes raises JobTimeoutError, whose `job`
can be awaited again.
"""

from __future__ import annotations

import asyncio
import inspect
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

from aiortstream.arguments import seconds_above_zero
from aiortstream.errors import ConnectionFailedError, InvalidArgumentError, JobTimeoutError, RequestTimeoutError
from aiortstream.records import Keyed

if TYPE_CHECKING:
    from aiortstream.context import Context
    from aiortstream.undertakings import Undertaking

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class JobUpdate(Keyed, frozen=True):
    """What is known of a job: `status` is `sending` while a file leaves, then the server's word (`processing`), and
    `done` once the result is there.

    `percentage` is from 0 to 100, or None where the server does not tell.
    """

    status: str
    percentage: float | None = None


OnProgress: TypeAlias = Callable[[JobUpdate], Awaitable[object] | object]
"""Called with each update; a coroutine function is awaited. What it raises is raised to who waits for the job."""

_DONE = JobUpdate("done", 100.0)


class Job(Coroutine[Any, Any, T_co], Generic[T_co]):
    """An operation on the server, to be awaited. Nothing is asked for until it is awaited or iterated over.

    `await job` gives its result, and may be done more than once, by several tasks too. `async for update in job` gives
    an update whenever the server has been looked at, the last one when the result is there; it may be left at any time.

    `timeout` is the seconds for the whole of it, 500 unless it is given, after which JobTimeoutError is raised; its
    `job` is this object, and awaiting it again waits for as long once more. So does awaiting it after
    ConnectionFailedError or RequestTimeoutError from a look at it: the job is not lost, only sight of it.
    `on_progress` is called with the updates by whoever waits; what it raises reaches them, and the job can be awaited
    on after it.

    Cancelling stops the waiting alone: the server goes on with what it has begun, and the job can be awaited again. It
    is lost if the server had not answered the first request yet, which leaves unknown whether it was begun.
    """

    def __init__(
        self,
        context: Context,
        name: str,
        begin: Callable[[Callable[[float], None]], Coroutine[Any, Any, Undertaking]],
        read: Callable[[Undertaking], T_co],
        *,
        timeout: float | None,
        on_progress: OnProgress | None,
    ) -> None:
        """`begin` makes the requests that begin it, and may tell which part of a file, from 0 to 1, has left; `read`
        takes the result from the last answer.
        """
        self._started = self._over = True  # what is refused here has nothing to warn of
        if timeout is not None:
            seconds_above_zero(timeout, "timeout")
        if on_progress is not None and not callable(on_progress):
            raise InvalidArgumentError(
                f"on_progress: expected a function that takes an update, got {type(on_progress).__name__}"
            )
        self.name = name
        self.timeout = timeout
        self._context = context
        self._begin = begin
        self._read = read
        self._on_progress = on_progress
        self._started = self._over = False
        self._lock = asyncio.Lock()  # one step at a time, whoever waits
        self._beginning: asyncio.Task[Undertaking] | None = None
        self._undertaking: Undertaking | None = None  # once the server has answered
        self._sent: int | None = None  # percent of a file that has left
        self._told: int | None = None  # what of it the last update said
        self._news: asyncio.Future[None] | None = None  # set when more has left, for who waits for the first answer
        self._steps = 0  # how many updates there have been
        self._last: JobUpdate | None = None
        self._end: float | None = None  # loop time until which is waited; None while nobody has since a deadline passed
        self._result: T_co
        self._error: BaseException | None = None  # of a job that has failed for good
        self._driven: Coroutine[Any, Any, T_co] | None = None  # when used as a coroutine

    def __repr__(self) -> str:
        said = "not begun" if self._last is None else self._last.status
        return f"Job({self.name!r}, {'failed' if self._error is not None else said})"

    @property
    def last(self) -> JobUpdate | None:
        """The newest update, or None before the first."""
        return self._last

    def done(self) -> bool:
        """Whether its result, or its failure, is known."""
        return self._over or self._error is not None

    def __await__(self) -> Generator[Any, Any, T_co]:
        return self._wait().__await__()

    def __aiter__(self) -> AsyncIterator[JobUpdate]:
        return _Updates(self)

    async def _wait(self) -> T_co:
        seen = -1
        while not self._over:
            seen = await self._advance(seen)
        return self._result

    # --- one step at a time -------------------------------------------------------------------------------------------

    async def _advance(self, seen: int) -> int:
        """Go on until there has been an update after the one of that number; its number."""
        self._started = True
        async with self._lock:
            if self._error is not None:
                raise self._error
            if not self._over and self._steps <= max(seen, 0):
                await self._step()
        return self._steps

    async def _step(self) -> None:
        loop = asyncio.get_running_loop()
        if self._end is None:
            self._end = loop.time() + (self.timeout or self._context.transport.job_timeout)
        try:
            if self._undertaking is None:
                self._undertaking = await self._begun(self._end - loop.time())
            else:
                await self._look(self._undertaking)
            if self._undertaking is not None and self._undertaking.is_over:
                self._result = self._read(self._undertaking)
        except (Exception, asyncio.CancelledError) as error:
            if self._is_final(error):
                self._error = error
            raise
        self._last = self._news_of(self._undertaking)
        self._over = self._last is _DONE
        self._steps += 1
        if self._on_progress is not None:
            told = self._on_progress(self._last)
            if inspect.isawaitable(told):
                await told

    def _news_of(self, undertaking: Undertaking | None) -> JobUpdate:
        if undertaking is None:
            self._told = self._sent
            return JobUpdate("sending", self._sent)
        return _DONE if undertaking.is_over else JobUpdate(undertaking.status, undertaking.percentage)

    def _note_sent(self, part: float) -> None:
        """More of a file has left."""
        self._sent = int(part * 100)
        if self._sent != self._told and self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _is_final(self, error: BaseException) -> bool:
        """Whether there is nothing more to wait for: it failed, or never was begun."""
        if isinstance(error, asyncio.CancelledError | JobTimeoutError):
            return False
        if isinstance(error, ConnectionFailedError | RequestTimeoutError):
            return self._undertaking is None
        return True

    async def _begun(self, seconds: float) -> Undertaking | None:
        """The server's first answer, or None when more of a file has left. What makes the requests goes on when the
        deadline passes, to be waited for again.
        """
        if self._beginning is None:
            self._beginning = self._context.transport.start(self._begin(self._note_sent), self.name)
        self._news = asyncio.get_running_loop().create_future()
        if self._sent != self._told:
            self._news.set_result(None)
        try:
            await asyncio.wait(
                (self._beginning, self._news), timeout=max(seconds, 0.0), return_when=asyncio.FIRST_COMPLETED
            )
        except asyncio.CancelledError:
            self._beginning.cancel()
            self._error = ConnectionFailedError(
                f"{self.name}: it was cancelled before the server had answered, so it cannot be followed"
            )
            await asyncio.wait((self._beginning,))
            raise
        if not self._beginning.done():
            if self._news.done():
                return None
            raise self._timed_out()
        if self._beginning.cancelled():
            raise ConnectionFailedError(f"{self.name}: the client was closed before the server had answered")
        return self._beginning.result()

    async def _look(self, undertaking: Undertaking) -> None:
        """Ask the server once more, after a while."""
        assert self._end is not None
        loop = asyncio.get_running_loop()
        left = self._end - loop.time()
        delay = next(undertaking.delays)
        if delay >= left:
            await asyncio.sleep(max(left, 0.0))
            raise self._timed_out()
        await asyncio.sleep(delay)
        try:
            await self._context.transport.look(undertaking, within=self._end - loop.time())
        except RequestTimeoutError:
            if loop.time() >= self._end:
                raise self._timed_out() from None
            raise

    def _timed_out(self) -> JobTimeoutError:
        self._end = None
        seconds = self.timeout or self._context.transport.job_timeout
        return JobTimeoutError(f"{self.name}: still processing after {seconds:g} s; awaiting its job waits on", self)

    # --- as a coroutine, so that it can be made a task ----------------------------------------------------------------

    def send(self, value: Any) -> Any:
        """Of the coroutine protocol, for `asyncio.create_task(job)`."""
        if self._driven is None:
            self._driven = self._wait()
        return self._driven.send(value)

    def throw(self, kind: Any, value: BaseException | object | None = None, trace: TracebackType | None = None) -> Any:
        """Of the coroutine protocol."""
        if self._driven is None:
            self._driven = self._wait()
        self._started = True
        error = kind if isinstance(kind, BaseException) else value if isinstance(value, BaseException) else kind()
        return self._driven.throw(error if trace is None else error.with_traceback(trace))

    def close(self) -> None:
        """Of the coroutine protocol: it will not be awaited."""
        self._started = True
        if self._driven is not None:
            self._driven.close()

    def __del__(self) -> None:
        if not self._started:
            warnings.warn(f"{self!r} was never awaited, so nothing was asked for", RuntimeWarning, 2, source=self)


class _Updates(AsyncIterator[JobUpdate]):
    """The updates of a job, to its end."""

    def __init__(self, job: Job[Any]) -> None:
        self._job = job
        self._seen = -1  # the number of the last update that was given; they count from 1
        self._ended = False

    async def __anext__(self) -> JobUpdate:
        if self._ended:
            raise StopAsyncIteration
        self._seen = await self._job._advance(self._seen)  # noqa: SLF001 - they are of one module
        last = self._job.last
        assert last is not None
        self._ended = self._job._over  # noqa: SLF001
        return last


def known(context: Context, name: str, result: T, on_progress: OnProgress | None) -> Job[T]:
    """A job with nothing to be asked for, because its result is known."""

    async def begin(_sent: Callable[[float], None]) -> Undertaking:
        return context.transport.nothing()

    return Job(context, name, begin, lambda _: result, timeout=None, on_progress=on_progress)
