"""Rows for recorded segments: told of on the recording thread, written in order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from aiortstream.local.pipelines.base import Tally
from aiortstream.local.store import segments

if TYPE_CHECKING:
    from aiortstream.local.recording.segmenter import SegmentInfo
    from aiortstream.local.store.database import Database

logger = logging.getLogger("aiortstream.local.recording")

MAX_WAITING = 1000  # segments, half an hour of them: for as long may the database be unable to write


class SegmentLog:
    """Writes a row for each segment of one stream; a pipeline whose input is the recorder's."""

    def __init__(self, db: Database, rtstream_id: str, *, recorded_until: float | None) -> None:
        self.recorded_until = recorded_until
        """Unix time up to which the stream is recorded: what a server repeats of that is not wanted again."""
        self._db = db
        self._rtstream_id = rtstream_id
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[SegmentInfo] = deque()
        self._news = asyncio.Event()  # set when _waiting or _finishing has changed
        self._finishing = False
        self._tally = Tally()

    @property
    def tally(self) -> Tally:
        """`dropped` counts segments without a row."""
        return self._tally

    def on_segment(self, segment: SegmentInfo) -> None:
        """A segment is complete on disk. Called on the recording thread."""
        self._loop.call_soon_threadsafe(self._take, segment)

    def finish(self) -> None:
        """The recorder has ended."""
        self._finishing = True
        self._news.set()

    async def run(self) -> None:
        """Write rows until the recorder has ended."""
        while True:
            finishing = self._finishing
            self._news.clear()
            while self._waiting:
                segment = self._waiting[0]
                await self._db.run(lambda conn: segments.add(conn, self._rtstream_id, segment))  # noqa: B023
                self._waiting.popleft()
                self._tally.succeeded()
            if finishing:
                return
            await self._news.wait()

    def _take(self, segment: SegmentInfo) -> None:
        self.recorded_until = segment.end
        if len(self._waiting) >= MAX_WAITING:
            self._tally.dropped += 1
            logger.error("%s: segment %s has no row: the database does not take any", self._rtstream_id, segment.path)
            return
        self._waiting.append(segment)
        self._news.set()
