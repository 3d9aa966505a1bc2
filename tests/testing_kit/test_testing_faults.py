"""Each fault does what it says: seen from a plain client, and from ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from test_testing_server import DEADLINE, take, until

from aiortstream import (
    AsyncClient,
    AuthenticationError,
    ConnectionFailedError,
    DecodeFailure,
    LiveSettings,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
    VideodbError,
)
from aiortstream.testing import FaultGate, FaultPlan, ScriptedServer
from aiortstream.testing.faults import (
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
    Stall,
    Status,
)


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
        (Status(429, retry_after=120.0), RateLimitedError),
        (Status(500), ServerError),
        (Garbage(), VideodbError),
        (Reset(), ConnectionFailedError),
        (BlackHole(), RequestTimeoutError),
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
        gate.faults.requests(LostAnswer())
        with pytest.raises(ConnectionFailedError):
            await client.create_event("A person", "person")
        assert [event.label for event in await client.list_events()] == ["person"]


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


async def test_what_is_late_comes_at_the_latest_with_the_end(gate: FaultGate, server: ScriptedServer) -> None:
    gate.faults.frames(LateFrame(100))
    gate.faults.frames(Close(1001), after=2)
    got, _ = await frames_through(gate, server)
    assert got == ["1", "2"]  # a connection that is cut brings nothing more


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


def test_a_plan_that_is_cleared_does_nothing() -> None:
    plan = FaultPlan()
    plan.frames(Reset())
    plan.handshakes(Refused())
    plan.requests(Garbage())
    plan.at_random(1, [Reset()], probability=1.0)
    plan.clear()
    assert (plan.for_frame(), plan.for_handshake(), plan.for_request("/")) == (None, None, None)
