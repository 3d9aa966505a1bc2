"""Pictures to scenes: windows of frames are described, one at a time; while one is, only the latest other waits."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from aiortstream.local.ai.protocols import ModelError
from aiortstream.local.patience import call_model
from aiortstream.local.pipelines.base import Tally
from aiortstream.local.pipelines.inbox import Inbox
from aiortstream.local.pipelines.scenes import Draft
from aiortstream.local.pipelines.windows import FrameWindow, FrameWindows

if TYPE_CHECKING:
    from aiortstream.local.batching import VisualBatch
    from aiortstream.local.pipelines.base import Context
    from aiortstream.local.pipelines.scenes import Writer
    from aiortstream.local.store.indexes import IndexRow
    from aiortstream.local.store.streams import StreamRow

logger = logging.getLogger("aiortstream.local.visuals")

MAX_WAITING = 1  # windows: each holds up to 30 pictures, and the latest is worth the most
_CALL_SECONDS = 60.0


class Visuals:
    """One visual index, or an understanding.

    `stream` and `index` may be replaced while it runs: by the same with another name, prompt.
    """

    def __init__(
        self, context: Context, stream: StreamRow, index: IndexRow, batch: VisualBatch, writer: Writer
    ) -> None:
        self.stream = stream
        self.index = index
        self._context = context
        self._writer = writer
        self._tally = Tally()
        self._inbox: Inbox[FrameWindow] = Inbox(limit=MAX_WAITING, batch=1, weight=lambda _: 1)
        self.windows = FrameWindows(batch, self._inbox.put)
        """The tap for the stream's frames."""

    @property
    def tally(self) -> Tally:
        """`dropped` counts windows."""
        self._tally.dropped = self._inbox.dropped
        return self._tally

    def finish(self) -> None:
        """No more frames come: what there is of the last window is described too."""
        self.windows.flush()
        self._inbox.close()

    async def run(self) -> None:
        """Describe until no more frames come."""
        await self._context.warm(vision=True, text=True)
        while not self._inbox.exhausted:
            for window in await self._inbox.take():
                await self._describe(window)

    async def _describe(self, window: FrameWindow) -> None:
        index = self.index
        try:
            describer = self._context.models.describer(index.model_name)
            description = await call_model(
                lambda: describer.describe(window.frames, index.prompt), seconds=_CALL_SECONDS
            )
        except (ModelError, ValueError) as error:
            logger.warning("index %s: a window is not described: %s", index.id, error)
            self._tally.failed(str(error))
            return
        draft = Draft(window.start_ms, window.end_ms, description.text, description.metadata or None, describer.model)
        await self._writer.write(self.stream, index, draft)
        self._tally.succeeded(ended=window.end_ms / 1000)
