"""Threads for models that compute on this machine's processors: few, named, and never behind an endless queue.

A `ModelExecutor` is one lane: speech has one, vision has one, text has one, so that a slow picture never holds up a
transcript. Calls are served in the order they came. That is fair between streams, because each pipeline waits for its
own call before it makes the next: a busy stream has one place in the line, like any other. A line that is full refuses
(`ModelBusy`) instead of growing: whoever called drops that window and counts it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from aiortstream.local.ai.protocols import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

# A model call takes seconds at most. Native code cannot be interrupted: past this, closing goes on without it.
_JOIN_SECONDS = 30.0

logger = logging.getLogger(__name__)


class ModelBusy(ModelError):  # noqa: N818 - the name says what happened
    """As many calls wait for this model as may: drop this one and count it, or try later."""


@dataclass(frozen=True, slots=True)
class ExecutorStatistics:
    """A lane at one moment: calls taken and not finished, calls refused so far."""

    unfinished: int
    refused: int


class ModelExecutor:
    """A bounded pool of threads for one kind of model."""

    def __init__(self, name: str, *, workers: int = 1, max_waiting: int = 32) -> None:
        """`name` names the threads and the errors; `max_waiting` calls may wait besides the `workers` running ones."""
        if workers < 1 or max_waiting < 0:
            raise ValueError(f"workers must be 1 or more and max_waiting 0 or more, got {workers} and {max_waiting}")
        self.name = name
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix=f"aiortstream-{name}")
        self._limit = workers + max_waiting
        self._lock = threading.Lock()
        self._unfinished = 0  # guarded by _lock: calls that were submitted and are neither done nor cancelled
        self._refused = 0  # guarded by _lock
        self._closing = (
            False  # set once, under _lock, and read by the workers: calls still in the line then fail without running
        )

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` on one of the lane's threads.

        Raises `ModelBusy` at once when the line is full, `ModelError` for any error of `function` that is not one
        already, and after `aclose`. Cancelling leaves the line if the call has not begun; one that has begun runs to
        its end on its thread, and its result is dropped.
        """
        return await asyncio.wrap_future(self._submit(functools.partial(function, *args, **kwargs)))

    def statistics(self) -> ExecutorStatistics:
        """How loaded the lane is."""
        with self._lock:
            return ExecutorStatistics(unfinished=self._unfinished, refused=self._refused)

    async def aclose(self) -> None:
        """Refuse new calls, fail the waiting ones, and join the threads once their running calls have ended.

        Closing twice is fine. Cancelling stops the waiting, not the closing.
        """
        with self._lock:
            self._closing = True
        try:
            async with asyncio.timeout(_JOIN_SECONDS):
                await asyncio.to_thread(self._pool.shutdown, wait=True)
        except TimeoutError:
            logger.warning("a %s model is still computing after %.0f s; closing without it", self.name, _JOIN_SECONDS)

    def _submit(self, call: Callable[[], T]) -> Future[T]:
        with self._lock:
            if self._closing:
                raise ModelError(f"the {self.name} models are closed")
            if self._unfinished >= self._limit:
                self._refused += 1
                raise ModelBusy(
                    f"{self._unfinished} calls of {self.name} models are unfinished, as many as may be: "
                    "this machine does not keep up with its streams"
                )
            future = self._pool.submit(self._run, call)
            self._unfinished += 1
        future.add_done_callback(self._finished)
        return future

    def _run(self, call: Callable[[], T]) -> T:
        if self._closing:
            raise ModelError(f"the {self.name} models are closed")
        try:
            return call()
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(f"a {self.name} model failed: {type(error).__name__}: {error}") from error

    def _finished(self, _: Future[T]) -> None:
        with self._lock:
            self._unfinished -= 1
