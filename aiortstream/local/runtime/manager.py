"""All streams of a server."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

from aiortstream.local.ingest.source import ALL_FILES
from aiortstream.local.ingest.stream import StreamIngest
from aiortstream.local.paths import VIDEOS
from aiortstream.local.pipelines.base import Context
from aiortstream.local.runtime.bindings import Bindings
from aiortstream.local.runtime.captures import CaptureEvents
from aiortstream.local.runtime.stream import StreamRuntime
from aiortstream.local.store import streams

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from aiortstream.local.ingest.source import FileSources
    from aiortstream.local.ingest.status import IngestStatus
    from aiortstream.local.pipelines.base import Tally
    from aiortstream.local.ports import Models, OutboxWaker, Publisher, Urls
    from aiortstream.local.profile import Profile
    from aiortstream.local.runtime.intake import MakeIngest
    from aiortstream.local.store.database import Database

logger = logging.getLogger("aiortstream.local.runtime")

RESUME_SECONDS = 0.05  # between two streams after a start: opening is the dearest moment of a stream


class StreamManager:
    """Runs what the database wants: `start` resumes it, `apply` follows a change of it, `aclose` ends it.

    `bindings` are the websocket connections that are told of transcripts, scenes and alerts; `captures` tells how
    capture sessions go on.
    """

    def __init__(
        self,
        db: Database,
        models: Models,
        publisher: Publisher,
        outbox_waker: OutboxWaker,
        urls: Urls,
        data_dir: Path,
        profile: Profile,
        *,
        make_ingest: MakeIngest = StreamIngest,
        files: FileSources = ALL_FILES,
    ) -> None:
        self.bindings = Bindings()
        self._db = db
        self._data_dir = data_dir
        self._make_ingest = make_ingest
        self.captures = CaptureEvents(self.bindings, publisher, outbox_waker)
        self._context = Context(db, models, publisher, outbox_waker, urls, profile, self.bindings, self.captures, files)
        self._runtimes: dict[str, StreamRuntime] = {}
        self._tasks: set[asyncio.Task[None]] = set()  # changes under way, and the resuming
        self._resuming: asyncio.Task[None] | None = None  # set by `start`
        self._closing = False

    async def start(self) -> None:
        """Take up what was bound, and resume all streams that were not stopped; returns before they are connected."""
        await self.bindings.load(self._db)
        await asyncio.to_thread(_clear_unfinished, self._data_dir / VIDEOS)
        wanted = await self._db.run(_resumable)
        self._resuming = asyncio.create_task(self._resume(wanted), name="resuming streams")
        self._own(self._resuming)

    async def apply(self, rtstream_id: str) -> None:
        """A stream's wishes have changed in the database: see to them; returns when that is done.

        Cancelling stops the waiting, not the change. While the manager closes it does nothing.
        """
        if self._closing:
            return
        runtime = self._runtimes.get(rtstream_id)
        if runtime is None:
            runtime = StreamRuntime(rtstream_id, self._context, self._data_dir, self._make_ingest)
            self._runtimes[rtstream_id] = runtime
        task = asyncio.create_task(runtime.apply(), name=f"{rtstream_id} apply")
        self._own(task)
        await asyncio.shield(task)

    async def tidy_bindings(self, connected: Iterable[str]) -> None:
        """Forget what is bound to connections that are not among these, and have not been for too long."""
        await self.bindings.tidy(self._db, connected)

    def statistics(self) -> Mapping[str, Mapping[str, Tally]]:
        """What the pipelines of each running stream have done: by stream id, then by name."""
        return {key: runtime.statistics() for key, runtime in self._runtimes.items() if runtime.running}

    @property
    def outbox(self) -> OutboxWaker:
        """What sends callbacks."""
        return self._context.outbox

    def vitals(self, rtstream_id: str) -> tuple[IngestStatus | None, Mapping[str, Tally]]:
        """How a stream's source is doing, and what its pipelines have done; None and empty while it is stopped."""
        runtime = self._runtimes.get(rtstream_id)
        return (None, {}) if runtime is None else (runtime.ingest_status(), runtime.statistics())

    async def aclose(self) -> None:
        """End all streams, each after what it has at hand, within some fifteen seconds. Closing twice is fine."""
        self._closing = True
        if self._resuming is not None:
            self._resuming.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        outcomes = await asyncio.gather(*(each.aclose() for each in self._runtimes.values()), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                logger.error("a stream did not end well", exc_info=outcome)

    async def _resume(self, wanted: Sequence[str]) -> None:
        for rtstream_id in wanted:
            try:
                await self.apply(rtstream_id)
            except Exception:
                logger.exception("%s cannot be resumed", rtstream_id)
            await asyncio.sleep(RESUME_SECONDS)

    def _own(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s failed", task.get_name(), exc_info=error)


def _resumable(conn: sqlite3.Connection) -> Sequence[str]:
    """Streams to resume: nobody is connected to any of them yet, whatever was true when the server ended."""
    wanted = streams.wanted(conn)
    for rtstream_id in wanted:
        streams.report(conn, rtstream_id, "connecting", None, at=time.time())
    return wanted


def _clear_unfinished(directory: Path) -> None:
    """Delete what a crash has left of exports."""
    for leftover in directory.glob("*.part"):
        leftover.unlink(missing_ok=True)
