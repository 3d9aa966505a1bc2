"""From a thread to the loop: bounded, nothing lost silently, nobody waiting for the other."""

from __future__ import annotations

import asyncio
import threading

import pytest

from aiortstream.local.pipelines.inbox import Inbox


def inbox(limit: float = 10, batch: float = 1) -> Inbox[float]:
    return Inbox(limit=limit, batch=batch, weight=lambda item: item)


async def test_all_of_a_threads_items_arrive_in_order() -> None:
    box: Inbox[int] = Inbox(limit=100_000, batch=1, weight=lambda _: 1)

    def produce() -> None:
        for number in range(5_000):
            box.put(number)

    thread = threading.Thread(target=produce)
    thread.start()
    taken: list[int] = []
    while len(taken) < 5_000:
        taken += await box.take(seconds=5)
    thread.join()
    assert taken == list(range(5_000))
    assert box.dropped == 0


async def test_the_oldest_give_way_and_are_counted() -> None:
    box = inbox(limit=5)
    for weight in (1.0, 2.0, 3.0, 1.5):
        box.put(weight)
    assert await box.take() == [3.0, 1.5]
    assert box.dropped == 3.0


async def test_one_item_beyond_the_limit_is_kept() -> None:
    box = inbox(limit=2)
    box.put(7.0)
    assert await box.take() == [7.0]


async def test_it_wakes_only_for_what_is_worth_it() -> None:
    box = inbox(batch=3)
    task = asyncio.create_task(box.take())
    box.put(1.0)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not task.done()
    box.put(2.0)
    assert await task == [1.0, 2.0]


async def test_after_a_while_it_gives_what_little_there_is() -> None:
    box = inbox(batch=3)
    assert await box.take(seconds=0) == []
    box.put(1.0)
    assert await box.take(seconds=0) == [1.0]


async def test_a_cancelled_take_leaves_everything() -> None:
    box = inbox(batch=3)
    box.put(1.0)
    task = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    box.close()
    assert await box.take() == [1.0]


async def test_closing_wakes_and_ends() -> None:
    box = inbox(batch=3)
    task = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    box.put(1.0)
    box.close()
    box.put(2.0)
    assert await task == [1.0]
    assert box.exhausted
    assert await box.take() == []
