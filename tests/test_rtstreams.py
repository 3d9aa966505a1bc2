"""Streams: what their methods send and what they make of the answers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from conftest import FakeHub, MockedRest

from aiortstream import (
    AsyncClient,
    InvalidArgumentError,
    InvalidRequestError,
    NotFoundError,
    ProtocolError,
    RequestTimeoutError,
)
from aiortstream.live.bindings import OWN, SceneBinding

STREAM = {"id": "rts-1", "name": "Door", "collection_id": "c-1", "status": "connected", "sample_rate": 30}
NOW = 1_710_000_000.5


async def test_refresh_reads_every_property(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/rtstream/rts-1", {**STREAM, "created_at": "2025-05-27T13:07:38.758741", "later": 1})
    stream = await client.get_rtstream("rts-1")
    assert (stream.name, stream.collection_id, stream.status, stream.sample_rate) == ("Door", "c-1", "connected", 30)
    assert stream.created_time == datetime(2025, 5, 27, 13, 7, 38, 758741, UTC)


async def test_a_time_that_is_none_is_told(client: AsyncClient, rest: MockedRest) -> None:
    assert client.rtstream("rts-1").created_time is None
    rest.answer("GET", "/rtstream/rts-1", {**STREAM, "created_at": "yesterday"})
    stream = await client.get_rtstream("rts-1")
    with pytest.raises(ProtocolError, match="created_at of rts-1"):
        _ = stream.created_time


async def test_waiting_for_a_source_looks_until_it_is_there(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/rtstream/rts-1", {**STREAM, "status": "connecting"})
    rest.answer("GET", "/rtstream/rts-1", STREAM)
    stream = client.rtstream("rts-1")
    assert await stream.wait_until_connected() is stream
    assert stream.status == "connected"


async def test_waiting_for_a_source_ends_at_its_deadline_and_says_why(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/rtstream/rts-1", {**STREAM, "status": "error", "status_reason": "connection refused"})
    with pytest.raises(RequestTimeoutError, match=r"rts-1 is not connected after 0\.1 s: error, connection refused"):
        await client.rtstream("rts-1").wait_until_connected(timeout=0.1)
    for wrong in (0, -1, True, float("nan"), "60"):
        with pytest.raises(InvalidArgumentError, match="timeout: expected a number"):
            await client.rtstream("rts-1").wait_until_connected(timeout=wrong)  # type: ignore[arg-type]


async def test_nobody_waits_for_a_stream_that_is_stopped(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/rtstream/rts-1", {**STREAM, "status": "stopped"})
    with pytest.raises(InvalidRequestError, match=r"rts-1 is stopped: start\(\) it"):
        await client.rtstream("rts-1").wait_until_connected()


async def test_ids_are_quoted_and_never_empty(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/rtstream/a%2F..%2Fb", STREAM)
    await client.get_rtstream("a/../b")
    for wrong in ("", ".."):
        with pytest.raises(InvalidArgumentError, match="id: expected"):
            await client.get_rtstream(wrong)


@pytest.mark.parametrize(("method", "status"), [("start", "connected"), ("stop", "stopped")])
async def test_start_and_stop(client: AsyncClient, rest: MockedRest, method: str, status: str) -> None:
    rest.answer("PATCH", "/rtstream/rts-1/status", message="ok")
    stream = client.rtstream("rts-1")
    await getattr(stream, method)()
    assert rest.last == ("PATCH", "/rtstream/rts-1/status", {}, {"action": method})
    assert stream.status == status


@pytest.mark.parametrize(("method", "status"), [("start", "connected"), ("start", "connecting"), ("stop", "stopped")])
async def test_wanting_what_is_so_is_no_error(client: AsyncClient, rest: MockedRest, method: str, status: str) -> None:
    rest.answer("PATCH", "/rtstream/rts-1/status", status=400, message="Operation not allowed")
    rest.answer("GET", "/rtstream/rts-1", {**STREAM, "status": status})
    stream = client.rtstream("rts-1")
    await getattr(stream, method)()
    assert stream.status == status


async def test_a_start_that_failed_is_an_error(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("PATCH", "/rtstream/rts-1/status", status=400, message="Operation not allowed")
    rest.answer("GET", "/rtstream/rts-1", {**STREAM, "status": "stopped"})
    with pytest.raises(InvalidRequestError, match="Operation not allowed"):
        await client.rtstream("rts-1").start()
    rest.answer("PATCH", "/rtstream/rts-2/status", status=404, message="no stream rts-2")
    with pytest.raises(NotFoundError):
        await client.rtstream("rts-2").start()


async def test_generate_stream_returns_the_stream_and_keeps_both_urls(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/rtstream/rts-1/stream", {"stream_url": "https://s/x.m3u8", "player_url": "https://p"})
    stream = client.rtstream("rts-1")
    end = datetime.fromtimestamp(NOW + 60, UTC)
    assert await stream.generate_stream(NOW, end, {"title": "T", "slug": "s"}) == "https://s/x.m3u8"
    assert (stream.stream_url, stream.player_url) == ("https://s/x.m3u8", "https://p")
    assert rest.last[2] == {
        "start": "1710000000.5",
        "end": "1710000060.5",
        "player_title": "T",
        "player_slug_prefix": "s",
    }


async def test_a_stream_without_a_url_is_outside_the_protocol(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/rtstream/rts-1/stream", {"player_url": "https://p"})
    with pytest.raises(ProtocolError, match="GET rtstream/rts-1/stream"):
        await client.rtstream("rts-1").generate_stream(NOW, NOW + 60)


async def test_a_player_takes_known_settings_only(client: AsyncClient) -> None:
    with pytest.raises(InvalidArgumentError, match=r"player_config: unknown \['colour'\]"):
        await client.rtstream("rts-1").generate_stream(NOW, NOW + 60, {"colour": "red"})


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        (NOW, NOW, "end: expected a time after start"),
        (NOW * 1000, NOW * 1000 + 1, "looks like milliseconds"),
        (0, 60, "start: expected unix seconds"),
        (datetime(2025, 1, 1), NOW, "time zone"),  # noqa: DTZ001 - naive on purpose
        ("now", NOW, "start: expected unix seconds or an aware datetime"),
        (float("nan"), NOW, "start"),
    ],
)
async def test_windows_that_make_no_sense(client: AsyncClient, start: Any, end: Any, says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says):
        await client.rtstream("rts-1").generate_stream(start, end)


async def test_export(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/rtstream/rts-1/export", {"video_id": "m-1", "name": "N", "duration": "12.5"})
    result = await client.rtstream("rts-1").export(name="N")
    assert rest.last[3] == {"name": "N"}
    assert (result.video_id, result.name, result.duration, result["stream_url"]) == ("m-1", "N", 12.5, None)
    rest.answer("POST", "/rtstream/rts-1/export", {"video_id": "m-1"})
    await client.rtstream("rts-1").export()
    assert rest.last[3] == {}


INDEX = {"rtstream_index_id": "7a6b9e4dc0132ebe", "extraction_type": "time", "status": "running"}


async def test_index_visuals_sends_what_the_official_client_sends(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer(
        "POST", "/rtstream/rts-1/index/scene", {**INDEX, "extraction_config": {"time": "2", "frame_count": "5"}}
    )
    index = await client.rtstream("rts-1").index_visuals(
        prompt="Describe", batch_config={"type": "time", "value": 2, "frame_count": 5}, ws_connection_id="conn"
    )
    assert rest.last[3] == {
        "extraction_type": "time",
        "extraction_config": {"time": 2, "frame_count": 5},
        "prompt": "Describe",
        "model_name": None,
        "model_config": {},
        "name": None,
        "ws_connection_id": "conn",
    }
    assert index.rtstream_index_id == "7a6b9e4dc0132ebe"
    assert index.extraction_config == {"time": 2, "frame_count": 5}
    assert index.kind == "visual"


async def test_index_audio_sends_what_the_official_client_sends(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/rtstream/rts-1/index/scene", {"rtstream_index_id": "a"})
    index = await client.rtstream("rts-1").index_audio(
        "Sum up", {"type": "sentence", "value": 5}, "basic", {"t": 0}, "n", ws_connection_id=None, sandbox_id="sb"
    )
    assert rest.last[3] == {
        "extraction_type": "transcript",
        "extraction_config": {"segmenter": "sentence", "segmentation_value": 5},
        "prompt": "Sum up",
        "model_name": "basic",
        "model_config": {"t": 0},
        "name": "n",
        "sandbox_id": "sb",
    }
    assert index.kind == "audio"


@pytest.mark.parametrize(
    ("method", "config", "says"),
    [
        ("index_visuals", {"type": "word", "value": 2}, r'batch_config\["type"\]: visual indexes take only "time"'),
        (
            "index_visuals",
            {"type": "time", "value": 0, "frame_count": 5},
            r'\["value"\]: expected a whole number of sec',
        ),
        ("index_visuals", {"type": "time", "value": 2, "frame_count": "5"}, r'\["frame_count"\]'),
        ("index_visuals", {"type": "time", "value": 2, "frames": 5}, "unknown"),
        ("index_audio", {"type": "minute", "value": 2}, 'expected "word", "sentence" or "time", got'),
        ("index_audio", {"type": "word"}, r'\["value"\]: expected a whole number of words above 0, got None'),
        ("index_audio", {"type": "word", "value": True}, "whole number"),
    ],
)
async def test_batch_configs_that_are_wrong(client: AsyncClient, method: str, config: Any, says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says):
        await getattr(client.rtstream("rts-1"), method)(batch_config=config, ws_connection_id=None)


async def test_without_a_batch_config_the_server_decides(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/rtstream/rts-1/index/scene", INDEX)
    await client.rtstream("rts-1").index_visuals(ws_connection_id=None)
    assert rest.last[3]["extraction_config"] is None


async def test_the_older_names_of_indexing_send_what_the_official_client_sends(
    client: AsyncClient, rest: MockedRest
) -> None:
    stream = client.rtstream("rts-1")
    for _ in range(4):
        rest.answer("POST", "/rtstream/rts-1/index/scene", INDEX)
    common: dict[str, Any] = {"model_name": None, "model_config": {}, "name": None}
    await stream.index_scenes(ws_connection_id=None)
    assert rest.last[3] == common | {
        "extraction_type": "time",
        "extraction_config": {"time": 2, "frame_count": 5},
        "prompt": "Describe the scene",
    }
    await stream.index_scenes("time", {"time": 3}, "What is it?", ws_connection_id=None)
    assert rest.last[3] == common | {
        "extraction_type": "time",
        "extraction_config": {"time": 3},
        "prompt": "What is it?",
    }
    await stream.index_scenes("transcript", prompt="Sum up", ws_connection_id=None)
    assert rest.last[3] == common | {"extraction_type": "transcript", "extraction_config": None, "prompt": "Sum up"}
    await stream.index_spoken_words("Sum up", "sentence", 3, ws_connection_id=None)
    assert rest.last[3] == common | {
        "extraction_type": "transcript",
        "extraction_config": {"segmenter": "sentence", "segmentation_value": 3},
        "prompt": "Sum up",
    }
    with pytest.raises(InvalidArgumentError, match="whole number of words"):
        await stream.index_spoken_words(length=0, ws_connection_id=None)


async def test_a_stream_is_given_another_name_and_rate(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("PATCH", "/rtstream/rts-1", {**STREAM, "name": "Gate", "sample_rate": 10})
    stream = client.rtstream("rts-1")
    assert await stream.update(name="Gate", sample_rate=10) is stream
    assert rest.last[3] == {"name": "Gate", "sample_rate": 10}
    assert (stream.name, stream.sample_rate, stream.status) == ("Gate", 10, "connected")
    await stream.update()  # changes nothing, so asks nothing
    assert len(rest.requests) == 1
    with pytest.raises(InvalidArgumentError, match="name: expected"):
        await stream.update(name=" ")


@pytest.mark.parametrize("method", ["index_visuals", "index_audio"])
async def test_an_index_is_bound_to_our_own_connection(
    client: AsyncClient, rest: MockedRest, hub: FakeHub, method: str
) -> None:
    rest.answer("POST", "/rtstream/rts-1/index/scene", {"rtstream_index_id": "i1"})
    index = await getattr(client.rtstream("rts-1"), method)("What?")
    assert rest.last[3]["ws_connection_id"] == "own-connection"
    assert hub.asked == [(OWN, False)]
    assert hub.bound == [(SceneBinding("rts-1", "i1", index.kind), "own-connection")]


async def test_without_a_websocket_an_index_is_made_all_the_same(
    client: AsyncClient, rest: MockedRest, hub: FakeHub
) -> None:
    hub.own = None
    rest.answer("POST", "/rtstream/rts-1/index/scene", INDEX)
    await client.rtstream("rts-1").index_visuals("What?")
    assert "ws_connection_id" not in rest.last[3]


async def test_a_refused_index_is_bound_to_nothing(client: AsyncClient, rest: MockedRest, hub: FakeHub) -> None:
    rest.answer("POST", "/rtstream/rts-1/index/scene", status=400, message="no")
    with pytest.raises(InvalidRequestError, match="no"):
        await client.rtstream("rts-1").index_visuals("What?")
    assert hub.bound == []


async def test_listing_and_getting_indexes(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/rtstream/rts-1/index/scene", {"scene_indexes": [INDEX]})
    assert [i.status for i in await client.rtstream("rts-1").list_scene_indexes()] == ["running"]
    rest.answer("GET", "/rtstream/rts-1/index/7a6b9e4dc0132ebe", {**INDEX, "prompt": "P"})
    assert (await client.rtstream("rts-1").get_scene_index("7a6b9e4dc0132ebe")).prompt == "P"
