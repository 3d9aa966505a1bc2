"""How far a long operation is: told by what does the work, wherever it is, and asked for by whoever follows the job.

The operation finds its own progress by a context variable, which its tasks and the threads of `asyncio.to_thread`
inherit. Outside a job, telling is nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar


class Progress:
    """The part of an operation that is done. It never goes back. Written by one thread at a time."""

    def __init__(self) -> None:
        self._part: float | None = None  # from 0 to 1; None until something is told

    @property
    def percentage(self) -> float | None:
        """From 0 to 100, or None where nothing is known of it."""
        return None if self._part is None else round(self._part * 100, 1)

    def tell(self, part: float) -> None:
        """`part` of the operation is done, from 0 to 1."""
        self._part = max(self._part or 0.0, min(part, 1.0))


def _nothing(_part: float) -> None:
    """Nobody follows it."""


current: ContextVar[Progress | None] = ContextVar("progress of the job", default=None)
"""The progress of the operation that is running here."""


def teller(start: float = 0.0, end: float = 1.0) -> Callable[[float], None]:
    """What is to be called with the part done of a stage that goes from `start` to `end` of the operation."""
    progress = current.get()
    if progress is None:
        return _nothing
    return lambda part: progress.tell(start + (end - start) * part)
