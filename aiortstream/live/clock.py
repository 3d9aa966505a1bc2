"""The time, and waiting, as one thing that tests can replace: nothing else in the streaming core looks at a clock."""

from __future__ import annotations

import asyncio
import time
from email.utils import parsedate_to_datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits."""

    def time(self) -> float:
        """Unix seconds, which never go backwards."""

    async def wait(self, event: asyncio.Event, timeout: float | None) -> bool:
        """Wait until `event` is set (True) or `timeout` seconds have passed (False)."""


class SystemClock:
    """The machine's clock as it was when this was made, moved on evenly: setting it neither hurries nor delays us."""

    def __init__(self) -> None:
        self._origin = time.time() - time.monotonic()

    def time(self) -> float:
        return self._origin + time.monotonic()

    async def wait(self, event: asyncio.Event, timeout: float | None) -> bool:
        try:
            async with asyncio.timeout(timeout):
                await event.wait()
        except TimeoutError:
            return event.is_set()
        return True


class ServerTime:
    """How far the server's clock is ahead of ours, from the `Date` of its answers.

    Records carry the server's time, so what has to be fetched is asked for in it. A `Date` has whole seconds: each
    answer says between which two values the offset lies, and it is moved no further than into that interval.
    """

    def __init__(self, clock: Clock) -> None:
        self.offset = 0.0  # seconds
        self.known = False
        self.round_trip: float | None = None  # seconds the newest answer took
        self._clock = clock

    def now(self) -> float:
        """Our clock, unix seconds: what `observe` is given as `sent`."""
        return self._clock.time()

    def observe(self, date: str | None, sent: float) -> None:
        """An answer to a request sent at `sent` has come with this `Date` header; one that is none is passed over."""
        received = self._clock.time()
        self.round_trip = received - sent
        try:
            said = parsedate_to_datetime(date or "").timestamp()
        except (ValueError, OverflowError):
            return
        least, most = said - received, said + 1.0 - sent
        if not self.known:
            # Most clocks agree within a second or so: then ours is as good as what a Date of whole seconds tells.
            self.offset = 0.0 if least <= 0.0 <= most else (least + most) / 2
            self.known = True
        else:
            self.offset = min(max(self.offset, least), most)
