"""Pipelines kept at work: begun again when they break, ended in good order and in time."""

from __future__ import annotations

import asyncio
import logging

import pytest

from aiortstream.local.pipelines.base import Tally
from aiortstream.local.runtime.crew import Crew

FAST = 0.001  # seconds before a broken pipeline is begun again


class Script:
    """A pipeline whose runs go as told: an exception breaks it off, None lets it work until it is finished."""

    def __init__(self, *runs: Exception | None, stubborn: bool = False) -> None:
        self.tally = Tally()
        self.begun = 0
        self.changed = asyncio.Event()
        self.finished = asyncio.Event()
        self._runs = runs
        self._stubborn = stubborn

    def finish(self) -> None:
        self.finished.set()

    async def run(self) -> None:
        outcome = self._runs[min(self.begun, len(self._runs) - 1)]
        self.begun += 1
        self.changed.set()
        if outcome is not None:
            raise outcome
        await (asyncio.Event() if self._stubborn else self.finished).wait()

    async def wait_begun(self, times: int) -> None:
        async with asyncio.timeout(5):
            while self.begun < times:
                self.changed.clear()
                await self.changed.wait()


async def test_one_that_breaks_is_begun_again_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    crew = Crew("s", first_delay=FAST)
    broken, sound = Script(ValueError("no"), KeyError("x"), None), Script(None)
    crew.start("broken", broken)
    crew.start("sound", sound)
    await broken.wait_begun(3)
    assert (broken.tally.failures, sound.begun) == (2, 1)
    assert broken.tally.last_error == "KeyError: 'x'"
    assert "broke off" in caplog.text
    await crew.finish(list(crew), seconds=5)
    assert list(crew) == []


async def test_one_that_does_not_end_is_cut_off(caplog: pytest.LogCaptureFixture) -> None:
    crew = Crew("s")
    crew.start("stubborn", Script(None, stubborn=True))
    with caplog.at_level(logging.WARNING):
        await crew.finish(["stubborn"], seconds=0)
    assert "cut off" in caplog.text
    assert "stubborn" not in crew


async def test_one_that_is_finished_while_it_waits_to_begin_again_gets_one_more_chance() -> None:
    crew = Crew("s", first_delay=3600)
    script = Script(ValueError("no"))
    crew.start("broken", script)
    await script.wait_begun(1)
    await crew.finish(["broken"], seconds=5)
    assert script.begun == 2


async def test_cancelling_the_finish_cuts_off() -> None:
    crew = Crew("s")
    crew.start("stubborn", Script(None, stubborn=True))
    task = asyncio.create_task(crew.finish(["stubborn"], seconds=3600))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [task for task in asyncio.all_tasks() if task.get_name() == "s stubborn"] == []
