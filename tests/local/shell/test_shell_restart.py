"""A whole server that is started again on its data directory: clients go on under their ids, and have not to ask."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import WSCloseCode, WSMsgType
from core_fakes import DEADLINE, T0, FakeCamera, FakeModels

from aiortstream.local import server as server_module
from aiortstream.local.ai.settings import ModelSettings
from aiortstream.local.ingest.source import SourceSpec
from aiortstream.local.ingest.status import IngestStatus
from aiortstream.local.recording.segmenter import Segmenter
from aiortstream.local.runtime import StreamManager
from aiortstream.local.server import LocalServer
from aiortstream.local.settings import ServerSettings
from aiortstream.wire.extras import NUMBERED, resume_query

pytestmark = pytest.mark.timeout(30)

SOURCE = "rtsp://camera.test/front"
VISUAL = {"extraction_type": "time", "extraction_config": {"time": 1, "frame_count": 1}, "prompt": "Seen"}


class ClosableModels(FakeModels):
    """Models that a server closes."""

    async def aclose(self) -> None:
        pass


@dataclass
class Fakes:
    """What stands in for models and cameras, over all starts of the server."""

    models: ClosableModels
    cameras: dict[str, FakeCamera]


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> Fakes:
    made = Fakes(ClosableModels(), {})

    def make_camera(
        spec: SourceSpec,
        *,
        media_types: frozenset[str],
        recorder: Segmenter | None,
        on_status: Callable[[IngestStatus], None],
        name: str,
        not_before: float | None,
    ) -> FakeCamera:
        made.cameras[name] = FakeCamera(recorder, on_status)
        return made.cameras[name]

    def make_manager(*parts: Any, **named: Any) -> StreamManager:
        return StreamManager(*parts, make_ingest=make_camera, **named)

    def make_models(settings: ModelSettings) -> ClosableModels:
        return made.models

    monkeypatch.setattr(server_module, "StreamManager", make_manager)
    monkeypatch.setattr(server_module, "Models", make_models)
    return made


@dataclass
class Running:
    """One start of the server."""

    server: LocalServer
    http: aiohttp.ClientSession
    fakes: Fakes

    async def call(self, method: str, path: str, body: object = None) -> Any:
        async with self.http.request(method, path, json=body) as response:
            told = await response.json()
            assert told["success"], told
            return told.get("data")

    async def connect(self, query: dict[str, str]) -> tuple[aiohttp.ClientWebSocketResponse, dict[str, Any]]:
        answer = await self.call("GET", "/collection/default/websocket")
        assert "resume" in answer["features"]
        socket = await self.http.ws_connect(f"{answer['websocket_url']}&{urlencode(query)}")
        return socket, await socket.receive_json(timeout=DEADLINE)

    async def live(self, stream: str) -> FakeCamera:
        """The camera of a stream once it is connected."""
        async with asyncio.timeout(DEADLINE):
            while (await self.call("GET", f"/rtstream/{stream}"))["status"] != "connected":
                pass
        return self.fakes.cameras[stream]

    def perform(self, camera: FakeCamera, at: float) -> None:
        """Something to see, and to be alerted by, and something to hear."""
        camera.show(at, 1, 2)
        camera.show(at + 1, 0.1, 9)  # ends the window before it
        self.fakes.models.said[T0 + at] = f"said at {at:g}"
        camera.hear(at, 1)


@asynccontextmanager
async def running(data_dir: Path, fakes: Fakes) -> AsyncIterator[Running]:
    async with (
        LocalServer(ServerSettings(data_dir=data_dir)) as server,
        aiohttp.ClientSession(server.url, timeout=aiohttp.ClientTimeout(DEADLINE)) as http,
    ):
        yield Running(server, http, fakes)


async def read(socket: aiohttp.ClientWebSocketResponse, after: int, count: int) -> dict[str, Any]:
    """The frames that follow, by channel; they must be numbered on from `after`."""
    frames = [json.loads((await socket.receive(DEADLINE)).data) for _ in range(count)]
    assert [frame["sequence"] for frame in frames] == list(range(after + 1, after + 1 + count))
    return {frame["channel"]: frame for frame in frames}


async def test_a_client_that_goes_on_after_a_restart_is_told_of_everything_without_a_call(
    tmp_path: Path, fakes: Fakes
) -> None:
    async with running(tmp_path, fakes) as run:
        socket, hello = await run.connect(NUMBERED)
        ws = {"ws_connection_id": hello["connection_id"]}
        body = {"url": SOURCE, "media_types": ["audio", "video"], "enable_transcript": True, **ws}
        stream = (await run.call("POST", "/rtstream", body))["id"]
        index = (await run.call("POST", f"/rtstream/{stream}/index/scene", VISUAL | ws))["rtstream_index_id"]
        event = (await run.call("POST", "/rtstream/event", {"event_prompt": "picture 2", "label": "two"}))["event_id"]
        await run.call("POST", f"/rtstream/{stream}/index/{index}/alert", {"event_id": event, **ws})
        run.perform(await run.live(stream), 0)
        first = await read(socket, 0, 3)
        assert set(first) == {"transcript", "scene_index", "alert"}
        stopping = asyncio.create_task(run.server.aclose())
        closed = await socket.receive(DEADLINE)
        assert (closed.type, closed.data) == (WSMsgType.CLOSE, WSCloseCode.GOING_AWAY)
        await stopping

    async with running(tmp_path, fakes) as run:
        socket, again = await run.connect(resume_query(hello["connection_id"], 3))
        assert again == {
            "connection_id": hello["connection_id"],
            "features": ["resume", "alert_log", "since"],
            "sequence": 3,
            "complete": False,
        }
        run.perform(await run.live(stream), 10)
        second = await read(socket, 3, 3)
        assert second["transcript"]["data"]["text"] == "said at 10"
        assert second["scene_index"]["data"]["index_id"] == index
        assert second["alert"]["data"]["firing_id"] == 2
        firings = (await run.call("GET", f"/alert/log?rtstream_id={stream}"))["firings"]
        assert [(each["firing_id"], round(each["fired_at"] * 1000)) for each in firings] == [
            (frames["alert"]["data"]["firing_id"], frames["alert"]["data"]["fired_at"]) for frames in (first, second)
        ]


async def test_bindings_of_clients_that_stay_are_looked_after_while_the_server_runs(
    tmp_path: Path, fakes: Fakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "TIDY_SECONDS", 0.0)
    tidied = asyncio.Semaphore(0)
    seen: list[set[str]] = []
    tidy = StreamManager.tidy_bindings

    async def watch(manager: StreamManager, connected: Any) -> None:
        seen.append(set(connected))
        await tidy(manager, connected)
        if len(seen) == 1:
            raise OSError("the disk is full")  # it goes on after it
        tidied.release()

    monkeypatch.setattr(StreamManager, "tidy_bindings", watch)
    async with running(tmp_path, fakes) as run:
        socket, hello = await run.connect(NUMBERED)
        async with asyncio.timeout(DEADLINE):
            while hello["connection_id"] not in seen[-1]:
                await tidied.acquire()
        await socket.close()
