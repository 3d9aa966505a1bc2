"""Every call of the API over HTTP: both slash forms, the wire's shapes, and refusals that say what was expected."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from core_fakes import DEADLINE, T0, segment
from shell_parts import SOURCE, Shell, open_shell

from aiortstream.local.app import ROUTES
from aiortstream.local.paths import segments_folder
from aiortstream.local.routes import captures, understandings, videos
from aiortstream.local.routes.table import Access
from aiortstream.local.store import segments

VISUAL = {"extraction_type": "time", "extraction_config": {"time": 2, "frame_count": 3}, "prompt": "Seen"}


@dataclass
class Scenery:
    """A server with one of each."""

    shell: Shell
    stream: str
    index: str
    event: str
    alert: str

    def fill(self, path: str) -> str:
        """A path with the ids of this scenery."""
        return path.format(stream=self.stream, index=self.index, event=self.event, alert=self.alert)


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with open_shell(tmp_path) as opened:
        yield opened


@pytest.fixture
async def scenery(shell: Shell) -> Scenery:
    stream = await shell.connect()
    index = (await shell.post(f"/rtstream/{stream}/index/scene", VISUAL)).data["rtstream_index_id"]
    event = (await shell.post("/rtstream/event", {"event_prompt": "A door opens", "label": "door"})).data["event_id"]
    alert = (await shell.post(f"/rtstream/{stream}/index/{index}/alert", {"event_id": event, "callback_url": ""})).data[
        "alert_id"
    ]
    root = segments_folder(shell.core.data_dir, stream)
    recorded = segment(0, 10)
    (root / recorded.path).parent.mkdir(parents=True)
    (root / recorded.path).write_bytes(b"x" * 100)
    await shell.core.db.run(lambda conn: segments.add(conn, stream, recorded))
    return Scenery(shell, stream, index, event, alert)


CALLS: list[tuple[str, str, Any, int, set[str]]] = [
    ("GET", "/collection", None, 200, {"collections", "default_collection"}),
    ("POST", "/collection", {"name": "Yard", "description": "d", "is_public": False}, 200, {"id", "name"}),
    ("GET", "/collection/default", None, 200, {"id", "name", "description", "is_public"}),
    ("PATCH", "/collection/default", {"name": "House", "description": None}, 200, {"id", "name", "description"}),
    ("GET", "/collection/default/websocket", None, 200, {"websocket_url"}),
    ("POST", "/rtstream", {"url": SOURCE, "name": "x"}, 201, {"id", "name", "status", "media_types", "created_at"}),
    ("GET", "/rtstream", None, 200, {"results", "count", "next", "previous"}),
    ("GET", "/rtstream?limit=1&offset=0&status=connected&name=fr&ordering=-created_at", None, 200, {"results"}),
    ("GET", "/rtstream/{stream}", None, 200, {"id", "status"}),
    ("PATCH", "/rtstream/{stream}", {"name": "Back"}, 200, {"id", "name"}),
    ("PATCH", "/rtstream/{stream}/status", {"action": "start"}, 200, set()),
    ("PATCH", "/rtstream/{stream}/status", {"action": "stop"}, 200, set()),
    ("GET", "/rtstream/{stream}/stream?start=1700000000.5&end=1700000005", None, 200, {"stream_url", "player_url"}),
    ("POST", "/rtstream/{stream}/search", {"query": "door"}, 200, {"results"}),
    ("POST", "/rtstream/collection/default/search", {"query": "door", "filter": []}, 200, {"results"}),
    ("POST", "/rtstream/{stream}/transcription", {"action": "start"}, 200, {"status", "engine"}),
    ("POST", "/rtstream/{stream}/transcription", {"action": "stop", "mode": "graceful"}, 200, {"status"}),
    ("GET", "/rtstream/{stream}/transcription", None, 200, {"transcription_records", "next_page", "total_count"}),
    ("GET", "/rtstream/{stream}/transcription?page=1&page_size=9&start=0&since=1700000000", None, 200, {"page"}),
    ("GET", "/rtstream/{stream}/transcription/status", None, 200, {"status", "engine"}),
    ("POST", "/rtstream/{stream}/index/scene", VISUAL, 200, {"rtstream_index_id", "extraction_config", "status"}),
    ("GET", "/rtstream/{stream}/index/scene", None, 200, {"scene_indexes"}),
    ("GET", "/rtstream/{stream}/index/{index}", None, 200, {"rtstream_index_id", "prompt"}),
    ("GET", "/rtstream/{stream}/index/scene/{index}", None, 200, {"scene_index_records", "next_page"}),
    ("PATCH", "/rtstream/{stream}/index/scene/{index}", {"prompt": "New"}, 200, {"prompt"}),
    ("PATCH", "/rtstream/{stream}/index/scene/{index}/status", {"action": "stop"}, 200, set()),
    ("PATCH", "/rtstream/{stream}/index/scene/{index}/status", {"action": "start"}, 200, set()),
    ("POST", "/rtstream/event", {"event_prompt": "p", "label": "l"}, 200, {"event_id"}),
    ("GET", "/rtstream/event", None, 200, {"events"}),
    ("POST", "/rtstream/{stream}/index/{index}/alert", {"event_id": "{event}"}, 200, {"alert_id"}),
    ("GET", "/rtstream/{stream}/index/{index}/alert", None, 200, {"alerts"}),
    ("PATCH", "/rtstream/{stream}/index/{index}/alert/{alert}/status", {"action": "disable"}, 200, set()),
    ("PATCH", "/rtstream/{stream}/index/{index}/alert/{alert}/status", {"status": "enabled"}, 200, set()),
    ("GET", "/alert/log", None, 200, {"firings", "next_page"}),
    ("GET", "/alert/log?rtstream_id={stream}&index_id={index}", None, 200, {"firings"}),
    ("GET", "/alert/log?start=0&end=1700000000&page=2&page_size=9", None, 200, {"firings"}),
    ("GET", "/alert/delivery", None, 200, {"deliveries", "next_page"}),
    ("GET", "/healthz", None, 200, {"status"}),
]


async def test_every_call_in_both_slash_forms(scenery: Scenery) -> None:
    for method, path, body, status, keys in CALLS:
        before, _, query = scenery.fill(path).partition("?")
        filled = {name: scenery.fill(value) if name == "event_id" else value for name, value in (body or {}).items()}
        for slash in ("", "/"):
            told = await scenery.shell.call(method, f"{before}{slash}{'?' if query else ''}{query}", filled or None)
            assert told.status == status, (method, before, told)
            assert told.body["success"] is True
            assert told.body.get("status") is None  # at the top it would make a job of it
            if keys:
                assert keys <= set(told.data), (method, before)
            else:
                assert told.body["message"]


def test_the_table_above_leaves_out_no_call() -> None:
    """What it has no row for needs an id that only something else gives; those have tests of their own."""
    elsewhere = {"/rtstream/{rtstream_id}/export", "/async-response/{job_id}", "/alert/delivery/{delivery_id}/replay"}
    elsewhere |= {route.path for each in (videos, understandings, captures) for route in each.routes}
    names = {
        "{rtstream_id}": "{stream}",
        "{index_id}": "{index}",
        "{alert_id}": "{alert}",
        "{collection_id}": "default",
    }
    tried = {(method, path.partition("?")[0]) for method, path, *_ in CALLS}
    for route in ROUTES:
        path = route.path
        for name, value in names.items():
            path = path.replace(name, value)
        if route.access is Access.KEY and route.method != "DELETE" and route.path not in elsewhere:
            assert (route.method, path) in tried


async def test_a_stream_can_do_what_its_answers_say(scenery: Scenery) -> None:
    shell, stream = scenery.shell, scenery.stream
    assert (await shell.get(f"/rtstream/{stream}")).data["name"] == "Front"
    await shell.patch(f"/rtstream/{stream}", {"name": "Back", "sample_rate": 25})
    listed = (await shell.get("/rtstream?name=back")).data
    assert [(each["id"], each["sample_rate"]) for each in listed["results"]] == [(stream, 25)]
    await shell.patch(f"/rtstream/{stream}/status", {"action": "stop"})
    assert (await shell.get(f"/rtstream/{stream}")).data["status"] == "stopped"


async def test_records_come_back_in_the_wires_units(scenery: Scenery) -> None:
    shell, stream = scenery.shell, scenery.stream
    await shell.post(f"/rtstream/{stream}/transcription", {"action": "start"})
    await shell.core.status(stream, "connected")
    shell.core.say((await shell.core.services.streams.get(stream)), 0, 2, "good morning")
    path = f"/rtstream/{stream}/index/scene/{scenery.index}"

    async def scenes() -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = (await shell.get(path)).data["scene_index_records"]
        return records

    async def transcript() -> dict[str, Any]:
        page: dict[str, Any] = (await shell.get(f"/rtstream/{stream}/transcription?since={T0}")).data
        return page

    async with asyncio.timeout(DEADLINE):
        for windows in (1, 2):  # one after the other: an index that is behind drops windows
            shell.core.cameras[stream].show(2 * (windows - 1), 2.1, 7)
            while len(found := await scenes()) < windows:
                pass
        while not (page := await transcript())["total_count"]:
            pass
    assert [(each["start"], each["end"]) for each in found] == [(T0 + 2, T0 + 4), (T0, T0 + 2)]
    assert found[0]["text"] == found[0]["description"] == "Seen: picture 7"
    (record,) = page["transcription_records"]
    assert (record["start"], record["text"]) == (T0, "good morning")
    assert record["word_timestamps"][1] == {"word": "morning", "start": T0 + 1, "end": T0 + 2}
    assert (page["page"], page["page_size"], page["next_page"]) == (1, 100, False)


UNKNOWN: list[tuple[str, str, Any]] = [
    ("GET", "/collection/c-x", None),
    ("GET", "/collection/c-x/websocket", None),
    ("POST", "/rtstream", {"url": SOURCE, "collection_id": "c-x"}),
    ("GET", "/rtstream/rts-x", None),
    ("PATCH", "/rtstream/rts-x", {"name": "y"}),
    ("PATCH", "/rtstream/rts-x/status", {"action": "stop"}),
    ("GET", "/rtstream/rts-x/stream?start=1700000000&end=1700000005", None),
    ("POST", "/rtstream/rts-x/export", {}),
    ("POST", "/rtstream/rts-x/search", {"query": "q"}),
    ("POST", "/rtstream/collection/c-x/search", {"query": "q"}),
    ("POST", "/rtstream/rts-x/transcription", {"action": "start"}),
    ("GET", "/rtstream/rts-x/transcription", None),
    ("GET", "/rtstream/rts-x/transcription/status", None),
    ("POST", "/rtstream/rts-x/index/scene", VISUAL),
    ("GET", "/rtstream/rts-x/index/scene", None),
    ("GET", "/rtstream/rts-x/index/0123456789abcdef", None),
    ("GET", "/rtstream/{stream}/index/0123456789abcdef", None),
    ("GET", "/rtstream/{stream}/index/scene/0123456789abcdef", None),
    ("PATCH", "/rtstream/{stream}/index/scene/0123456789abcdef", {"prompt": "x"}),
    ("PATCH", "/rtstream/{stream}/index/scene/0123456789abcdef/status", {"action": "stop"}),
    ("GET", "/rtstream/{stream}/index/0123456789abcdef/alert", None),
    ("POST", "/rtstream/{stream}/index/{index}/alert", {"event_id": "0123456789abcdef"}),
    ("POST", "/rtstream/{stream}/index/0123456789abcdef/alert", {"event_id": "{event}"}),
    ("PATCH", "/rtstream/{stream}/index/{index}/alert/0123456789abcdef/status", {"action": "enable"}),
    ("GET", "/alert/log?rtstream_id=rts-x", None),
    ("GET", "/alert/log?index_id=0123456789abcdef", None),
    ("GET", "/alert/log?rtstream_id={stream}&index_id=0123456789abcdef", None),
    ("GET", "/alert/log?rtstream_id=rts-x&index_id={index}", None),
    ("GET", "/video/m-x", None),
    ("GET", "/async-response/0123456789abcdef", None),
]


async def test_ids_that_nobody_knows_are_named(scenery: Scenery) -> None:
    for method, path, body in UNKNOWN:
        filled = {name: scenery.fill(value) if name == "event_id" else value for name, value in (body or {}).items()}
        told = await scenery.shell.call(method, scenery.fill(path), filled if body is not None else None)
        status, message = told.refusal
        assert (status, told.body["error_code"]) == (404, "not_found"), (path, told)
        assert any(each in message for each in ("-x'", "0123456789abcdef")), message


REFUSED: list[tuple[str, str, Any, str]] = [
    ("POST", "/rtstream", {}, "url: it is required"),
    ("POST", "/rtstream", {"url": 5}, "url: expected text, got a whole number"),
    ("POST", "/rtstream", {"url": "gopher://x/y"}, "rtsp://"),
    ("POST", "/rtstream", {"url": "/no/such/film.mp4"}, "no file"),
    ("POST", "/rtstream", {"url": SOURCE, "media_types": ["smell"]}, "expected 'audio' or 'video', got 'smell'"),
    ("POST", "/rtstream", {"url": SOURCE, "media_types": []}, "media_types: expected"),
    ("POST", "/rtstream", {"url": SOURCE, "sample_rate": 0}, "sample_rate: expected"),
    ("GET", "/rtstream?limit=0", None, "limit: expected a whole number from 1 to 1000, got '0'"),
    ("GET", "/rtstream?offset=-1", None, "offset: expected"),
    ("GET", "/rtstream?status=odd", None, "status: expected one of"),
    ("GET", "/rtstream?ordering=colour", None, "ordering: expected one of"),
    ("PATCH", "/rtstream/{stream}/status", {"action": "pause"}, "action: expected 'start' or 'stop', got 'pause'"),
    ("PATCH", "/rtstream/{stream}/status", {}, "action: it is required"),
    ("GET", "/rtstream/{stream}/stream", None, "start: expected unix seconds"),
    ("GET", "/rtstream/{stream}/stream?start=10&end=20", None, "start: expected unix seconds"),
    ("GET", "/rtstream/{stream}/stream?start=1700000000", None, "end: expected unix seconds"),
    ("GET", "/rtstream/{stream}/stream?start=1700000005&end=1700000000", None, "end: expected a time after start"),
    ("GET", "/rtstream/{stream}/stream?start=1700000100&end=1700000200", None, "recorded: 2023-11-14T22:13:20"),
    ("GET", "/rtstream/{stream}/transcription?page=0", None, "page: expected a whole number from 1"),
    (
        "GET",
        "/rtstream/{stream}/transcription?page_size=1001",
        None,
        "page_size: expected a whole number from 1 to 1000",
    ),
    ("GET", "/rtstream/{stream}/transcription?since=soon", None, "since: expected unix seconds"),
    ("GET", "/rtstream/{stream}/transcription?start=1700000005&end=1700000000", None, "end: expected a time after"),
    (
        "GET",
        "/rtstream/{stream}/index/scene/{index}?start=1700000005&end=1700000005",
        None,
        "end: expected a time after",
    ),
    ("GET", "/rtstream/{stream}/index/scene/{index}?since=soon", None, "since: expected unix seconds"),
    ("GET", "/alert/log?start=then", None, "start: expected unix seconds"),
    ("GET", "/alert/log?start=1700000005&end=1700000005", None, "end: expected a time after"),
    ("GET", "/alert/log?page=0", None, "page: expected a whole number from 1"),
    ("GET", "/alert/log?page_size=1001", None, "page_size: expected a whole number from 1 to 1000"),
    ("POST", "/rtstream/{stream}/transcription", {"action": "begin"}, "action: expected"),
    ("POST", "/rtstream/{stream}/index/scene", {"extraction_type": "smell"}, "extraction_type: expected 'time'"),
    ("POST", "/rtstream/{stream}/index/scene", {"extraction_config": {"time": 0}}, "extraction_config.time: expected"),
    ("POST", "/rtstream/{stream}/index/scene", {"extraction_config": {"time": "often"}}, "got 'often'"),
    ("POST", "/rtstream/{stream}/index/scene", {"extraction_config": {"frame_count": 31}}, "from 1 to 30, got 31"),
    ("POST", "/rtstream/{stream}/index/scene", {"extraction_config": {"every": 2}}, "got every"),
    ("POST", "/rtstream/{stream}/index/scene", {"extraction_config": [2]}, "extraction_config: expected an object"),
    (
        "POST",
        "/rtstream/{stream}/index/scene",
        {"extraction_type": "transcript", "extraction_config": {"segmenter": "page"}},
        "expected 'word', 'sentence' or 'time', got 'page'",
    ),
    ("POST", "/rtstream/{stream}/index/scene", {"model_name": "huge"}, "model_name: unknown model_name 'huge'"),
    ("PATCH", "/rtstream/{stream}/index/scene/{index}", {}, "prompt: it is required"),
    ("POST", "/rtstream/event", {"label": "x"}, "event_prompt: it is required"),
    ("POST", "/rtstream/event", {"event_prompt": " ", "label": "x"}, "event_prompt: expected"),
    ("POST", "/rtstream/{stream}/index/{index}/alert", {}, "event_id: it is required"),
    (
        "POST",
        "/rtstream/{stream}/index/{index}/alert",
        {"event_id": "{event}", "callback_url": "ftp://x/"},
        "callback_url: expected",
    ),
    ("PATCH", "/rtstream/{stream}/index/{index}/alert/{alert}/status", {}, "action"),
    ("PATCH", "/rtstream/{stream}/index/{index}/alert/{alert}/status", {"status": "on"}, "status: expected"),
    ("POST", "/rtstream/{stream}/search", {"query": ""}, "query: expected"),
    ("POST", "/rtstream/{stream}/search", {"query": "q", "result_threshold": 0}, "result_threshold: expected"),
    ("POST", "/rtstream/{stream}/search", {"query": "q", "score_threshold": "high"}, "score_threshold: expected"),
]


async def test_requests_that_cannot_be_meant_are_refused_with_what_fits(scenery: Scenery) -> None:
    for method, path, body, said in REFUSED:
        filled = {name: scenery.fill(value) if name == "event_id" else value for name, value in (body or {}).items()}
        told = await scenery.shell.call(method, scenery.fill(path), filled if body is not None else None)
        status, message = told.refusal
        assert status == 400, (path, body, told)
        assert told.body["error_code"] == "invalid_request"
        assert said in message, (path, body)


async def test_what_a_stream_has_not_cannot_be_asked_of_it(shell: Shell) -> None:
    silent = await shell.connect(media_types=["video"], store=False)
    blind = await shell.connect(media_types=["audio"])
    refused = [
        await shell.post(f"/rtstream/{silent}/transcription", {"action": "start"}),
        await shell.post(f"/rtstream/{silent}/index/scene", {"extraction_type": "transcript"}),
        await shell.post(f"/rtstream/{blind}/index/scene", VISUAL),
    ]
    for told, lacks in zip(refused, ("audio", "audio", "video"), strict=True):
        assert told.refusal[0] == 400
        assert lacks in told.refusal[1]
    nothing = await shell.post(f"/rtstream/{silent}/export")
    assert nothing.refusal == (400, "No recordings available: the stream was connected without store=true")


@pytest.mark.parametrize("body", [b"nope", b"{", b"[1]", b"\xff", b'{"action": "start"', b'"start"', b"[" * 5000])
async def test_bodies_that_are_no_json_objects(shell: Shell, body: bytes) -> None:
    stream = await shell.connect()
    for path in (f"/rtstream/{stream}/transcription", "/rtstream", "/rtstream/event", f"/rtstream/{stream}/search"):
        status, message = (await shell.post(path, data=body)).refusal
        assert status == 400
        assert "expected an object" in message


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("\ud800", id="surrogate"),
        pytest.param("\x00", id="nul"),
        pytest.param("'; DROP TABLE streams; --", id="sql"),
        pytest.param("x" * 300_000, id="long"),
        pytest.param("x/" * 1500, id="long path"),
        pytest.param("~nobody-of-that-name/x", id="home"),
        pytest.param("🎥" * 50, id="emoji"),
        pytest.param('"%s{}' * 100, id="formats"),
        pytest.param("http://[", id="broken url"),
        pytest.param("rtsp://a\tb/\n", id="control characters"),
    ],
)
async def test_odd_text_breaks_nothing(scenery: Scenery, text: str) -> None:
    """Whatever stands in a field is taken or refused, and the server goes on."""
    shell = scenery.shell
    for method, path, body in (
        ("POST", "/rtstream", {"url": text}),
        ("POST", "/rtstream", {"url": SOURCE, "name": text, "collection_id": text, "ws_connection_id": text}),
        ("POST", "/rtstream", {"url": SOURCE, "name": text, "ws_connection_id": text}),
        ("POST", "/rtstream/event", {"event_prompt": text, "label": text}),
        ("POST", "/rtstream/{stream}/index/{index}/alert", {"event_id": text, "callback_url": text}),
        (
            "POST",
            "/rtstream/{stream}/index/{index}/alert",
            {"event_id": scenery.event, "callback_url": "http://" + text},
        ),
        ("POST", "/rtstream/{stream}/index/scene", {"prompt": text, "name": text, "model_name": None}),
        ("POST", "/rtstream/{stream}/index/scene", {"prompt": text, "name": text, "model_name": text}),
        ("PATCH", "/rtstream/{stream}/index/scene/{index}", {"prompt": text}),
        ("POST", "/rtstream/{stream}/search", {"query": text, "scene_index_id": text}),
        ("POST", "/rtstream/{stream}/search", {"query": text}),
        ("POST", "/rtstream/{stream}/search", {"query": "x", "filter": [{text: text}]}),
        ("POST", "/rtstream/{stream}/transcription", {"action": "start", "engine": text}),
        ("POST", "/rtstream/{stream}/export", {"name": text}),
    ):
        told = await shell.call(method, scenery.fill(path), body)
        assert told.status < 500, (path, sorted(body), told.status)
    assert (await shell.get("/rtstream?limit=1000")).status == 200
    assert (await shell.get("/rtstream/event")).status == 200
    assert (await shell.get(scenery.fill("/rtstream/{stream}/index/scene"))).status == 200


@pytest.mark.parametrize("odd", ["%00", "%ff", "%2e%2e%2f%2e%2e", "a" * 3000, "%F0%9F%8E%A5", "'%20or%201=1"])
async def test_odd_paths_break_nothing(scenery: Scenery, odd: str) -> None:
    for path in (
        "/rtstream/{}",
        "/rtstream/{}/index/scene",
        "/collection/{}/websocket",
        "/video/{}",
        "/async-response/{}",
    ):
        assert (await scenery.shell.get(path.format(odd))).refusal[0] == 404
    assert (await scenery.shell.get(f"/rtstream?name={odd}")).status == (400 if odd == "%00" else 200)
    assert (await scenery.shell.get(f"/rtstream?ordering={odd}")).refusal[0] == 400
