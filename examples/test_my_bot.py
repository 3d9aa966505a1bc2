"""A bot and its tests: no camera, no network, no account.

pip install 'aiortstream[testing]'
pytest examples/test_my_bot.py
"""

import asyncio
from collections.abc import Callable

import pytest

from aiortstream import Alert, AsyncClient, Gap, RTStream, RTStreamSceneIndex
from aiortstream.testing import FaultGate, FaultPlan, Oracle, ScriptedServer, VirtualClock
from aiortstream.testing.faults import DropFrame, Status


async def doorman(rtstream: RTStream, post: Callable[[str], None]) -> None:
    """The bot: it posts who is at the door, and when it may have missed somebody."""
    async with rtstream.watch_alerts() as alerts:
        post("on duty")
        async for item in alerts:
            match item:
                case Alert():
                    post(f"{item.label}: {item.text}")
                case Gap():
                    post("I may have missed somebody")


class Posts:
    """Where the bot posts to in these tests."""

    def __init__(self) -> None:
        self.texts: asyncio.Queue[str] = asyncio.Queue()

    def post(self, text: str) -> None:
        self.texts.put_nowait(text)

    async def next(self) -> str:
        async with asyncio.timeout(5):
            return await self.texts.get()


async def door(client: AsyncClient, server: ScriptedServer) -> tuple[RTStream, RTStreamSceneIndex]:
    """A stream with an index, and an alert on it."""
    rtstream = client.rtstream(server.add_stream("Front door"))
    visuals = await rtstream.index_visuals(prompt="Who is there?")
    await visuals.create_alert(await client.create_event("A person", "person"), callback_url="")
    return rtstream, visuals


@pytest.mark.asyncio
async def test_it_posts_across_an_outage(
    aiortstream_server: ScriptedServer, aiortstream_client: AsyncClient, aiortstream_gate: FaultGate
) -> None:
    rtstream, visuals = await door(aiortstream_client, aiortstream_server)
    posts = Posts()
    bot = asyncio.create_task(doorman(rtstream, posts.post))
    assert await posts.next() == "on duty"
    aiortstream_server.detect(visuals.rtstream_index_id, "person", "a courier")
    assert await posts.next() == "person: a courier"

    aiortstream_gate.drop_connections()
    aiortstream_server.detect(visuals.rtstream_index_id, "person", "nobody hears of this one")
    assert await posts.next() == "I may have missed somebody"

    aiortstream_server.detect(visuals.rtstream_index_id, "person", "the neighbour")
    assert await posts.next() == "person: the neighbour"
    bot.cancel()


@pytest.mark.asyncio
async def test_scenes_come_although_frames_do_not_and_the_server_is_busy(
    aiortstream_server: ScriptedServer,
    aiortstream_client: AsyncClient,
    aiortstream_faults: FaultPlan,
    aiortstream_oracle: Oracle,
) -> None:
    _, visuals = await door(aiortstream_client, aiortstream_server)
    watched = aiortstream_oracle.watch("front door", kind="scene")
    async with visuals.watch_scenes() as scenes, asyncio.timeout(5):
        aiortstream_faults.frames(DropFrame(), times=3)
        aiortstream_faults.requests(Status(429, retry_after=0.01), path="*/index/scene/*", times=2)
        for number in range(3):
            aiortstream_server.emit_scene(visuals.rtstream_index_id, f"scene {number}")
        async for scene in watched.reading(scenes):
            if scene.text == "scene 2":
                break
    aiortstream_oracle.emitted(aiortstream_server.emitted)
    aiortstream_oracle.check()


@pytest.mark.asyncio
async def test_half_a_minute_passes_at_once(
    aiortstream_server: ScriptedServer, aiortstream_client: AsyncClient, aiortstream_clock: VirtualClock
) -> None:
    rtstream, _ = await door(aiortstream_client, aiortstream_server)
    async with rtstream.watch_transcript() as segments, asyncio.timeout(5):
        aiortstream_server.emit_transcript(rtstream.id, "half a minute late", late=30.0)
        await aiortstream_clock.advance(29.0)
        assert aiortstream_server.emitted == []
        segment = await aiortstream_clock.advance_until(anext(segments))
        assert segment.text == "half a minute late"
