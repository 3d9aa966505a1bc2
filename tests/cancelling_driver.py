"""Cancelling a coroutine at its n-th suspension, for every n there is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

MOST = 300  # suspensions: a coroutine that has more of them never ends


class CancelAt(Coroutine[Any, Any, Any]):
    """Runs `inner` and cancels the task that it runs in at its suspension number `at`."""

    def __init__(self, inner: Coroutine[Any, Any, Any], at: int) -> None:
        self.reached = False
        self._inner = inner
        self._left = at

    def send(self, value: Any) -> Any:
        yielded = self._inner.send(value)
        return self._suspended(yielded)

    def throw(self, *error: Any) -> Any:
        yielded = self._inner.throw(*error)
        return self._suspended(yielded)

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        raise NotImplementedError("it is run as a task")

    def _suspended(self, yielded: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            self.reached = True
            task = asyncio.current_task()
            assert task is not None
            asyncio.get_running_loop().call_soon(task.cancel)
        return yielded


async def cancel_everywhere(
    make: Callable[[], Coroutine[Any, Any, Any]], after: Callable[[bool], Awaitable[None]]
) -> int:
    """Run `make()` again and again, cancelled one suspension later each time, until it ends before it is cancelled.

    `after` is called each time, with whether it was cancelled, and checks what must hold then. Returns how many
    suspensions there were.
    """
    for at in range(1, MOST):
        wrapped = CancelAt(make(), at)
        task = asyncio.get_running_loop().create_task(wrapped)
        async with asyncio.timeout(10.0):
            await asyncio.wait([task])
        cancelled = task.cancelled()
        if not cancelled:
            task.result()
        await after(cancelled)
        if not wrapped.reached:
            return at - 1
    raise AssertionError(f"more than {MOST} suspensions")
