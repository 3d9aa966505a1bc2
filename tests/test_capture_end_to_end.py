"""A capture session of the embedded server, whose channel an encoder really pushes to."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from aiortstream import AsyncClient, AuthenticationError, CaptureChannel, CaptureSessionEvent
from aiortstream.local.server import LocalServer
from aiortstream.local.settings import ServerSettings

DEADLINE = 40.0
ENCODER = Path(__file__).with_name("pushing_encoder.py")
KEY = "capture-key"

pytestmark = pytest.mark.timeout(90)


async def test_a_session_from_its_start_to_its_video(tmp_path: Path) -> None:
    settings = ServerSettings(port=0, data_dir=tmp_path, api_key=KEY)
    async with (
        asyncio.timeout(DEADLINE),
        LocalServer(settings) as server,
        AsyncClient(KEY, base_url=server.url) as client,
        client.watch_events() as watch,
    ):
        session = await client.create_capture_session("user-7", metadata={"room": "blue"})
        seen: list[CaptureSessionEvent] = []

        async def heard(status: str) -> CaptureSessionEvent:
            while not seen or seen[-1].status != status:
                event = await anext(watch)
                if isinstance(event, CaptureSessionEvent):
                    seen.append(event)
            return seen[-1]

        await heard("created")
        token = await client.generate_client_token(expires_in=600)
        async with AsyncClient(session_token=token, base_url=server.url) as recorder:
            with pytest.raises(AuthenticationError):
                await recorder.list_rtstreams()
        await session.start([CaptureChannel("screen", type="video")])
        url = (await session.get_rtsp_urls())["screen"]
        encoder = await asyncio.create_subprocess_exec(sys.executable, ENCODER, url)
        assert (await heard("active")).data["rtstreams"][0]["channel_id"] == "screen"
        (stream,) = (await session.refresh()).get_rtstream("screen")
        assert (await stream.refresh()).status == "connected"
        assert await encoder.wait() == 0
        await session.stop()
        await heard("stopped")
        made = await session.export()
        assert (await heard("exported")).data["exported_video_id"] == made.video_id
        assert (await session.refresh()).status == "exported"
        assert float((await client.get_video(made.video_id)).length or 0) > 1
        assert [event.status for event in seen] == [
            "created",
            "starting",
            "active",
            "stopping",
            "stopped",
            "exported",
        ]
