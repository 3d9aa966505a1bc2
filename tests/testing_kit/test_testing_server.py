"""The scripted server: the hosted service's habits, the policies that may be either way, and the extras."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from aiortstream import Alert, AsyncClient, Gap, LiveSettings, NotFoundError, PartialTranscript
from aiortstream.testing import ScriptedServer

DEADLINE = 5.0
QUICK = LiveSettings(
    reconnect_delay=0.01,
    max_reconnect_delay=0.05,
    poll_interval=0.05,
    max_poll_interval=0.1,
    audit_interval=0.2,
    max_polls_per_second=1e3,
)


async def take(watch: Any, count: int) -> list[Any]:
    async with asyncio.timeout(DEADLINE):
        return [await anext(watch) for _ in range(count)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - of many kinds
            await asyncio.sleep(0.005)


def client_of(server: ScriptedServer) -> AsyncClient:
    return AsyncClient("key", base_url=server.url, live=QUICK)


async def test_the_main_job_runs_on_it() -> None:
    async with ScriptedServer() as server, client_of(server) as client:
        rtstream = await client.connect_rtstream(url="rtsp://camera/front", name="Front door")
        await rtstream.start_transcript()
        visuals = await rtstream.index_visuals(prompt="Who is there?")
        event_id = await client.create_event(event_prompt="A person", label="person")
        alert_id = await visuals.create_alert(event_id, callback_url="")
        async with (
            rtstream.watch_transcript(partials=True) as segments,
            visuals.watch_scenes() as scenes,
            rtstream.watch_alerts(label="person") as alerts,
        ):
            await until(lambda: {segments.state, scenes.state, alerts.state} == {"live"})
            server.emit_partial(rtstream.id, "hel")
            spoken = server.emit_transcript(rtstream.id, "hello")
            seen = server.emit_scene(visuals.rtstream_index_id, "a person at the door")
            fired = server.emit_alert(alert_id, "a person")
            partial, segment = await take(segments, 2)
            assert (isinstance(partial, PartialTranscript), segment) == (True, spoken)
            assert [scene.text for scene in await take(scenes, 1)] == [seen.text]
            assert await take(alerts, 1) == [fired]
        found = await rtstream.search("person")
        assert [shot.text for shot in found.get_shots()] == ["a person at the door"]
        assert [alert.alert_id for alert in await visuals.list_alerts()] == [alert_id]
        assert "POST /rtstream" in server.requests
        assert server.emitted == [spoken, seen, fired]


async def test_what_is_not_there_is_not_found() -> None:
    async with ScriptedServer() as server, client_of(server) as client:
        with pytest.raises(NotFoundError, match="no stream"):
            await client.get_rtstream("rts-0")
        with pytest.raises(NotFoundError, match="no index"):
            await client.rtstream(server.add_stream()).scene_index("index-0").get_scenes()


async def test_like_the_hosted_service_it_forgets_what_was_bound_to_a_connection() -> None:
    async with ScriptedServer() as server, client_of(server) as client:
        rtstream = client.rtstream(server.add_stream())
        visuals = await rtstream.index_visuals(prompt="?")
        event_id = await client.create_event("A person", "person")
        alert_id = await visuals.create_alert(event_id, callback_url="")
        async with visuals.watch_scenes() as scenes, rtstream.watch_alerts() as alerts:
            await until(lambda: {scenes.state, alerts.state} == {"live"})
            server.drop_connections()
            server.emit_alert(alert_id, "nobody hears this")
            server.emit_scene(visuals.rtstream_index_id, "polls find this")
            assert [scene.text for scene in await take(scenes, 1)] == ["polls find this"]
            (gap,) = await take(alerts, 1)
            assert isinstance(gap, Gap)
            assert gap.end is not None
            assert not gap.recoverable
            await until(lambda: scenes.statistics().outcome == "POLLING")
        enabled = [alert.status for alert in await visuals.list_alerts()]
        assert enabled == ["disabled", "enabled"]  # the second stands for the first


async def test_with_the_extras_nothing_is_lost_at_all() -> None:
    async with ScriptedServer(features=("resume", "alert_log", "since")) as server, client_of(server) as client:
        rtstream = client.rtstream(server.add_stream())
        visuals = await rtstream.index_visuals(prompt="?")
        alert_id = await visuals.create_alert(await client.create_event("A person", "person"), callback_url="")
        async with client.watch_events() as events, rtstream.watch_alerts() as alerts:
            await until(lambda: {events.state, alerts.state} == {"live"})
            server.drop_connections()
            sent = [server.emit_alert(alert_id, str(number)) for number in range(3)]
            assert await take(events, 3) == sent
            assert await take(alerts, 3) == sent
            await server.restart()
            later = server.emit_alert(alert_id, "after a restart")
            assert [item for item in await take(alerts, 1) if isinstance(item, Alert)] == [later]
        assert client.health().features == ("resume", "alert_log", "since")


@pytest.mark.parametrize("rebinds", [True, False])
async def test_whether_a_second_start_rebinds_is_a_policy(rebinds: bool) -> None:
    async with ScriptedServer(second_start_rebinds=rebinds) as server, client_of(server) as client:
        rtstream = client.rtstream(server.add_stream())
        await rtstream.start_transcript()
        async with rtstream.watch_transcript() as segments:
            await until(lambda: segments.state == "live")
            server.drop_connections()
            await until(lambda: client.health().reconnects == 1 and segments.state == "live")
            spoken = server.emit_transcript(rtstream.id, "hello")
            assert [segment.start for segment in await take(segments, 1)] == [spoken.start]
            assert (segments.statistics().recovered == 0) == rebinds  # an audit finds what no frame brings


@pytest.mark.parametrize("newest_first", [True, False])
async def test_pages_come_in_either_order(newest_first: bool) -> None:
    async with ScriptedServer(newest_first=newest_first) as server, client_of(server) as client:
        rtstream = client.rtstream(server.add_stream())
        sent = [server.emit_transcript(rtstream.id, str(n), start=1.7e9 + n, end=1.7e9 + n + 1) for n in range(5)]
        page = await rtstream.get_transcript(page_size=2)
        expected = sent[::-1] if newest_first else sent
        assert [segment.text for segment in page.segments] == [record.text for record in expected[:2]]
        watch = rtstream.watch_transcript(since=1.7e9, follow=False)
        assert [segment.start async for segment in watch] == [record.start for record in sent]


@pytest.mark.parametrize("named", [True, False])
async def test_frames_may_say_which_index_they_are_of(named: bool) -> None:
    async with ScriptedServer(frames_name_indexes=named) as server, client_of(server) as client:
        rtstream = client.rtstream(server.add_stream())
        first, second = [await rtstream.index_visuals(prompt=str(n)) for n in range(2)]
        async with first.watch_scenes() as ours, second.watch_scenes() as others:
            await until(lambda: {ours.state, others.state} == {"live"})
            server.emit_scene(first.rtstream_index_id, "of the first")
            assert [scene.text for scene in await take(ours, 1)] == ["of the first"]
            assert others.statistics().buffered == 0
