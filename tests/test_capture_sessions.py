"""Capture sessions: what travels, and what comes of the answers."""

from __future__ import annotations

import logging
from itertools import repeat
from typing import Any

import msgspec
import pytest
from conftest import BASE, FakeHub, MockedRest

from aiortstream import (
    AsyncClient,
    CaptureChannel,
    CaptureSession,
    InvalidArgumentError,
    InvalidRequestError,
    JobUpdate,
    NotFoundError,
    ProtocolError,
    ServerError,
)
from aiortstream.wire import capture

SESSIONS = "/collection/c-1/capture/session"
ONE = f"{SESSIONS}/cap-1"
EXPORT = f"{ONE}/export"
ANSWER = {
    "session_id": "cap-1",
    "collection_id": "c-1",
    "end_user_id": "user-7",
    "client_id": None,
    "status": "active",
    "callback_url": "https://hooks.test/?secret=x",
    "metadata": {"room": "blue"},
    "channels": [
        {"channel_id": "mic", "type": "audio", "name": "Microphone", "store": True, "is_primary": False},
        {"channel_id": "screen", "type": "video", "name": "Screen", "store": True, "is_primary": True},
    ],
    "rtstreams": [
        {"rtstream_id": "rts-1", "channel_id": "mic", "name": "m", "status": "connected", "media_types": ["audio"]},
        {"id": "rts-2", "channel_id": "Screen", "name": "s", "status": "connected", "media_types": ["video"]},
        {"channel_id": "system_audio"},
    ],
    "primary_video_channel_id": "screen",
    "export_status": None,
}


@pytest.fixture
async def session(client: AsyncClient, rest: MockedRest) -> CaptureSession:
    rest.answer("GET", ONE, ANSWER)
    return await client.collection("c-1").get_capture_session("cap-1")


@pytest.fixture
async def quick(client: AsyncClient) -> None:
    client._context.transport._job_delays = lambda: repeat(0.0)


async def test_a_session_as_the_server_tells_it(session: CaptureSession) -> None:
    assert (session.id, session.collection_id, session.end_user_id, session.status) == (
        "cap-1",
        "c-1",
        "user-7",
        "active",
    )
    assert session.metadata == {"room": "blue"}
    assert session.primary_video_channel_id == "screen"
    assert session.channels == [
        CaptureChannel("mic", "Microphone"),
        CaptureChannel("screen", "Screen", "video", store=True, is_primary=True),
    ]
    assert session.channels[0]["channel_id"] == "mic"
    assert [channel.id for channel in session.displays] == ["screen"]
    assert [stream.id for stream in session.rtstreams] == ["rts-1", "rts-2"]
    assert session.rtstreams[0].collection_id == "c-1"
    assert "secret" not in repr(session)


async def test_streams_of_a_category(session: CaptureSession) -> None:
    assert [stream.id for stream in session.get_rtstream("MIC")] == ["rts-1"]
    assert [stream.id for stream in session.get_rtstream("screen")] == ["rts-2"]
    assert session.get_rtstream("system_audio") == []
    with pytest.raises(InvalidArgumentError, match="category"):
        session.get_rtstream("")


async def test_refreshing_replaces_what_was_known(session: CaptureSession, rest: MockedRest) -> None:
    rest.answer("GET", ONE, {"status": "stopped", "channels": None, "exported_video_id": "m-1"})
    assert await session.refresh() is session
    assert (session.id, session.status, session.channels, session.rtstreams) == ("cap-1", "stopped", [], [])
    assert (session.metadata, session.exported_video_id) == ({}, "m-1")


async def test_creating_one_sends_what_is_given_and_no_more(
    client: AsyncClient, hub: FakeHub, rest: MockedRest
) -> None:
    rest.answer("POST", SESSIONS, {"session_id": "cap-1", "status": "created"})
    made = await client.collection("c-1").create_capture_session("user-7")
    assert rest.last[3] == {"end_user_id": "user-7", "ws_connection_id": "own-connection"}
    assert (made.id, made.status, made.collection_id) == ("cap-1", "created", "c-1")
    hub.own = None
    rest.answer("POST", SESSIONS, {"id": "cap-2", "status": "created"})
    made = await client.create_capture_session("user-7", "c-1", "https://hooks.test/", "ws-1", {"room": 1})
    assert made.id == "cap-2"
    assert rest.last[3] == {
        "end_user_id": "user-7",
        "callback_url": "https://hooks.test/",
        "ws_connection_id": "ws-1",
        "metadata": {"room": 1},
    }
    rest.answer("POST", SESSIONS, {"status": "created"})
    with pytest.raises(ProtocolError, match="without session_id"):
        await client.create_capture_session("user-7", "c-1", ws_connection_id=None)
    asked = len(rest.requests)
    with pytest.raises(InvalidArgumentError, match="end_user_id"):
        await client.create_capture_session(" ")
    assert len(rest.requests) == asked


async def test_getting_one_that_is_not_there(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/collection/default/capture/session/cap-9", status=404, message="none")
    with pytest.raises(NotFoundError):
        await client.get_capture_session("cap-9")


async def test_listing_them_page_by_page(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", SESSIONS, {"sessions": [ANSWER], "next_page": "p2"})
    rest.answer("GET", SESSIONS, {"sessions": [{"id": "cap-2"}], "next_page": None})
    listed = client.list_capture_sessions("c-1", status="active")
    assert [each.id async for each in listed] == ["cap-1", "cap-2"]
    assert [query for _, _, query, _ in rest.requests] == [
        {"status": "active"},
        {"status": "active", "cursor": "p2"},
    ]
    rest.answer("GET", SESSIONS, {"sessions": []})
    assert await client.collection("c-1").list_capture_sessions() == []
    assert rest.last[2] == {}


async def test_starting_and_stopping(session: CaptureSession, hub: FakeHub, rest: MockedRest) -> None:
    rest.answer("POST", "/capture/session/start", {"session_id": "cap-1", "status": "starting"})
    await session.start([CaptureChannel("mic"), CaptureChannel("screen", "Screen", "video", store=False)])
    assert session.status == "starting"
    assert rest.last[3] == {
        "session_id": "cap-1",
        "channels": [
            {"channel_id": "mic", "type": "audio", "store": True},
            {"channel_id": "screen", "channel_name": "Screen", "type": "video", "store": False},
        ],
        "ws_connection_id": "own-connection",
    }
    rest.answer("POST", "/capture/session/cap-1/stop")
    await session.stop()
    assert rest.last[:2] == ("POST", "/capture/session/cap-1/stop")
    asked = len(rest.requests)
    for wrong in ([], ["mic"]):
        with pytest.raises(InvalidArgumentError, match="channels: expected a list of at least one CaptureChannel"):
            await session.start(wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="channels: id"):
        await session.start([CaptureChannel("")])
    assert len(rest.requests) == asked


async def test_where_the_sources_are(session: CaptureSession, rest: MockedRest) -> None:
    channels = [{"channel_id": "mic", "rtsp_url": "rtsp://s/1"}, {"channel_id": "screen", "rtsp_url": None}]
    rest.answer("GET", "/capture/session/cap-1", {"session_id": "cap-1", "channels": channels})
    assert await session.get_rtsp_urls() == {"mic": "rtsp://s/1"}
    rest.answer("GET", "/capture/session/cap-1", {"session_id": "cap-1", "status": "created"})
    assert await session.get_rtsp_urls() == {}


@pytest.mark.usefixtures("quick")
async def test_an_export_is_asked_for_until_it_is_there(session: CaptureSession, rest: MockedRest) -> None:
    exporting = {"session_id": "cap-1", "video_channel_id": "screen", "export_status": "exporting"}
    rest.answer("POST", EXPORT, exporting)
    rest.answer("POST", EXPORT, status=503, message="busy")  # it goes on all the same
    rest.answer("POST", EXPORT, exporting)
    rest.answer("POST", EXPORT, exporting | {"export_status": "exported", "video_id": "m-1", "stream_url": "http://s"})
    told: list[JobUpdate] = []
    made = await session.export("screen", "ws-1", on_progress=told.append)
    assert (made.video_id, made.video_channel_id, made.stream_url, made.player_url) == (
        "m-1",
        "screen",
        "http://s",
        None,
    )
    assert [update.status for update in told] == ["exporting", "exporting", "exporting", "done"]
    asked = [body for method, _, _, body in rest.requests if method == "POST"]
    assert asked == [{"video_channel_id": "screen", "connection_id": "ws-1"}] * 4


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("last", "error", "says"),
    [
        ({"export_status": "failed", "session_id": "cap-1"}, InvalidRequestError, "capture session cap-1 failed"),
        ({"export_status": "exported"}, ProtocolError, "without video_id"),
        ({}, ProtocolError, "without video_id"),
    ],
)
async def test_exports_that_come_to_nothing(
    session: CaptureSession, rest: MockedRest, last: dict[str, Any], error: type[Exception], says: str
) -> None:
    rest.answer("POST", EXPORT, {"export_status": "exporting"})
    rest.answer("POST", EXPORT, last)
    with pytest.raises(error, match=says):
        await session.export(ws_connection_id=None)


async def test_an_export_that_is_refused_at_once(session: CaptureSession, rest: MockedRest) -> None:
    rest.answer("POST", EXPORT, status=400, message="nothing recorded")
    with pytest.raises(InvalidRequestError, match="nothing recorded"):
        await session.export(ws_connection_id=None)
    rest.answer("POST", EXPORT, status=500, message="broken")
    with pytest.raises(ServerError):
        await session.export(ws_connection_id=None)


async def test_tokens(client: AsyncClient, rest: MockedRest, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    rest.answer("POST", "/capture/session/token", {"token": "st-secret", "expires_at": 1.7e9, "expires_in": 600})
    token = await client.generate_client_token(600)
    assert (token, rest.last[3]) == ("st-secret", {"expires_in": 600})
    rest.answer("POST", "/capture/session/token", {"token": "st-secret"})
    await client.generate_client_token()
    assert rest.last[3] == {"expires_in": 86_400}
    async with AsyncClient(session_token=token, base_url=BASE, max_retries=0) as other:
        rest.answer("GET", ONE, ANSWER)
        await other.get_capture_session("cap-1", "c-1")
        rest.answer("GET", ONE, status=401, message="expired")
        with pytest.raises(Exception, match="expired") as refused:
            await other.get_capture_session("cap-1", "c-1")
    assert "st-secret" not in f"{refused.value!r} {other!r} {caplog.text}"
    asked = len(rest.requests)
    with pytest.raises(InvalidArgumentError, match="expires_in: expected a whole number of seconds above 0"):
        await client.generate_client_token(0)
    assert len(rest.requests) == asked


def test_the_wire_has_the_words_of_the_official_client() -> None:
    assert msgspec.to_builtins(capture.ExportSessionRequest("screen", "ws-1")) == {
        "video_channel_id": "screen",
        "connection_id": "ws-1",
    }
    assert msgspec.to_builtins(capture.ExportSessionRequest()) == {}
