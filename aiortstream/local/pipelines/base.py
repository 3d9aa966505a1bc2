"""What all pipelines are and share."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from aiortstream.local.ai.protocols import ModelError
from aiortstream.local.ingest.source import ALL_FILES

if TYPE_CHECKING:
    from aiortstream.local.ingest.source import FileSources
    from aiortstream.local.ports import Models, OutboxWaker, Publisher, Urls
    from aiortstream.local.profile import Profile
    from aiortstream.local.runtime.bindings import Bindings
    from aiortstream.local.runtime.captures import CaptureEvents
    from aiortstream.local.store.database import Database

logger = logging.getLogger("aiortstream.local.models")


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
    delay: float | None = None
    """Seconds between the end of what the newest record tells of and its being committed."""

    def succeeded(self, records: int = 1, *, ended: float | None = None) -> None:
        """There are new records; the newest tells of something that ended then, in unix seconds."""
        self.records += records
        self.last_error = None
        if ended is not None:
            self.delay = max(0.0, time.time() - ended)

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
    captures: CaptureEvents = field(repr=False)
    files: FileSources = ALL_FILES

    async def warm(self, *, speech: bool = False, vision: bool = False, text: bool = False) -> None:
        """Load models while the source is being opened, so that its first record does not wait for them.

        One that cannot be loaded is only logged here: each call of it will say so again.
        """
        try:
            await self.models.warm(speech=speech, vision=vision, text=text)
        except ModelError as error:
            logger.warning("%s", error)
