"""The virtual clock: time passes when the test says so, in order, for whatever waits by it."""

from __future__ import annotations

import asyncio

import pytest
from test_testing_server import DEADLINE, until

from aiortstream import AsyncClient, InvalidArgumentError, LiveSettings
from aiortstream.testing import ScriptedServer, VirtualClock

T = 1_720_000_000.0


async def test_sleepers_wake_in_the_order_of_their_times() -> None:
    clock, woken = VirtualClock(T), []

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.time() - T))

    tasks = [asyncio.create_task(sleep(seconds)) for seconds in (3.0, 1.0, 2.0)]
    await clock.settle()
    assert clock.sleeping == 3
    await clock.advance(2.5)
    assert woken == [(1.0, 1.0), (2.0, 2.0)]
    await clock.advance(1.0)
    await asyncio.gather(*tasks)
    assert woken[-1] == (3.0, 3.0)
    assert clock.time() == T + 3.5


async def test_it_begins_at_one_moment_and_never_goes_back() -> None:
    clock = VirtualClock()
    assert clock.time() == VirtualClock().time() > T
    await clock.advance(0.0)
    with pytest.raises(InvalidArgumentError, match="seconds: expected 0 or more"):
        await clock.advance(-1.0)
    with pytest.raises(InvalidArgumentError, match="now: expected unix seconds"):
        VirtualClock(0.0)


async def test_what_is_woken_may_sleep_again_within_one_advance() -> None:
    clock, ticks = VirtualClock(T), []

    async def tick() -> None:
        while True:
            await clock.sleep(1.0)
            ticks.append(clock.time() - T)

    task = asyncio.create_task(tick())
    await clock.advance(3.5)
    assert ticks == [1.0, 2.0, 3.0]
    task.cancel()
    await clock.settle()
    assert (task.cancelled(), clock.sleeping) == (True, 0)


async def test_waiting_ends_by_the_event_or_by_the_time() -> None:
    clock, event = VirtualClock(T), asyncio.Event()
    waiting = asyncio.create_task(clock.wait(event, 5.0))
    await clock.advance(5.0)
    assert await waiting is False
    waiting = asyncio.create_task(clock.wait(event, None))
    await clock.advance(1e6)
    assert not waiting.done()
    event.set()
    assert await waiting is True


@pytest.mark.parametrize("turns", range(6))
async def test_waiting_can_be_cancelled_at_any_moment(turns: int) -> None:
    clock, event = VirtualClock(T), asyncio.Event()
    waiting = asyncio.create_task(clock.wait(event, 5.0))
    for _ in range(turns):
        await asyncio.sleep(0)
    event.set()
    waiting.cancel()
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.cancelled() or waiting.result() is True


async def test_a_client_polls_by_it() -> None:
    clock = VirtualClock(T)
    live = LiveSettings(audit_interval=3600.0, heartbeat=1e6)
    async with (
        ScriptedServer(clock=clock) as server,
        AsyncClient("key", base_url=server.url, live=live, clock=clock) as client,
    ):
        rtstream = client.rtstream(server.add_stream())
        await rtstream.start_transcript()
        async with rtstream.watch_transcript() as segments:
            await until(lambda: segments.state == "live")
            server.emit_transcript(rtstream.id, "no frame of it", frame=False)
            await clock.advance(3500.0)
            assert segments.statistics().polls == 0
            server.emit_transcript(rtstream.id, "no frame of it either", frame=False)
            await clock.advance(101.0)
            async with asyncio.timeout(DEADLINE):
                texts = [(await anext(segments)).text, (await anext(segments)).text]
        assert texts == ["no frame of it", "no frame of it either"]


async def test_time_passes_until_what_is_waited_for_is_there() -> None:
    clock = VirtualClock(T)
    live = LiveSettings(poll_interval=2.0, max_poll_interval=2.0)
    async with (
        asyncio.timeout(DEADLINE),
        ScriptedServer(clock=clock) as server,
        AsyncClient("key", base_url=server.url, live=live, clock=clock) as client,
        client.rtstream(server.add_stream()).watch_transcript() as segments,
    ):
        server.emit_transcript(next(iter(server.world.streams)), "late", late=45.0)
        assert (await clock.advance_until(anext(segments))).text == "late"
        assert clock.time() - T >= 45.0


async def test_what_is_waited_for_may_fail_or_be_given_up() -> None:
    clock = VirtualClock(T)

    async def fail() -> None:
        await clock.sleep(3.0)
        raise LookupError("not there")

    with pytest.raises(LookupError, match="not there"):
        await clock.advance_until(fail())
    assert clock.time() == T + 3.0
    never = asyncio.get_running_loop().create_future()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await clock.advance_until(never)
    assert never.cancelled()
    with pytest.raises(InvalidArgumentError, match="step: expected seconds above 0"):
        await clock.advance_until(never, step=0.0)
