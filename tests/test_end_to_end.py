"""The client and the embedded server together, on a genuine live stream, with the real models."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aiortstream import Alert, AsyncClient, LiveSettings, RTStream, Scene, TranscriptSegment, Watch
from aiortstream.local.ingest.publish import LivePublisher
from aiortstream.local.sample import sample_path
from aiortstream.local.server import LocalServer
from aiortstream.local.settings import ServerSettings

KEY = "end-to-end-key"
DEADLINE = 60.0  # seconds for anything that has to happen: models load, speech takes its time

pytestmark = pytest.mark.timeout(150)


@pytest.fixture(scope="module")
def camera() -> Iterator[str]:
    """The bundled sample as a live RTMP source."""
    with LivePublisher(sample_path()) as publisher:
        yield publisher.url


@pytest.fixture
def port() -> int:
    """A free one, so that a server can come back to it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number: int = listener.getsockname()[1]
        return number


def server_on(port: int, data_dir: Path) -> LocalServer:
    return LocalServer(ServerSettings(port=port, data_dir=data_dir, api_key=KEY))


async def take(watch: Watch[Any], count: int) -> list[Any]:
    async with asyncio.timeout(DEADLINE):
        return [await anext(watch) for _ in range(count)]


class Receiver:
    """A webhook's other end."""

    def __init__(self) -> None:
        self.bodies: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        app = web.Application()
        app.router.add_post("/alerts", self._take)
        self.server = TestServer(app)

    async def _take(self, request: web.Request) -> web.Response:
        assert request.headers["webhook-id"]
        await self.bodies.put(msgspec.json.decode(await request.read()))
        return web.Response()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    await made.server.start_server()
    yield made
    await made.server.close()


async def test_the_main_job(camera: str, receiver: Receiver) -> None:
    """Every loop yields, agrees with REST, and the clip of an alert can be played."""
    began = time.time()
    async with AsyncClient.local() as client:
        stream = await client.connect_rtstream(camera, "cam", media_types=["audio", "video"], store=True)
        await stream.start_transcript()
        visuals = await stream.index_visuals(batch_config={"type": "time", "value": 2, "frame_count": 5})
        speech = await stream.index_audio(batch_config={"type": "word", "value": 5})
        event = await client.create_event("The front door is closed", "closed")
        await visuals.create_alert(event, str(receiver.server.make_url("/alerts")))
        async with (
            stream.watch_transcript() as segments,
            visuals.watch_scenes() as scenes,
            speech.watch_scenes() as summaries,
            stream.watch_alerts() as alerts,
        ):
            (segment,) = await take(segments, 1)
            seen = await take(scenes, 2)
            (summary,) = await take(summaries, 1)
            (alert,) = await take(alerts, 1)
            posted = await asyncio.wait_for(receiver.bodies.get(), DEADLINE)
        check_segment(segment, began)
        check_scenes(seen)
        assert isinstance(summary, Scene)
        assert summary.kind == "audio"
        assert isinstance(alert, Alert)
        check_alert(alert, posted, event)
        await check_rest(stream, segment, seen)
        await stream.stop()
        result = await stream.export()
        assert result.duration is not None
        assert result.duration > 4


def check_segment(segment: Any, began: float) -> None:
    assert isinstance(segment, TranscriptSegment)
    assert began - 60 < segment.start < segment.end < time.time()
    assert segment.words
    assert segment.words[0].start >= segment.start - 0.01
    assert len(segment.text.split()) >= 2


def check_scenes(seen: list[Any]) -> None:
    assert all(isinstance(scene, Scene) and scene.kind == "visual" for scene in seen)
    assert "CAMERA 1" in seen[0].text
    assert seen[0].end <= seen[1].start + 0.001
    assert seen[0].metadata is not None
    assert "CAMERA 1" in seen[0].metadata["ocr"]


def check_alert(alert: Alert, posted: dict[str, Any], event: str) -> None:
    assert (alert.label, alert.event_id) == ("closed", event)
    assert posted["event_id"] == f"event-{event}"
    assert posted["label"] == "closed"
    assert posted["explanation"]
    assert posted["stream_url"].endswith(".m3u8")


async def check_rest(stream: RTStream, segment: TranscriptSegment, seen: list[Scene]) -> None:
    page = await stream.get_transcript(since=segment.start - 1)
    assert segment.start in [s.start for s in page.segments]
    history = [s async for s in (await stream.list_scene_indexes())[0].watch_scenes(since=seen[0].start, follow=False)]
    assert [(s.start, s.text) for s in history[:2]] == [(s.start, s.text) for s in seen]
    hits = await stream.search("front door")
    assert len(hits)
    assert "DOOR" in (hits.shots[0].text or "")


async def test_a_server_that_goes_and_comes_back(camera: str, port: int, tmp_path: Path) -> None:
    """Streams, transcripts and indexes go on; the watches go on; nothing comes twice; the log has what fired."""
    live = LiveSettings(reconnect_delay=0.1, max_reconnect_delay=0.5, poll_interval=0.5, max_poll_interval=1.0)
    server = server_on(port, tmp_path)
    await server.start()
    async with AsyncClient(KEY, base_url=server.url, live=live) as client:
        stream = await client.connect_rtstream(camera, "cam", media_types=["audio", "video"], store=True)
        visuals = await stream.index_visuals(batch_config={"type": "time", "value": 1, "frame_count": 1})
        await visuals.create_alert(await client.create_event("A giraffe on a bicycle", "never"))
        async with visuals.watch_scenes() as scenes, stream.watch_alerts() as alerts:
            before = await take(scenes, 3)
            await server.aclose()
            server = server_on(port, tmp_path)
            await server.start()
            after = await take(scenes, 3)
            statistics = scenes.statistics()
            while (healed := alerts.statistics()).open_gap is not None:  # until the log of alerts tells that none fired
                after += await take(scenes, 1)
        assert statistics.gaps >= 1
        assert (healed.gaps, healed.delivered) == (1, 0)
        keys = [(scene.start, scene.end) for scene in [*before, *after]]
        assert len(set(keys)) == len(keys)
        assert keys == sorted(keys)
        (again,) = await client.list_rtstreams()
        assert (again.id, again.store) == (stream.id, True)
        assert len(await stream.list_scene_indexes()) == 1
        assert await stream.generate_stream(before[0].start, before[-1].end) is not None
    await server.aclose()
