"""Capture sessions on the server: started, active, stopped, exported, and told of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from core_fakes import Core, open_core, until
from msgspec import UNSET

from aiortstream.local.services.errors import BadRequest, NotFound
from aiortstream.local.store import captures, outbox
from aiortstream.records import CaptureSessionEvent
from aiortstream.wire import capture
from aiortstream.wire.rest import ExportAnswer
from aiortstream.wire.videos import CreateCollectionRequest

HOOK = "https://hooks.test/captures"
MIC = capture.StartChannel("mic")
SCREEN = capture.StartChannel("screen", "Screen", "video")


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path) as opened:
        yield opened


async def created(core: Core, **fields: Any) -> capture.SessionRecord:
    request = capture.CreateSessionRequest("user-7", HOOK, "ws-1", {"room": "blue"})
    for name, value in fields.items():
        setattr(request, name, value)
    return await core.services.captures.create("default", request)


async def started(core: Core, *channels: capture.StartChannel) -> capture.SessionRecord:
    """A session that has started and is active."""
    session = await created(core)
    request = capture.StartSessionRequest(session.session_id, list(channels or (MIC, SCREEN)))
    assert (await core.services.captures.start(request)).status == "starting"

    async def active() -> bool:
        return (await core.services.captures.get(session.session_id)).status == "active"

    await until(active)
    return await core.services.captures.get(session.session_id)


def told(core: Core) -> list[str]:
    """The events that websockets got."""
    return [event.event.removeprefix("capture_session.") for event in core.publisher.of(CaptureSessionEvent)]


async def posted(core: Core) -> list[dict[str, Any]]:
    """What the callback gets, in order."""
    rows = await core.db.read(
        lambda conn: outbox.page(conn, alert_id=None, state=None, start=None, end=None, limit=100, offset=0)
    )
    assert {(row.url, row.alert_id) for row in rows} <= {(HOOK, None)}
    return [msgspec.json.decode(row.body) for row in reversed(rows)]


async def test_a_new_session_is_told_of(core: Core) -> None:
    made = await created(core)
    assert made.session_id.startswith("cap-")
    assert (made.status, made.end_user_id, made.metadata) == ("created", "user-7", {"room": "blue"})
    assert (made.channels, made.rtstreams) == ([], [])
    assert await core.services.captures.get(made.session_id, "default") == made
    assert [ids for ids, _ in core.publisher.published] == [("ws-1",)]
    (body,) = await posted(core)
    assert body == {
        "version": "2",
        "event": "capture_session.created",
        "timestamp": body["timestamp"],
        "capture_session_id": made.session_id,
        "end_user_id": "user-7",
        "status": "created",
        "data": {},
    }
    assert body["timestamp"].endswith("Z")
    assert core.waker.woken


async def test_each_channel_is_a_stream_and_one_makes_it_active(core: Core) -> None:
    session = await started(core)
    assert [(each.channel_id, each.type, each.name, each.store, each.is_primary) for each in session.channels] == [
        ("mic", "audio", session.channels[0].name, True, False),
        ("screen", "video", "Screen", True, True),
    ]
    assert session.primary_video_channel_id == "screen"
    assert [(each.channel_id, each.media_types) for each in session.rtstreams] == [
        ("mic", ["audio"]),
        ("screen", ["video"]),
    ]
    for each in session.rtstreams:
        assert (await core.services.streams.get(each.rtstream_id)).collection_id == session.collection_id
    addresses = await core.services.captures.addresses(session.session_id)
    urls = {each.channel_id: each.rtsp_url or "" for each in addresses.channels or ()}
    assert urls.keys() == {"mic", "screen"}
    assert len(set(urls.values())) == 2
    assert all(url.startswith("rtmp://127.0.0.1:") and "listen" not in url for url in urls.values())
    assert told(core) == ["created", "starting", "active"]
    (active,) = [body for body in await posted(core) if body["status"] == "active"]
    assert [each["channel_id"] for each in active["data"]["rtstreams"]] == ["mic", "screen"]


async def test_a_session_is_active_once(core: Core) -> None:
    session = await started(core)
    for each in session.rtstreams:
        await core.status(each.rtstream_id, "connected")
    assert told(core).count("active") == 1


async def test_stopping_ends_its_streams_and_twice_is_once(core: Core) -> None:
    session = await started(core)
    await core.services.captures.stop(session.session_id)
    await core.services.captures.stop(session.session_id)
    ended = await core.services.captures.get(session.session_id)
    assert ended.status == "stopped"
    assert {each.status for each in ended.rtstreams} == {"stopped"}
    assert told(core) == ["created", "starting", "active", "stopping", "stopped"]
    assert [body["status"] for body in await posted(core)] == told(core)


async def test_an_export_is_asked_for_until_it_is_done(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await started(core)
    await core.services.captures.stop(session.session_id)
    go_on, asked = asyncio.Event(), list[str]()

    async def export(rtstream_id: str, _: object) -> ExportAnswer:
        asked.append(rtstream_id)
        await go_on.wait()
        return ExportAnswer("m-1")

    monkeypatch.setattr(core.services.streams, "export", export)
    request = capture.ExportSessionRequest(connection_id="ws-2")
    for _ in range(2):
        told_of = await core.services.captures.export(session.session_id, "default", request)
        assert (told_of.export_status, told_of.video_channel_id, told_of.video_id) == ("exporting", "screen", None)
    go_on.set()

    async def over() -> bool:
        answer = await core.services.captures.export(session.session_id, "default", request)
        return answer.export_status != "exporting"

    await until(over)
    told_of = await core.services.captures.export(session.session_id, "default", request)
    assert (told_of.export_status, told_of.video_id, told_of.stream_url) == (
        "exported",
        "m-1",
        "http://test/videos/m-1.m3u8",
    )
    assert asked == [session.rtstreams[1].rtstream_id]
    after = await core.services.captures.get(session.session_id)
    assert (after.status, after.exported_video_id) == ("exported", "m-1")
    last = core.publisher.published[-1]
    assert (last[0], told(core)[-1]) == (("ws-1", "ws-2"), "exported")


async def test_an_export_that_fails_says_so(core: Core) -> None:
    session = await started(core)
    await core.services.captures.stop(session.session_id)
    request = capture.ExportSessionRequest("screen")

    async def over() -> bool:
        told_of = await core.services.captures.export(session.session_id, "default", request)
        return told_of.export_status != "exporting"

    await until(over)
    answer = await core.services.captures.export(session.session_id, "default", request)
    assert (answer.export_status, answer.video_id) == ("failed", None)
    assert (await core.services.captures.get(session.session_id)).status == "stopped"


async def test_sessions_are_listed_by_page_and_status(core: Core) -> None:
    made = [(await created(core, end_user_id=f"user-{n}")).session_id for n in range(3)]
    first = await core.services.captures.list("default", limit=2)
    assert [each.session_id for each in first.sessions] == made[:0:-1]
    rest = await core.services.captures.list("default", limit=2, offset=int(first.next_page or 0))
    assert ([each.session_id for each in rest.sessions], rest.next_page) == (made[:1], None)
    assert (await core.services.captures.list("default", status="active")).sessions == []
    (only,) = (await core.services.captures.list("default", end_user_id="user-1")).sessions
    assert only.session_id == made[1]


async def test_what_cannot_be_meant_is_refused_and_leaves_nothing(core: Core) -> None:
    service = core.services.captures
    session = (await created(core)).session_id
    for channels, said in [
        ([], "channels: expected 1 to 16, got 0"),
        ([MIC] * 17, "got 17"),
        ([MIC, MIC], "each channel_id once"),
        ([capture.StartChannel(" ")], r"channels\[0\].channel_id: expected"),
        ([capture.StartChannel("mic", "x" * 501)], r"channels\[0\].channel_name: expected"),
    ]:
        with pytest.raises(BadRequest, match=said):
            await service.start(capture.StartSessionRequest(session, channels))
    with pytest.raises(BadRequest, match="callback_url: expected"):
        await service.start(capture.StartSessionRequest(session, [MIC], UNSET, "ftp://x/"))
    with pytest.raises(NotFound, match="no capture session 'cap-x'"):
        await service.start(capture.StartSessionRequest("cap-x", [MIC]))
    with pytest.raises(BadRequest, match="has not been started"):
        await service.stop(session)
    with pytest.raises(BadRequest, match="no such channel that is video"):
        await service.export(session, "default", capture.ExportSessionRequest())
    assert (await core.services.streams.list()).count == 0
    assert (await service.get(session)).status == "created"
    with pytest.raises(BadRequest, match="end_user_id: expected"):
        await created(core, end_user_id=" ")
    with pytest.raises(NotFound, match="no collection 'c-x'"):
        await service.create("c-x", capture.CreateSessionRequest("user"))
    other = await core.services.collections.create(CreateCollectionRequest("Yard", ""))
    with pytest.raises(NotFound, match="in collection"):
        await service.get(session, other.id)


async def test_a_started_session_is_not_started_again(core: Core) -> None:
    session = await started(core, MIC)
    with pytest.raises(BadRequest, match="started before, it is active"):
        await core.services.captures.start(capture.StartSessionRequest(session.session_id, [MIC]))
    with pytest.raises(BadRequest, match="has the channels mic; got 'screen'"):
        await core.services.captures.export(session.session_id, "default", capture.ExportSessionRequest("screen"))
    with pytest.raises(BadRequest, match="no such channel that is video"):
        await core.services.captures.export(session.session_id, "default", capture.ExportSessionRequest("mic"))


async def test_what_a_channel_does_not_say_has_its_default(core: Core) -> None:
    session = await started(core, capture.StartChannel("mic", None, None, None))
    (channel,) = session.channels
    assert (channel.type, channel.store, channel.name) == ("audio", True, f"Capture mic - {session.session_id[:8]}")


async def test_a_channel_that_keeps_nothing_is_not_exported(core: Core) -> None:
    session = await started(core, capture.StartChannel("screen", type="video", store=False))
    with pytest.raises(BadRequest, match="store=false"):
        await core.services.captures.export(session.session_id, "default", capture.ExportSessionRequest())


async def test_a_session_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        session = await started(core)
    async with open_core(tmp_path) as again:
        await again.status(session.rtstreams[0].rtstream_id, "connected")
        assert (await again.services.captures.get(session.session_id)).status == "active"
        await again.services.captures.stop(session.session_id)
        assert (await again.services.captures.get(session.session_id)).status == "stopped"


async def test_an_export_whose_end_cannot_be_noted_is_logged_and_begins_anew(
    core: Core, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = await started(core)
    asked = list[str]()

    async def export(rtstream_id: str, _: object) -> ExportAnswer:
        asked.append(rtstream_id)
        return ExportAnswer("m-1")

    def no_room(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(core.services.streams, "export", export)
    request = capture.ExportSessionRequest("screen")
    with monkeypatch.context() as patch:
        patch.setattr(captures, "set_export", no_room)
        with pytest.raises(OSError, match="disk full"):
            await core.services.captures.export(session.session_id, "default", request)
    real = captures.set_export
    with monkeypatch.context() as patch:
        patch.setattr(captures, "set_export", lambda *given: no_room() if given[2] == "exported" else real(*given))
        await core.services.captures.export(session.session_id, "default", request)

        async def logged() -> bool:
            return "cannot be noted" in caplog.text

        await until(logged)
    assert (await core.services.captures.get(session.session_id)).export_status == "exporting"
    await core.services.captures.export(session.session_id, "default", request)

    async def exported() -> bool:
        return (await core.services.captures.get(session.session_id)).export_status == "exported"

    await until(exported)
    assert len(asked) == 2
