"""The scripted server speaks the wire: one scenario of plain requests, each answer read as `wire.rest` has it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiohttp
import msgspec
import pytest

from aiortstream.testing import ScriptedServer
from aiortstream.wire import rest
from aiortstream.wire.envelope import Envelope

A = TypeVar("A")
T = 1_720_000_000.0


class Plain:
    """A client that knows nothing: method, path, body; the status and what stands in the envelope."""

    def __init__(self, server: ScriptedServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self._session = session

    async def ask(self, method: str, path: str, shape: type[A], body: Any = None, *, status: int = 200) -> A:
        """Refuses an answer with a field that the wire does not have, or without one that it has."""
        async with self._session.request(method, self.server.url + path, json=body) as response:
            raw = await response.read()
            assert response.status == status, raw
            assert response.content_type == "application/json"
            assert "Date" in response.headers
        envelope = msgspec.json.decode(raw, type=Envelope)
        assert envelope.success
        answer = msgspec.json.decode(envelope.data, type=shape)
        assert msgspec.json.decode(msgspec.json.encode(answer)) == msgspec.json.decode(envelope.data)
        return answer

    async def refused(self, method: str, path: str, body: Any = None, *, status: int) -> str:
        """What the server says against it."""
        async with self._session.request(method, self.server.url + path, data=body) as response:
            assert response.status == status
            envelope = msgspec.json.decode(await response.read(), type=Envelope)
        assert not envelope.success
        assert envelope.error_code == ("not_found" if status == 404 else "bad_request")
        return envelope.reason


@asynccontextmanager
async def plain(**policies: Any) -> AsyncIterator[Plain]:
    async with ScriptedServer(**policies) as server, aiohttp.ClientSession() as session:
        yield Plain(server, session)


@pytest.mark.parametrize("slash", ["", "/"])
async def test_every_call_answers_in_the_shape_of_the_wire(slash: str) -> None:
    async with plain() as made:
        ask = made.ask
        collections = await ask("GET", f"/collection{slash}", rest.CollectionsAnswer)
        assert [each.id for each in collections.collections] == ["default"]
        collection = await ask("POST", f"/collection{slash}", rest.CollectionAnswer, {"name": "n", "description": "d"})
        assert await ask("GET", f"/collection/{collection.id}{slash}", rest.CollectionAnswer) == collection
        websocket = await ask("GET", f"/collection/default/websocket{slash}", rest.WebsocketAnswer)
        assert websocket.websocket_url.startswith("ws://127.0.0.1:")

        body = {"url": "rtsp://camera/front", "name": "Door", "media_types": ["video"], "store": True, "sample_rate": 5}
        stream = await ask("POST", f"/rtstream{slash}", rest.RTStreamAnswer, body, status=201)
        assert (stream.status, stream.media_types, stream.store, stream.sample_rate) == (
            "connected",
            ["video"],
            True,
            5,
        )
        one = f"/rtstream/{stream.id}"
        assert await ask("GET", one + slash, rest.RTStreamAnswer) == stream
        listed = await ask("GET", f"/rtstream{slash}?name=do&status=connected&limit=1", rest.RTStreamsAnswer)
        assert (listed.results, listed.count) == ([stream], 1)
        stopped = await ask("PATCH", f"{one}/status{slash}", rest.RTStreamAnswer, {"action": "stop"})
        assert stopped.status == "stopped"
        clip = await ask("GET", f"{one}/stream{slash}?start={T + 0.5}&end={T + 1.5}", rest.StreamAnswer)
        assert clip.stream_url.endswith(f"/manifests/{stream.id}/1720000000000000-1720000002000000.m3u8")

        started = await ask("POST", f"{one}/transcription{slash}", rest.TranscriptionStatusAnswer, {"action": "start"})
        assert started == await ask("GET", f"{one}/transcription/status{slash}", rest.TranscriptionStatusAnswer)
        made.server.emit_transcript(stream.id, "hello", start=T, end=T + 1)
        page = await ask("GET", f"{one}/transcription{slash}?page=1&page_size=5&since={T}", rest.TranscriptAnswer)
        assert page == rest.TranscriptAnswer([rest.TranscriptRecord(T, T + 1, "hello")], False, 1, 1, 5)


@pytest.mark.parametrize("slash", ["", "/"])
async def test_so_does_every_call_on_indexes_and_alerts(slash: str) -> None:
    async with plain(features=("alert_log",)) as made:
        ask, stream_id = made.ask, made.server.add_stream("Door")
        scenes, config = f"/rtstream/{stream_id}/index/scene", {"time": 2, "frame_count": 5}
        body = {
            "extraction_type": "time",
            "extraction_config": config,
            "prompt": "?",
            "name": "who",
            "model_name": None,
        }
        index = await ask("POST", scenes + slash, rest.SceneIndexAnswer, body)
        assert (index.status, index.extraction_config) == ("running", {"time": "2", "frame_count": "5"})
        index_id = index.rtstream_index_id
        assert (await ask("GET", scenes + slash, rest.SceneIndexesAnswer)).scene_indexes == [index]
        await ask("PATCH", f"{scenes}/{index_id}/status{slash}", dict[str, Any], {"action": "stop"})
        single = await ask("GET", f"/rtstream/{stream_id}/index/{index_id}{slash}", rest.SceneIndexAnswer)
        assert single.status == "stopped"
        made.server.emit_scene(index_id, "a red door", start=T, end=T + 2)
        page = await ask("GET", f"{scenes}/{index_id}{slash}?start={T}&end={T + 1}", rest.ScenesAnswer)
        assert page.scene_index_records == [rest.SceneRecord(T, T + 2, "a red door", "a red door")]

        event = {"event_prompt": "A person", "label": "person"}
        event_id = (await ask("POST", f"/rtstream/event{slash}", rest.EventIdAnswer, event)).event_id
        events = await ask("GET", f"/rtstream/event{slash}", rest.EventsAnswer)
        assert events.events == [rest.EventAnswer(event_id, "A person", "person")]
        alerts = f"/rtstream/{stream_id}/index/{index_id}/alert"
        alert_id = (await ask("POST", alerts + slash, rest.AlertIdAnswer, {"event_id": event_id})).alert_id
        for said, status in (
            ({"action": "disable"}, "disabled"),
            ({"status": "enabled"}, "enabled"),
            ({"status": "disabled"}, "disabled"),
            ({"action": "enable"}, "enabled"),
        ):
            await ask("PATCH", f"{alerts}/{alert_id}/status{slash}", dict[str, Any], said)
            assert [each.status for each in (await ask("GET", alerts + slash, rest.AlertsAnswer)).alerts] == [status]
        fired = made.server.emit_alert(alert_id, "somebody", start=T, end=T + 2)
        (logged,) = (await ask("GET", f"/alert/log{slash}?index_id={index_id}", rest.AlertLogAnswer)).firings
        assert (logged.firing_id, logged.fired_at, logged.explanation) == (1, fired.fired_at, "somebody")

        for path in (f"/rtstream/{stream_id}/search{slash}", f"/rtstream/collection/default/search{slash}"):
            found = await ask("POST", path, rest.SearchAnswer, {"query": "RED", "filter": []})
            assert [(hit.scene_index_id, hit.scene_index_name, hit.rtstream_id) for hit in found.results] == [
                (index_id, "who", stream_id)
            ]
            assert (await ask("POST", path, rest.SearchAnswer, {"query": "cat"})).results == []
            elsewhere = {"query": "red", "scene_index_id": "another"}
            assert (await ask("POST", path, rest.SearchAnswer, elsewhere)).results == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/rtstream/rts-0", None, 404, "no stream 'rts-0'"),
        ("GET", "/collection/c-0", None, 404, "no collection 'c-0'"),
        ("GET", "/collection/c-0/websocket", None, 404, "no collection 'c-0'"),
        ("GET", "/rtstream/{stream}/index/i-0", None, 404, "no index 'i-0'"),
        ("POST", "/rtstream/{stream}/index/{index}/alert", b'{"event_id":"e-0"}', 404, "no event 'e-0'"),
        ("PATCH", "/rtstream/{stream}/index/{index}/alert/a-0/status", b'{"action":"enable"}', 404, "no alert 'a-0'"),
        ("GET", "/alert/log", None, 404, "no log of alerts"),
        ("GET", "/no/such/thing", None, 404, "does not have GET /no/such/thing"),
        ("POST", "/rtstream/rts-0/search", b'{"query":"x"}', 404, "no stream 'rts-0'"),
        ("POST", "/rtstream", b'{"name":"no url"}', 400, "url"),
        ("POST", "/rtstream", b"\xff", 400, ""),
        ("PATCH", "/rtstream/{stream}/status", b'{"action":"jump"}', 400, "jump"),
        ("PATCH", "/rtstream/{stream}/status", b'{"action":"start"}', 400, "already running"),
        ("GET", "/rtstream/{stream}/stream", None, 400, "start, end"),
        ("GET", "/rtstream/{stream}/transcription?page=0", None, 400, "page: expected"),
        ("GET", "/rtstream/{stream}/index/scene/{index}?start=soon", None, 400, "start: expected"),
        ("GET", "/rtstream?limit=many", None, 400, "limit: expected"),
    ],
)
async def test_what_does_not_fit_is_refused_in_the_envelope(
    method: str, path: str, body: bytes | None, status: int, message: str
) -> None:
    async with plain() as made:
        stream = made.server.add_stream()
        scenes = f"/rtstream/{stream}/index/scene"
        index = await made.ask("POST", scenes, rest.SceneIndexAnswer, {"extraction_type": "time"})
        asked = path.replace("{stream}", stream).replace("{index}", index.rtstream_index_id)
        assert message in await made.refused(method, asked, body, status=status)
        assert (made.server.log[-1].method, made.server.log[-1].status) == (method, status)


async def test_a_running_stream_may_be_started_where_the_server_lets_it() -> None:
    async with plain(start_of_running_refused=False) as made:
        path = f"/rtstream/{made.server.add_stream()}/status"
        assert (await made.ask("PATCH", path, rest.RTStreamAnswer, {"action": "start"})).status == "connected"


async def test_the_log_says_what_was_asked() -> None:
    async with plain() as made:
        stream = made.server.add_stream()
        await made.ask("GET", f"/rtstream/{stream}/transcription?page_size=7", rest.TranscriptAnswer)
        await made.ask("POST", "/rtstream/event", rest.EventIdAnswer, {"event_prompt": "?", "label": "l"})
        page, event = made.server.log
        assert (page.path, page.query, page.body) == (f"/rtstream/{stream}/transcription", {"page_size": "7"}, None)
        assert (event.method, event.body, event.status) == ("POST", {"event_prompt": "?", "label": "l"}, 200)
        assert made.server.requests == [f"GET /rtstream/{stream}/transcription", "POST /rtstream/event"]


@pytest.mark.parametrize(("features", "found"), [((), 2), (("since",), 1)])
async def test_scenes_know_since_only_where_the_server_says_so(features: tuple[str, ...], found: int) -> None:
    async with plain(features=features) as made:
        scenes = f"/rtstream/{made.server.add_stream()}/index/scene"
        index = await made.ask("POST", scenes, rest.SceneIndexAnswer, {"extraction_type": "time"})
        for start in (T, T + 100):
            made.server.emit_scene(index.rtstream_index_id, "a door", start=start, end=start + 1)
        page = await made.ask("GET", f"{scenes}/{index.rtstream_index_id}?since={T + 50}", rest.ScenesAnswer)
        assert len(page.scene_index_records) == found
