"""A stream's status in the database, where lists can be filtered by it, kept in step with its ingest."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiortstream.local.ingest.status import IngestState, IngestStatus
from aiortstream.local.pipelines.base import Tally

if TYPE_CHECKING:
    from aiortstream.local.runtime.captures import CaptureEvents
    from aiortstream.local.store.database import Database
    from aiortstream.local.store.streams import StreamStatus


class StatusLog:
    """Writes the latest status of one stream; a pipeline whose input is the ingest's news."""

    def __init__(self, db: Database, captures: CaptureEvents, rtstream_id: str) -> None:
        self._db = db
        self._captures = captures
        self._rtstream_id = rtstream_id
        self._latest: tuple[StreamStatus, str | None] | None = None
        self._written: tuple[StreamStatus, str | None] | None = None
        self._finishing = False
        self._news = asyncio.Event()  # set when _latest or _finishing has changed
        self._tally = Tally()

    @property
    def tally(self) -> Tally:
        """`records` counts changes."""
        return self._tally

    def on_status(self, status: IngestStatus) -> None:
        """The ingest has news. Event loop only."""
        wire = _on_the_wire(status)
        if wire is not None:
            self._latest = wire
            self._news.set()

    def finish(self) -> None:
        """The ingest has ended."""
        self._finishing = True
        self._news.set()

    async def run(self) -> None:
        """Write until the ingest has ended."""
        while True:
            finishing = self._finishing
            self._news.clear()
            latest = self._latest
            if latest is not None and latest != self._written:
                status, reason = latest
                await self._captures.report(self._db, self._rtstream_id, status, reason)
                self._written = latest
                self._tally.succeeded()
            if finishing:
                return
            await self._news.wait()


def _on_the_wire(status: IngestStatus) -> tuple[StreamStatus, str | None] | None:
    """In the wire's words; None for the ends, which are told by whoever knows why."""
    match status.state:
        case IngestState.CONNECTING:
            return "connecting", status.reason
        case IngestState.LIVE:
            return "connected", status.reason
        case IngestState.RETRYING:
            return "error", status.reason
        case _:
            return None
