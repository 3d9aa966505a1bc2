"""What the streaming core tells of itself: hooks, health, and outcomes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
from live_server import QUICK, T0, Server, hint, hub_of, running_server, segment, take, until

from aiortstream.errors import AuthenticationError, ConnectionFailedError, InvalidRequestError, RateLimitedError
from aiortstream.live.bindings import AlertBinding, SceneBinding, TranscriptBinding
from aiortstream.live.hooks import (
    BindingSettled,
    ConnectionLost,
    ConnectionOpened,
    ConnectionRetrying,
    GapClosed,
    GapOpened,
    LiveEvent,
    StateChanged,
)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with running_server() as made:
        yield made


def of(told: list[LiveEvent], kind: type[Any]) -> list[Any]:
    return [event for event in told if isinstance(event, kind)]


async def test_an_outage_is_told_from_its_beginning_to_its_end(server: Server) -> None:
    told: list[LiveEvent] = []
    async with hub_of(server, replace(QUICK, hooks=(told.append,))) as hub:
        hub.bind(TranscriptBinding("rts-1"), await hub.connection_id())
        async with hub.watch_transcript("rts-1", since=T0 - 1) as watch:
            await until(lambda: watch.state == "live")
            await server.send(segment(T0))
            await take(watch, 1)
            server.segments = [segment(T0 + 3)]
            await (await server.epoch(1)).close()
            await until(lambda: watch.state == "live" and len(of(told, GapClosed)) == 1)
            assert [record.start for record in await take(watch, 1)] == [T0 + 3]
    assert [(event.epoch, event.resumed) for event in of(told, ConnectionOpened)] == [(1, False), (2, False)]
    assert of(told, ConnectionLost)[0].epoch == 1
    (opened,), (closed,) = of(told, GapOpened), of(told, GapClosed)
    assert (opened.watch, opened.gap.end, opened.gap.cause) == ("transcript:rts-1", None, "disconnected")
    assert (closed.healed, closed.gap.start, closed.gap.recovered) == (True, opened.gap.start, 1)
    assert closed.gap.end >= opened.gap.start
    assert {(event.kind, event.id, event.outcome) for event in of(told, BindingSettled)} == {
        ("transcript", "rts-1", "REBOUND")
    }
    states = [event.state for event in of(told, StateChanged)]
    assert states[-1] == "ended"
    assert states.index("live") < states.index("polling")
    with pytest.raises(FrozenInstanceError):
        opened.watch = "other"


@pytest.mark.parametrize(
    ("binding", "error", "outcome"),
    [
        (TranscriptBinding("rts-1"), None, "REBOUND"),
        (TranscriptBinding("rts-1"), InvalidRequestError("no"), "POLLING"),
        (AlertBinding("rts-1", "i1", "e1", "", "a1"), None, "REBOUND"),
        (AlertBinding("rts-1", "i1", "e1", "", "a1"), InvalidRequestError("no"), "UNRECOVERABLE"),
        (AlertBinding("rts-1", "i1", "e1", "", "a1"), RateLimitedError("later", status=429), "REBOUND"),
    ],
)
async def test_what_became_of_a_binding_is_told(
    server: Server, binding: Any, error: Exception | None, outcome: str
) -> None:
    told: list[LiveEvent] = []
    async with hub_of(server, replace(QUICK, hooks=(told.append,))) as hub:
        hub.bind(binding, await hub.connection_id())
        server.rebind_errors = [] if error is None else [error]
        await (await server.epoch(1)).close()
        await until(lambda: bool(of(told, BindingSettled)))
    assert [event.outcome for event in of(told, BindingSettled)] == [outcome]


async def test_scenes_of_an_ended_connection_are_polled_and_say_so(server: Server) -> None:
    async with hub_of(server) as hub:
        hub.bind(SceneBinding("rts-1", "i1", "visual"), await hub.connection_id())
        async with hub.watch_scenes("rts-1", "i1") as watch:
            await until(lambda: watch.state == "live")
            await (await server.epoch(1)).close()
            await until(lambda: watch.statistics().outcome == "POLLING" and watch.statistics().open_gap is None)
            assert watch.statistics().last_gap is not None


async def test_a_hook_that_fails_does_no_harm(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: LiveEvent) -> None:
        raise RuntimeError("a hook of the user's")

    with caplog.at_level(logging.ERROR, "aiortstream.live"):
        async with hub_of(server, replace(QUICK, hooks=(broken,))) as hub:
            assert await hub.connection_id() == "conn-1"
    assert "a hook failed on ConnectionOpened" in caplog.text


async def test_an_attempt_that_failed_is_told_with_the_delay_before_the_next(server: Server) -> None:
    told: list[LiveEvent] = []
    server.open_error = ConnectionFailedError("away")
    async with hub_of(server, replace(QUICK, hooks=(told.append,))) as hub, hub.watch_events():
        await until(lambda: len(of(told, ConnectionRetrying)) >= 2)
        server.open_error = AuthenticationError("no such key", status=401)
        await until(lambda: of(told, ConnectionRetrying)[-1].delay is None)
    assert all(0 < event.delay < 1 for event in of(told, ConnectionRetrying)[:-1])


async def test_a_refused_key_ends_the_watches_that_live_on_the_socket_alone(server: Server) -> None:
    server.open_error = AuthenticationError("no such key", status=401)
    async with hub_of(server) as hub:
        for watch in (hub.watch_events(), hub.watch_alerts("rts-1")):
            async with watch:
                with pytest.raises(AuthenticationError):
                    await take(watch, 1)


async def test_health_says_how_it_is(server: Server) -> None:
    async with hub_of(server) as hub:
        idle = hub.health()
        assert (idle.ok, idle.connected, idle.epoch, dict(idle.watches)) == (True, False, 0, {})
        hub.bind(TranscriptBinding("rts-1"), await hub.connection_id())
        async with hub.watch_transcript("rts-1") as watch, hub.watch_events() as events:
            await until(lambda: watch.state == "live" and events.state == "live")
            await server.send(segment(T0))
            await server.sockets[-1].send_str(hint())
            await until(lambda: hub.health().decode_failures == 1)
            well = hub.health()
            assert (well.ok, well.connected, well.reconnects, dict(well.watches)) == (True, True, 0, {"live": 2})
            assert well.buffered == 3  # a segment for one watch, a segment and a bad frame for the other
            assert well.buffered_bytes > 0
            assert well.connected_since is not None
            assert well.last_frame_at is not None
            server.open_error = ConnectionFailedError("away")
            await (await server.epoch(1)).close()
            await until(lambda: not hub.health().connected)
            ill = hub.health()
            assert (ill.ok, ill.open_gaps >= 1, ill.connected_since) == (False, True, None)
            await until(lambda: isinstance(hub.health().last_error, ConnectionFailedError))
            server.open_error = None
            await until(lambda: hub.health().ok)
            assert hub.health().reconnects == 1
            assert hub.health().last_error is None
