"""The user's reference, block by block: it runs with nothing but `await` added.

What belongs to later milestones (capture sessions) is left out; sleeps are, too.
"""

from __future__ import annotations

import time
from typing import Any

import pytest
from conftest import BASE, MockedRest

import aiortstream as videodb
from aiortstream.exceptions import InvalidRequestError

NOW = 1_710_000_000.0
WS = "ws-1"
STREAM = {"id": "rts-1", "name": "My Live Stream", "status": "connected"}
INDEX = {"rtstream_index_id": "i1", "extraction_type": "time", "prompt": "P", "name": "N", "status": "running"}
URLS = {"stream_url": "https://s/x.m3u8", "player_url": "https://p?url=x"}


@pytest.fixture
async def conn(rest: MockedRest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("VIDEO_DB_API_KEY", "key")
    monkeypatch.setenv("VIDEO_DB_API", BASE)
    conn = await videodb.connect()
    yield conn
    await conn.aclose()


@pytest.fixture
def rtstream(conn: videodb.AsyncClient) -> videodb.RTStream:
    return conn.rtstream("rts-1")


@pytest.fixture
def scene_index(rtstream: videodb.RTStream) -> videodb.RTStreamSceneIndex:
    return rtstream.scene_index("i1")


async def test_connect_rtstream(conn: videodb.AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/collection/default", {"id": "c-1"})
    rest.answer("POST", "/rtstream", STREAM, status=201)
    coll = await conn.get_collection()
    rtstream = await coll.connect_rtstream(
        url="rtmp://your-stream-server/live/stream-key",
        name="My Live Stream",
        media_types=["video"],
        sample_rate=30,
        store=True,
        enable_transcript=True,
        ws_connection_id=WS,
    )
    assert rtstream.id == "rts-1"
    assert rest.last[3]["collection_id"] == "c-1"


async def test_get_and_list(conn: videodb.AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/collection/default", {"id": "c-1"})
    rest.answer("GET", "/rtstream/rts-xxx", {**STREAM, "id": "rts-xxx"})
    rest.answer("GET", "/rtstream", {"results": [STREAM]})
    coll = await conn.get_collection()
    rtstream = await coll.get_rtstream("rts-xxx")
    rtstreams = await coll.list_rtstreams(
        limit=10, offset=0, status="connected", name="meeting", ordering="-created_at"
    )
    lines = [f"{rts.id}: {rts.name} - {rts.status}" for rts in rtstreams]
    assert (rtstream.id, lines) == ("rts-xxx", ["rts-1: My Live Stream - connected"])


async def test_search_across_all_streams(conn: videodb.AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/rtstream/collection/default/search", {"results": []})
    result = await conn.collection().search("a person", namespace="rtstream")
    assert isinstance(result, videodb.RTStreamSearchResult)


async def test_generating_streams(rtstream: videodb.RTStream, rest: MockedRest) -> None:
    for _ in range(2):
        rest.answer("PATCH", "/rtstream/rts-1/status")
    rest.answer("GET", "/rtstream/rts-1/stream", URLS)
    start_ts = time.time() - 60
    await rtstream.start()
    end_ts = time.time()
    await rtstream.stop()
    stream_url = await rtstream.generate_stream(start=start_ts, end=end_ts)
    assert f"Recorded stream: {stream_url}" == "Recorded stream: https://s/x.m3u8"


async def test_exporting(rtstream: videodb.RTStream, rest: MockedRest) -> None:
    rest.answer("POST", "/rtstream/rts-1/export", {"video_id": "m-1", "name": "N", "duration": 60.0, **URLS})
    export_result = await rtstream.export(name="Meeting Recording 2024-01-15")
    lines = [
        f"Video ID: {export_result.video_id}",
        f"Stream URL: {export_result.stream_url}",
        f"Player URL: {export_result.player_url}",
        f"Duration: {export_result.duration}s",
    ]
    assert lines == [
        "Video ID: m-1",
        "Stream URL: https://s/x.m3u8",
        "Player URL: https://p?url=x",
        "Duration: 60.0s",
    ]


AUDIO_CONFIGS: list[videodb.AudioBatchConfig] = [
    {"type": "word", "value": 50},
    {"type": "sentence", "value": 5},
    {"type": "time", "value": 30},
]


@pytest.mark.parametrize("batch_config", AUDIO_CONFIGS)
async def test_audio_indexing(
    rtstream: videodb.RTStream, rest: MockedRest, batch_config: videodb.AudioBatchConfig
) -> None:
    rest.answer("POST", "/rtstream/rts-1/index/scene", {**INDEX, "extraction_type": "transcript"})
    audio_index = await rtstream.index_audio(
        prompt="Summarize what is being discussed",
        batch_config=batch_config,
        model_name=None,
        name="meeting_audio",
        ws_connection_id=WS,
    )
    assert isinstance(audio_index, videodb.RTStreamSceneIndex)


async def test_visual_indexing(rtstream: videodb.RTStream, rest: MockedRest) -> None:
    rest.answer("POST", "/rtstream/rts-1/index/scene", {**INDEX, "extraction_config": {"time": "2"}})
    scene_index = await rtstream.index_visuals(
        prompt="Describe what is happening on screen",
        batch_config={"type": "time", "value": 2, "frame_count": 5},
        model_name="basic",
        name="screen_monitor",
        ws_connection_id=WS,
    )
    properties = "rtstream_index_id rtstream_id extraction_type extraction_config prompt name status"
    assert [getattr(scene_index, name) for name in properties.split()] == [
        "i1",
        "rts-1",
        "time",
        {"time": 2},
        "P",
        "N",
        "running",
    ]


async def test_transcription(rtstream: videodb.RTStream, rest: MockedRest) -> None:
    path = "/rtstream/rts-1/transcription"
    rest.answer("POST", path, {"status": "running"})
    rest.answer("GET", path, {"transcription_records": [{"start": NOW, "end": NOW + 1, "text": "hello"}]})
    rest.answer("POST", path, {"status": "stopped"})
    await rtstream.start_transcript(ws_connection_id=WS, engine=None)
    transcript = await rtstream.get_transcript(page=1, page_size=100, start=None, end=None, since=None, engine=None)
    stopped = await rtstream.stop_transcript(engine=None)
    assert transcript["transcription_records"][0]["text"] == "hello"
    assert stopped["status"] == "stopped"


async def test_getting_scenes(scene_index: videodb.RTStreamSceneIndex, rest: MockedRest) -> None:
    rest.answer("GET", "/rtstream/rts-1/index/i1", INDEX)
    records = [{"start": NOW, "end": NOW + 2, "description": "a door"}]
    rest.answer("GET", "/rtstream/rts-1/index/scene/i1", {"scene_index_records": records, "next_page": False})
    result = await scene_index.get_scenes(start=None, end=None, page=1, page_size=100)
    lines = [f"[{scene['start']}-{scene['end']}] {scene['text']}" for scene in result["scenes"]]
    assert lines == ["[1710000000.0-1710000002.0] a door"]
    assert not result["next_page"]


async def test_managing_scene_indexes(rtstream: videodb.RTStream, rest: MockedRest) -> None:
    rest.answer("GET", "/rtstream/rts-1/index/scene", {"scene_indexes": [INDEX]})
    rest.answer("GET", "/rtstream/rts-1/index/i1", INDEX)
    for _ in range(2):
        rest.answer("PATCH", "/rtstream/rts-1/index/scene/i1/status")
    indexes = await rtstream.list_scene_indexes()
    scene_index = await rtstream.get_scene_index(indexes[0].rtstream_index_id)
    await scene_index.stop()
    assert scene_index.status == "stopped"
    await scene_index.start()
    assert scene_index.status == "connected"


async def test_events(conn: videodb.AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/rtstream/event", {"event_id": "e1"})
    rest.answer("GET", "/rtstream/event", {"events": [{"event_id": "e1", "label": "slack_opened"}]})
    event_id = await conn.create_event(event_prompt="User opened Slack application", label="slack_opened")
    events = await conn.list_events()
    assert [f"{event['event_id']}: {event['label']}" for event in events] == [f"{event_id}: slack_opened"]


async def test_alerts(scene_index: videodb.RTStreamSceneIndex, rest: MockedRest) -> None:
    path = "/rtstream/rts-1/index/i1/alert"
    rest.answer("POST", path, {"alert_id": "a1"})
    rest.answer("GET", path, {"alerts": [{"alert_id": "a1"}]})
    for _ in range(2):
        rest.answer("PATCH", f"{path}/a1/status")
    alert_id = await scene_index.create_alert(
        event_id="e1", callback_url="https://your-backend.com/alerts", ws_connection_id=WS
    )
    alerts = await scene_index.list_alerts()
    assert [alert["alert_id"] for alert in alerts] == [alert_id]
    await scene_index.disable_alert(alert_id)
    await scene_index.enable_alert(alert_id)


async def test_the_error_of_the_complete_workflow(rtstream: videodb.RTStream, rest: MockedRest) -> None:
    rest.answer("POST", "/rtstream/rts-1/search", status=400, message="No results found")
    with pytest.raises(InvalidRequestError) as exc:
        await rtstream.search("action items and next steps")
    assert "No results found" in str(exc.value)


FOUND = [{"video_id": "m-1", "collection_id": "c-1", "docs": [{"start": 1, "end": 2, "text": "fix it", "score": 0.9}]}]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (FOUND, "Action items clip: https://s/x.m3u8"),
        ([], "No action items were detected in the recording."),
    ],
)
async def test_searching_the_exported_video(
    conn: videodb.AsyncClient, rest: MockedRest, found: list[object], said: str
) -> None:
    rest.answer("GET", "/collection/default", {"id": "c-1"})
    rest.answer("GET", "/video/m-1", {"id": "m-1", "collection_id": "c-1", "length": 60})
    rest.answer("POST", "/video/m-1/index", None)
    rest.answer("POST", "/video/m-1/search/v2", {"response_type": "shots", "results": found})
    rest.answer("POST", "/compile", URLS)
    coll = await conn.get_collection()
    video = await coll.get_video("m-1")
    await video.index_spoken_words(force=True)
    lines = []
    try:
        results = await video.search("action items and next steps")
        stream_url = await results.compile()
        lines.append(f"Action items clip: {stream_url}")
    except InvalidRequestError as exc:
        if "No results found" in str(exc):
            lines.append("No action items were detected in the recording.")
        else:
            raise
    assert lines == [said]
