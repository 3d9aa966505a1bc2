"""Every public coroutine, cancelled at each of its suspensions: nothing is lost, nothing is left, all goes on."""

from __future__ import annotations

import asyncio
import gc
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
from cancelling_driver import CancelAt, cancel_everywhere

import aiortstream
from aiortstream import AsyncClient, LiveSettings, RTStream, RTStreamSceneIndex, VideodbError
from aiortstream.testing import ScriptedServer

LIVE = LiveSettings(
    reconnect_delay=0.01, max_reconnect_delay=0.05, poll_interval=0.02, max_poll_interval=0.05, max_polls_per_second=1e3
)
T = 1_720_000_000.0


class World:
    """A server, a client of it, and a handle of each kind."""

    def __init__(self, server: ScriptedServer, client: AsyncClient) -> None:
        self.server = server
        self.client = client
        self.rtstream: RTStream = client.rtstream(server.add_stream())
        self.index: RTStreamSceneIndex
        self.event_id = self.alert_id = ""

    async def prepare(self) -> None:
        self.index = await self.rtstream.index_visuals(prompt="?")
        self.event_id = await self.client.create_event("A person", "person")
        self.alert_id = await self.index.create_alert(self.event_id, callback_url="")
        self.server.emit_scene(self.index.rtstream_index_id, "a person", start=T, end=T + 2)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with ScriptedServer() as server, AsyncClient("key", base_url=server.url, live=LIVE) as client:
        made = World(server, client)
        await made.prepare()
        yield made


CASES: dict[str, Callable[[World], Coroutine[Any, Any, Any]]] = {
    "AsyncClient.connect_rtstream": lambda w: w.client.connect_rtstream("rtsp://camera/front"),
    "AsyncClient.create_event": lambda w: w.client.create_event("A person", "person"),
    "AsyncClient.get_collection": lambda w: w.client.get_collection(),
    "AsyncClient.get_collections": lambda w: w.client.get_collections(),
    "AsyncClient.get_rtstream": lambda w: w.client.get_rtstream(w.rtstream.id),
    "AsyncClient.list_events": lambda w: w.client.list_events(),
    "AsyncClient.list_rtstreams": lambda w: w.client.list_rtstreams(),
    "AsyncClient.open": lambda w: w.client.open(),
    "AsyncClient.search": lambda w: w.client.search("person"),
    "Collection.connect_rtstream": lambda w: w.client.collection().connect_rtstream("rtsp://camera/front"),
    "Collection.get_rtstream": lambda w: w.client.collection().get_rtstream(w.rtstream.id),
    "Collection.list_rtstreams": lambda w: w.client.collection().list_rtstreams(),
    "Collection.refresh": lambda w: w.client.collection().refresh(),
    "Collection.search": lambda w: w.client.collection().search("person"),
    "RTStream.export": lambda w: w.rtstream.export(),
    "RTStream.generate_stream": lambda w: w.rtstream.generate_stream(T, T + 10),
    "RTStream.get_scene_index": lambda w: w.rtstream.get_scene_index(w.index.rtstream_index_id),
    "RTStream.get_transcript": lambda w: w.rtstream.get_transcript(),
    "RTStream.index_audio": lambda w: w.rtstream.index_audio(prompt="?"),
    "RTStream.index_visuals": lambda w: w.rtstream.index_visuals(prompt="?"),
    "RTStream.list_scene_indexes": lambda w: w.rtstream.list_scene_indexes(),
    "RTStream.refresh": lambda w: w.rtstream.refresh(),
    "RTStream.search": lambda w: w.rtstream.search("person"),
    "RTStream.start": lambda w: w.rtstream.start(),
    "RTStream.start_transcript": lambda w: w.rtstream.start_transcript(),
    "RTStream.stop": lambda w: w.rtstream.stop(),
    "RTStream.stop_transcript": lambda w: w.rtstream.stop_transcript(),
    "RTStreamSceneIndex.create_alert": lambda w: w.index.create_alert(w.event_id, callback_url=""),
    "RTStreamSceneIndex.disable_alert": lambda w: w.index.disable_alert(w.alert_id),
    "RTStreamSceneIndex.enable_alert": lambda w: w.index.enable_alert(w.alert_id),
    "RTStreamSceneIndex.get_scenes": lambda w: w.index.get_scenes(),
    "RTStreamSceneIndex.list_alerts": lambda w: w.index.list_alerts(),
    "RTStreamSceneIndex.refresh": lambda w: w.index.refresh(),
    "RTStreamSceneIndex.start": lambda w: w.index.start(),
    "RTStreamSceneIndex.stop": lambda w: w.index.stop(),
    "RTStreamShot.generate_stream": lambda w: _play_first_shot(w),
}
ELSEWHERE = {"AsyncClient.aclose", "Watch.aclose", "Watch.next_batch"}  # tests of their own, below
CLASSES = ("AsyncClient", "Collection", "RTStream", "RTStreamSceneIndex", "RTStreamShot", "Watch")


async def _play_first_shot(world: World) -> None:
    found = await world.rtstream.search("person")
    await found.get_shots()[0].generate_stream()


def others() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


def connections_in_use(client: AsyncClient) -> int:
    session = client._context.transport._http()
    assert session.connector is not None
    return len(session.connector._acquired)


def test_every_public_coroutine_is_tried() -> None:
    public = {
        f"{name}.{member}"
        for name in CLASSES
        for member, _ in inspect.getmembers(getattr(aiortstream, name), inspect.iscoroutinefunction)
        if not member.startswith("_")
    }
    assert public == set(CASES) | ELSEWHERE


@pytest.mark.parametrize("name", sorted(CASES))
async def test_a_call_cancelled_anywhere_leaves_nothing_behind(world: World, name: str) -> None:
    async def call() -> None:
        with suppress(VideodbError):  # some of it the scripted server does not have: it says so
            await CASES[name](world)

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
            client = AsyncClient("key", base_url=server.url, live=LIVE)
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
