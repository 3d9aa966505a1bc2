"""Fixtures for pytest: a scripted server behind a gate, a client of it, and an oracle. Needs pytest-asyncio.

    async def test_my_bot(aiortstream_server, aiortstream_client, aiortstream_faults):
        ...

A test that asks for `aiortstream_clock` as well has all of them go by it: nothing happens by the passing of time until
the test lets time pass.

The plugin is found by itself where aiortstream and pytest are installed. Nothing but names is imported until a test
asks for a fixture.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from aiortstream import AsyncClient
    from aiortstream.testing import FaultGate, FaultPlan, Oracle, ScriptedServer, VirtualClock


@pytest.fixture
def aiortstream_oracle() -> Oracle:
    """Compares what a server emitted with what watches handed over."""
    from aiortstream.testing import Oracle

    return Oracle()


@pytest.fixture
def aiortstream_clock() -> VirtualClock:
    """Time that passes when the test says so, for the server, the gate and the client of the same test."""
    from aiortstream.testing import VirtualClock

    return VirtualClock()


@pytest.fixture
def _aiortstream_clock_if_asked_for(request: pytest.FixtureRequest) -> VirtualClock | None:
    if "aiortstream_clock" not in request.fixturenames:
        return None
    clock: VirtualClock = request.getfixturevalue("aiortstream_clock")
    return clock


if find_spec("pytest_asyncio") is not None:
    import pytest_asyncio

    @pytest_asyncio.fixture
    async def aiortstream_server(
        _aiortstream_clock_if_asked_for: VirtualClock | None,
    ) -> AsyncIterator[ScriptedServer]:
        """A server that behaves like the hosted service, in memory."""
        from aiortstream.testing import ScriptedServer

        async with ScriptedServer(clock=_aiortstream_clock_if_asked_for) as server:
            yield server

    @pytest_asyncio.fixture
    async def aiortstream_gate(
        aiortstream_server: ScriptedServer, _aiortstream_clock_if_asked_for: VirtualClock | None
    ) -> AsyncIterator[FaultGate]:
        """The gate that the client reaches the server through."""
        from aiortstream.testing import FaultGate

        async with FaultGate(aiortstream_server.url, clock=_aiortstream_clock_if_asked_for) as gate:
            yield gate

    @pytest_asyncio.fixture
    async def aiortstream_faults(aiortstream_gate: FaultGate) -> FaultPlan:
        """What goes wrong on the way: nothing, until the test says so."""
        return aiortstream_gate.faults

    @pytest_asyncio.fixture
    async def aiortstream_client(
        aiortstream_gate: FaultGate, _aiortstream_clock_if_asked_for: VirtualClock | None
    ) -> AsyncIterator[AsyncClient]:
        """A client of the server through the gate, which retries and polls quickly."""
        from aiortstream import AsyncClient, LiveSettings

        live = LiveSettings(
            connect_timeout=2.0,
            heartbeat=0.5,
            reconnect_delay=0.02,
            max_reconnect_delay=0.1,
            poll_interval=0.05,
            max_poll_interval=0.2,
            audit_interval=0.5,
            max_polls_per_second=500.0,
        )
        async with AsyncClient(
            "test-key", base_url=aiortstream_gate.url, timeout=5.0, live=live, clock=_aiortstream_clock_if_asked_for
        ) as client:
            yield client
