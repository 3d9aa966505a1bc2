"""What hooks are told of requests, and captured answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from public_calls import QUICK, T

from aiortstream import (
    AsyncClient,
    CallEvent,
    ConnectionFailedError,
    NotFoundError,
    RequestFailed,
    RequestFinished,
    RequestRetrying,
    RequestStarted,
    ServerError,
)
from aiortstream.testing import FaultGate, ScriptedServer
from aiortstream.testing.faults import BlackHole, Reset, Status
from aiortstream.tracing import CallHooks, trace

KEY = "sk-very-secret"


@pytest.fixture
def events() -> list[CallEvent]:
    return []


@pytest.fixture
async def gate() -> AsyncIterator[FaultGate]:
    async with ScriptedServer() as server, FaultGate(server.url) as made:
        yield made


@pytest.fixture
async def client(gate: FaultGate, events: list[CallEvent]) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(KEY, base_url=gate.url, live=QUICK, hooks=[events.append], max_retries=1) as made:
        yield made


def names(events: list[CallEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


async def test_a_request_is_told_of_with_its_path_without_ids(client: AsyncClient, events: list[CallEvent]) -> None:
    with pytest.raises(NotFoundError):
        await client.get_rtstream("rts-1")
    started, finished = events
    assert isinstance(started, RequestStarted)
    assert isinstance(finished, RequestFinished)
    assert (started.method, started.path) == ("GET", "/rtstream/{rtstream_id}")
    assert (finished.call, finished.path, finished.status, finished.attempt) == (started.call, started.path, 404, 1)
    assert finished.duration >= 0


async def test_a_request_that_is_repeated(client: AsyncClient, gate: FaultGate, events: list[CallEvent]) -> None:
    gate.faults.requests(Status(503, retry_after=0.0))
    await client.list_events()
    assert names(events) == ["RequestStarted", "RequestRetrying", "RequestFinished"]
    retrying, finished = events[1], events[2]
    assert isinstance(retrying, RequestRetrying)
    assert isinstance(finished, RequestFinished)
    assert (retrying.attempt, retrying.status, retrying.error, retrying.delay) == (1, 503, None, 0.0)
    assert (finished.attempt, finished.status) == (2, 200)
    events.clear()
    gate.faults.requests(Reset(), times=4)
    with pytest.raises(ConnectionFailedError):
        await client.list_events()
    assert names(events) == ["RequestStarted", "RequestRetrying", "RequestFailed"]
    retrying, failed = events[1], events[2]
    assert isinstance(retrying, RequestRetrying)
    assert isinstance(failed, RequestFailed)
    assert (retrying.status, retrying.error) == (None, "ConnectionFailedError")
    assert (failed.attempt, failed.error) == (2, "ConnectionFailedError")


async def test_a_request_that_is_cancelled_has_failed(
    client: AsyncClient, gate: FaultGate, events: list[CallEvent]
) -> None:
    gate.faults.requests(BlackHole())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.list_events()
    assert names(events) == ["RequestStarted", "RequestFailed"]
    assert isinstance(events[1], RequestFailed)
    assert events[1].error == "CancelledError"


async def test_no_secret_reaches_a_hook(client: AsyncClient, gate: FaultGate, events: list[CallEvent]) -> None:
    view = client.with_options(headers={"Authorization": "Bearer hidden"})
    stream = await view.connect_rtstream("rtsp://user:password@camera/front")
    gate.faults.requests(Status(500))
    with pytest.raises(ServerError):
        await stream.refresh()
    told = repr(events)
    assert len(events) >= 4
    for secret in (KEY, "hidden", "user", "password", "camera", stream.id):
        assert secret not in told


async def test_a_hook_that_raises_does_no_harm_and_is_logged_once(
    gate: FaultGate, events: list[CallEvent], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(_: CallEvent) -> None:
        raise RuntimeError("a defect of a hook")

    async with AsyncClient(KEY, base_url=gate.url, hooks=[broken, events.append]) as client:
        with caplog.at_level(logging.ERROR, "aiortstream"):
            await client.list_events()
            await client.list_events()
    assert len(events) == 4
    assert len([record for record in caplog.records if "a hook failed" in record.message]) == 1


def test_hooks_that_are_none_are_refused() -> None:
    wrong: Any = "not a function"
    with pytest.raises(Exception, match="hooks: expected functions"):
        AsyncClient(KEY, base_url="http://127.0.0.1:9", hooks=[wrong])


async def test_nobody_listening_costs_nothing() -> None:
    def path() -> str:
        raise AssertionError("asked for although nobody listens")

    assert trace(CallHooks(), object(), "GET", path, alone=False) is None


# --- captured answers -------------------------------------------------------------------------------------------------


async def test_the_answers_of_a_stretch_of_code(client: AsyncClient, gate: FaultGate) -> None:
    await client.list_events()
    gate.faults.requests(Status(503, retry_after=0.0))
    with client.capture_responses() as responses:
        assert len(responses) == 0
        events = await client.list_events()
        with pytest.raises(NotFoundError):
            await client.with_options(timeout=3.0).get_rtstream("rts-9")
    await client.list_events()
    assert events == []
    assert [response.status for response in responses] == [200, 404]
    first = responses[0]
    assert (first.method, first.path, first.retries) == ("GET", "/rtstream/event", 1)
    assert b'"success":true' in first.body.replace(b" ", b"")
    assert "json" in first.headers["content-type"]
    assert first.elapsed >= 0
    assert responses.last.path == "/rtstream/rts-9"
    assert responses[0:2] == list(responses)
    assert KEY not in repr(responses)


async def test_other_tasks_and_other_clients_are_not_among_them(client: AsyncClient, gate: FaultGate) -> None:
    async with AsyncClient("other", base_url=gate.url) as other:

        async def work(id_: str) -> list[str]:
            with client.capture_responses() as responses:
                with pytest.raises(NotFoundError):
                    await client.get_rtstream(id_)
                await other.list_events()
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(client.list_events())
            return [response.path for response in responses]

        paths = list(await asyncio.gather(work("a"), work("b")))
    assert paths == [["/rtstream/a", "/rtstream/event"], ["/rtstream/b", "/rtstream/event"]]


async def test_a_capture_within_a_capture(client: AsyncClient) -> None:
    with client.capture_responses() as outer:
        await client.list_events()
        with client.capture_responses() as inner:
            await client.get_collections()
        await client.list_events()
    assert [response.path for response in inner] == ["/collection"]
    assert [response.path for response in outer] == ["/rtstream/event", "/collection", "/rtstream/event"]


async def test_polls_of_watches_are_nobodys(events: list[CallEvent]) -> None:
    async with (
        ScriptedServer() as server,
        AsyncClient(KEY, base_url=server.url, live=QUICK, hooks=[events.append]) as client,
    ):
        stream = client.rtstream(server.add_stream())
        server.emit_transcript(stream.id, "hello", start=T, end=T + 1)
        with client.capture_responses() as responses:
            async with stream.watch_transcript(since=T - 1) as watch:
                assert (await anext(watch)).text == "hello"
            await stream.refresh()
    assert [response.path for response in responses] == [f"/rtstream/{stream.id}"]
    assert "/rtstream/{rtstream_id}/transcription" in {event.path for event in events}
