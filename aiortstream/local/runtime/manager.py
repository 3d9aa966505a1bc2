"""All streams at run time. The database says what is wanted; `apply` makes it so, one stream at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from aiortstream.local.pipelines.base import Context
from aiortstream.local.runtime.bindings import Bindings
from aiortstream.local.runtime.stream import StreamRuntime
from aiortstream.local.runtime.wishes import read_wishes
from aiortstream.local.store import streams

if TYPE_CHECKING:
    from pathlib import Path

    from aiortstream.local.ports import Models, OutboxWaker, Publisher, Urls
    from aiortstream.local.profile import Profile
    from aiortstream.local.store.database import Database

logger = logging.getLogger("aiortstream.local.runtime")

STAGGER = 0.05  # seconds between the streams that are taken up at the start: opening is the expensive moment
CLOSE_SECONDS = 30.0  # for all streams to end what is at hand


class StreamManager:
    """Owns the runtime of every stream."""

    def __init__(
        self,
        db: Database,
        models: Models,
        publisher: Publisher,
        outbox: OutboxWaker,
        urls: Urls,
        data_dir: Path,
        profile: Profile,
    ) -> None:
        self.bindings = Bindings()
        self._context = Context(db, models, publisher, outbox, urls, profile, self.bindings)
        self._data_dir = data_dir
        self._runtimes: dict[str, StreamRuntime] = {}
        self._turns: dict[str, asyncio.Lock] = {}  # one `apply` of a stream at a time
        self._tasks: set[asyncio.Task[None]] = set()  # applications under way
        self._closing = False

    async def start(self) -> None:
        """Take up the streams that ran when the server last stopped; returns when they have been begun on."""
        wanted = await self._context.db.read(streams.wanted)
        if wanted:
            self._begin(self._take_up(list(wanted)))

    async def apply(self, rtstream_id: str) -> None:
        """Make what runs agree with what the database wants of a stream.

        Cancelling it leaves that going on: half of it would be a state that nobody asked for.
        """
        if self._closing:
            return
        await asyncio.shield(self._begin(self._apply(rtstream_id)))

    async def aclose(self) -> None:
        """End every stream, all at once, each within a deadline. They are taken up again by the next server."""
        self._closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*(runtime.aclose() for runtime in self._runtimes.values()))
        except TimeoutError:
            logger.warning("streams did not end within %g s and were cut off", CLOSE_SECONDS)
        self._runtimes.clear()

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a stream could not be brought to what is wanted of it", exc_info=task.exception())

    async def _take_up(self, rtstream_ids: list[str]) -> None:
        for rtstream_id in rtstream_ids:
            try:
                await self._apply(rtstream_id)
            except Exception:
                logger.exception("stream %s could not be taken up", rtstream_id)
            await asyncio.sleep(STAGGER)

    async def _apply(self, rtstream_id: str) -> None:
        async with self._turns.setdefault(rtstream_id, asyncio.Lock()):
            wishes = await self._context.db.read(lambda conn: read_wishes(conn, rtstream_id))
            runtime = self._runtimes.get(rtstream_id)
            if wishes is None or (runtime is None and not wishes.stream.wanted):
                return
            if runtime is None:
                runtime = StreamRuntime(self._context, self._data_dir, wishes.stream)
                self._runtimes[rtstream_id] = runtime
            await runtime.apply(wishes)
            if not wishes.stream.wanted:
                del self._runtimes[rtstream_id]
