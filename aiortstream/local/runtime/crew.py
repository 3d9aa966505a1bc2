"""The pipelines of one stream at work: each in a task of its own, begun again when it breaks, ended in good order."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aiortstream.local.pipelines.base import Pipeline

logger = logging.getLogger("aiortstream.local.runtime")

FIRST_DELAY = 1.0  # seconds before a pipeline that broke is begun again; doubled each time
LONGEST_DELAY = 60.0


@dataclass(slots=True)
class _Member:
    pipeline: Pipeline
    task: asyncio.Task[None]
    finishing: asyncio.Event


class Crew:
    """Pipelines by name. One that breaks is logged and begun again after a while, and the others never notice."""

    def __init__(self, name: str, *, first_delay: float = FIRST_DELAY) -> None:
        self._name = name
        self._first_delay = first_delay
        self._members: dict[str, _Member] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._members

    def __getitem__(self, key: str) -> Pipeline:
        return self._members[key].pipeline

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._members))

    def start(self, key: str, pipeline: Pipeline) -> None:
        """Set a pipeline to work."""
        finishing = asyncio.Event()
        task = asyncio.create_task(self._keep_running(key, pipeline, finishing), name=f"{self._name} {key}")
        self._members[key] = _Member(pipeline, task, finishing)

    async def finish(self, keys: Iterable[str], *, seconds: float) -> None:
        """Let these end after what they have at hand, and cancel those that have not within `seconds`.

        Cancelling it cancels them.
        """
        leaving = [self._members[key] for key in keys]
        for member in leaving:
            member.finishing.set()
            member.pipeline.finish()
        tasks = {member.task for member in leaving}
        try:
            if tasks:
                _, late = await asyncio.wait(tasks, timeout=seconds)
                for task in late:
                    logger.warning("%s has not ended within %.1f s and is cut off", task.get_name(), seconds)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._members = {key: member for key, member in self._members.items() if member.task not in tasks}

    async def _keep_running(self, key: str, pipeline: Pipeline, finishing: asyncio.Event) -> None:
        delay = self._first_delay
        while True:
            records = pipeline.tally.records
            try:
                return await pipeline.run()
            except Exception as error:
                logger.exception("%s: %s broke off", self._name, key)
                pipeline.tally.failed(f"{type(error).__name__}: {error}")
            if finishing.is_set():
                return None
            if pipeline.tally.records > records:
                delay = self._first_delay  # it had worked
            try:
                async with asyncio.timeout(delay * random.uniform(0.5, 1.0)):  # noqa: S311 - spreads load
                    await finishing.wait()
            except TimeoutError:
                pass
            delay = min(2 * delay, LONGEST_DELAY)
