"""Many streams at once through one server and one client: what was said of each, from every place where it is said."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from aiortstream import Alert, AsyncClient, RTStream, RTStreamSceneIndex, Scene, TranscriptSegment, Watch
from aiortstream.wire import rest


class Receiver:
    """The other end of webhooks. `bodies` is what was posted, by the path it was posted to."""

    def __init__(self) -> None:
        self.bodies: dict[str, list[dict[str, Any]]] = {}
        self._news = asyncio.Event()
        app = web.Application()
        app.router.add_post("/{name}", self._take)
        self.server = TestServer(app)

    async def _take(self, request: web.Request) -> web.Response:
        posted = self.bodies.setdefault(request.match_info["name"], [])
        posted.append(msgspec.json.decode(await request.read()))
        self._news.set()
        return web.Response()

    async def wait_for(self, name: str) -> None:
        """Until something was posted for that name."""
        while not self.bodies.get(name):
            self._news.clear()
            await self._news.wait()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver that listens."""
    made = Receiver()
    await made.server.start_server()
    try:
        yield made
    finally:
        await made.server.close()


@dataclass
class Said:
    """All that was said of one stream."""

    stream: RTStream
    index: RTStreamSceneIndex
    scenes: list[Scene] = field(default_factory=list)
    segments: list[TranscriptSegment] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    """By the websocket."""
    logged: list[rest.FiringRecord] = field(default_factory=list)
    posted: list[dict[str, Any]] = field(default_factory=list)
    rest_scenes: list[Scene] = field(default_factory=list)
    rest_segments: list[TranscriptSegment] = field(default_factory=list)
    lag: float = 0.0
    """Seconds from the end of the newest scene to when it came."""


async def observe(
    client: AsyncClient,
    receiver: Receiver,
    sources: Mapping[str, str],
    events: Mapping[str, str],
    *,
    seconds: int = 1,
    scenes: int = 3,
    segments: int = 1,
) -> dict[str, Said]:
    """Connect all sources at once, by name, and gather until each has had so many scenes, segments and an alert.

    `events` is what each is to be alerted of; alerts are labelled with the name and posted to a path of that name.
    """
    said: dict[str, Said] = {}
    for name, url in sources.items():
        stream = await client.connect_rtstream(url, name, media_types=["audio", "video"], store=True)
        index = await stream.index_visuals(batch_config={"type": "time", "value": seconds, "frame_count": 2})
        event = await client.create_event(events[name], name)
        await index.create_alert(event, str(receiver.server.make_url(f"/{name}")))
        await stream.start_transcript()
        said[name] = Said(stream, index)

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for name, each in said.items():
            began = _began(each)
            seen = await stack.enter_async_context(each.index.watch_scenes(since=began))
            heard = await stack.enter_async_context(each.stream.watch_transcript(since=began))
            fired = await stack.enter_async_context(each.stream.watch_alerts(since=began))
            group.create_task(_scenes(each, seen, scenes))
            group.create_task(_segments(each, heard, segments))
            group.create_task(_alerts(each, fired))
            group.create_task(receiver.wait_for(name))
    for name, each in said.items():
        each.posted = receiver.bodies[name]
        each.logged = await _log(client, each.stream)
        each.rest_scenes = list((await each.index.get_scenes()).scenes)
        each.rest_segments = list((await each.stream.get_transcript()).segments)
    return said


def _began(said: Said) -> float:
    created = said.stream.created_time
    assert created is not None
    return created.timestamp()


async def _scenes(said: Said, watch: Watch[Scene], count: int) -> None:
    while len(said.scenes) < count:
        said.scenes.append(await anext(watch))
        said.lag = time.time() - said.scenes[-1].end


async def _segments(said: Said, watch: Watch[TranscriptSegment], count: int) -> None:
    while len(said.segments) < count:
        said.segments.append(await anext(watch))


async def _alerts(said: Said, watch: Watch[Any]) -> None:
    while not said.alerts:
        found = await anext(watch)
        if isinstance(found, Alert):
            said.alerts.append(found)


async def _log(client: AsyncClient, stream: RTStream) -> list[rest.FiringRecord]:
    params = {"rtstream_id": stream.id, "page_size": 1000}
    answer = await client._context.transport.get("alert/log", rest.AlertLogAnswer, params=params)
    return answer.firings


def check_places(said: Mapping[str, Said]) -> None:
    """Every record names the stream that it was found with, and every alert the event of that stream."""
    names = {each.stream.id: name for name, each in said.items()}
    assert len(names) == len(said)
    for name, each in said.items():
        records: list[Any] = [*each.scenes, *each.segments, *each.alerts, *each.rest_scenes, *each.rest_segments]
        assert {names[record.rtstream_id] for record in records} == {name}
        assert {alert.label for alert in each.alerts} == {name}
        assert {firing.label for firing in each.logged} == {name}
        assert {firing.rtstream_id for firing in each.logged} == {each.stream.id}
        assert {body["label"] for body in each.posted} == {name}
        assert all(f"/{each.stream.id}/" in body["stream_url"] for body in each.posted)
        assert each.rest_scenes
        assert each.rest_segments
