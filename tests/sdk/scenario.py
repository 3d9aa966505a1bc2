"""The main job with the official SDK, unmodified: run by a Python that has `videodb`, prints what it saw as JSON.

    python scenario.py SERVER_URL API_KEY SOURCE_URL

Only names of the official SDK are used, and only the standard library beside it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import videodb
from videodb.exceptions import AuthenticationError, InvalidRequestError

WATCH_SECONDS = 45.0


async def listen(socket: Any, seen: dict[str, list[dict[str, Any]]], wanted: set[str]) -> None:
    """Frames by channel, until there is one of each that is wanted."""
    async for frame in socket.receive():
        seen.setdefault(frame.get("channel", "?"), []).append(frame)
        if wanted <= set(seen):
            return


async def run(conn: Any, source: str) -> dict[str, Any]:
    """Connect, watch, look things up, export."""
    told: dict[str, Any] = {}
    coll = conn.get_collection()
    told["collection"] = coll.id
    async with conn.connect_websocket() as socket:
        ws_id = socket.connection_id
        told["connection_id"] = ws_id
        rtstream = coll.connect_rtstream(url=source, name="sdk", media_types=["audio", "video"], store=True)
        told["created"] = [rtstream.id, rtstream.status]
        rtstream.start()
        told["transcript_started"] = rtstream.start_transcript(ws_connection_id=ws_id)
        visuals = rtstream.index_visuals(
            prompt="Describe the scene",
            batch_config={"type": "time", "value": 2, "frame_count": 3},
            ws_connection_id=ws_id,
        )
        audio = rtstream.index_audio(
            prompt="Summarize", batch_config={"type": "word", "value": 5}, ws_connection_id=ws_id
        )
        event_id = conn.create_event(event_prompt="The front door is closed", label="door_closed")
        alert_id = visuals.create_alert(event_id, callback_url="", ws_connection_id=ws_id)
        seen: dict[str, list[dict[str, Any]]] = {}
        wanted = {"transcript", "scene_index", "audio_index", "alert"}
        with contextlib.suppress(TimeoutError):  # what is missing shows in the frames
            await asyncio.wait_for(listen(socket, seen, wanted), WATCH_SECONDS)
        told["frames"] = {channel: frames[0] for channel, frames in seen.items()}
    told.update(look_up(conn, coll, rtstream, visuals, audio, event_id, alert_id))
    return told


def look_up(
    conn: Any, coll: Any, rtstream: Any, visuals: Any, audio: Any, event_id: str, alert_id: str
) -> dict[str, Any]:
    """Everything that can be asked afterwards."""
    told: dict[str, Any] = {"alert_id": alert_id, "event_id": event_id}
    told["listed"] = [s.id for s in coll.list_rtstreams(limit=10, offset=0, status="connected", name="sdk")]
    told["got"] = coll.get_rtstream(rtstream.id).name
    told["transcript"] = rtstream.get_transcript(page=1, page_size=10)
    told["scenes"] = visuals.get_scenes(page=1, page_size=5)
    told["audio_scenes"] = audio.get_scenes()
    told["indexes"] = [i.rtstream_index_id for i in rtstream.list_scene_indexes()]
    told["index"] = rtstream.get_scene_index(visuals.rtstream_index_id).extraction_config
    told["hits"] = [[s.text, s.search_score] for s in rtstream.search("front door").get_shots()]
    found = coll.search("front door", namespace="rtstream").get_shots()
    told["collection_hits"] = [[s.rtstream_id, s.rtstream_name] for s in found]
    told["shot_stream"] = found[0].generate_stream() if found else None
    told["events"] = conn.list_events()
    visuals.disable_alert(alert_id)
    told["disabled"] = visuals.list_alerts()[0]["status"]
    visuals.enable_alert(alert_id)
    told["enabled"] = visuals.list_alerts()[0]["status"]
    visuals.stop()
    told["index_stopped"] = rtstream.get_scene_index(visuals.rtstream_index_id).status
    rtstream.stop_transcript()
    end = time.time()
    told["player_url"] = rtstream.generate_stream(start=int(end) - 8, end=int(end) - 2)
    told["stream_url"] = rtstream.stream_url
    rtstream.stop()
    result = rtstream.export(name="From the SDK")
    told["export"] = [result.video_id, result.name, result.duration]
    told["video"] = [coll.get_video(result.video_id).id, coll.get_video(result.video_id).length]
    told["refused"] = refusals(conn, coll, rtstream)
    return told


def refusals(conn: Any, coll: Any, rtstream: Any) -> dict[str, str]:
    """What the SDK makes of the server's refusals."""
    told = {}
    calls: dict[str, Callable[[], Any]] = {
        "unknown stream": lambda: coll.get_rtstream("rts-unknown"),
        "unsupported url": lambda: coll.connect_rtstream(url="gopher://x/y", name="x"),
        "end before start": lambda: rtstream.generate_stream(start=1_700_000_100, end=1_700_000_000),
    }
    for name, call in calls.items():
        try:
            call()
        except InvalidRequestError as error:
            told[name] = str(error)
    return told


def main() -> None:
    """Run it all, and a wrong key."""
    url, key, source = sys.argv[1:4]
    told = asyncio.run(run(videodb.connect(api_key=key, base_url=url), source))
    try:
        videodb.connect(api_key="wrong", base_url=url).get_collection()
    except AuthenticationError as error:
        told["wrong_key"] = str(error)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
