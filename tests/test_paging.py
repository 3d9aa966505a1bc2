"""Lists that come in pages: awaited, iterated, cancelled, and of servers that do not turn the page."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from cancelling_driver import CancelAt
from conftest import MockedRest

from aiortstream import AsyncClient, ClientClosedError, Paged, ProtocolError, RTStream
from aiortstream.paging import At, Part, by_number, by_offset
from aiortstream.testing import ScriptedServer

T = 1_720_000_000.0


class Numbers:
    """A list of whole numbers, page by page, by offset; what is asked for is kept."""

    def __init__(self, numbers: list[int], size: int) -> None:
        self.numbers = numbers
        self.size = size
        self.asked: list[At | None] = []

    async def fetch(self, at: At | None) -> Part[list[int], int]:
        self.asked.append(at)
        await asyncio.sleep(0)
        begin = int(at or 0)
        page = self.numbers[begin : begin + self.size]
        return Part(page, page, by_offset(begin, self.size, page, len(self.numbers), None))

    def paged(self) -> Paged[list[int], int]:
        return Paged(self.fetch, lambda number: number)


async def test_awaiting_gives_one_page_and_reading_gives_all() -> None:
    numbers = Numbers(list(range(10)), 4)
    assert await numbers.paged() == [0, 1, 2, 3]
    assert numbers.asked == [None]
    assert [number async for number in numbers.paged()] == list(range(10))
    assert [page async for page in numbers.paged().pages()] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


async def test_nothing_is_asked_for_before_it_is_wanted() -> None:
    numbers = Numbers(list(range(10)), 4)
    items = aiter(numbers.paged())
    assert numbers.asked == []
    for expected in range(4):
        assert await anext(items) == expected
    assert numbers.asked == [None]
    assert await anext(items) == 4
    assert numbers.asked == [None, 4]


async def test_each_iteration_begins_anew() -> None:
    paged = Numbers([1, 2, 3], 2).paged()
    assert [number async for number in paged] == [number async for number in paged] == [1, 2, 3]


async def test_it_is_a_coroutine_to_whoever_wants_one() -> None:
    numbers = Numbers(list(range(10)), 4)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(numbers.paged())
    assert task.result() == [0, 1, 2, 3]
    assert list(await asyncio.gather(numbers.paged(), numbers.paged())) == [[0, 1, 2, 3]] * 2
    assert await asyncio.wait_for(numbers.paged(), 5) == [0, 1, 2, 3]
    cancelled = asyncio.create_task(numbers.paged())
    await asyncio.sleep(0)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    numbers.paged().close()
    with pytest.raises(KeyError):
        numbers.paged().throw(KeyError())


@pytest.mark.parametrize("at", range(1, 6))
async def test_a_step_cancelled_anywhere_loses_nothing(at: int) -> None:
    numbers = Numbers(list(range(23)), 4)
    items = aiter(numbers.paged())
    got: list[int] = []

    async def read() -> None:
        for _ in range(3):
            number = await anext(items)
            got.append(number)

    turn = 0
    while len(got) < 23:
        turn += 1
        task = asyncio.get_running_loop().create_task(CancelAt(read(), at + turn % 3))
        await asyncio.wait([task])
    assert got == list(range(23))


async def test_tasks_may_share_an_iteration() -> None:
    items = aiter(Numbers(list(range(50)), 7).paged())
    got: list[int] = []

    async def work() -> None:
        async for number in items:
            got.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(work(), work(), work())
    assert sorted(got) == list(range(50))


async def test_an_error_is_raised_and_the_same_page_is_asked_for_again() -> None:
    numbers = Numbers(list(range(6)), 2)
    fetch, failures = numbers.fetch, [ConnectionError("away")]

    async def fails(at: At | None) -> Part[list[int], int]:
        if at == 2 and failures:
            raise failures.pop()
        return await fetch(at)

    items = aiter(Paged(fails, lambda number: number))
    assert [await anext(items), await anext(items)] == [0, 1]
    with pytest.raises(ConnectionError):
        await anext(items)
    assert [number async for number in items] == [2, 3, 4, 5]


@pytest.mark.parametrize("size", [1, 2, 5])
async def test_what_is_inserted_meanwhile_makes_nothing_come_twice(size: int) -> None:
    numbers = Numbers(list(range(10)), size)
    got: list[int] = []
    async for number in numbers.paged():
        got.append(number)
        if number == 3:
            numbers.numbers[:0] = [-1, -2]  # newest first
    assert got == list(range(10))


async def test_a_server_that_ignores_the_offset_does_not_keep_us_for_ever() -> None:
    asked = []

    async def same(at: At | None) -> Part[list[int], int]:
        asked.append(at)
        return Part([1, 2], [1, 2], int(at or 0) + 2)

    items = aiter(Paged(same, lambda number: number))
    assert [await anext(items), await anext(items)] == [1, 2]
    with pytest.raises(ProtocolError, match="does not look at where a page is to begin"):
        await anext(items)
    assert asked == [None, 2, 4, 6]


async def test_a_cursor_that_does_not_move_is_the_same() -> None:
    async def same(_: At | None) -> Part[list[int], int]:
        return Part([1], [1], "cursor")

    items = aiter(Paged(same, lambda number: number))
    assert await anext(items) == 1
    with pytest.raises(ProtocolError):
        await anext(items)
    with pytest.raises(StopAsyncIteration):
        await anext(items)


def test_where_the_next_page_begins() -> None:
    assert by_offset(0, 10, [1] * 10, 25, None) == 10
    assert by_offset(20, 10, [1] * 5, 25, None) is None
    assert by_offset(0, 10, [1] * 5, None, "/rtstream/?offset=10") == 5  # it gave less than was asked for
    assert by_offset(0, 10, [1] * 10, None, None) == 10
    assert by_offset(0, 10, [1] * 9, None, None) is None
    assert by_offset(0, None, [1] * 10, None, None) is None
    assert by_offset(0, 10, [], 25, "next") is None
    assert by_number(1, items=[1], more=True) == 2
    assert by_number(1, items=[], more=True) is None
    assert by_number(1, items=[1], more=False) is None


# --- the lists of the client ------------------------------------------------------------------------------------------


async def test_streams_by_offset(client: AsyncClient, rest: MockedRest) -> None:
    for offset, ids in ((5, ["a", "b"]), (7, ["c"])):
        results = [{"id": each} for each in ids]
        rest.answer("GET", "/rtstream", {"results": results, "count": 8, "next": "/x" if offset == 5 else None})
    streams = client.list_rtstreams(limit=2, offset=5, name="cam")
    got: list[RTStream] = [stream async for stream in streams]
    assert [stream.id for stream in got] == ["a", "b", "c"]
    assert [query for _, _, query, _ in rest.requests] == [
        {"limit": "2", "offset": "5", "name": "cam"},
        {"limit": "2", "offset": "7", "name": "cam"},
    ]


async def test_history_by_pages_of_a_server() -> None:
    async with ScriptedServer() as server, AsyncClient("key", base_url=server.url) as client:
        stream = client.rtstream(server.add_stream())
        index = await stream.index_visuals(prompt="?")
        for number in range(7):
            server.emit_transcript(stream.id, f"{number}", start=T + number, end=T + number + 1)
            server.emit_scene(index.rtstream_index_id, f"{number}", start=T + number, end=T + number + 1)
        newest_first = [f"{number}" for number in reversed(range(7))]
        assert [segment.text async for segment in stream.get_transcript(page_size=3)] == newest_first
        assert [scene.text async for scene in index.get_scenes(page_size=2)] == newest_first
        assert [scene.text async for scene in index.get_scenes(page=3, page_size=2)] == newest_first[4:]
        assert [page.next_page async for page in stream.get_transcript(page_size=3).pages()] == [True, True, False]
        page = await stream.get_transcript(page_size=3)
        assert (len(page.segments), page.total_count) == (3, 7)


async def test_lists_that_come_whole_are_read_likewise() -> None:
    async with ScriptedServer() as server, AsyncClient("key", base_url=server.url) as client:
        stream = client.rtstream(server.add_stream())
        index = await stream.index_visuals(prompt="?")
        event_id = await client.create_event("A person", "person")
        alert_id = await index.create_alert(event_id)
        assert [event.event_id async for event in client.list_events()] == [event_id]
        assert [alert.alert_id async for alert in index.list_alerts()] == [alert_id]
        assert [i.rtstream_index_id async for i in stream.list_scene_indexes()] == [index.rtstream_index_id]


async def test_collections_and_videos(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/collection", {"collections": [{"id": "c-1"}, {"id": "c-2"}]})
    assert [collection.id async for collection in client.get_collections()] == ["c-1", "c-2"]
    rest.answer("GET", "/video", {"videos": [{"id": "m-1"}]})
    assert [video.id async for video in client.get_videos()] == ["m-1"]


async def test_a_closed_client_says_so_when_it_is_asked() -> None:
    async with ScriptedServer() as server:
        async with AsyncClient("key", base_url=server.url) as client:
            streams: Any = client.list_rtstreams()
        with pytest.raises(ClientClosedError):
            await streams
        with pytest.raises(ClientClosedError):
            await anext(aiter(streams))
