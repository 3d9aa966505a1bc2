"""What a program can do wrong with a client and its watches: each is told in words, nothing hangs, the rest goes on."""

from __future__ import annotations

import asyncio
import gc
import threading
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
from public_calls import CALLS, QUICK, T, World

from aiortstream import AsyncClient, ClientClosedError, Watch, WrongLoopError
from aiortstream.testing import ScriptedServer

DEADLINE = 5.0  # seconds for anything that has to happen
NO_REQUEST: dict[str, Callable[[World], object]] = {
    "AsyncClient.health": lambda w: w.client.health(),
    "AsyncClient.watch_alerts": lambda w: w.client.watch_alerts(),
    "AsyncClient.watch_events": lambda w: w.client.watch_events(),
    "RTStream.watch_alerts": lambda w: w.rtstream.watch_alerts(),
    "RTStream.watch_transcript": lambda w: w.rtstream.watch_transcript(),
    "RTStreamSceneIndex.watch_alerts": lambda w: w.index.watch_alerts(),
    "RTStreamSceneIndex.watch_scenes": lambda w: w.index.watch_scenes(),
    "RTStreamSceneIndex.__aiter__": lambda w: aiter(w.index),
}
EVERYTHING: dict[str, Callable[[World], object]] = {**CALLS, **NO_REQUEST}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with (
        asyncio.timeout(2 * DEADLINE),
        ScriptedServer() as server,
        AsyncClient("key", base_url=server.url, live=QUICK) as client,
    ):
        made = World(server, client)
        await made.prepare()
        await made.rtstream.start_transcript()
        yield made


async def outcome(use: Callable[[World], object], world: World) -> BaseException | None:
    """What using it so raises."""
    try:
        async with asyncio.timeout(DEADLINE):
            result = use(world)
            if isinstance(result, Awaitable):
                await result
    except Exception as error:
        return error
    return None


async def elsewhere(run: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """The result of a coroutine on an event loop of its own, in a thread of its own."""
    async with asyncio.timeout(DEADLINE):
        return await asyncio.to_thread(lambda: asyncio.run(run()))


# --- a client in the wrong state, or in the wrong place ---------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(EVERYTHING) - {"AsyncClient.open"}))
async def test_a_client_that_is_not_open_or_not_any_more_says_so(world: World, name: str) -> None:
    client = AsyncClient("key", base_url=world.server.url, live=QUICK)
    closed = world.seen_by(client)
    before = await outcome(EVERYTHING[name], closed)
    assert isinstance(before, ClientClosedError)
    assert "the client is not open: use `async with client:` or `await client` first" in str(before)
    await client.open()
    await client.aclose()
    after = await outcome(EVERYTHING[name], closed)
    assert isinstance(after, ClientClosedError)
    assert "the client is closed: make another one" in str(after)


async def test_a_client_on_another_event_loop_says_so_and_goes_on_where_it_is(world: World) -> None:
    async def use_all() -> dict[str, BaseException | None]:
        return {name: await outcome(use, world) for name, use in EVERYTHING.items()}

    asked = len(world.server.requests)
    for name, error in (await elsewhere(use_all)).items():
        assert isinstance(error, WrongLoopError), (name, error)
        assert "make one client a loop" in str(error), name
    assert len(world.server.requests) == asked, "nothing was sent"
    assert await world.client.list_events()


async def test_a_client_in_a_thread_without_a_loop_says_so(world: World) -> None:
    for name, use in NO_REQUEST.items():
        with pytest.raises(WrongLoopError, match="outside its event loop: call it from a coroutine"):
            await asyncio.to_thread(use, world)
        assert use(world) is not None, name


async def test_a_client_entered_on_another_loop_says_so_at_once(world: World) -> None:
    async def enter() -> None:
        async with world.client:
            raise AssertionError("it was entered")

    with pytest.raises(WrongLoopError, match="make one client a loop"):
        await elsewhere(enter)
    with pytest.raises(WrongLoopError, match="make one client a loop"):
        await elsewhere(world.client.aclose)
    assert await world.client.list_events()


async def test_closing_a_local_client_on_another_loop_stops_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    server = OwnServer()
    monkeypatch.setattr("aiortstream.client.start_server", server.started)
    async with AsyncClient.local() as client:
        with pytest.raises(WrongLoopError):
            await elsewhere(client.aclose)
        assert not server.closed
    assert server.closed


class OwnServer:
    """What a local client starts, without the server."""

    url = "http://127.0.0.1:9"
    api_key = "key"

    def __init__(self) -> None:
        self.closed = False

    async def started(self, _settings: object) -> OwnServer:
        return self

    async def aclose(self) -> None:
        self.closed = True


# --- watches ----------------------------------------------------------------------------------------------------------


async def test_a_watch_that_another_loop_opens_reads_or_closes_says_so_and_goes_on(world: World) -> None:
    async with world.rtstream.watch_transcript() as watch, world.rtstream.watch_transcript() as other:
        await live(watch)
        for wrong in (watch.__anext__, lambda: anext(watch.batch()), watch.aclose):
            with pytest.raises(WrongLoopError, match="another event loop: make one client a loop"):
                await elsewhere(lambda wrong=wrong: _awaited(wrong))  # type: ignore[misc]
        unopened = world.rtstream.watch_transcript()
        with pytest.raises(WrongLoopError, match="another event loop: make one client a loop"):
            await elsewhere(unopened.__aenter__)
        async with unopened:
            await live(unopened)
            said = world.server.emit_transcript(world.rtstream.id, "still here")
            for each in (watch, other, unopened):
                assert (await anext(each)).text == said.text


async def _awaited(call: Callable[[], Awaitable[Any]]) -> Any:
    return await call()


READERS: dict[str, Callable[[Watch[Any]], Coroutine[Any, Any, Any]]] = {
    "anext": lambda watch: watch.__anext__(),
    "batch": lambda watch: watch.next_batch(10, 0.01),
}


@pytest.mark.parametrize("first", sorted(READERS))
@pytest.mark.parametrize("second", sorted(READERS))
async def test_the_second_consumer_is_refused_and_the_first_loses_nothing(
    world: World, first: str, second: str
) -> None:
    async with world.rtstream.watch_transcript() as watch:
        await live(watch)
        reading = asyncio.create_task(READERS[first](watch))
        await turns()
        with pytest.raises(RuntimeError, match="already being read: one consumer a watch; open another watch"):
            await READERS[second](watch)
        world.server.emit_transcript(world.rtstream.id, "for the first")
        got = await reading
        assert [record.text for record in (got if isinstance(got, list) else [got])] == ["for the first"]
        assert watch.statistics().delivered == 1


@pytest.mark.parametrize("reader", sorted(READERS))
@pytest.mark.parametrize("opened", [True, False])
async def test_a_watch_that_is_closed_is_over(world: World, reader: str, opened: bool) -> None:
    watch = world.rtstream.watch_transcript()
    if opened:
        await watch.__aenter__()
    await watch.aclose()
    await watch.aclose()
    for _ in range(2):
        if opened:
            with pytest.raises(StopAsyncIteration):
                await READERS[reader](watch)
        else:
            with pytest.raises(ClientClosedError, match="has been closed; make another one, with since="):
                await READERS[reader](watch)
    with pytest.raises(ClientClosedError, match="has been closed; make another one, with since="):
        await watch.__aenter__()
    assert watch.state == "ended"
    assert watch.statistics().reason == "closed"
    again = world.rtstream.watch_transcript(since=watch.cursor)
    async with again:
        await live(again)


@pytest.mark.parametrize("reader", sorted(READERS))
async def test_closing_in_another_task_is_the_end_for_whoever_waits(world: World, reader: str) -> None:
    async with world.rtstream.watch_transcript() as watch:
        reading = asyncio.create_task(READERS[reader](watch))
        await live(watch)
        await asyncio.gather(*(watch.aclose() for _ in range(5)))
        with pytest.raises(StopAsyncIteration):
            await asyncio.wait_for(asyncio.shield(reading), DEADLINE)
    assert world.client.health().watches == {}


async def test_closing_the_client_is_told_to_every_reader(world: World) -> None:
    watches: list[Watch[Any]] = [
        world.client.watch_events(),
        world.client.watch_alerts(),
        world.rtstream.watch_transcript(),
        world.rtstream.watch_alerts(),
        world.index.watch_scenes(),
        world.index.watch_alerts(),
    ]
    reading = [asyncio.create_task(READERS[name](watch)) for watch in watches for name in ("anext",)]
    batches = [world.rtstream.watch_transcript(), world.client.watch_events()]
    reading += [asyncio.create_task(READERS["batch"](watch)) for watch in batches]
    await turns()
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(world.client.aclose(), world.client.aclose())
        for error in await asyncio.gather(*reading, return_exceptions=True):
            assert isinstance(error, ClientClosedError)
            assert "the client was closed" in str(error)
        for watch in (*watches, *batches):
            with pytest.raises(StopAsyncIteration):  # told once
                await anext(watch)
            await watch.aclose()


async def test_a_consumer_that_closes_its_own_client_is_told_at_its_next_step(world: World) -> None:
    world.server.emit_transcript(world.rtstream.id, "the last", start=T, end=T + 1)
    async with asyncio.timeout(DEADLINE), world.rtstream.watch_transcript(since=T - 1) as watch:
        assert (await anext(watch)).text == "the last"
        await world.client.aclose()
        with pytest.raises(ClientClosedError, match="the client was closed"):
            await anext(watch)


async def test_a_watch_made_before_its_client_was_closed_does_not_open_after_it(world: World) -> None:
    watch = world.client.watch_events()
    await world.client.aclose()
    with pytest.raises(ClientClosedError, match="the client is closed"):
        await anext(watch)
    await watch.aclose()


# --- what is dropped --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(name for name in NO_REQUEST if "watch" in name))
@pytest.mark.parametrize("thread", [True, False])
async def test_a_watch_that_is_dropped_warns_and_frees_its_place(world: World, kind: str, thread: bool) -> None:
    await world.client.watch_events().aclose()
    gc.collect()
    gc.disable()  # the cycle below is to be found by the collection that this test makes, in its thread
    try:
        await _open_and_drop(NO_REQUEST[kind], world)
        await turns()  # the loop itself holds the step that it is in
        assert world.client.health().watches
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            if thread:
                collector = threading.Thread(target=gc.collect)
                collector.start()
                await asyncio.to_thread(collector.join)
            else:
                gc.collect()
            async with asyncio.timeout(DEADLINE):
                while world.client.health().watches:  # noqa: ASYNC110 - there is no event for it
                    await asyncio.sleep(0.001)
    finally:
        gc.enable()
    told = [warning for warning in seen if issubclass(warning.category, ResourceWarning)]
    assert [str(warning.message) for warning in told] == ["Watch dropped without aclose()"]
    async with world.rtstream.watch_transcript() as watch:
        await live(watch)


async def _open_and_drop(make: Callable[[World], object], world: World) -> None:
    watch: Any = make(world)
    cycle = [watch]
    cycle.append(cycle)  # only the garbage collector ends it
    await watch.__aenter__()
    with suppress(TimeoutError):
        async with asyncio.timeout(0.01):
            await anext(watch)


# --- helpers ----------------------------------------------------------------------------------------------------------


async def live(watch: Watch[Any]) -> None:
    async with asyncio.timeout(DEADLINE):
        while watch.state != "live":  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.001)


async def turns() -> None:
    """Let every task come to where it waits."""
    for _ in range(5):
        await asyncio.sleep(0)
