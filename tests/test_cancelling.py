"""Every public coroutine, cancelled at each of its suspensions: nothing is lost, nothing is left, all goes on."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from cancelling_driver import CancelAt, cancel_everywhere
from public_calls import CALLS, QUICK, T, World, coroutines_of

import aiortstream
from aiortstream import AsyncClient, VideodbError
from aiortstream.testing import ScriptedServer


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with ScriptedServer() as server, AsyncClient("key", base_url=server.url, live=QUICK) as client:
        made = World(server, client)
        await made.prepare()
        yield made


ELSEWHERE = {"AsyncClient.aclose", "Watch.aclose", "Watch.next_batch"}  # tests of their own, below
CLASSES = [name for name in aiortstream.__all__ if inspect.isclass(getattr(aiortstream, name))]


def others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


def connections_in_use(client: AsyncClient) -> int:
    session = client._context.transport._http()
    assert session.connector is not None
    return len(session.connector._acquired)


def test_every_public_coroutine_is_tried() -> None:
    public = {f"{name}.{member}" for name in CLASSES for member in coroutines_of(getattr(aiortstream, name))}
    assert public == set(CALLS) | ELSEWHERE


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_a_call_cancelled_anywhere_leaves_nothing_behind(world: World, name: str) -> None:
    async def call() -> None:
        with suppress(VideodbError):  # some of it the scripted server does not have: it says so
            await CALLS[name](world)

    await call()  # whatever is made when first needed is there from now on
    tasks, in_use = others(), connections_in_use(world.client)

    async def after(cancelled: bool) -> None:
        assert await world.client.list_events() is not None
        for _ in range(3):
            await asyncio.sleep(0)
        assert {
            task for task in others() - tasks if not task.done() and "aiortstream" in repr(task.get_coro())
        } == set()
        assert connections_in_use(world.client) == in_use

    suspensions = await cancel_everywhere(call, after)
    assert suspensions > 0 or name == "AsyncClient.open"


async def test_reading_cancelled_anywhere_loses_nothing(world: World) -> None:
    sent = [f"{number}" for number in range(60)]
    for number, text in enumerate(sent):
        world.server.emit_transcript(world.rtstream.id, text, start=T + number, end=T + number + 1)
    got: list[str] = []
    watch = world.rtstream.watch_transcript(since=T - 1)

    async def read() -> None:
        got.append((await anext(watch)).text)

    at = 0
    async with watch, asyncio.timeout(20.0):
        while len(got) < len(sent):
            at = at % 5 + 1
            task = asyncio.get_running_loop().create_task(CancelAt(read(), at))
            await asyncio.wait([task])
    assert got == sent


@pytest.mark.parametrize("wait", [0.0, 0.005])
async def test_batches_cancelled_anywhere_lose_nothing(world: World, wait: float) -> None:
    sent = [f"{number}" for number in range(60)]
    for number, text in enumerate(sent):
        world.server.emit_transcript(world.rtstream.id, text, start=T + number, end=T + number + 1)
    got: list[str] = []
    watch = world.rtstream.watch_transcript(since=T - 1)

    async def read() -> None:
        got.extend([record.text for record in await anext(watch.batch(7, wait))])

    at = 0
    async with watch, asyncio.timeout(20.0):
        while len(got) < len(sent):
            at = at % 6 + 1
            task = asyncio.get_running_loop().create_task(CancelAt(read(), at))
            await asyncio.wait([task])
    assert got == sent


async def test_closing_a_watch_cancelled_anywhere_closes_it(world: World) -> None:
    watches: list[Any] = []

    async def close() -> None:
        watches.append(world.rtstream.watch_transcript())
        await watches[-1].__aenter__()
        await watches[-1].aclose()

    async def after(cancelled: bool) -> None:
        assert watches[-1].state == "ended"

    await cancel_everywhere(close, after)
    assert world.client.health().watches == {}


async def test_a_loop_cancelled_anywhere_leaves_no_watch_behind(world: World) -> None:
    async def loop() -> None:
        async with world.index.watch_scenes(since=T - 1) as scenes:
            async for scene in scenes:
                assert scene.text == "a person"
                break

    async def after(cancelled: bool) -> None:
        assert world.client.health().watches == {}

    await cancel_everywhere(loop, after)


async def test_opening_and_closing_a_client_cancelled_anywhere_leaves_nothing_behind() -> None:
    async with ScriptedServer() as server:
        clients: list[AsyncClient] = []
        before = others()

        async def use() -> None:
            client = AsyncClient("key", base_url=server.url, live=QUICK)
            clients.append(client)
            async with client, client.watch_events():
                await client.list_events()

        async def after(cancelled: bool) -> None:
            await clients[-1].aclose()  # what a cancelled closing is told to be followed by
            async with asyncio.timeout(5.0):
                while any("aiortstream" in task.get_name() for task in others() - before):  # noqa: ASYNC110
                    await asyncio.sleep(0.005)

        await cancel_everywhere(use, after)
    gc.collect()  # what was left open warns, and warnings are errors
