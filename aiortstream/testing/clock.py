"""Time that passes when the test says so."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable
from typing import TypeVar

from aiortstream.errors import InvalidArgumentError
from aiortstream.wire.times import moment

_TURNS = 12  # of the event loop: more than any chain of wake-ups here is long
_BREATH = 0.005  # seconds of the machine's: an answer from this machine takes less
T = TypeVar("T")
_NOON = 1_767_268_800.0  # of the first day of 2026, UTC


class VirtualClock:
    """For `AsyncClient(clock=...)`: what the watches take the time from and wait by.

    Polls, reconnect delays and ages of connections then pass by `advance` alone. Sockets are real all the same: what
    depends on them is waited for, with a deadline, as in any test.
    """

    def __init__(self, now: float = _NOON) -> None:
        """`now`: unix seconds; the same moment always where it is left out. Raises InvalidArgumentError."""
        self._now = moment(now, "now")
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def time(self) -> float:
        """Unix seconds."""
        return self._now

    @property
    def sleeping(self) -> int:
        """How many wait for time to pass."""
        return sum(not sleeper.done() for _, _, sleeper in self._sleepers)

    async def sleep(self, seconds: float) -> None:
        """Wait until that many seconds have been advanced. Cancelling it is safe."""
        sleeper = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), sleeper))
        await sleeper

    async def wait(self, event: asyncio.Event, timeout: float | None) -> bool:
        """Wait until `event` is set (True), or `timeout` seconds have been advanced (False). Cancelling it is safe."""
        if timeout is None:
            await event.wait()
            return True
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self.sleep(timeout))]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()  # and not waited for: being cancelled ourselves meanwhile would be swallowed
        return event.is_set()

    async def settle(self) -> None:
        """Let everything happen that can happen without time passing."""
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        """Let `seconds` pass: whoever is due meanwhile goes on, in order.

        Raises InvalidArgumentError for less than none. Cancelled, the time is some moment on the way.
        """
        if seconds < 0:
            raise InvalidArgumentError(f"seconds: expected 0 or more, since time does not go back, got {seconds!r}")
        target = self._now + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= target:
            self._now = max(self._now, self._sleepers[0][0])
            while self._sleepers and self._sleepers[0][0] <= self._now:
                _, _, sleeper = heapq.heappop(self._sleepers)
                if not sleeper.done():
                    sleeper.set_result(None)
            await self.settle()
        self._now = target

    async def advance_until(self, awaitable: Awaitable[T], *, step: float = 1.0) -> T:
        """Let time pass, `step` seconds after `step` seconds, until this is done; its result.

        Sockets are real: after each step they get a moment. Put a deadline around it. Cancelling it cancels what it
        waits for. Raises InvalidArgumentError for a step that is none.
        """
        if step <= 0:
            raise InvalidArgumentError(f"step: expected seconds above 0, got {step!r}")
        task = asyncio.ensure_future(awaitable)
        try:
            while not task.done():
                await self.advance(step)
                await asyncio.wait((task,), timeout=_BREATH)
            return task.result()
        finally:
            task.cancel()
