"""Lanes for models: bounded, in order, safe to cancel and to close."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from aiortstream.local.ai.executor import ExecutorStatistics, ModelBusy, ModelExecutor
from aiortstream.local.ai.protocols import BackendMissing, ModelError

DEADLINE = 10.0


@pytest.fixture
async def lane() -> AsyncIterator[ModelExecutor]:
    executor = ModelExecutor("test", workers=1, max_waiting=2)
    yield executor
    await executor.aclose()


class Gate:
    """A call that says when it has begun, and ends when it is told to."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()
        self.ended = threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.go.wait(DEADLINE)
        self.ended.set()
        return "through"

    async def has_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, DEADLINE)


async def test_a_call_runs_on_a_thread_of_the_lane_with_its_arguments(lane: ModelExecutor) -> None:
    def call(one: int, *, other: int) -> tuple[int, str]:
        return one + other, threading.current_thread().name

    total, thread = await lane.run(call, 1, other=2)

    assert total == 3
    assert thread.startswith("aiortstream-test")


async def test_a_full_line_refuses_at_once_and_counts(lane: ModelExecutor) -> None:
    gate = Gate()
    calls = [asyncio.create_task(lane.run(gate)) for _ in range(3)]
    await gate.has_begun()

    with pytest.raises(ModelBusy, match="3 calls of test models"):
        await lane.run(gate)

    assert lane.statistics() == ExecutorStatistics(unfinished=3, refused=1)
    gate.go.set()
    assert await asyncio.gather(*calls) == ["through"] * 3
    assert await lane.run(int, "7") == 7


async def test_calls_are_served_in_the_order_they_came() -> None:
    executor = ModelExecutor("order", max_waiting=10)
    gate, order = Gate(), list[int]()
    first = asyncio.create_task(executor.run(gate))
    await gate.has_begun()
    calls = [asyncio.create_task(executor.run(order.append, number)) for number in range(10)]
    await asyncio.sleep(0)
    assert executor.statistics().unfinished == 11

    gate.go.set()
    await asyncio.gather(first, *calls)

    assert order == list(range(10))
    await executor.aclose()


async def test_a_cancelled_call_that_waits_never_runs_and_leaves_its_place(lane: ModelExecutor) -> None:
    gate, ran = Gate(), list[int]()
    running = asyncio.create_task(lane.run(gate))
    await gate.has_begun()
    waiting = asyncio.create_task(lane.run(ran.append, 1))
    await asyncio.sleep(0)
    assert lane.statistics().unfinished == 2

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert lane.statistics().unfinished == 1
    gate.go.set()
    await running
    await lane.run(ran.append, 2)
    assert ran == [2]


async def test_a_cancelled_call_that_runs_keeps_its_place_until_its_thread_is_done(lane: ModelExecutor) -> None:
    gate = Gate()
    running = asyncio.create_task(lane.run(gate))
    await gate.has_begun()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert lane.statistics().unfinished == 1
    gate.go.set()
    assert await lane.run(gate.ended.is_set)
    assert lane.statistics().unfinished == 0


async def test_errors_of_libraries_become_model_errors_and_keep_their_cause(lane: ModelExecutor) -> None:
    with pytest.raises(ModelError, match="a test model failed: ValueError: invalid literal") as caught:
        await lane.run(int, "seven")
    assert isinstance(caught.value.__cause__, ValueError)


async def test_model_errors_pass_as_they_are(lane: ModelExecutor) -> None:
    def fail() -> None:
        raise BackendMissing("install it")

    with pytest.raises(BackendMissing, match=r"^install it$"):
        await lane.run(fail)


async def test_closing_lets_the_running_call_end_fails_the_waiting_ones_and_joins_the_threads() -> None:
    executor = ModelExecutor("closing")
    gate, ran = Gate(), list[int]()
    running = asyncio.create_task(executor.run(gate))
    await gate.has_begun()
    waiting = asyncio.create_task(executor.run(ran.append, 1))
    await asyncio.sleep(0)

    closing = asyncio.create_task(executor.aclose())
    await asyncio.sleep(0)
    gate.go.set()
    await closing

    assert await running == "through"
    with pytest.raises(ModelError, match="closed"):
        await waiting
    with pytest.raises(ModelError, match="closed"):
        await executor.run(int)
    assert ran == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("aiortstream-closing")]
    await executor.aclose()


@pytest.mark.parametrize(("workers", "max_waiting"), [(0, 1), (1, -1)])
def test_senseless_bounds_are_refused(workers: int, max_waiting: int) -> None:
    with pytest.raises(ValueError, match=f"got {workers} and {max_waiting}"):
        ModelExecutor("bad", workers=workers, max_waiting=max_waiting)
