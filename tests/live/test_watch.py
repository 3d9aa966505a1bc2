"""Watches as people hold them: opening, reading, closing and dropping them, in any order."""

from __future__ import annotations

import asyncio
import gc
import sys
import warnings
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from live_server import DEADLINE, QUICK, T0, Server, hint, hub_of, running_server, scene, segment, take, until

from aiortstream.errors import (
    ClientClosedError,
    DataLost,
    InvalidArgumentError,
    InvalidRequestError,
    NotFoundError,
    VideodbError,
    WrongLoopError,
)
from aiortstream.live.bindings import SceneBinding, TranscriptBinding
from aiortstream.live.hub import LiveHub
from aiortstream.live.states import WatchState
from aiortstream.live.watch import Watch
from aiortstream.records import Gap, PartialTranscript


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with running_server() as made:
        yield made


@pytest.fixture
async def hub(server: Server) -> AsyncIterator[LiveHub]:
    async with hub_of(server) as made:
        yield made


def feeds(hub: LiveHub) -> list[Any]:
    return list(hub._session.feeds())


async def read_on(watch: Watch[Any]) -> list[Any]:
    return [each async for each in watch]


async def live(hub: LiveHub, **options: Any) -> Watch[Any]:
    hub.bind(TranscriptBinding("rts-1"), await hub.connection_id())
    watch = hub.watch_transcript("rts-1", since=T0, **options)
    await watch.__aenter__()
    await until(lambda: watch.state is WatchState.LIVE)
    return watch


# --- opening ----------------------------------------------------------------------------------------------------------


async def test_a_watch_that_is_not_opened_asks_for_nothing(hub: LiveHub, server: Server) -> None:
    watch = hub.watch_transcript("rts-1")
    assert (watch.state, watch.statistics().polls) == (WatchState.NEW, 0)
    assert feeds(hub) == []
    await watch.aclose()
    assert server.accepted == server.polls == 0
    with pytest.raises(ClientClosedError, match="since= to go on"):
        await anext(watch)


async def test_entering_what_is_already_read_opens_it_once(hub: LiveHub, server: Server) -> None:
    server.segments = [segment(T0 + 1), segment(T0 + 2)]
    watch = hub.watch_transcript("rts-1", since=T0, follow=False)
    async with asyncio.timeout(DEADLINE):
        assert await anext(watch) == segment(T0 + 1)
        async with watch as same, watch as again:
            assert same is again is watch
            assert watch.state is WatchState.ENDED  # as it was: history is read, one record waits
            assert [each async for each in watch] == [segment(T0 + 2)]
    assert feeds(hub) == []


async def test_opening_on_a_closed_client_fails_each_time_and_never_waits(hub: LiveHub) -> None:
    watch = hub.watch_alerts("rts-1")
    await hub.aclose()
    for _ in range(3):
        with pytest.raises(ClientClosedError):
            async with asyncio.timeout(DEADLINE):
                await anext(watch)


async def test_opening_on_another_loop_says_so(hub: LiveHub) -> None:
    await hub.connection_id()

    def elsewhere() -> None:
        async def read() -> None:
            for _ in range(2):
                with pytest.raises(WrongLoopError):
                    await anext(hub.watch_alerts("rts-1"))

        asyncio.run(read())

    await asyncio.to_thread(elsewhere)
    assert feeds(hub) == []


@pytest.mark.parametrize("max_buffer", [0, -1])
async def test_a_buffer_that_holds_nothing_is_refused(hub: LiveHub, max_buffer: int) -> None:
    for make, ids in (
        (hub.watch_transcript, ("rts-1",)),
        (hub.watch_scenes, ("rts-1", "i1")),
        (hub.watch_alerts, ("rts-1",)),
        (hub.watch_events, ()),
    ):
        with pytest.raises(InvalidArgumentError, match="max_buffer: expected at least 1"):
            make(*ids, max_buffer=max_buffer)


@pytest.mark.parametrize("argument", [{"since": 12.5}, {"until": 1720000000000}, {"since": "yesterday"}])
async def test_a_wrong_moment_is_refused_before_anything_is_asked(hub: LiveHub, argument: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=r"since|until"):
        hub.watch_transcript("rts-1", **argument)


# --- reading ----------------------------------------------------------------------------------------------------------


async def test_the_cursor_moves_as_records_are_handed_over(hub: LiveHub, server: Server) -> None:
    server.segments = [segment(T0 + n) for n in range(3)]
    async with hub.watch_transcript("rts-1", since=T0) as watch:
        await until(lambda: watch.statistics().buffered == 3)
        cursors = [watch.cursor]
        for _ in range(3):
            await take(watch, 1)
            cursors.append(watch.cursor)
    assert len(set(cursors)) == 4
    for seen, cursor in enumerate(cursors):
        async with hub.watch_transcript("rts-1", since=cursor, follow=False) as rest:
            assert [s.start - T0 async for s in rest] == [float(n) for n in range(seen, 3)]


async def test_watches_without_history_have_no_cursor(hub: LiveHub) -> None:
    for watch in (hub.watch_alerts(None), hub.watch_events()):
        with pytest.raises(ValueError, match="no cursor"):
            _ = watch.cursor


async def test_lost_history_is_raised_and_reading_goes_on(hub: LiveHub, server: Server) -> None:
    server.history_error = InvalidRequestError("too long ago", status=400)
    async with hub.watch_transcript("rts-1", since=T0 - 100) as watch:
        with pytest.raises(DataLost) as lost:
            await take(watch, 1)
        assert (lost.value.gap.start, lost.value.gap.recoverable) == (T0 - 160, False)
        server.history_error = None
        newest = segment(lost.value.gap.end or 0.0)
        server.segments = [newest]
        assert await take(watch, 1) == [newest]


async def test_lost_history_can_be_had_in_band(hub: LiveHub, server: Server) -> None:
    server.history_error = InvalidRequestError("too long ago", status=400)
    async with hub.watch_transcript("rts-1", since=T0, gaps="yield") as watch:
        (gap,) = await take(watch, 1)
        assert isinstance(gap, Gap)


async def test_the_smallest_buffer_tells_what_is_lost_and_goes_on(hub: LiveHub, server: Server) -> None:
    server.history_error = InvalidRequestError("too long ago", status=400)
    async with hub.watch_transcript("rts-1", since=T0, max_buffer=1) as watch:
        await until(lambda: watch.statistics().buffered == 1)
        await until(lambda: feeds(hub)[0].poll_due is None)  # the poll that would follow has found no room
        server.history_error = None
        with pytest.raises(DataLost) as lost:
            await take(watch, 1)
        newest = segment(lost.value.gap.end or 0.0)
        server.segments = [newest]
        assert await take(watch, 1) == [newest]


async def test_a_slow_consumer_gets_everything_late(hub: LiveHub, server: Server) -> None:
    watch = await live(hub, max_buffer=4)
    sent = [segment(T0 + n) for n in range(30)]
    for each in sent:
        server.segments.append(each)
        await server.send(each)
    await until(lambda: watch.statistics().gaps > 0)
    assert await take(watch, 30) == sent
    await until(lambda: watch.state is WatchState.LIVE)
    assert watch.statistics().duplicates > 0
    await watch.aclose()


async def test_partials_are_another_type_and_do_not_move_the_cursor(hub: LiveHub, server: Server) -> None:
    watch = await live(hub, partials=True)
    before = watch.cursor
    partial = PartialTranscript(T0 + 1, T0 + 2, "he", "rts-1")
    await server.sockets[-1].send_str(
        '{"channel":"transcript","rtstream_id":"rts-1","data":'
        f'{{"text":"he","is_final":false,"start":{(T0 + 1) * 1000},"end":{(T0 + 2) * 1000}}}}}'
    )
    assert await take(watch, 1) == [partial]
    assert watch.cursor == before
    await watch.aclose()


async def test_garbage_is_counted_and_healed(hub: LiveHub, server: Server) -> None:
    watch = await live(hub)
    server.segments = [segment(T0 + 1)]
    await server.sockets[-1].send_bytes(b"\xff\x00garbage")
    assert await take(watch, 1) == [segment(T0 + 1)]
    server.segments.append(segment(T0 + 2))
    await server.sockets[-1].send_str(hint())
    assert await take(watch, 1) == [segment(T0 + 2)]
    assert hub._session.decode_failures == 2
    await watch.aclose()


async def test_until_ends_a_watch_by_itself(server: Server) -> None:
    async with hub_of(server, replace(QUICK, settle=0.1)) as hub:
        server.segments = [segment(T0 + 1), segment(T0 + 8)]
        async with asyncio.timeout(DEADLINE):
            got = [s.start async for s in hub.watch_transcript("rts-1", since=T0, until=T0 + 5)]
    assert got == [T0 + 1]


# --- the end ----------------------------------------------------------------------------------------------------------


async def test_a_consumer_that_waits_sees_the_end_when_another_task_closes(hub: LiveHub) -> None:
    watch = await live(hub)
    consumer = asyncio.create_task(anext(watch, "the end"))
    await asyncio.sleep(0)
    await watch.aclose()
    await watch.aclose()
    assert consumer.done()
    assert await consumer == "the end"
    assert watch.state is WatchState.ENDED
    assert feeds(hub) == []


async def test_a_loop_that_reached_the_end_has_left_its_place(hub: LiveHub, server: Server) -> None:
    server.segments = [segment(T0 + 1)]
    watch = hub.watch_transcript("rts-1", since=T0, follow=False)
    assert await read_on(watch) == [segment(T0 + 1)]
    assert feeds(hub) == []


async def test_an_error_is_raised_once_and_then_it_is_the_end(hub: LiveHub, server: Server) -> None:
    server.history_error = NotFoundError("no such index", status=404)
    async with hub.watch_scenes("rts-1", "i1") as watch:
        with pytest.raises(NotFoundError):
            await take(watch, 1)
        assert [each async for each in watch] == []
    assert watch.statistics().reason.startswith("no such index")
    assert feeds(hub) == []


async def test_closing_the_client_ends_every_kind_of_watch(hub: LiveHub) -> None:
    watches: list[Watch[Any]] = [
        await live(hub),
        hub.watch_scenes("rts-1", "i1"),
        hub.watch_alerts("rts-1"),
        hub.watch_events(),
    ]
    readers = [asyncio.create_task(anext(watch)) for watch in watches]
    await asyncio.sleep(0)
    await hub.aclose()
    await hub.aclose()
    for reader in readers:
        with pytest.raises(ClientClosedError):
            async with asyncio.timeout(DEADLINE):
                await reader
    assert [watch.state for watch in watches] == [WatchState.ENDED] * 4


async def test_a_defect_of_the_core_is_told_to_every_watch(hub: LiveHub, server: Server) -> None:
    watch = await live(hub)
    alerts = hub.watch_alerts("rts-1")
    readers = [asyncio.create_task(read_on(watch)), asyncio.create_task(read_on(alerts))]
    await asyncio.sleep(0)
    server.rebind_errors = [ZeroDivisionError("a defect of ours")]
    await (await server.epoch(1)).close()
    for reader in readers:
        with pytest.raises(VideodbError, match="the streaming core failed"):
            async with asyncio.timeout(DEADLINE):
                await reader
    with pytest.raises(ClientClosedError, match="see the log"):
        await hub.connection_id()


# --- dropping ---------------------------------------------------------------------------------------------------------


async def test_breaking_out_and_dropping_warns_and_frees_the_place(hub: LiveHub, server: Server) -> None:
    server.segments = [segment(T0 + n) for n in range(3)]

    async def first() -> object:
        async for each in hub.watch_transcript("rts-1", since=T0):
            return each
        return None

    with pytest.warns(ResourceWarning, match="Watch dropped without aclose"):
        assert await first() == segment(T0)
    gc.collect()
    await until(lambda: feeds(hub) == [])


async def test_a_watch_dropped_after_its_end_but_before_it_was_read_frees_its_place(
    hub: LiveHub, server: Server
) -> None:
    server.segments = [segment(T0 + n) for n in range(3)]
    watch = hub.watch_transcript("rts-1", since=T0, follow=False)
    await take(watch, 1)
    assert watch.state is WatchState.ENDED
    assert len(feeds(hub)) == 1
    del watch
    gc.collect()
    await until(lambda: feeds(hub) == [])


async def test_where_warnings_are_errors_the_place_is_freed_all_the_same(
    hub: LiveHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[BaseException | None] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: raised.append(unraisable.exc_value))
    watch = await live(hub)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del watch
        gc.collect()
    await until(lambda: feeds(hub) == [])
    assert [type(error) for error in raised] == [ResourceWarning]


async def test_closed_or_unopened_watches_are_dropped_in_silence(hub: LiveHub) -> None:
    closed, unopened = await live(hub), hub.watch_transcript("rts-1")
    await closed.aclose()
    del closed, unopened  # a warning would be an error here
    gc.collect()
    assert feeds(hub) == []


async def test_a_watch_dropped_after_its_loop_has_ended_is_dropped_in_peace() -> None:
    def another_loop() -> Watch[Any]:
        async def run() -> Watch[Any]:
            async with running_server() as server, hub_of(server) as hub:
                hub.bind(SceneBinding("rts-1", "i1", "visual"), await hub.connection_id())
                server.scenes_of["i1"] = [scene(T0)]
                watch = hub.watch_scenes("rts-1", "i1", since=T0, follow=False)
                await take(watch, 1)
                return watch

        return asyncio.run(run())

    watch = await asyncio.to_thread(another_loop)
    del watch
    gc.collect()
