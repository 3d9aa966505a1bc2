"""The buffer between the socket's reader and one consumer."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aiortstream.live.buffer import Buffer
from aiortstream.records import (
    CaptureSessionEvent,
    DecodeFailure,
    Gap,
    PartialTranscript,
    Scene,
    SpokenWord,
    TranscriptSegment,
    UnknownEvent,
)


def buffer(max_items: int = 10, max_bytes: int = 100_000) -> Buffer[Any]:
    return Buffer(max_items, max_bytes)


def partial(text: str) -> PartialTranscript:
    return PartialTranscript(1720000000.0, 1720000001.0, text, "rts-1")


async def waiting(made: Buffer[Any]) -> asyncio.Task[None]:
    task = asyncio.create_task(made.wait())
    await asyncio.sleep(0)
    assert not task.done()
    return task


def test_items_come_in_order_and_then_there_is_none() -> None:
    made = buffer()
    made.extend([1, 2])
    made.put(3)
    assert list(made) == [1, 2, 3]
    assert [made.pop(), made.pop(), made.pop()] == [1, 2, 3]
    with pytest.raises(LookupError):
        made.pop()


async def test_waiting_returns_at_once_where_there_is_something() -> None:
    made = buffer()
    made.put(1)
    await made.wait()
    assert made.pop() == 1
    made.end()
    await made.wait()


async def test_an_item_wakes_the_consumer_and_stays_until_it_is_popped() -> None:
    made = buffer()
    task = await waiting(made)
    made.put(1)
    made.put(2)
    await task
    assert len(made) == 2


@pytest.mark.parametrize("put_first", [True, False])
async def test_a_consumer_cancelled_as_an_item_comes_loses_nothing(put_first: bool) -> None:
    made = buffer()
    task = await waiting(made)
    if put_first:
        made.put("kept")
    task.cancel()
    if not put_first:
        made.put("kept")
    with pytest.raises(asyncio.CancelledError):
        await task
    await made.wait()
    assert made.pop() == "kept"


async def test_after_a_cancelled_consumer_another_may_wait() -> None:
    made = buffer()
    first = await waiting(made)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = await waiting(made)
    made.put(1)
    await second


async def test_a_second_consumer_is_refused_and_the_first_goes_on() -> None:
    made = buffer()
    first = await waiting(made)
    with pytest.raises(RuntimeError, match="one consumer a watch"):
        await made.wait()
    made.put(1)
    await first


async def test_a_consumer_whose_item_another_took_waits_for_the_next() -> None:
    made = buffer()
    task = await waiting(made)
    made.put(1)
    assert made.pop() == 1
    await asyncio.sleep(0)
    assert not task.done()
    made.put(2)
    await task
    assert made.pop() == 2


async def test_the_end_comes_after_the_items() -> None:
    made = buffer()
    made.put(1)
    made.end(ValueError("why"))
    made.put(2)
    assert made.ended
    assert list(made) == [1]
    made.pop()
    with pytest.raises(ValueError, match="why"):
        made.raise_end()
    with pytest.raises(StopAsyncIteration):
        made.raise_end()


async def test_the_end_wakes_the_consumer_and_the_first_end_counts() -> None:
    made = buffer()
    task = await waiting(made)
    made.end()
    made.end(ValueError("too late"))
    await task
    for _ in range(2):
        with pytest.raises(StopAsyncIteration):
            made.raise_end()


@pytest.mark.parametrize("size", [1, 2, 7, 10])
def test_the_bound_of_items(size: int) -> None:
    made = buffer(max_items=size)
    room = []
    for _ in range(size + 1):
        room.append(made.has_room)
        made.put(0)
    assert room == [True] * size + [False]
    while not made.is_low:
        made.pop()
    assert len(made) == size // 2


def test_the_bound_of_bytes_counts_texts() -> None:
    made = buffer(max_bytes=5000)
    seen = []
    for _ in range(3):
        seen.append((made.has_room, made.is_low))
        made.put(partial("x" * 3000))
    assert seen == [(True, True), (True, False), (False, False)]
    made.clear()
    assert (made.bytes, made.is_low) == (0, True)


@pytest.mark.parametrize(
    "item",
    [
        UnknownEvent("new", {"channel": "new", "data": {"a": "x" * 10_000}}),
        CaptureSessionEvent("capture_session.active", "c", None, {"a": ["x" * 10_000]}),
        Scene(1.0, 2.0, "short", "rts-1", "visual", metadata={"a": "x" * 10_000}),
        TranscriptSegment(1.0, 2.0, "short", "rts-1", words=(SpokenWord(1.0, 2.0, "x"),) * 100),
        DecodeFailure("reason", b"x" * 10_000),
    ],
    ids=lambda item: type(item).__name__,
)
def test_the_bound_of_bytes_counts_what_is_not_text(item: object) -> None:
    made = buffer(max_bytes=5000)
    made.put(item)
    assert (made.bytes > 10_000, made.has_room) == (True, False)
    made.put_back(made.pop())
    made.pop()
    assert made.bytes == 0


def test_what_lies_too_deep_to_be_measured_is_taken_all_the_same() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    made = buffer(max_bytes=5000)
    made.put(UnknownEvent("new", {"data": deep}))
    assert not made.has_room
    assert made.pop().channel == "new"
    assert made.bytes == 0


def test_bytes_are_given_back_by_every_way_out() -> None:
    made = buffer()
    items = [partial("a"), Gap("scene", 1.0, None, "disconnected", True), 5]
    made.extend(items)
    held = made.bytes
    made.pop()
    assert 0 < made.bytes < held
    assert made.clear() == items[1:]
    made.put(items[0])
    made.pop()
    assert (made.bytes, len(made)) == (0, 0)
