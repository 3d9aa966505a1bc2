"""From a stream's threads to the database: its segments, each of them, and its status, the latest."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

from aiortstream.local.ingest.status import IngestState
from aiortstream.local.pipelines.base import Tally
from aiortstream.local.store import segments, streams

if TYPE_CHECKING:
    import sqlite3

    from aiortstream.local.ingest.status import IngestStatus
    from aiortstream.local.recording.segmenter import SegmentInfo
    from aiortstream.local.store.database import Database
    from aiortstream.local.store.streams import StreamStatus

_STATUS: dict[IngestState, StreamStatus] = {
    IngestState.CONNECTING: "connecting",
    IngestState.LIVE: "connected",
    IngestState.RETRYING: "error",
}
MAX_WAITING = 10_000  # segments whose rows could not be written yet: hours of a database that refuses


class Journal:
    """A pipeline that writes what ingest reports. Segments wait while the database refuses; none is forgotten."""

    def __init__(self, db: Database, rtstream_id: str) -> None:
        self._db = db
        self._rtstream_id = rtstream_id
        self._loop = asyncio.get_running_loop()
        self._segments: deque[SegmentInfo] = deque(maxlen=MAX_WAITING)  # loop only
        self._status: IngestStatus | None = None  # not written yet
        self._finishing = False
        self._news = asyncio.Event()
        self._tally = Tally()

    @property
    def tally(self) -> Tally:
        """`records` counts segments."""
        return self._tally

    def on_segment(self, segment: SegmentInfo) -> None:
        """Take a segment, on the recording thread."""
        self._loop.call_soon_threadsafe(self._take, segment)

    def on_status(self, status: IngestStatus) -> None:
        """Take a status, on the event loop."""
        if status.state in _STATUS:
            self._status = status
            self._news.set()

    def finish(self) -> None:
        """Nothing more is reported."""
        self._finishing = True
        self._news.set()

    async def run(self) -> None:
        """Write until nothing more is reported."""
        while True:
            finishing = self._finishing
            self._news.clear()
            await self._write()
            if finishing:
                return
            await self._news.wait()

    def _take(self, segment: SegmentInfo) -> None:
        self._segments.append(segment)
        self._news.set()

    async def _write(self) -> None:
        found, status, at = list(self._segments), self._status, time.time()
        if not found and status is None:
            return

        def write(conn: sqlite3.Connection) -> None:
            for segment in found:
                segments.add(conn, self._rtstream_id, segment)
            if status is not None:
                streams.report(conn, self._rtstream_id, _STATUS[status.state], status.reason, at=at)

        await self._db.run(write)
        self._tally.succeeded(len(found))
        for _ in found:
            self._segments.popleft()
        if self._status is status:
            self._status = None
