"""One stream at work: its ingest, its recorder, its pipelines, brought in line with what the database wants."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from aiortstream.local.ingest.source import SourceSpec, UnsupportedSource, parse_source
from aiortstream.local.paths import segments_folder
from aiortstream.local.recording.segmenter import Segmenter, recover
from aiortstream.local.runtime.crew import Crew
from aiortstream.local.runtime.intake import Ingest, Intake, MakeIngest
from aiortstream.local.runtime.plan import Plan, read_plan
from aiortstream.local.runtime.segments import SegmentLog
from aiortstream.local.runtime.status import StatusLog
from aiortstream.local.runtime.work import Work
from aiortstream.local.store import segments, streams

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from aiortstream.local.ingest.status import IngestStatus
    from aiortstream.local.pipelines.base import Context, Tally

logger = logging.getLogger("aiortstream.local.runtime")


@dataclass(slots=True)
class _Session:
    """From a start to the stop or the end that follows it."""

    crew: Crew
    intake: Intake
    work: Work
    task: asyncio.Task[None]  # ingests; where the source ends by itself, it ends the session too


class StreamRuntime:
    """One stream. `apply` makes it so as the database has it, `aclose` ends it and leaves the database as it is."""

    def __init__(self, rtstream_id: str, context: Context, data_dir: Path, make_ingest: MakeIngest) -> None:
        self._id = rtstream_id
        self._context = context
        self._data_dir = data_dir
        self._make_ingest = make_ingest
        self._lock = asyncio.Lock()  # around whatever begins, changes or ends a session
        self._session: _Session | None = None  # set while the stream runs
        self._closed = False

    @property
    def running(self) -> bool:
        """Whether it is being ingested."""
        return self._session is not None

    def statistics(self) -> Mapping[str, Tally]:
        """What its pipelines have done, by name; empty while it is stopped."""
        if self._session is None:
            return {}
        crew = self._session.crew
        return {key: crew[key].tally for key in crew}

    def ingest_status(self) -> IngestStatus | None:
        """How its source is doing at this moment; None while it is stopped."""
        return None if self._session is None else self._session.intake.status

    async def apply(self) -> None:
        """Start, stop or change what differs from what is wanted; returns when that is done.

        Not to be cancelled: a session is never left half begun or half ended.
        """
        async with self._lock:
            plan = await self._context.db.read(lambda conn: read_plan(conn, self._id))
            if plan is None or self._closed:
                return
            if not plan.stream.wanted:
                await self._end()
            elif self._session is None:
                await self._begin(plan)
            if self._session is not None:
                await self._session.work.follow(plan)

    async def aclose(self) -> None:
        """End it, after what is at hand. What is wanted stays wanted, for the next start of the server."""
        async with self._lock:
            self._closed = True
            await self._end()

    async def _begin(self, plan: Plan) -> None:
        try:
            # On a thread, like the recovery: both look at files.
            spec = await asyncio.to_thread(parse_source, plan.stream.url, self._context.files)
            recorded_until = None
            if plan.stream.store:
                await asyncio.to_thread(self._recover)
                recorded_until = await self._context.db.read(lambda conn: segments.last_end(conn, self._id))
        except UnsupportedSource as error:
            await self._give_up(str(error))
            return
        except OSError as error:
            await self._give_up(f"the folder of its recording cannot be used: {error}")
            return
        crew = Crew(self._id)
        intake = Intake(partial(self._make, plan, spec, *self._logs(plan, crew, recorded_until)), name=self._id)
        work = Work(self._context, crew, intake)
        task = asyncio.create_task(self._ingest(intake), name=f"{self._id} ingest")
        self._session = _Session(crew, intake, work, task)

    def _recover(self) -> None:
        if lost := recover(segments_folder(self._data_dir, self._id)):
            logger.warning("%s: %d unfinished segments of an earlier run were deleted", self._id, lost)

    def _logs(self, plan: Plan, crew: Crew, recorded_until: float | None) -> tuple[StatusLog, SegmentLog | None]:
        status = StatusLog(self._context.db, self._context.captures, self._id)
        crew.start("status", status)
        if not plan.stream.store:
            return status, None
        recording = SegmentLog(self._context.db, self._id, recorded_until=recorded_until)
        crew.start("recording", recording)
        return status, recording

    def _make(self, plan: Plan, spec: SourceSpec, status: StatusLog, recording: SegmentLog | None) -> Ingest:
        recorder = None
        if recording is not None:
            recorder = Segmenter(segments_folder(self._data_dir, self._id), on_segment=recording.on_segment)
        return self._make_ingest(
            spec,
            media_types=plan.stream.media_types,
            recorder=recorder,
            on_status=status.on_status,
            name=self._id,
            not_before=None if recording is None else recording.recorded_until,
        )

    async def _ingest(self, intake: Intake) -> None:
        """Ingest to the source's end; then end the session and say why."""
        reason = await intake.run()
        async with self._lock:
            if self._session is not None:
                await self._session.work.finish()
                self._session = None
            try:
                await self._give_up(reason)
            except sqlite3.Error:
                logger.exception("%s: that its source has ended cannot be written", self._id)

    async def _end(self) -> None:
        """End the session, if there is one. Called with the lock, so that its task cannot be ending it too."""
        if self._session is None:
            return
        task = self._session.task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self._session.work.finish()
        self._session = None

    async def _give_up(self, reason: str) -> None:
        logger.info("%s: stopped (%s)", self._id, reason)
        await self._context.db.run(lambda conn: streams.unwant(conn, self._id, reason=reason, at=time.time()))
