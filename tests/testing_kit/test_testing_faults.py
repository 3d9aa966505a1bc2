"""Each fault does what it says: seen from a plain client, and from ours."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from test_testing_server import DEADLINE, take, until

from aiortstream import (
    AsyncClient,
    AuthenticationError,
    ConnectionFailedError,
    DecodeFailure,
    InvalidArgumentError,
    LiveSettings,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
    VideodbError,
)
from aiortstream.testing import FaultGate, FaultPlan, ScriptedServer, VirtualClock
from aiortstream.testing.faults import (
    Applied,
    BlackHole,
    Close,
    DropFrame,
    Duplicate,
    FrameBeforeHello,
    FrameFault,
    Garbage,
    GarbageFrame,
    HandshakeFault,
    LateFrame,
    LostAnswer,
    OversizedFrame,
    Refused,
    Reorder,
    RequestFault,
    Reset,
    Slow,
    Stall,
    Status,
)

T = 1_720_000_000.0


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as made:
        yield made


@pytest.fixture
async def gate(server: ScriptedServer) -> AsyncIterator[FaultGate]:
    async with FaultGate(server.url) as made:
        yield made


# --- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Status(401), AuthenticationError),
        (Status(403), AuthenticationError),
        (Status(429, retry_after=120.0), RateLimitedError),
        (Status(500), ServerError),
        (Garbage(), VideodbError),
        (Reset(), ConnectionFailedError),
        (BlackHole(), RequestTimeoutError),
        (Stall(30.0), RequestTimeoutError),
        (Slow(10.0), RequestTimeoutError),
        (LostAnswer(), ConnectionFailedError),
    ],
)
async def test_requests_fail_as_they_are_told(gate: FaultGate, fault: RequestFault, expected: type[Exception]) -> None:
    gate.faults.requests(fault, path="*/event", times=3)
    async with AsyncClient("key", base_url=gate.url, timeout=0.3, max_retries=0) as client:
        with pytest.raises(expected):
            await client.list_events()
        assert set(gate.faults.applied) == {type(fault).__name__}  # a GET that is reset is sent again by aiohttp itself


async def test_a_stall_takes_its_time_and_a_lost_answer_was_carried_out(
    gate: FaultGate, server: ScriptedServer
) -> None:
    async with AsyncClient("key", base_url=gate.url, max_retries=0) as client:
        gate.faults.requests(Stall(0.05))
        began = asyncio.get_running_loop().time()
        assert await client.list_events() == []
        assert asyncio.get_running_loop().time() - began >= 0.05
        stream = client.rtstream(server.add_stream())
        gate.faults.requests(LostAnswer())
        with pytest.raises(ConnectionFailedError):
            await stream.index_visuals(prompt="A person?", ws_connection_id=None)
        assert [index.prompt for index in await stream.list_scene_indexes()] == ["A person?"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Status(503), 503),
        (Status(429, retry_after=7.0), 429),
        (Garbage(), 200),
        (Reset(), aiohttp.ClientConnectionError),
        (LostAnswer(), aiohttp.ClientConnectionError),
        (BlackHole(), TimeoutError),
        (Stall(30.0), TimeoutError),
        (Slow(10.0), TimeoutError),
    ],
)
async def test_a_plain_client_sees_the_same(
    gate: FaultGate, server: ScriptedServer, fault: RequestFault, expected: int | type[Exception]
) -> None:
    gate.faults.requests(fault)
    async with aiohttp.ClientSession() as session:

        async def ask() -> tuple[int, bytes, str | None]:
            # A POST: aiohttp sends a GET again by itself where the connection is reset.
            body = {"event_prompt": "?", "label": "l"}
            async with asyncio.timeout(0.3), session.post(f"{gate.url}/rtstream/event", json=body) as response:
                return response.status, await response.read(), response.headers.get("Retry-After")

        if isinstance(expected, int):
            status, raw, retry_after = await ask()
            assert status == expected
            assert retry_after == ("7" if expected == 429 else None)
            assert raw.startswith(b"<html>" if isinstance(fault, Garbage) else b'{"success":false')
        else:
            with pytest.raises(expected):
                await ask()
        assert (await ask())[0] == 200  # the next one is well
    carried_out = sum(each.status == 200 for each in server.log)
    assert carried_out == (2 if isinstance(fault, LostAnswer | Slow) else 1)


async def test_a_slow_answer_takes_as_long_as_its_bytes(server: ScriptedServer) -> None:
    clock = VirtualClock(T)
    async with FaultGate(server.url, clock=clock) as gate, aiohttp.ClientSession() as session:
        gate.faults.requests(Slow(100.0))
        async with session.get(f"{gate.url}/collection") as response:
            length = response.content_length
            assert length is not None
            read = asyncio.create_task(response.read())
            while clock.time() < T + length / 100 - 0.1:
                await until(lambda: clock.sleeping > 0)
                assert not read.done()
                await clock.advance(0.05)
            await until(lambda: clock.sleeping > 0)
            await clock.advance(0.1)
            assert len(await read) == length


async def test_what_is_asked_too_often_is_asked_again_when_it_may_be(gate: FaultGate, server: ScriptedServer) -> None:
    gate.faults.requests(Status(429, retry_after=0.01), times=2)
    async with AsyncClient("key", base_url=gate.url) as client:
        assert await client.list_events() == []
    assert server.requests == ["GET /rtstream/event"]


async def test_a_gate_that_is_down_is_down_until_it_is_up(gate: FaultGate) -> None:
    async with AsyncClient("key", base_url=gate.url, max_retries=0) as client:
        gate.down()
        with pytest.raises(ConnectionFailedError):
            await client.list_events()
        gate.up()
        assert await client.list_events() == []


@pytest.mark.parametrize("upstream", ["127.0.0.1:80", "ftp://host", ""])
def test_a_gate_in_front_of_nothing_is_refused(upstream: str) -> None:
    with pytest.raises(InvalidArgumentError, match="upstream: expected http://host:port"):
        FaultGate(upstream)


# --- websockets, seen by a plain client -------------------------------------------------------------------------------


async def frames_through(gate: FaultGate, server: ScriptedServer, count: int = 4) -> tuple[list[str], int | None]:
    """The texts of what comes through, and the code of the end: None if it goes on."""
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{gate.url}/collection/default/websocket") as response:
            url = (await response.json())["data"]["websocket_url"]
        assert url.startswith(gate.url.replace("http", "ws"))
        async with session.ws_connect(url, timeout=aiohttp.ClientWSTimeout(ws_close=0.2)) as socket:
            got: list[str] = []
            while "connection_id" not in (first := await socket.receive_str()):
                got.append(first)
            for number in range(count):
                server.send_raw(f'"{number}"')
            try:
                async with asyncio.timeout(0.3):
                    while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                        got.append(message.data.strip('"')[:20])
                return got, socket.close_code
            except TimeoutError:
                return got, None


@pytest.mark.parametrize(
    ("fault", "got", "code"),
    [
        (Duplicate(), ["0", "1", "1", "2", "3"], None),
        (DropFrame(), ["0", "2", "3"], None),
        (Reorder(), ["0", "2", "1", "3"], None),
        (LateFrame(2), ["0", "2", "3", "1"], None),
        (GarbageFrame("{"), ["0", "{", "1", "2", "3"], None),
        (OversizedFrame(100), ["0", "x" * 20, "1", "2", "3"], None),
        (Stall(0.05), ["0", "1", "2", "3"], None),
        (Slow(1000.0), ["0", "1", "2", "3"], None),
        (Slow(1.0), ["0"], None),
        (Close(1012), ["0"], 1012),
        (Reset(), ["0"], 1006),
        (BlackHole(), ["0"], None),
    ],
)
async def test_frames_are_treated_as_they_are_told(
    gate: FaultGate, server: ScriptedServer, fault: FrameFault, got: list[str], code: int | None
) -> None:
    gate.faults.frames(fault, after=1)
    assert await frames_through(gate, server) == (got, code)
    assert gate.faults.is_done
    assert gate.faults.applied[type(fault).__name__] == 1


async def test_what_is_late_comes_before_the_server_closes(gate: FaultGate, server: ScriptedServer) -> None:
    gate.faults.frames(LateFrame(100))
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{gate.url}/ws") as socket:
        await socket.receive_str()
        server.send_raw('"late"')
        server.send_raw('"soon"')
        assert await socket.receive_str() == '"soon"'
        server.drop_connections()
        assert await socket.receive_str() == '"late"'
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSED


async def test_what_is_late_comes_at_the_latest_with_the_end(gate: FaultGate, server: ScriptedServer) -> None:
    gate.faults.frames(LateFrame(100))
    gate.faults.frames(Close(1001), after=2)
    got, _ = await frames_through(gate, server)
    assert got == ["1", "2"]  # a connection that is cut brings nothing more


# --- how a connection ends, and what else passes ----------------------------------------------------------------------


class Peer:
    """A server of websockets that says how they end."""

    def __init__(self) -> None:
        self.ends: asyncio.Queue[int | None] = asyncio.Queue()
        self.got: list[str | bytes] = []
        self.paths: list[str] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.paths.append(request.raw_path)
        if request.path.endswith("/websocket"):
            at = f"ws://{request.host}/elsewhere/ws?token=a%20b"
            return web.json_response({"success": True, "data": {"websocket_url": at}})
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str('{"connection_id":"c-1"}')
        await socket.send_bytes(b"\x00bytes")
        if request.path == "/dies" and request.transport is not None:
            request.transport.abort()
        if request.path == "/closes":
            await socket.close(code=4321)
        code = None
        try:
            while (message := await socket.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                self.got.append(message.data)
            code = message.data if message.type is aiohttp.WSMsgType.CLOSE else None
        finally:  # the test server cancels handlers of connections that break off
            self.ends.put_nowait(code)
        return socket


@asynccontextmanager
async def peer_behind_a_gate(path: str = "") -> AsyncIterator[tuple[Peer, FaultGate]]:
    peer, app = Peer(), web.Application()
    app.router.add_get("/{path:.*}", peer.handle)
    async with TestServer(app) as server, FaultGate(str(server.make_url(path))) as gate, asyncio.timeout(DEADLINE):
        yield peer, gate


async def greeted(session: aiohttp.ClientSession, url: str) -> aiohttp.ClientWebSocketResponse[bool]:
    socket = await session.ws_connect(url)
    assert "connection_id" in await socket.receive_str()
    assert await socket.receive_bytes() == b"\x00bytes"
    return socket


async def test_a_close_is_passed_on_with_its_code_and_a_break_is_a_break() -> None:
    async with peer_behind_a_gate() as (peer, gate), aiohttp.ClientSession() as session:
        socket = await greeted(session, f"{gate.url}/ws")
        await socket.send_str("text")
        await socket.send_bytes(b"bytes")
        await socket.close(code=4000)
        assert await peer.ends.get() == 4000
        assert peer.got == ["text", b"bytes"]

        socket = await greeted(session, f"{gate.url}/ws")
        assert gate.drop_connections() == 1
        assert await peer.ends.get() is None

        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSED

        socket = await greeted(session, f"{gate.url}/ws")
        await gate.aclose()  # which is a break too
        assert await peer.ends.get() is None
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSED


@pytest.mark.parametrize(
    ("path", "expected", "code"),
    [("/closes", aiohttp.WSMsgType.CLOSE, 4321), ("/dies", aiohttp.WSMsgType.CLOSED, 1006)],
)
async def test_the_server_s_end_is_passed_on_as_it_is(path: str, expected: aiohttp.WSMsgType, code: int) -> None:
    async with peer_behind_a_gate() as (_, gate), aiohttp.ClientSession() as session:
        socket = await session.ws_connect(gate.url + path)
        while (message := await socket.receive()).type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            pass
        assert (message.type, socket.close_code) == (expected, code)


async def test_a_server_may_have_a_path_and_its_websocket_elsewhere() -> None:
    async with peer_behind_a_gate("/v1/") as (peer, gate), aiohttp.ClientSession() as session:
        async with session.get(f"{gate.url}/collection/default/websocket") as response:
            url = (await response.json())["data"]["websocket_url"]
        assert url == f"{gate.url.replace('http', 'ws')}/elsewhere/ws?token=a%20b"
        await greeted(session, url)
        assert peer.paths == ["/v1/collection/default/websocket", "/elsewhere/ws?token=a%20b"]


@pytest.mark.parametrize("body", [b"websocket_url, but no JSON", b'{"data":["websocket_url"]}', b'"websocket_url"'])
async def test_an_answer_that_is_none_passes_as_it_is(body: bytes) -> None:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body)

    app = web.Application()
    app.router.add_get("/x", answer)
    async with (
        TestServer(app) as server,
        FaultGate(str(server.make_url(""))) as gate,
        aiohttp.ClientSession() as session,
        session.get(f"{gate.url}/x") as response,
    ):
        assert await response.read() == body


async def test_a_server_that_is_not_there_is_a_reset() -> None:
    async with FaultGate("http://127.0.0.1:1") as gate, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"{gate.url}/collection")
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.ws_connect(f"{gate.url}/ws")
        assert gate.accepted == 0


@pytest.mark.parametrize("end", ["drop", "black hole"])
async def test_a_connection_that_can_be_resumed_is_resumed_through_a_gate(end: str) -> None:
    live = LiveSettings(heartbeat=0.2, reconnect_delay=0.01, max_reconnect_delay=0.05)
    async with (
        ScriptedServer(features=("resume",)) as server,
        FaultGate(server.url) as gate,
        AsyncClient("key", base_url=gate.url, live=live) as client,
        client.watch_events() as events,
    ):
        await until(lambda: events.state == "live")
        if end == "drop":
            gate.drop_connections()
            server.send_raw('{"channel":"meanwhile"}')
        else:
            gate.faults.frames(BlackHole())
            server.send_raw('{"channel":"meanwhile"}')
        assert [event["channel"] for event in await take(events, 1)] == ["meanwhile"]
        assert client.health().reconnects == 1


async def test_outages_last_until_there_are_as_many_websockets_as_before(server: ScriptedServer) -> None:
    clock = VirtualClock(T)
    async with FaultGate(server.url, clock=clock) as gate, aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(f"{gate.url}/ws") for _ in range(2)]
        await until(lambda: gate.open_connections == 2)
        assert gate.outages == []
        await clock.advance(10.0)
        gate.drop_connections()
        await until(lambda: gate.open_connections == 0)
        await clock.advance(5.0)
        sockets = [await session.ws_connect(f"{gate.url}/ws")]
        await until(lambda: gate.open_connections == 1)
        assert gate.outages == [(T + 10, math.inf)]
        await clock.advance(5.0)
        sockets.append(await session.ws_connect(f"{gate.url}/ws"))
        await until(lambda: gate.outages == [(T + 10, T + 20)])
        gate.faults.frames(DropFrame())
        gate.faults.frames(BlackHole())
        server.send_raw('"dropped"')
        await until(lambda: gate.faults.is_done)
        assert gate.outages == [(T + 10, T + 20), (T + 20, T + 20), (T + 20, T + 20), (T + 20, math.inf)]
        assert not any(socket.closed for socket in sockets)


# --- websockets, seen by ours -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault", [Refused(), Reset(), BlackHole(), Stall(0.05), FrameBeforeHello(), FrameBeforeHello("no json")]
)
async def test_whatever_happens_to_a_handshake_the_next_one_may_be_well(
    gate: FaultGate, server: ScriptedServer, fault: HandshakeFault
) -> None:
    gate.faults.handshakes(fault)
    live = LiveSettings(connect_timeout=0.3, reconnect_delay=0.01, max_reconnect_delay=0.05)
    async with AsyncClient("key", base_url=gate.url, live=live) as client, client.watch_events() as events:
        await until(lambda: events.state == "live")
        server.send_raw('{"channel":"hello there","data":{}}')
        async with asyncio.timeout(DEADLINE):
            async for event in events:
                if getattr(event, "channel", None) == "hello there":
                    break
    assert gate.faults.applied == {type(fault).__name__: 1}


async def test_a_black_hole_is_noticed_by_the_heartbeat(gate: FaultGate, server: ScriptedServer) -> None:
    gate.faults.frames(BlackHole())
    live = LiveSettings(heartbeat=0.1, reconnect_delay=0.01, max_reconnect_delay=0.05)
    async with AsyncClient("key", base_url=gate.url, live=live) as client, client.watch_events() as events:
        await until(lambda: events.state == "live")
        server.send_raw('{"channel":"swallowed"}')
        await until(lambda: client.health().reconnects == 1)
        (gap,) = await take(events, 1)
        assert gap.cause == "disconnected"


async def test_garbage_reaches_whoever_watches_everything(gate: FaultGate, server: ScriptedServer) -> None:
    gate.faults.frames(GarbageFrame())
    async with AsyncClient("key", base_url=gate.url) as client, client.watch_events() as events:
        await until(lambda: events.state == "live")
        server.send_raw('{"channel":"good"}')
        bad, good = await take(events, 2)
        assert isinstance(bad, DecodeFailure)
        assert good["channel"] == "good"


# --- the plan ---------------------------------------------------------------------------------------------------------


def test_entries_are_used_in_their_order_as_often_as_they_say() -> None:
    plan = FaultPlan()
    plan.requests(Status(500), path="*/a", after=1, times=2)
    plan.requests(Reset())
    asked = [plan.for_request(path) for path in ("/a", "/b", "/a", "/a", "/a")]
    assert asked == [None, Reset(), Status(500), Status(500), None]
    assert plan.is_done


def test_the_same_seed_gives_the_same_faults() -> None:
    def drawn(seed: int) -> list[FrameFault | None]:
        plan = FaultPlan()
        plan.at_random(seed, [Duplicate(), DropFrame(), Reorder()], probability=0.3)
        return [plan.for_frame() for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 30 < sum(fault is not None for fault in drawn(1)) < 90


def test_what_is_drawn_for_requests_depends_on_nothing_else() -> None:
    def drawn(frames_between: int) -> list[RequestFault | None]:
        plan = FaultPlan()
        plan.at_random(3, [Duplicate()], requests=[Status(503), Reset()], probability=0.5, path="/a*")
        asked = []
        for number in range(100):
            asked.append(plan.for_request("/a" if number % 2 else "/b"))
            for _ in range(frames_between):
                plan.for_frame()
        return asked

    assert drawn(0) == drawn(3)
    assert all(fault is None for fault in drawn(0)[::2])
    assert {type(fault) for fault in drawn(0)} == {type(None), Status, Reset}


def test_what_is_drawn_may_be_limited() -> None:
    plan = FaultPlan()
    plan.at_random(1, [Duplicate()], requests=[Reset()], handshakes=[Refused()], probability=1.0, times=2)
    assert [plan.for_frame() for _ in range(3)] == [Duplicate(), Duplicate(), None]
    assert [plan.for_request("/") for _ in range(3)] == [Reset(), Reset(), None]
    assert [plan.for_handshake() for _ in range(3)] == [Refused(), Refused(), None]


def test_what_was_done_is_on_record() -> None:
    plan = FaultPlan()
    plan.requests(Status(500), path="/a")
    plan.frames(DropFrame())
    plan.for_request("/b", T)
    plan.for_request("/a", T + 1)
    plan.for_frame("/ws", T + 2)
    assert plan.log == [
        Applied(Status(500), "request", "/a", T + 1),
        Applied(DropFrame(), "frame", "/ws", T + 2),
    ]
    assert plan.applied == {"Status": 1, "DropFrame": 1}
    plan.clear()
    assert len(plan.log) == 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda plan: plan.frames(Reset(), times=0), "times: expected how often"),
        (lambda plan: plan.requests(Reset(), after=-1), "after: expected how many"),
        (lambda plan: plan.at_random(1, [Reset()], probability=1.5), "probability: expected 0 to 1"),
        (lambda plan: plan.at_random(1, probability=0.5), "expected one fault at least"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(wrong: Callable[[FaultPlan], None], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        wrong(FaultPlan())


def test_a_plan_that_is_cleared_does_nothing() -> None:
    plan = FaultPlan()
    plan.frames(Reset())
    plan.handshakes(Refused())
    plan.requests(Garbage())
    plan.at_random(1, [Reset()], probability=1.0)
    plan.clear()
    assert (plan.for_frame(), plan.for_handshake(), plan.for_request("/")) == (None, None, None)
