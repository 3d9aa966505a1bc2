"""The REST calls of the streaming core: what they ask, and what they make of the answers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aiortstream.errors import (
    ConnectionFailedError,
    InvalidRequestError,
    NotFoundError,
    ProtocolError,
    ServerError,
    VideodbError,
)
from aiortstream.gateway import TRANSCRIPT_PAGE, RestGateway
from aiortstream.live.bindings import AlertBinding
from aiortstream.live.gateway import Resume
from aiortstream.live.hub import LiveHub
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import WatchState, Window, WindowTooFullError
from aiortstream.transport import Transport, TransportSettings

T = 1_720_000_000.0
PAST = Window(T, T + 100, to_present=False)
PRESENT = Window(T, T + 100, to_present=True)
ALERT = AlertBinding("rts/1", "i 1", "e1", "http://hook", "a1", replacement="a2")


@dataclass
class FakeTransport:
    """Keeps what was asked; answers with what the test says, in the shape that was asked for."""

    answer: Callable[[str, str, Any], Any] = lambda _method, _path, _params: {}
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    async def get(self, path: str, answer: type[Any], *, params: Any = None, timeout: float | None = None) -> Any:
        return self._serve("GET", path, answer, params)

    async def post(self, path: str, answer: type[Any], *, body: Any, timeout: float | None = None) -> Any:
        return self._serve("POST", path, answer, json.loads(msgspec.json.encode(body)))

    async def patch(self, path: str, *, body: Any, timeout: float | None = None) -> None:
        self._serve("PATCH", path, Any, json.loads(msgspec.json.encode(body)))

    def _serve(self, method: str, path: str, answer: Any, details: Any) -> Any:
        self.asked.append((method, path, details))
        data = self.answer(method, path, details)
        if isinstance(data, Exception):
            raise data
        return msgspec.json.decode(msgspec.json.encode(data), type=answer, strict=False)


def made(answer: Callable[[str, str, Any], Any]) -> tuple[RestGateway, FakeTransport]:
    transport = FakeTransport(answer)
    return RestGateway(transport, LiveSettings()), transport  # type: ignore[arg-type] # the part of it that is used


def segments(*starts: float) -> list[dict[str, Any]]:
    return [{"start": start, "end": start + 1, "text": f"at {start}"} for start in starts]


# --- transcripts ------------------------------------------------------------------------------------------------------


async def test_a_transcript_up_to_the_present_is_asked_for_by_since_and_all_its_pages_are_read() -> None:
    pages: dict[int, dict[str, Any]] = {
        1: {"transcription_records": segments(T + 5, T + 7), "next_page": True},
        2: {"transcription_records": segments(T + 1), "next_page": 3},
        3: {"transcription_records": segments(T), "next_page": False},
    }
    gateway, transport = made(lambda _m, _p, params: pages[params["page"]])
    got = await gateway.transcripts("rts/1", "assemblyai", PRESENT, None)
    assert [s.start for s in got.records] == [T + 5, T + 7, T + 1, T]
    assert {(s.rtstream_id, s.text) for s in got.records} == {("rts/1", f"at {s.start}") for s in got.records}
    common = {"engine": "assemblyai", "page_size": TRANSCRIPT_PAGE, "since": T}
    assert transport.asked == [("GET", "rtstream/rts%2F1/transcription", {**common, "page": n}) for n in (1, 2, 3)]


async def test_an_older_stretch_is_asked_for_by_its_two_ends() -> None:
    gateway, transport = made(lambda *_: {"transcription_records": []})
    assert (await gateway.transcripts("rts-1", None, PAST, 10)).records == []
    ((_, _, params),) = transport.asked
    assert params == {"engine": None, "page": 1, "page_size": 11, "start": T, "end": T + 100}


# --- scenes -----------------------------------------------------------------------------------------------------------


async def test_scenes_have_the_kind_of_their_index_which_is_asked_for_once() -> None:
    def answer(_method: str, path: str, _params: Any) -> Any:
        if path == "rtstream/rts-1/index/i%201":
            return {"rtstream_index_id": "i 1", "extraction_type": "transcript"}
        return {"scene_index_records": [{"start": T, "end": T + 2, "description": "talk"}], "next_page": False}

    gateway, transport = made(answer)
    for _ in range(2):
        (scene,) = (await gateway.scenes("rts-1", "i 1", PRESENT, 10)).records
        assert (scene.kind, scene.index_id, scene.text) == ("audio", "i 1", "talk")
    path = "rtstream/rts-1/index/scene/i%201"
    params = {"page": 1, "page_size": 11, "start": T, "end": T + 100}
    assert transport.asked == [
        ("GET", "rtstream/rts-1/index/i%201", None),
        ("GET", path, params),
        ("GET", path, params),
    ]


async def test_a_kind_that_could_not_be_had_is_asked_for_again() -> None:
    answers: list[Any] = [
        ConnectionFailedError("away"),
        {"rtstream_index_id": "i1"},
        {"scene_index_records": []},
    ]
    gateway, _ = made(lambda *_: answers.pop(0))
    with pytest.raises(ConnectionFailedError):
        await gateway.scenes("rts-1", "i1", PRESENT, 10)
    assert (await gateway.scenes("rts-1", "i1", PRESENT, 10)).records == []


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "pages"), [(5, 3), (1, 1), (0, 1)])
async def test_more_than_was_asked_for_at_once_is_given_up_as_soon_as_it_is_known(limit: int, pages: int) -> None:
    gateway, transport = made(lambda *_: {"transcription_records": segments(T, T + 1), "next_page": True})
    with pytest.raises(WindowTooFullError):
        await gateway.transcripts("rts-1", None, PAST, limit)
    assert len(transport.asked) == pages


async def test_just_as_much_as_was_asked_for_is_taken() -> None:
    gateway, _ = made(lambda *_: {"transcription_records": segments(T, T + 1), "next_page": False})
    assert len((await gateway.transcripts("rts-1", None, PAST, 2)).records) == 2


async def test_an_empty_page_is_the_last_whatever_it_says() -> None:
    gateway, transport = made(lambda *_: {"transcription_records": [], "next_page": True})
    assert (await gateway.transcripts("rts-1", None, PAST, None)).records == []
    assert len(transport.asked) == 1


async def test_a_server_that_does_not_look_at_the_page_does_not_hold_us_for_ever() -> None:
    gateway, transport = made(lambda *_: {"transcription_records": segments(T), "next_page": True})
    with pytest.raises(ProtocolError, match="after 1000 pages"):
        await gateway.transcripts("rts-1", None, PAST, None)
    assert len(transport.asked) == 1000


# --- binding again ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("engine", "extra"), [(None, {}), ("assemblyai", {"engine": "assemblyai"})])
async def test_a_transcript_is_started_again_as_it_was_started(engine: str | None, extra: dict[str, str]) -> None:
    gateway, transport = made(lambda *_: {"status": "running"})
    await gateway.restart_transcript("rts/1", engine, "c2")
    body = {"action": "start", "ws_connection_id": "c2", **extra}
    assert transport.asked == [("POST", "rtstream/rts%2F1/transcription", body)]


async def test_an_alert_is_created_anew_and_then_its_newest_is_disabled() -> None:
    answers = {"GET": {"alerts": []}, "POST": {"alert_id": "a3"}, "PATCH": {}}
    gateway, transport = made(lambda method, *_: answers[method])
    assert await gateway.replace_alert(ALERT, "c2") == "a3"
    path = "rtstream/rts%2F1/index/i%201/alert"
    assert transport.asked == [
        ("GET", path, None),
        ("POST", path, {"event_id": "e1", "callback_url": "http://hook", "ws_connection_id": "c2"}),
        ("PATCH", f"{path}/a2/status", {"action": "disable"}),
    ]


@pytest.mark.parametrize(
    ("error", "logged"),
    [(NotFoundError("gone"), False), (ServerError("down"), True), (ConnectionFailedError("x"), True)],
)
async def test_an_alert_that_was_created_is_not_created_twice_because_the_old_one_stays(
    error: VideodbError, logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    answers = {"GET": {"alerts": []}, "POST": {"alert_id": "a3"}, "PATCH": error}
    gateway, _ = made(lambda method, *_: answers[method])
    assert await gateway.replace_alert(ALERT, "c2") == "a3"
    assert ("a2 has been replaced and could not be disabled" in caplog.text) == logged


async def test_an_alert_that_could_not_be_created_leaves_the_old_one_alone() -> None:
    gateway, transport = made(
        lambda method, *_: {"alerts": []} if method == "GET" else InvalidRequestError("no such event")
    )
    with pytest.raises(InvalidRequestError):
        await gateway.replace_alert(ALERT, "c2")
    assert [method for method, _, _ in transport.asked] == ["GET", "POST"]


@dataclass
class Alerts:
    """An index whose alerts are created, and whose answers to that are lost while `deaf`."""

    there: dict[str, bool] = field(default_factory=lambda: {"a2": True, "other": True})
    deaf: bool = False

    def __call__(self, method: str, path: str, details: Any) -> Any:
        if method == "GET":
            return {"alerts": [{"alert_id": each, "event_id": "e1"} for each in self.there]}
        if method == "PATCH":
            self.there[path.split("/")[-2]] = False
            return {}
        self.there[f"new-{len(self.there)}"] = True
        return ConnectionFailedError("the answer was lost") if self.deaf else {"alert_id": list(self.there)[-1]}

    @property
    def enabled(self) -> list[str]:
        return [each for each, enabled in self.there.items() if enabled]


async def test_an_alert_whose_creation_was_not_answered_is_looked_for_before_another_is_made() -> None:
    index = Alerts(deaf=True)
    gateway, _ = made(index)
    with pytest.raises(ConnectionFailedError):
        await gateway.replace_alert(ALERT, "c2")
    index.deaf = False
    assert await gateway.replace_alert(ALERT, "c2") == "new-2"
    assert index.enabled == ["other", "new-2"]


async def test_what_was_perhaps_created_for_a_connection_that_is_gone_is_disabled() -> None:
    index = Alerts(deaf=True)
    gateway, _ = made(index)
    with pytest.raises(ConnectionFailedError):
        await gateway.replace_alert(ALERT, "c2")
    index.deaf = False
    assert await gateway.replace_alert(ALERT, "c3") == "new-3"
    assert index.enabled == ["other", "new-3"]


# --- a server that offers more ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("features", "resume", "url"),
    [
        (None, None, "ws://h/ws?t=1"),
        (None, Resume("c1", 7), "ws://h/ws?t=1"),
        (["alert_log"], Resume("c1", 7), "ws://h/ws?t=1"),
        (["resume"], None, "ws://h/ws?t=1&numbered=1"),
        (["resume"], Resume("c1", 7), "ws://h/ws?t=1&resume=c1&after=7"),
    ],
)
async def test_a_connection_is_gone_on_with_where_the_server_offers_that(
    features: list[str] | None, resume: Resume | None, url: str
) -> None:
    gateway, _ = made(lambda *_: {"websocket_url": "ws://h/ws?t=1", "features": features})
    assert await gateway.websocket_url(resume) == url


async def test_the_log_of_alerts_is_read_page_by_page() -> None:
    def firing(number: int) -> dict[str, Any]:
        ids = {"rtstream_id": "rts-1", "index_id": "i1", "alert_id": "a1", "event_id": "e1"}
        return {"firing_id": number, "fired_at": T, "label": "x", "timestamp": T, "start": T, "end": T + 2, **ids}

    pages = {1: [firing(1)], 2: [firing(2), {**firing(3), "fired_at": "long ago"}]}
    gateway, transport = made(
        lambda _m, _p, params: {"firings": pages[params["page"]], "next_page": params["page"] < 2}
    )
    history = await gateway.alert_log("rts-1", None, PAST, 10)
    assert [(alert.firing_id, alert.fired_at, alert.index_id) for alert in history.records] == [
        (1, T, "i1"),
        (2, T, "i1"),
    ]
    assert [b"long ago" in raw for raw in history.unreadable] == [True]
    bounds = {"rtstream_id": "rts-1", "index_id": None, "start": T, "end": T + 100, "page_size": 11}
    assert transport.asked == [("GET", "alert/log", {**bounds, "page": n}) for n in (1, 2)]


@pytest.mark.parametrize("bad", [{"start": 12.0}, {"end": None}, {"text": None}, {"text": 5}])
async def test_one_record_that_does_not_fit_costs_itself_only(bad: dict[str, Any]) -> None:
    good, other = segments(T, T + 1)
    gateway, _ = made(lambda *_: {"transcription_records": [good, {**other, **bad}]})
    history = await gateway.transcripts("rts-1", None, PAST, None)
    assert [record.start for record in history.records] == [T]
    assert [json.loads(raw) for raw in history.unreadable] == [{**other, **bad}]


# --- over the real transport ------------------------------------------------------------------------------------------


@asynccontextmanager
async def hosted(handle: Callable[[web.Request], Any]) -> AsyncIterator[str]:
    """A server that gives out a websocket URL, and the socket that the test makes of it."""

    async def url(request: web.Request) -> web.Response:
        data = {"websocket_url": f"ws://{request.host}/ws?secret=1"}
        return web.json_response({"success": True, "data": data})

    app = web.Application()
    app.router.add_get("/collection/default/websocket", url)
    app.router.add_get("/ws", handle)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("/"))
    finally:
        await server.close()


async def test_a_peer_that_fell_silent_is_noticed_by_the_heartbeat_and_left() -> None:
    opened, left = 0, asyncio.Event()

    async def black_hole(request: web.Request) -> web.WebSocketResponse:
        nonlocal opened
        opened += 1
        socket = web.WebSocketResponse(autoping=opened > 1, timeout=0.2)  # the first answers no ping
        await socket.prepare(request)
        await socket.send_str(f'{{"connection_id":"c{opened}"}}')
        try:
            async for _ in socket:
                pass
        finally:
            left.set()
        return socket

    settings = LiveSettings(heartbeat=0.1, reconnect_delay=0.01, max_reconnect_delay=0.02)
    async with hosted(black_hole) as base:
        transport = Transport(TransportSettings(base, "sk-test"))
        hub = LiveHub(RestGateway(transport, settings), settings)
        watch = hub.watch_events()
        try:
            async with watch, asyncio.timeout(5):
                assert await hub.connection_id() == "c1"
                began = time.monotonic()
                gap = await anext(watch)
                assert time.monotonic() - began < 2.0
                assert gap.cause == "disconnected"
                assert watch.state is WatchState.LIVE
                assert await hub.connection_id() == "c2"
                await left.wait()
        finally:
            await hub.aclose()
            await transport.aclose()


async def test_no_log_of_the_core_carries_the_key_or_the_url_of_the_socket(caplog: pytest.LogCaptureFixture) -> None:
    async def rude(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.close(code=4001)
        return socket

    caplog.set_level("DEBUG")
    settings = LiveSettings(reconnect_delay=0.01, max_reconnect_delay=0.02)
    async with hosted(rude) as base:
        transport = Transport(TransportSettings(base, "sk-very-secret"))
        hub = LiveHub(RestGateway(transport, settings), settings)
        assert await hub.connection_id() is None
        await hub.aclose()
        await transport.aclose()
    ours = [record for record in caplog.records if record.name.startswith("aiortstream")]
    assert ours
    for record in ours:
        assert "secret" not in f"{record.getMessage()} {record.exc_text}"
