"""Watches over a real websocket of a scripted server, with history served by a fake gateway."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from live_server import (
    DEADLINE,
    MAX_FRAME,
    QUICK,
    T0,
    ClockFromT0,
    FakeGateway,
    Server,
    hub_of,
    running_server,
    scene,
    segment,
    take,
    until,
)

from aiortstream.errors import (
    AuthenticationError,
    ClientClosedError,
    ConnectionFailedError,
    InvalidRequestError,
    NotFoundError,
    RateLimitedError,
    ServerError,
)
from aiortstream.live.bindings import OWN, AlertBinding, SceneBinding, TranscriptBinding
from aiortstream.live.hub import LiveHub
from aiortstream.live.states import WatchState
from aiortstream.records import Alert, DecodeFailure, Gap, UnknownEvent


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with running_server() as running:
        yield running


@pytest.fixture
async def hub(server: Server) -> AsyncIterator[LiveHub]:
    async with hub_of(server) as made:
        yield made


async def live_transcript(hub: LiveHub) -> Any:
    connection = await hub.connection_id(OWN)
    hub.bind(TranscriptBinding("rts-1"), connection)
    watch = hub.watch_transcript("rts-1", since=T0)
    await watch.__aenter__()
    await until(lambda: watch.state is WatchState.LIVE)
    return watch


async def test_history_then_live_on_one_socket(hub: LiveHub, server: Server) -> None:
    server.segments = [segment(T0 + 1), segment(T0 + 3)]
    watch = await live_transcript(hub)
    await server.send(segment(T0 + 5, "live"))
    assert [s.start for s in await take(watch, 3)] == [T0 + 1, T0 + 3, T0 + 5]
    assert len(server.sockets) == 1
    await watch.aclose()


@pytest.mark.parametrize("code", [1000, 1001, 1011])
async def test_any_end_is_a_drop_and_the_transcript_is_bound_again(hub: LiveHub, server: Server, code: int) -> None:
    watch = await live_transcript(hub)
    await (await server.epoch(1)).close(code=code)
    missed = segment(T0 + 7, "while away")
    server.segments.append(missed)
    await server.epoch(2)
    await until(lambda: watch.state is WatchState.LIVE and watch.statistics().gaps == 1)
    assert server.restarted == [("rts-1", "conn-2")]
    await server.send(segment(T0 + 9, "after"))
    assert [s.text for s in await take(watch, 2)] == ["while away", "after"]
    assert watch.statistics().open_gap is None
    await watch.aclose()


async def test_a_scene_index_is_polled_after_a_new_connection_id(hub: LiveHub, server: Server) -> None:
    connection = await hub.connection_id(OWN)
    hub.bind(SceneBinding("rts-1", "i1", "visual"), connection)
    async with hub.watch_scenes("rts-1", "i1", since=T0) as watch:
        await until(lambda: watch.state is WatchState.LIVE)
        await server.send(scene(T0 + 1))  # the wire does not say the index: only one is bound
        assert [s.start for s in await take(watch, 1)] == [T0 + 1]
        await (await server.epoch(1)).close()
        await server.epoch(2)
        server.scenes_of["i1"] = [scene(T0 + 1, index="i1"), scene(T0 + 3, index="i1")]
        assert [s.start for s in await take(watch, 1)] == [T0 + 3]
        assert watch.state is WatchState.POLLING


async def test_two_indexes_make_a_frame_a_hint(hub: LiveHub, server: Server) -> None:
    connection = await hub.connection_id(OWN)
    for index in ("i1", "i2"):
        hub.bind(SceneBinding("rts-1", index, "visual"), connection)
    async with hub.watch_scenes("rts-1", "i1", since=T0) as one, hub.watch_scenes("rts-1", "i2", since=T0) as two:
        await until(lambda: one.state is WatchState.LIVE and two.state is WatchState.LIVE)
        server.scenes_of["i2"] = [scene(T0 + 1, index="i2")]
        await server.send(scene(T0 + 1))
        assert [s.index_id for s in await take(two, 1)] == ["i2"]
        assert one.statistics().buffered == 0


async def test_alerts_are_replaced_and_the_stretch_without_is_told(hub: LiveHub, server: Server) -> None:
    connection = await hub.connection_id(OWN)
    hub.bind(AlertBinding("rts-1", "i1", "e1", "", "a1"), connection)
    async with hub.watch_alerts("rts-1", label="person") as watch:
        await server.send(Alert("other", T0, "rts-1"))
        await server.send(Alert("person", T0, "rts-1"))
        assert [a.label for a in await take(watch, 1)] == ["person"]
        await (await server.epoch(1)).close()
        (gap,) = await take(watch, 1)
        assert isinstance(gap, Gap)
        assert (gap.kind, gap.cause, gap.recoverable) == ("alert", "disconnected", False)
        assert gap.end is not None
        assert server.replaced == [("a1", "conn-2")]
        await (await server.epoch(2)).close()
        await take(watch, 1)
        assert server.replaced[1] == ("a1+", "conn-3")


async def test_all_events_include_what_nobody_knows(hub: LiveHub, server: Server) -> None:
    server.before_hello = [b'{"channel":"early","data":{}}']
    async with hub.watch_events() as watch:
        socket = await server.epoch(1)
        await socket.send_str('{"channel":"novel","data":{"x":1}}')
        await socket.send_str("not json")
        early, novel, bad = await take(watch, 3)
    assert isinstance(early, UnknownEvent)
    assert isinstance(novel, UnknownEvent)
    assert novel.payload["data"] == {"x": 1}
    assert isinstance(bad, DecodeFailure)


async def test_a_bad_frame_is_healed_by_a_poll(hub: LiveHub, server: Server) -> None:
    watch = await live_transcript(hub)
    server.segments = [segment(T0 + 1)]
    await server.sockets[-1].send_str('{"channel":"transcript","rtstream_id":"rts-1","data":{"text":5}}')
    assert [s.start for s in await take(watch, 1)] == [T0 + 1]
    await watch.aclose()


async def test_a_frame_that_is_too_large_costs_the_connection_not_the_record(hub: LiveHub, server: Server) -> None:
    watch = await live_transcript(hub)
    large = segment(T0 + 1, "x" * 2 * MAX_FRAME)
    server.segments = [large]
    await server.send(large)
    assert [len(s.text) for s in await take(watch, 1)] == [2 * MAX_FRAME]
    await server.epoch(2)
    await watch.aclose()


async def test_connections_refused_before_their_first_frame_are_tried_again(hub: LiveHub, server: Server) -> None:
    server.refuse = 2
    with pytest.raises(ConnectionFailedError, match="before its first frame"):
        await hub.connection_id(OWN, required=True)
    await server.epoch(1)
    assert await hub.connection_id("theirs") == "theirs"
    assert await hub.connection_id(None) is None


async def test_a_timed_out_anext_loses_nothing(hub: LiveHub, server: Server) -> None:
    watch = await live_transcript(hub)
    got = []
    for number in range(20):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0):
                got.append(await anext(watch))
        await server.send(segment(T0 + number))
    got += await take(watch, 20 - len(got))
    assert [s.start for s in got] == [T0 + n for n in range(20)]
    await watch.aclose()


async def test_one_consumer_a_watch(hub: LiveHub) -> None:
    watch = await live_transcript(hub)
    first = asyncio.create_task(anext(watch))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="already being read"):
        await anext(watch)
    await watch.aclose()
    with pytest.raises(StopAsyncIteration):
        await first


async def test_closing_in_another_task_ends_the_loop(hub: LiveHub) -> None:
    watch = await live_transcript(hub)

    async def consume() -> int:
        return len([item async for item in watch])

    consumer = asyncio.create_task(consume())
    await asyncio.sleep(0)
    await asyncio.create_task(watch.aclose())
    async with asyncio.timeout(DEADLINE):
        assert await consumer == 0
    with pytest.raises(StopAsyncIteration):
        await anext(watch)
    with pytest.raises(ClientClosedError):
        await watch.__aenter__()


async def test_closing_the_client_ends_every_watch_with_an_error(hub: LiveHub) -> None:
    watch = await live_transcript(hub)
    consumer = asyncio.create_task(anext(watch))
    await asyncio.sleep(0)
    await hub.aclose()
    with pytest.raises(ClientClosedError):
        async with asyncio.timeout(DEADLINE):
            await consumer
    with pytest.raises(ClientClosedError):
        await hub.connection_id()


async def test_a_watch_that_is_dropped_warns_and_frees_its_place(hub: LiveHub) -> None:
    watch = await live_transcript(hub)
    assert len(list(hub._session.feeds())) == 1
    with pytest.warns(ResourceWarning, match="dropped without aclose"):
        del watch
    gc.collect()
    await until(lambda: not list(hub._session.feeds()))


@pytest.mark.parametrize("error", [NotFoundError("no such index"), AuthenticationError("no such key")])
async def test_what_cannot_pass_ends_a_watch_with_its_reason(hub: LiveHub, server: Server, error: Exception) -> None:
    server.history_error = error
    watch = hub.watch_scenes("rts-1", "i1")
    with pytest.raises(type(error)):
        await take(watch, 1)
    assert watch.state is WatchState.ENDED
    with pytest.raises(StopAsyncIteration):
        await anext(watch)


async def test_what_may_pass_does_not_end_a_watch(hub: LiveHub, server: Server) -> None:
    server.history_error = ConnectionFailedError("away")
    async with hub.watch_scenes("rts-1", "i1", since=T0) as watch:
        await until(lambda: watch.statistics().poll_failures >= 2)
        server.history_error = None
        server.scenes_of["i1"] = [scene(T0 + 1)]
        assert len(await take(watch, 1)) == 1


async def test_a_cursor_goes_on_in_another_hub(hub: LiveHub, server: Server) -> None:
    server.segments = [segment(T0 + n) for n in range(5)]
    async with hub.watch_transcript("rts-1", since=T0, follow=False) as watch:
        await take(watch, 2)
        cursor = watch.cursor
    async with aiohttp.ClientSession() as session:
        other = LiveHub(FakeGateway(server, session), QUICK, clock=ClockFromT0())
        async with other.watch_transcript("rts-1", since=cursor, follow=False) as resumed:
            rest = [s.start async for s in resumed]
        await other.aclose()
    assert rest == [T0 + 2, T0 + 3, T0 + 4]


async def test_a_transcript_that_was_stopped_is_not_started_again(hub: LiveHub, server: Server) -> None:
    watch = await live_transcript(hub)
    hub.unbind_transcript("rts-1")
    assert watch.state is WatchState.POLLING
    await (await server.epoch(1)).close()
    await server.epoch(2)
    await until(lambda: watch.statistics().polls >= 3)
    assert server.restarted == []
    await watch.aclose()


async def test_no_task_is_left_behind(server: Server) -> None:
    before = asyncio.all_tasks()
    async with aiohttp.ClientSession() as session:
        hub = LiveHub(FakeGateway(server, session), QUICK, clock=ClockFromT0())
        watch = await live_transcript(hub)
        await watch.aclose()
        await hub.aclose()
    ours = {task.get_name() for task in asyncio.all_tasks() - before if task.get_name().startswith("aiortstream")}
    assert ours == set()


# --- binding again, when it is difficult ------------------------------------------------------------------------------


ALERT = AlertBinding("rts-1", "i1", "e1", "", "a1")


def rate_limited(seconds: float) -> RateLimitedError:
    error = RateLimitedError("slow down", status=429)
    error.retry_after = seconds
    return error


@pytest.mark.parametrize("error", [rate_limited(0.05), ServerError("down", status=503), ConnectionFailedError("away")])
async def test_binding_again_is_repeated_while_the_reason_may_pass(
    hub: LiveHub, server: Server, error: Exception
) -> None:
    watch = await live_transcript(hub)
    server.rebind_errors = [error, error]
    await (await server.epoch(1)).close()
    await until(lambda: len(server.restarted) == 3 and watch.state is WatchState.LIVE)
    assert server.restarted == [("rts-1", "conn-2")] * 3
    await watch.aclose()


async def test_a_refused_transcript_is_polled_and_not_asked_for_again(hub: LiveHub, server: Server) -> None:
    watch = await live_transcript(hub)
    server.rebind_errors = [InvalidRequestError("already running", status=400)]
    await (await server.epoch(1)).close()
    await until(lambda: len(server.restarted) == 1)
    server.segments = [segment(T0 + 3)]
    assert await take(watch, 1) == [segment(T0 + 3)]
    assert watch.state is WatchState.POLLING
    assert len(server.restarted) == 1
    await watch.aclose()


async def test_a_refused_alert_is_told_and_a_new_one_makes_up_for_it(hub: LiveHub, server: Server) -> None:
    hub.bind(ALERT, await hub.connection_id(OWN))
    async with hub.watch_alerts("rts-1") as watch:
        server.rebind_errors = [NotFoundError("no such index", status=404)]
        await (await server.epoch(1)).close()
        (gap,) = await take(watch, 1)
        assert (gap.cause, gap.end) == ("not_bound", None)
        assert watch.state is WatchState.WAITING
        hub.bind(AlertBinding("rts-1", "i1", "e1", "", "a2"), await hub.connection_id(OWN))
        (gap,) = await take(watch, 1)
        assert gap.end is not None
        assert watch.statistics().open_gap is None


async def test_a_replaced_alert_answers_to_the_id_its_maker_knows(hub: LiveHub, server: Server) -> None:
    hub.bind(ALERT, await hub.connection_id(OWN))
    await (await server.epoch(1)).close()
    await until(lambda: hub.newest_alert("a1") == "a1+")
    hub.alert_disabled("a1")
    await (await server.epoch(2)).close()
    await server.epoch(3)
    hub.alert_enabled("a1")
    await until(lambda: hub.newest_alert("a1") == "a1++")
    assert server.replaced == [("a1", "conn-2"), ("a1+", "conn-3")]


async def test_what_is_stopped_or_disabled_while_it_waits_its_turn_is_left_alone(hub: LiveHub, server: Server) -> None:
    connection = await hub.connection_id(OWN)
    for stream in ("rts-1", "rts-2"):
        hub.bind(TranscriptBinding(stream), connection)
    hub.bind(ALERT, connection)
    server.rebind_gate = asyncio.Event()
    await (await server.epoch(1)).close()
    await until(lambda: len(server.restarted) == 1)
    hub.unbind_transcript("rts-2")
    hub.alert_disabled("a1")
    server.rebind_gate.set()
    hub.bind(TranscriptBinding("rts-3"), "conn-1")  # answered late: it comes after them in the queue
    await until(lambda: server.restarted[-1][0] == "rts-3")
    assert server.restarted == [("rts-1", "conn-2"), ("rts-3", "conn-2")]
    assert server.replaced == []


async def test_a_connection_lost_while_an_alert_is_replaced_leaves_no_alert_behind(
    hub: LiveHub, server: Server
) -> None:
    hub.bind(ALERT, await hub.connection_id(OWN))
    server.rebind_gate = asyncio.Event()
    await (await server.epoch(1)).close()
    await until(lambda: server.replaced == [("a1", "conn-2")])
    await (await server.epoch(2)).close()
    await server.epoch(3)
    server.rebind_gate.set()
    await until(lambda: len(server.replaced) == 2)
    assert server.replaced[1] == ("a1+", "conn-3")  # the one created for the lost connection is replaced, not the first


async def test_a_request_answered_after_its_connection_ended_is_bound_to_the_next(hub: LiveHub, server: Server) -> None:
    connection = await hub.connection_id(OWN)
    await (await server.epoch(1)).close()
    await server.epoch(2)
    hub.bind(TranscriptBinding("rts-1"), connection)
    async with hub.watch_transcript("rts-1", since=T0) as watch:
        await until(lambda: watch.state is WatchState.LIVE)
    assert server.restarted == [("rts-1", "conn-2")]


async def test_without_a_socket_what_is_started_is_polled_for_unless_it_is_required(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.open_error = ConnectionFailedError("no route")
    async with hub_of(server) as hub:
        assert await hub.connection_id(OWN) is None
        assert "will be polled for" in caplog.text
        with pytest.raises(ConnectionFailedError, match=r"no websocket to deliver to: no route"):
            await hub.connection_id(OWN, required=True)
        hub.bind(TranscriptBinding("rts-1"), OWN)
        server.segments = [segment(T0 + 1)]
        async with hub.watch_transcript("rts-1", since=T0) as watch:
            assert await take(watch, 1) == [segment(T0 + 1)]
            server.open_error = None
            await until(lambda: watch.state is WatchState.LIVE)
        assert server.restarted == [("rts-1", "conn-1")]
