"""Lines on the terminal that say what happens and when; never silent for long while something is waited for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console

PATIENCE = 2.5  # seconds without a line before one says what is waited for


class Narrator:
    """Prints each event on a line of its own, with the seconds since the start; plain where there is no terminal.

    Open it with `async with`: while it is open, `doing` is said whenever nothing else has been said for a while. It is
    a text, or what gives one at that moment; None is silence, for when a person is waited for.
    """

    def __init__(self, console: Console, *, patience: float = PATIENCE) -> None:
        self.doing: str | Callable[[], str] | None = "working"
        self._console = console
        self._patience = patience
        self._began = time.monotonic()
        self._last = self._began  # when the newest line was printed
        self._reminding: asyncio.Task[None] | None = None  # set while it is open

    async def __aenter__(self) -> Self:
        self._reminding = asyncio.create_task(self._remind(), name="narrator")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._reminding is not None
        self._reminding.cancel()
        # What made it fail, such as a reader of our output who has gone, fails the next line too.
        await asyncio.gather(self._reminding, return_exceptions=True)

    def say(self, kind: str, text: str, style: str = "bold") -> None:
        """One line. `text` is printed as it is, however long, but for what would move a terminal's cursor."""
        self._last = time.monotonic()
        since = self._last - self._began
        self._console.print(f"[dim]{since:6.1f}s[/]  [{style}]{kind:<10}[/]", end=" ", highlight=False)
        shown = "".join(letter if letter.isprintable() else " " for letter in text)
        self._console.print(shown, markup=False, highlight=False, soft_wrap=True)

    async def _remind(self) -> None:
        while True:
            silent = time.monotonic() - self._last
            if silent < self._patience:
                await asyncio.sleep(self._patience - silent)
            elif self.doing is None:
                await asyncio.sleep(self._patience)
            else:
                self.say("...", self.doing() if callable(self.doing) else self.doing, "dim")
