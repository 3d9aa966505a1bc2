"""The websocket itself: its first frame, its end, the delays between attempts, and cancelling at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import pytest
from live_server import DEADLINE, QUICK, FakeGateway, Server, hub_of, running_server, until

from aiortstream.errors import (
    AuthenticationError,
    ClientClosedError,
    ConnectionFailedError,
    ProtocolError,
    RequestTimeoutError,
    VideodbError,
)
from aiortstream.live.clock import Clock, SystemClock
from aiortstream.live.connection import Connection
from aiortstream.live.failures import ConnectionFailure, Stage, Verdict, classify_failure
from aiortstream.live.gateway import Resume
from aiortstream.live.settings import LiveSettings
from aiortstream.records import DecodeFailure, Event, UnknownEvent
from aiortstream.retry import reconnect_delays
from aiortstream.testing import VirtualClock
from aiortstream.wire.frames import Hello


@dataclass
class Recorder:
    """Keeps what it was told, in order."""

    told: list[str | Event] = field(default_factory=list)
    epoch: int = 0
    is_deaf: bool = False
    fatal: VideodbError | None = None
    bound: asyncio.Event = field(default_factory=asyncio.Event)  # all that can be bound to the newest connection is

    def resume_point(self) -> Resume | None:
        return None

    def connected(self, hello: Hello) -> int:
        self.told.append(f"+{hello.connection_id}")
        self.epoch += 1
        return self.epoch

    def disconnected(self, epoch: int, reason: str) -> None:
        self.told.append("-")

    def event(self, event: Event, now: float, epoch: int, sequence: int | None) -> None:
        self.told.append(event)

    def failed(self, error: VideodbError) -> None:
        self.fatal = error

    async def settled(self) -> None:
        await self.bound.wait()


@dataclass
class Delays:
    """A clock whose delays take no time and are kept. `lived`: seconds that pass between opening and end."""

    kept: list[float] = field(default_factory=list)
    lived: float = 0.0
    now: float = 1_720_000_000.0

    def time(self) -> float:
        self.now += self.lived
        return self.now

    async def wait(self, event: asyncio.Event, timeout: float | None) -> bool:
        if timeout is None or timeout == QUICK.heartbeat:  # not a delay: until the end of a connection
            await event.wait()
            return True
        self.kept.append(timeout)
        await asyncio.sleep(0)
        return event.is_set()


@dataclass
class Bench:
    connection: Connection
    recorder: Recorder
    task: asyncio.Task[None]


@asynccontextmanager
async def running(
    server: Server, settings: LiveSettings = QUICK, clock: Clock | None = None, gateway: Any = None
) -> AsyncIterator[Bench]:
    async with aiohttp.ClientSession() as session:
        recorder = Recorder()
        connection = Connection(
            gateway or FakeGateway(server, session),
            settings,
            clock or SystemClock(),
            recorder,
            lambda: reconnect_delays(settings.reconnect_delay, settings.max_reconnect_delay, jitter=lambda d: d),
        )
        task = asyncio.create_task(connection.run())
        try:
            yield Bench(connection, recorder, task)
        finally:
            task.cancel()
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with running_server() as made:
        yield made


# --- the first frame --------------------------------------------------------------------------------------------------


async def test_nothing_is_opened_until_somebody_wants_it(server: Server) -> None:
    async with running(server) as b:
        for _ in range(50):
            await asyncio.sleep(0)
        assert server.accepted == 0
        b.connection.want()
        await server.epoch(1)


async def test_the_first_frame_gives_the_id_to_everybody_who_waits(server: Server) -> None:
    async with running(server) as b:
        ids = await asyncio.gather(*(b.connection.connection_id() for _ in range(100)))
        assert set(ids) == {"conn-1"}
        assert await b.connection.connection_id() == "conn-1"
        assert server.accepted == 1
        assert b.recorder.told == ["+conn-1"]


async def test_frames_before_the_first_frame_are_events_of_its_epoch(server: Server) -> None:
    server.before_hello = [b'{"channel":"a"}', b"\xff", b'{"connection_id":""}']
    async with running(server) as b:
        await b.connection.connection_id()
        hello, *early = b.recorder.told
        assert hello == "+conn-1"
        assert [type(event) for event in early] == [UnknownEvent, DecodeFailure, UnknownEvent]


async def test_a_server_that_goes_on_without_a_first_frame_speaks_another_protocol(server: Server) -> None:
    server.before_hello = [b"{}"] * 101
    async with running(server) as b:
        with pytest.raises(ProtocolError, match="100 frames"):
            await b.connection.connection_id()
        server.before_hello = []
        await until(lambda: b.recorder.told == ["+conn-2"] or len(server.sockets) > 2)


async def test_a_first_frame_nested_beyond_reason_costs_an_attempt_and_not_the_reader(server: Server) -> None:
    server.max_frame = 1_000_000
    server.before_hello = [b'{"connection_id":"x","y":' + b"[" * 100_000 + b"]" * 100_000 + b"}"]
    async with running(server) as b:
        assert await b.connection.connection_id() == "conn-1"
        assert not b.task.done()


async def test_a_connection_closed_before_its_first_frame_is_tried_again(server: Server) -> None:
    server.refuse = 1
    async with running(server) as b:
        with pytest.raises(ConnectionFailedError, match="before its first frame"):
            await b.connection.connection_id()
        assert await b.connection.connection_id() == "conn-1"
        assert b.recorder.told == ["+conn-1"]


async def test_a_connection_without_a_first_frame_is_given_up_and_closed(server: Server) -> None:
    server.mute = True
    async with running(server, replace(QUICK, connect_timeout=0.1)) as b:
        with pytest.raises(ConnectionFailedError, match=r"within 0\.1 s"):
            await b.connection.connection_id()
        await until(lambda: server.sockets[0].closed)
        server.mute = False
        await until(lambda: b.recorder.told != [])
        assert await b.connection.connection_id()


# --- the end of a connection, and the next one ------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 4000])
async def test_any_end_is_followed_by_another_connection(server: Server, code: int) -> None:
    async with running(server) as b:
        await b.connection.connection_id()
        socket = await server.epoch(1)
        if code == 1006:  # never sent: the transport goes away
            assert socket._req is not None
            assert socket._req.transport is not None
            socket._req.transport.abort()
        else:
            await socket.close(code=code)
        await server.epoch(2)
        await until(lambda: b.recorder.told == ["+conn-1", "-", "+conn-2"])


async def test_binary_frames_are_frames_and_pings_are_not(server: Server) -> None:
    async with running(server) as b:
        await b.connection.connection_id()
        socket = await server.epoch(1)
        await socket.ping()
        await socket.send_bytes(b'{"channel":"novel"}')
        await socket.send_str('{"channel":"novel"}')
        await until(lambda: len(b.recorder.told) == 3)
        assert b.recorder.told[1] == b.recorder.told[2] == UnknownEvent("novel", {"channel": "novel"})


async def test_whoever_asks_between_two_connections_gets_the_next_id(server: Server) -> None:
    settings = replace(QUICK, reconnect_delay=0.1, max_reconnect_delay=0.1)
    async with running(server, settings) as b:
        await b.connection.connection_id()
        await (await server.epoch(1)).close()
        await until(lambda: b.recorder.told[-1] == "-")
        assert await b.connection.connection_id() == "conn-2"


# --- delays -----------------------------------------------------------------------------------------------------------


async def test_a_server_that_flaps_is_asked_less_and_less_often(server: Server) -> None:
    settings = replace(QUICK, reconnect_delay=1.0, max_reconnect_delay=8.0, healthy_after=30.0)
    clock = Delays()
    async with running(server, settings, clock) as b:
        b.connection.want()
        for number in range(1, 7):
            await (await server.epoch(number)).close()
        await until(lambda: len(clock.kept) >= 6)
    assert clock.kept[:6] == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


async def test_a_connection_that_lived_sets_the_delay_back(server: Server) -> None:
    settings = replace(QUICK, reconnect_delay=1.0, max_reconnect_delay=8.0, healthy_after=30.0)
    clock = Delays()
    async with running(server, settings, clock) as b:
        b.connection.want()
        for number in range(1, 4):
            await (await server.epoch(number)).close()
        await until(lambda: len(clock.kept) >= 3)
        clock.lived = 31.0
        await (await server.epoch(4)).close()
        await until(lambda: len(clock.kept) >= 4)
    assert clock.kept[:4] == [1.0, 2.0, 4.0, 1.0]


@pytest.mark.parametrize("error", [ConnectionFailedError("away"), RequestTimeoutError("late")])
async def test_what_may_pass_is_tried_again_later_each_time(server: Server, error: VideodbError) -> None:
    settings = replace(QUICK, reconnect_delay=1.0, max_reconnect_delay=30.0)
    clock = Delays()
    server.open_error = error
    async with running(server, settings, clock) as b:
        with pytest.raises(VideodbError):
            await b.connection.connection_id()
        await until(lambda: len(clock.kept) >= 3)
        assert clock.kept[:3] == [1.0, 2.0, 4.0]
        server.open_error = None
        await server.epoch(1)


async def test_a_refused_key_ends_the_attempts_until_somebody_wants_a_connection_again(server: Server) -> None:
    server.open_error = AuthenticationError("no such key", status=401)
    async with running(server, clock=Delays()) as b:
        with pytest.raises(AuthenticationError):
            await b.connection.connection_id()
        await until(lambda: b.recorder.fatal is not None)
        assert b.recorder.fatal is server.open_error
        server.open_error = None
        assert server.accepted == 0
        assert await b.connection.connection_id() == "conn-1"


async def test_what_is_fatal_is_for_the_user_to_say(server: Server) -> None:
    seen: list[ConnectionFailure] = []

    def give_up_after_two(failure: ConnectionFailure) -> Verdict:
        seen.append(failure)
        return "fatal" if failure.attempts == 2 else "transient"

    server.open_error = ConnectionFailedError("away")
    async with running(server, replace(QUICK, classify_failure=give_up_after_two), Delays()) as b:
        b.connection.want()
        await until(lambda: b.recorder.fatal is not None)
    assert [(failure.stage, failure.attempts) for failure in seen] == [("url", 1), ("url", 2)]


@pytest.mark.parametrize(
    ("stage", "attempts", "verdict"),
    [("url", 1, "fatal"), ("handshake", 1, "transient"), ("handshake", 2, "transient"), ("handshake", 3, "fatal")],
)
def test_a_refused_handshake_is_an_expired_url_at_first(stage: Stage, attempts: int, verdict: Verdict) -> None:
    error = AuthenticationError("refused", status=403)
    assert classify_failure(ConnectionFailure(error, stage, attempts)) == verdict
    assert classify_failure(ConnectionFailure(ConnectionFailedError("away"), stage, attempts)) == "transient"


# --- age, silence -----------------------------------------------------------------------------------------------------


async def test_a_connection_of_age_is_replaced_before_it_is_broken(server: Server) -> None:
    clock = VirtualClock(1_720_000_000.0)
    settings = replace(QUICK, max_connection_age=60.0, heartbeat=1000.0, connect_timeout=1000.0)
    async with running(server, settings, clock) as b:
        b.connection.want()
        old = await server.epoch(1)
        await clock.advance(59.0)
        assert server.accepted == 1
        await clock.advance(2.0)
        new = await server.epoch(2)
        await old.send_str('{"channel":"new thing"}')
        await until(lambda: UnknownEvent("new thing", {"channel": "new thing"}) in b.recorder.told)
        assert not old.closed  # what is bound to it still comes
        assert await b.connection.connection_id() == "conn-2"
        b.recorder.bound.set()
        await clock.settle()
        await until(lambda: len(clock._sleepers) > 0)
        await clock.advance(3.0)
        await until(lambda: old.closed)
        assert not new.closed
        assert b.recorder.told == ["+conn-1", "+conn-2", UnknownEvent("new thing", {"channel": "new thing"}), "-"]


async def test_a_connection_that_cannot_be_replaced_is_kept(server: Server) -> None:
    clock = VirtualClock(1_720_000_000.0)
    settings = replace(
        QUICK, max_connection_age=60.0, heartbeat=1000.0, max_reconnect_delay=5.0, connect_timeout=1000.0
    )
    async with running(server, settings, clock) as b:
        b.connection.want()
        await server.epoch(1)
        server.open_error = AuthenticationError("no such key", status=401)
        await clock.advance(61.0)
        await until(lambda: b.connection.last_error is server.open_error)
        assert (b.recorder.fatal, b.recorder.told) == (None, ["+conn-1"])
        server.open_error = None
        await clock.advance(6.0)
        await server.epoch(2)


@pytest.mark.parametrize(
    ("settings", "deaf", "ends"),
    [
        (replace(QUICK, idle_timeout=30.0), False, True),
        (replace(QUICK, idle_timeout=300.0), False, False),
        (replace(QUICK, deaf_after=30.0), True, True),
        (replace(QUICK, deaf_after=30.0), False, False),
        (replace(QUICK, deaf_after=300.0), True, False),
    ],
)
async def test_a_connection_that_is_silent_against_expectation_is_opened_again(
    server: Server, settings: LiveSettings, deaf: bool, ends: bool
) -> None:
    clock = VirtualClock(1_720_000_000.0)
    async with running(server, settings, clock) as b:
        b.connection.want()
        await server.epoch(1)
        b.recorder.is_deaf = deaf
        await until(lambda: len(clock._sleepers) > 0)
        await clock.advance(31.0)
        if ends:
            await until(lambda: "-" in b.recorder.told)
            await clock.advance(1.0)
            await server.epoch(2)
        else:
            await clock.advance(60.0)
            assert b.recorder.told == ["+conn-1"]


# --- cancelling and closing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", [*range(12), 20, 40])
async def test_asking_for_the_id_can_be_cancelled_at_any_moment(server: Server, turns: int) -> None:
    async with hub_of(server) as hub:
        asking = asyncio.create_task(hub.connection_id(required=True))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        async with asyncio.timeout(DEADLINE):
            assert await hub.connection_id(required=True) == "conn-1"
        assert server.accepted == 1  # the attempt that was under way was not given up


def opening(b: Bench, server: Server) -> bool:
    return server.accepted == 1


def reading(b: Bench, server: Server) -> bool:
    return b.recorder.told == ["+conn-1"]


def wanted(b: Bench, server: Server) -> bool:
    return True


@pytest.mark.parametrize(
    ("mute", "moment"), [(True, wanted), (True, opening), (False, wanted), (False, opening), (False, reading)]
)
async def test_the_end_closes_the_socket_and_tells_the_end_of_the_epoch(
    server: Server, mute: bool, moment: Callable[[Bench, Server], bool]
) -> None:
    server.mute = mute
    before = asyncio.all_tasks()
    async with running(server) as b:
        b.connection.want()
        await until(lambda: moment(b, server))
    assert b.recorder.told in ([], ["+conn-1", "-"])
    assert b.recorder.told or moment is not reading
    await until(lambda: all(socket.closed for socket in server.sockets))
    await until(lambda: not any(_is_ours(task) for task in asyncio.all_tasks() - before))


def _is_ours(task: asyncio.Task[Any]) -> bool:
    return "Connection" in repr(task.get_coro())


async def test_closing_the_client_tells_whoever_waits_for_the_id(server: Server) -> None:
    server.mute = True
    async with hub_of(server, replace(QUICK, connect_timeout=60.0)) as hub:
        asking = [asyncio.create_task(hub.connection_id(required=required)) for required in (True, False)]
        await until(lambda: server.accepted == 1)
        await hub.aclose()
        for each in asking:
            with pytest.raises(ClientClosedError):
                async with asyncio.timeout(DEADLINE):
                    await each


async def test_closing_the_client_in_the_turn_it_was_asked_tells_too(server: Server) -> None:
    async with hub_of(server, replace(QUICK, connect_timeout=60.0)) as hub:
        asking = asyncio.create_task(hub.connection_id())
        await asyncio.sleep(0)  # its supervisor has not had its first turn
        await hub.aclose()
        with pytest.raises(ClientClosedError):
            async with asyncio.timeout(DEADLINE):
                await asking
