"""Awaiting a thread of one's own."""

from __future__ import annotations

import asyncio
import threading

import pytest

from aiortstream.local.ingest.threads import call_on, run_thread


async def test_it_returns_what_the_work_returns_and_raises_what_it_raises() -> None:
    stop = threading.Event()
    name = await run_thread(lambda: threading.current_thread().name, name="work", stop=stop, grace=1)
    assert name == "work"

    def fail() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await run_thread(fail, name="work", stop=stop, grace=1)
    assert not stop.is_set()


async def test_cancelling_stops_and_joins_the_thread() -> None:
    stop, started = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> bool:
        loop.call_soon_threadsafe(started.set)
        return stop.wait(30)

    task = asyncio.create_task(run_thread(work, name="work-to-cancel", stop=stop, grace=5))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not [thread for thread in threading.enumerate() if thread.name == "work-to-cancel"]


async def test_a_thread_that_does_not_hear_is_left_after_the_grace(caplog: pytest.LogCaptureFixture) -> None:
    stop, let_go, started = threading.Event(), threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work() -> None:
        loop.call_soon_threadsafe(started.set)
        let_go.wait(30)

    task = asyncio.create_task(run_thread(work, name="deaf", stop=stop, grace=0.01))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stop.is_set()
    assert "deaf did not stop within" in caplog.text
    let_go.set()


def test_calling_on_a_closed_loop_does_nothing() -> None:
    loop = asyncio.new_event_loop()
    loop.close()
    call_on(loop, print, "unheard")
