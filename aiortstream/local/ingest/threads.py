"""Awaiting a thread of one's own: for work that blocks for as long as a stream lives, which a shared pool must not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
A = TypeVar("A")

_log = logging.getLogger(__name__)


def call_on(loop: asyncio.AbstractEventLoop, callback: Callable[[A], object], argument: A) -> None:
    """Call back on the loop, from any thread; does nothing once the loop is closed, as nobody listens any more."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(callback, argument)


async def run_thread(work: Callable[[], T], *, name: str, stop: threading.Event, grace: float) -> T:
    """Run `work` on a new thread and return what it returns, or raise what it raises.

    Cancelling sets `stop`, waits up to `grace` seconds for the thread to see it, and then raises `CancelledError`
    either way; a thread that takes longer is logged and left to end by its own deadlines.
    """
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    result: list[T] = []
    failure: list[BaseException] = []

    def main() -> None:
        try:
            result.append(work())
        except BaseException as error:
            failure.append(error)
        call_on(loop, lambda _: ended.set(), None)

    thread = threading.Thread(target=main, name=name, daemon=True)
    thread.start()
    try:
        await ended.wait()
    except asyncio.CancelledError:
        stop.set()
        try:
            await asyncio.wait_for(ended.wait(), grace)
            thread.join()
        except TimeoutError:
            _log.warning("%s did not stop within %g s and is left to time out", name, grace)
        raise
    thread.join()
    if failure:
        raise failure[0]
    return result[0]
