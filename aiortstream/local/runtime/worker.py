"""A pipeline and the task it runs in: kept running, and ended in order."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from aiortstream.local.pipelines.base import Pipeline

logger = logging.getLogger("aiortstream.local.runtime")

DRAIN_SECONDS = 10.0  # for what is at hand when a pipeline is ended
RESTART_DELAY = 1.0  # seconds before a pipeline that broke off runs again

P = TypeVar("P", bound="Pipeline")


class Worker(Generic[P]):
    """Runs one pipeline. A run that breaks off is logged and counted, and begun again: ingest never suffers for it."""

    def __init__(self, pipeline: P, name: str) -> None:
        self.pipeline = pipeline
        self._name = name
        self._task = asyncio.create_task(self._run(), name=name)

    async def end(self) -> None:
        """Let it do what is at hand, within a deadline; then it is gone. Cancelling it cuts that short."""
        self.pipeline.finish()
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                await asyncio.shield(self._task)
        except TimeoutError:
            logger.warning("%s did not finish within %g s and was cut off", self._name, DRAIN_SECONDS)
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self.pipeline.run()
            except Exception as error:
                logger.exception("%s broke off and begins again", self._name)
                self.pipeline.tally.failed(f"{type(error).__name__}: {error}")
                await asyncio.sleep(RESTART_DELAY)
            else:
                return
