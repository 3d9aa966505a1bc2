"""Which operation is tried again after what: the table, and the transport going by it, fault by fault."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from public_calls import CALLS, QUICK, World, coroutines_of

import aiortstream
from aiortstream import (
    AsyncClient,
    CallEvent,
    ConnectionFailedError,
    OutcomeUnknownError,
    RateLimitedError,
    RequestFinished,
    RequestTimeoutError,
    ServerError,
    VideodbError,
)
from aiortstream.errors import UnansweredByServerError, UnansweredError, UnansweredInTimeError
from aiortstream.operations import OPERATIONS, UNLISTED, OperationRule, rule_of, table
from aiortstream.testing import FaultGate, ScriptedServer
from aiortstream.testing.faults import BlackHole, LostAnswer, RequestFault, Reset, Status
from aiortstream.tracing import CallHooks
from aiortstream.transport import Transport, TransportSettings

DOCS = Path(__file__).parent.parent / "docs" / "operations.md"


def no_delays() -> Iterator[float]:
    while True:
        yield 0.0


def test_the_document_has_the_table_as_it_is() -> None:
    assert DOCS.read_text().endswith("\n\n" + table()), "run tools/write_operations.py"


def test_every_call_of_the_table_exists_and_every_operation_is_there_once() -> None:
    assert len({(rule.method, rule.path) for rule in OPERATIONS}) == len(OPERATIONS)
    for call in {call for rule in OPERATIONS for call in rule.calls if "." in call}:
        owner, _, name = call.partition(".")
        assert name in coroutines_of(getattr(aiortstream, owner)), call


def test_what_is_not_sure_names_what_tells() -> None:
    for rule in OPERATIONS:
        assert (rule.check is not None) == (rule.repeat == "unsent"), rule
        assert rule.why, rule


def test_a_path_is_found_by_its_names_before_its_ids() -> None:
    for rule in OPERATIONS:
        filled = "/".join("x-1" if part.startswith("{") else part for part in rule.path.split("/"))
        assert rule_of(rule.method, filled) is rule
    event = rule_of("POST", "rtstream/event")
    assert event is not None
    assert event.path == "rtstream/event"
    assert rule_of("GET", "rtstream/x/nothing") is None
    assert rule_of("DELETE", "rtstream") is None


@pytest.mark.parametrize("name", sorted(CALLS))
async def test_every_public_call_is_in_the_table(name: str) -> None:
    events: list[CallEvent] = []
    async with (
        ScriptedServer() as server,
        AsyncClient("key", base_url=server.url, live=QUICK, hooks=[events.append], max_retries=0) as client,
    ):
        world = World(server, client)
        await world.prepare()
        events.clear()
        with suppress(VideodbError):  # some of it the scripted server does not have
            await CALLS[name](world)
        assert [event.path for event in events if event.path == UNLISTED] == []
        assert all(world.rtstream.id not in event.path for event in events)


# --- fault by fault ---------------------------------------------------------------------------------------------------


@pytest.fixture
async def gate() -> AsyncIterator[FaultGate]:
    async with ScriptedServer() as server, FaultGate(server.url) as made:
        yield made


async def ask(gate: FaultGate, rule: OperationRule, *, timeout: float = 5.0) -> tuple[list[CallEvent], Any]:
    """One request of an operation through the gate: what was told of it, and its error if there was one."""
    events: list[CallEvent] = []
    failed: VideodbError | None = None
    transport = Transport(
        TransportSettings(gate.url, "key", timeout=timeout, max_retries=1),
        delays=no_delays,
        hooks=CallHooks([events.append]),
    )
    path = "/".join("x-1" if part.startswith("{") else part for part in rule.path.split("/"))
    try:
        match rule.method:
            case "GET":
                await transport.get(path, msgspec.Raw)
            case "DELETE":
                await transport.delete(path)
            case "PATCH":
                await transport.patch(path, body={"action": "start"})
            case _:
                await transport.act(path, body={"event_prompt": "p", "label": "l"})
    except VideodbError as error:
        failed = error
    finally:
        await transport.aclose()
    return events, failed


def named(rule: OperationRule) -> str:
    return f"{rule.method} {rule.path}"


AMBIGUOUS: list[tuple[RequestFault, type[OutcomeUnknownError]]] = [
    (Reset(), UnansweredError),
    (LostAnswer(), UnansweredError),
    (Status(502), UnansweredByServerError),
    (Status(503, retry_after=0.0), UnansweredByServerError),
    (Status(504), UnansweredByServerError),
]


@pytest.mark.parametrize("rule", OPERATIONS, ids=named)
async def test_an_operation_is_repeated_as_the_table_says(gate: FaultGate, rule: OperationRule) -> None:
    for fault, error in AMBIGUOUS:
        # aiohttp repeats what it takes for repeatable once by itself: such a fault has to come twice
        times = 2 if isinstance(fault, Reset | LostAnswer) and rule.method in ("GET", "DELETE") else 1
        gate.faults.requests(fault, times=times)
        events, last = await ask(gate, rule)
        retried = sum(type(event).__name__ == "RequestRetrying" for event in events)
        if rule.repeat == "always":
            assert retried == 1, (fault, events)
            assert not isinstance(last, ConnectionFailedError | ServerError | OutcomeUnknownError), (fault, last)
        else:
            assert retried == 0, (fault, events)
            assert type(last) is error, (fault, last)
            assert last.check == rule.check


@pytest.mark.parametrize("rule", OPERATIONS, ids=named)
async def test_what_was_refused_for_being_too_much_is_repeated_whatever_it_is(
    gate: FaultGate, rule: OperationRule
) -> None:
    gate.faults.requests(Status(429, retry_after=0.0))
    events, error = await ask(gate, rule)
    assert [type(event).__name__ for event in events][:2] == ["RequestStarted", "RequestRetrying"]
    assert not isinstance(error, RateLimitedError)
    gate.faults.requests(Status(429, retry_after=3600.0))  # for longer than anybody waits
    _, error = await ask(gate, rule)
    assert isinstance(error, RateLimitedError)


@pytest.mark.parametrize("repeat", ["always", "unsent"])
async def test_a_deadline_is_the_end_of_it(gate: FaultGate, repeat: str) -> None:
    rule = next(rule for rule in OPERATIONS if rule.repeat == repeat)
    gate.faults.requests(BlackHole())
    events, last = await ask(gate, rule, timeout=0.1)
    assert isinstance(last, RequestTimeoutError)
    assert isinstance(last, UnansweredInTimeError) == (repeat == "unsent")
    assert [type(event).__name__ for event in events] == ["RequestStarted", "RequestFailed"]


# --- looking before repeating ----------------------------------------------------------------------------------------


@pytest.fixture
async def world() -> AsyncIterator[tuple[FaultGate, AsyncClient]]:
    async with (
        ScriptedServer() as server,
        FaultGate(server.url) as gate,
        AsyncClient("key", base_url=gate.url, live=QUICK, max_retries=0) as client,
    ):
        yield gate, client


@pytest.mark.parametrize("fault", [LostAnswer(), Reset()])
async def test_an_event_whose_answer_is_lost_is_there_once(
    world: tuple[FaultGate, AsyncClient], fault: RequestFault
) -> None:
    gate, client = world
    await client.create_event("Another", "person")
    gate.faults.requests(fault)
    event_id = await client.create_event("A person", "person")
    made = [event for event in await client.list_events() if event.event_prompt == "A person"]
    assert [event.event_id for event in made] == [event_id]


async def test_an_event_that_can_not_be_looked_for_is_unknown(world: tuple[FaultGate, AsyncClient]) -> None:
    gate, client = world
    gate.faults.requests(Status(502), times=2)
    with pytest.raises(UnansweredByServerError) as refused:
        await client.create_event("A person", "person")
    assert isinstance(refused.value.__cause__, ServerError)  # of the look
    gate.faults.requests(BlackHole())
    with pytest.raises(UnansweredInTimeError) as caught:
        await client.with_options(timeout=0.1).create_event("A person", "person")
    assert caught.value.check == "list_events()"


@pytest.mark.parametrize("action", ["start", "stop"])
async def test_what_is_so_already_is_no_error(action: str) -> None:
    events: list[CallEvent] = []
    async with (
        ScriptedServer() as server,
        FaultGate(server.url) as gate,
        AsyncClient("key", base_url=gate.url, hooks=[events.append]) as client,
    ):
        stream = client.rtstream(server.add_stream())
        await getattr(stream, action)()
        gate.faults.requests(Status(400))  # as the hosted service says it
        await getattr(stream, action)()
        assert stream.status == {"start": "connected", "stop": "stopped"}[action]
    assert 400 in [event.status for event in events if isinstance(event, RequestFinished)]


def test_the_errors_are_told_apart_by_what_happened() -> None:
    for kind in (UnansweredError, UnansweredInTimeError, UnansweredByServerError):
        assert issubclass(kind, OutcomeUnknownError)
        assert inspect.getdoc(kind)
    assert issubclass(UnansweredError, ConnectionFailedError)
    assert issubclass(UnansweredInTimeError, RequestTimeoutError)
    assert issubclass(UnansweredByServerError, ServerError)
