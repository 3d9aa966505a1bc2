"""What all pipelines are and share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from aiortstream.local.ports import Models, OutboxWaker, Publisher, Urls
    from aiortstream.local.profile import Profile
    from aiortstream.local.runtime.bindings import Bindings
    from aiortstream.local.store.database import Database


@dataclass(slots=True)
class Tally:
    """What a pipeline has done since it was made. It counts, whoever asks reads."""

    records: int = 0
    dropped: float = 0
    """What it had no time for: windows, or seconds of sound."""
    failures: int = 0
    """Calls of models that failed for good, and runs that broke off."""
    last_error: str | None = None
    """Of the last failure, None once there has been a record since."""

    def succeeded(self, records: int = 1) -> None:
        """There are new records."""
        self.records += records
        self.last_error = None

    def failed(self, reason: str) -> None:
        """Something failed for good."""
        self.failures += 1
        self.last_error = reason


class Pipeline(Protocol):
    """One piece of work on a stream that goes on until there is no more input."""

    @property
    def tally(self) -> Tally:
        """What it has done so far."""

    async def run(self) -> None:
        """Work until `finish` has been called and what was at hand is done. Called again after it has raised.

        Cancelling it loses what was at hand.
        """

    def finish(self) -> None:
        """No more input comes. Event loop only."""


@dataclass(frozen=True, slots=True)
class Context:
    """What pipelines work with."""

    db: Database
    models: Models
    publisher: Publisher
    outbox: OutboxWaker
    urls: Urls
    profile: Profile
    bindings: Bindings = field(repr=False)
