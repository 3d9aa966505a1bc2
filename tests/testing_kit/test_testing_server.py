"""The scripted server: the hosted service's habits, the policies that may be either way, and the extras."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from aiortstream import (
    Alert,
    AsyncClient,
    Gap,
    InvalidArgumentError,
    LiveSettings,
    NotFoundError,
    PartialTranscript,
    RTStream,
)
from aiortstream.testing import ScriptedServer, VirtualClock
from aiortstream.testing.paging import SelectedBy

T = 1_720_000_000.0
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


async def an_alert(client: AsyncClient, rtstream: RTStream) -> str:
    """On an index of its own."""
    visuals = await rtstream.index_visuals(prompt="Who is there?")
    return await visuals.create_alert(await client.create_event("A person", "person"), callback_url="")


async def test_the_main_job_runs_on_it() -> None:
    async with ScriptedServer(frames_name_indexes=True) as server, client_of(server) as client:
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
        async with first.watch_scenes() as ours, second.watch_scenes() as others, client.watch_events() as events:
            await until(lambda: {ours.state, others.state, events.state} == {"live"})
            server.emit_scene(first.rtstream_index_id, "of the first")
            assert [event.index_id for event in await take(events, 1)] == [first.rtstream_index_id if named else None]
            assert [scene.text for scene in await take(ours, 1)] == ["of the first"]
            assert others.statistics().buffered == 0


@pytest.mark.parametrize("inclusive", [True, False])
@pytest.mark.parametrize("selected_by", ["overlap", "start", "end"])
async def test_a_watch_finds_everything_however_windows_are_read(inclusive: bool, selected_by: SelectedBy) -> None:
    async with (
        ScriptedServer(since_inclusive=inclusive, selected_by=selected_by) as server,
        client_of(server) as client,
    ):
        rtstream = client.rtstream(server.add_stream())
        since = time.time() - 100
        sent = [server.emit_transcript(rtstream.id, str(n), start=since + n, end=since + n + 1) for n in range(20)]
        async with rtstream.watch_transcript(since=since) as segments:
            assert [segment.text for segment in await take(segments, 20)] == [record.text for record in sent]
            later = server.emit_transcript(rtstream.id, "later")
            assert [segment.end for segment in await take(segments, 1)] == [later.end]


async def test_records_that_are_emitted_at_once_are_told_apart() -> None:
    async with ScriptedServer(clock=VirtualClock(T)) as server, client_of(server) as client:
        rtstream = client.rtstream(server.add_stream())
        alert_id = await an_alert(client, rtstream)
        async with rtstream.watch_transcript(since=T - 60) as segments, rtstream.watch_alerts() as alerts:
            await until(lambda: alerts.state == "live")
            spoken = [server.emit_transcript(rtstream.id, str(number)) for number in range(5)]
            fired = [server.emit_alert(alert_id, str(number)) for number in range(5)]
            assert [segment.text for segment in await take(segments, 5)] == list("01234")
            assert [alert.text for alert in await take(alerts, 5)] == list("01234")
        assert [round(record.end - T, 3) for record in spoken] == [0.0, 0.001, 0.002, 0.003, 0.004]
        assert len({record.end for record in fired}) == 5


async def test_what_is_late_appears_when_it_is_time() -> None:
    clock = VirtualClock(T)
    async with ScriptedServer(clock=clock, features=("alert_log",)) as server, client_of(server) as client:
        rtstream = client.rtstream(server.add_stream())
        alert_id = await an_alert(client, rtstream)
        record = server.emit_transcript(rtstream.id, "late", late=30.0)
        alert = server.emit_alert(alert_id, late=10.0)
        await clock.advance(9.0)
        assert (record.end, alert.fired_at, server.emitted) == (T, T + 10, [])
        await clock.advance(1.0)
        assert server.emitted == [alert]
        await clock.advance(20.0)
        assert server.emitted == [alert, record]
        page = await rtstream.get_transcript()
        assert [segment.text for segment in page.segments] == ["late"]
        server.emit_transcript(rtstream.id, "never", late=5.0)
    await clock.advance(60.0)
    assert len(server.emitted) == 2


async def test_what_is_late_survives_a_restart() -> None:
    clock = VirtualClock(T)
    async with ScriptedServer(clock=clock) as server:
        record = server.emit_transcript(server.add_stream(), "late", late=30.0)
        await server.restart()
        await clock.advance(30.0)
        assert server.emitted == [record]


async def test_a_mere_function_tells_the_time() -> None:
    async with ScriptedServer(clock=lambda: T) as server:
        late = server.emit_transcript(server.add_stream(), "late", late=0.01)
        assert (late.start, late.end) == (T - 1, T)
        await until(lambda: server.emitted == [late])


@pytest.mark.parametrize(("frame", "history"), [(True, False), (False, True)])
async def test_records_may_come_one_way_only(frame: bool, history: bool) -> None:
    async with ScriptedServer(features=("alert_log",)) as server, client_of(server) as client:
        rtstream = client.rtstream(server.add_stream())
        await rtstream.start_transcript()
        visuals = await rtstream.index_visuals(prompt="?")
        alert_id = await visuals.create_alert(await client.create_event("A person", "person"), callback_url="")
        async with client.watch_events() as events, asyncio.timeout(DEADLINE):
            await until(lambda: events.state == "live")
            server.emit_transcript(rtstream.id, "one way", frame=frame, history=history)
            server.emit_scene(visuals.rtstream_index_id, "one way", frame=frame, history=history)
            server.emit_alert(alert_id, "one way", frame=frame, history=history)
            server.send_raw('{"channel":"the end"}')
            seen = [getattr(event, "text", "the end") for event in await take(events, 4 if frame else 1)]
        assert seen == (["one way"] * 3 if frame else []) + ["the end"]
        found = [(await rtstream.get_transcript()).segments, (await visuals.get_scenes()).scenes, server.world.fired]
        assert [len(records) for records in found] == [int(history)] * 3


async def test_a_detection_fires_every_alert_that_stands() -> None:
    async with ScriptedServer() as server, client_of(server) as client:
        rtstream = client.rtstream(server.add_stream())
        visuals = await rtstream.index_visuals(prompt="?")
        person, car = [await client.create_event("?", label) for label in ("person", "car")]
        for event_id in (person, person, car):
            await visuals.create_alert(event_id, callback_url="")
        disabled = (await visuals.list_alerts())[0].alert_id
        await visuals.disable_alert(disabled)
        async with rtstream.watch_alerts() as alerts:
            await until(lambda: alerts.state == "live")
            server.drop_connections()
            await until(lambda: client.health().reconnects == 1 and alerts.state == "live")
            fired = server.detect(visuals.rtstream_index_id, "person", "at the door")
            assert [alert.label for alert in fired] == ["person"]
            assert fired[0].alert_id != disabled
            got = [item for item in await take(alerts, 2) if isinstance(item, Alert)]
            assert [(alert.label, alert.text) for alert in got] == [("person", "at the door")]
        assert server.detect(visuals.rtstream_index_id, "cat") == []
        await visuals.enable_alert(disabled)
        both = server.detect(visuals.rtstream_index_id, "person")
        assert len({(alert.start, alert.end, alert.timestamp) for alert in both}) == 1 < len(both)


@pytest.mark.parametrize("features", [(), ("since",), ("alert_log",)])
async def test_alerts_are_numbered_by_a_server_that_logs_them_and_by_no_other(features: tuple[str, ...]) -> None:
    async with ScriptedServer(features=features) as server, client_of(server) as client:
        rtstream = client.rtstream(server.add_stream())
        alert_id = await an_alert(client, rtstream)
        numbered = [server.emit_alert(alert_id).firing_id for _ in range(2)]
        assert numbered == ([1, 2] if "alert_log" in features else [None, None])


@pytest.mark.parametrize("named", [True, False])
async def test_alerts_of_the_hosted_service_name_no_index(named: bool) -> None:
    async with ScriptedServer(frames_name_indexes=named) as server, client_of(server) as client:
        rtstream = client.rtstream(server.add_stream())
        alert_id = await an_alert(client, rtstream)
        async with rtstream.watch_alerts() as alerts:
            await until(lambda: alerts.state == "live")
            fired = server.emit_alert(alert_id, "here")
            (got,) = await take(alerts, 1)
        assert (got.alert_id, got.index_id) == ((alert_id, fired.index_id) if named else (None, None))


async def test_what_is_bound_is_bound_after_a_restart_where_connections_can_be_resumed() -> None:
    async with ScriptedServer(features=("resume",)) as server, client_of(server) as client:
        rtstream = client.rtstream(server.add_stream())
        await rtstream.start_transcript()
        async with rtstream.watch_transcript() as segments:
            await until(lambda: segments.state == "live")
            bound = set(server.world.streams[rtstream.id].connections)
            await server.restart()
            await until(lambda: client.health().reconnects == 1 and segments.state == "live")
            server.emit_transcript(rtstream.id, "by frame", history=False)
            assert [segment.text for segment in await take(segments, 1)] == ["by frame"]
        assert server.world.streams[rtstream.id].connections == bound
        assert server.requests.count(f"POST /rtstream/{rtstream.id}/transcription") == 1


async def test_what_makes_no_sense_is_said() -> None:
    async with ScriptedServer() as server:
        stream = server.add_stream()
        with pytest.raises(InvalidArgumentError, match=f"no stream 'rts-0': expected one of .*{stream}"):
            server.emit_transcript("rts-0", "?")
        with pytest.raises(InvalidArgumentError, match="no index 'i'"):
            server.detect("i", "person")
        with pytest.raises(InvalidArgumentError, match="end: expected unix seconds from start"):
            server.emit_transcript(stream, "?", start=T, end=T - 1)
        with pytest.raises(InvalidArgumentError, match="late: expected seconds from 0 on, got -1"):
            server.emit_transcript(stream, "?", late=-1)
        assert server.emitted == []
