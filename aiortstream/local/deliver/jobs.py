"""Operations that may take longer than a client waits for one answer.

An operation gets a few seconds to finish within its own request. One that does not becomes a job: the answer says
`processing` and where to ask, the operation goes on, and its result is kept there for a while. Jobs belong to this
object, not to the request that began them: a client that hangs up does not stop one, closing the server does.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from aiortstream.local.progress import Progress, current
from aiortstream.local.services.errors import NotFound, ServiceError, Unavailable
from aiortstream.wire.rest import Answer

logger = logging.getLogger("aiortstream.local.jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLimits:
    """Bounds of the jobs; durations in seconds."""

    patience: float = 8.0
    """How long a request waits before its operation becomes a job: official clients give up after 30."""
    jobs: int = 64
    """Jobs under way and results kept, together."""
    kept: float = 3600.0
    """How long a result may be fetched."""


@dataclass(slots=True)
class Job:
    """One operation that outlived its request."""

    id: str
    task: asyncio.Task[Answer]
    progress: Progress
    finished: float | None = None
    """When it ended, on the clock of `Jobs`; None while it goes on."""

    def result(self) -> Answer | None:
        """What came of it, or None while it goes on. Raises ServiceError if it failed."""
        if not self.task.done():
            return None
        return outcome(self.task)


def outcome(task: asyncio.Task[Answer]) -> Answer:
    """The answer of a task that is done. Raises ServiceError: its own, or one that tells no internals."""
    if task.cancelled():
        raise Unavailable("the server is stopping, and this operation was given up")
    try:
        return task.result()
    except ServiceError:
        raise
    except Exception as error:  # logged when it happened
        raise ServiceError("the operation failed; the server's log says why") from error


class Jobs:
    """All operations under way and the results still kept. `clock` gives seconds."""

    def __init__(self, limits: JobLimits | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits or JobLimits()
        self._clock = clock
        self._jobs: dict[str, Job] = {}  # in the order in which they were begun

    async def run(self, operation: Coroutine[Any, Any, Answer], name: str) -> Answer | Job:
        """The answer of `operation` if it comes soon, else the job that it has become. Raises ServiceError.

        Cancelling it leaves the operation under way, as a job that nobody knows of.
        """
        try:
            self._make_room()
        except Unavailable:
            operation.close()
            raise
        progress, context = Progress(), copy_context()
        context.run(current.set, progress)
        task = asyncio.create_task(operation, name=name, context=context)
        job = Job(secrets.token_hex(12), task, progress)
        self._jobs[job.id] = job
        job.task.add_done_callback(lambda _: self._ended(job))
        await asyncio.wait((job.task,), timeout=self._limits.patience)
        if not job.task.done():
            return job
        del self._jobs[job.id]
        return outcome(job.task)

    def get(self, job_id: str) -> Job:
        """The job of that id. Raises NotFound if there is none, or none any more."""
        self._forget_old()
        try:
            return self._jobs[job_id]
        except KeyError:
            raise NotFound(f"no job {job_id!r}: results are kept for {self._limits.kept:g} s") from None

    async def aclose(self) -> None:
        """Cancel what is under way and wait for it."""
        tasks = [job.task for job in self._jobs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._jobs.clear()

    def _ended(self, job: Job) -> None:
        job.finished = self._clock()
        error = None if job.task.cancelled() else job.task.exception()
        if error is not None and not isinstance(error, ServiceError):
            logger.error("%s failed", job.task.get_name(), exc_info=error)

    def _make_room(self) -> None:
        self._forget_old()
        if len(self._jobs) < self._limits.jobs:
            return
        oldest = next((job for job in self._jobs.values() if job.finished is not None), None)
        if oldest is None:
            raise Unavailable(f"{len(self._jobs)} operations are under way, which is all this server takes: try later")
        del self._jobs[oldest.id]

    def _forget_old(self) -> None:
        oldest_kept = self._clock() - self._limits.kept
        for job in list(self._jobs.values()):
            if job.finished is not None and job.finished < oldest_kept:
                del self._jobs[job.id]
