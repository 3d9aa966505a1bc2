"""Records in lists."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from live_server import DEADLINE, T0, Server, hub_of, running_server, segment, until

from aiortstream.errors import DataLost, InvalidArgumentError, InvalidRequestError
from aiortstream.live.bindings import TranscriptBinding
from aiortstream.live.hub import LiveHub
from aiortstream.live.watch import Watch
from aiortstream.records import TranscriptSegment
from aiortstream.testing import VirtualClock


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with running_server() as made:
        yield made


async def live(hub: LiveHub, **options: object) -> Watch[TranscriptSegment]:
    hub.bind(TranscriptBinding("rts-1"), await hub.connection_id())
    watch: Watch[TranscriptSegment] = hub.watch_transcript("rts-1", **options)  # type: ignore[arg-type] # as given
    await watch.__aenter__()
    await until(lambda: watch.state == "live")
    return watch


async def test_what_is_there_comes_at_once_where_it_fills_a_list(server: Server) -> None:
    async with hub_of(server) as hub:
        watch = await live(hub)
        for n in range(5):
            await server.send(segment(T0 + n))
        batches = watch.batch(max_items=2, max_wait=DEADLINE * 10)
        async with asyncio.timeout(DEADLINE):
            assert [record.start for record in await anext(batches)] == [T0, T0 + 1]
            assert [record.start for record in await anext(batches)] == [T0 + 2, T0 + 3]
        await watch.aclose()
        assert [record.start for record in await anext(batches)] == [T0 + 4]
        with pytest.raises(StopAsyncIteration):
            await anext(batches)


async def test_a_list_that_is_not_full_comes_after_its_time(server: Server) -> None:
    clock = VirtualClock(T0)
    async with hub_of(server, clock=clock) as hub:
        watch = await live(hub)
        step = asyncio.ensure_future(anext(watch.batch(max_items=100, max_wait=7.0)))
        await server.send(segment(T0))
        await until(lambda: watch.statistics().buffered == 1)
        await clock.advance(6.5)
        await server.send(segment(T0 + 1))
        await until(lambda: watch.statistics().buffered == 2)
        assert not step.done()
        await clock.advance(0.5)
        async with asyncio.timeout(DEADLINE):
            assert [record.start for record in await step] == [T0, T0 + 1]


async def test_cancelling_a_step_loses_nothing(server: Server) -> None:
    async with hub_of(server) as hub:
        watch = await live(hub)
        await server.send(segment(T0))
        await until(lambda: watch.statistics().buffered == 1)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await anext(watch.batch(max_items=2, max_wait=DEADLINE))
        await server.send(segment(T0 + 1))
        async with asyncio.timeout(DEADLINE):
            assert len(await anext(watch.batch(max_items=2, max_wait=DEADLINE))) == 2


async def test_one_consumer_a_watch(server: Server) -> None:
    async with hub_of(server) as hub:
        watch = await live(hub)
        await server.send(segment(T0))
        await until(lambda: watch.statistics().buffered == 1)
        step = asyncio.ensure_future(anext(watch.batch(max_items=2, max_wait=DEADLINE)))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one consumer a watch"):
            await anext(watch.batch(max_items=2, max_wait=DEADLINE))
        step.cancel()
        await asyncio.gather(step, return_exceptions=True)


async def test_what_is_lost_is_raised_after_the_records_before_it(server: Server) -> None:
    server.segments = [segment(T0)]
    async with hub_of(server) as hub:
        watch: Watch[TranscriptSegment] = hub.watch_transcript("rts-1", since=T0 - 5)
        async with watch:
            await until(lambda: watch.statistics().buffered == 1)
            server.history_error = InvalidRequestError("no such stretch")
            await until(lambda: watch.statistics().buffered == 2)
            server.history_error = None
            async with asyncio.timeout(DEADLINE):
                assert [record.start for record in await anext(watch.batch(max_items=9, max_wait=0.0))] == [T0]
                with pytest.raises(DataLost):
                    await anext(watch.batch(max_items=9, max_wait=0.0))


@pytest.mark.parametrize(("items", "wait", "named"), [(0, 1.0, "max_items"), (1, -1.0, "max_wait")])
async def test_bounds_that_make_no_sense_are_refused(server: Server, items: int, wait: float, named: str) -> None:
    async with hub_of(server) as hub:
        with pytest.raises(InvalidArgumentError, match=named):
            hub.watch_transcript("rts-1").batch(items, wait)
