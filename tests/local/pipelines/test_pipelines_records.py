"""From what a camera shows and says to records: committed, told of, judged, and taken up again after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from core_fakes import T0, Core, FakeModels, Record, open_core, until

from aiortstream.local.store import alerts, outbox, scenes
from aiortstream.records import Alert, Scene, TranscriptSegment
from aiortstream.wire.rest import AlertRequest, AlertStatusRequest, EventRequest, TranscriptionRequest


async def start_transcript(core: Core, rtstream_id: str, ws: str = "ws-1") -> None:
    await core.services.transcripts.start(rtstream_id, TranscriptionRequest("start", ws_connection_id=ws))


async def create_alert(core: Core, rtstream_id: str, index_id: str, prompt: str, callback: str = "http://hook/") -> str:
    event = await core.services.alerts.create_event(EventRequest(prompt, "seen_it"))
    request = AlertRequest(event.event_id, callback, ws_connection_id="ws-alert")
    return (await core.services.alerts.create(rtstream_id, index_id, request)).alert_id


async def test_speech_becomes_a_transcript(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect()
        await start_transcript(core, stream.id)
        core.say(stream, 0, 1.2, "Good morning everyone")
        camera.hear(1.2, 1, loud=False)
        core.say(stream, 2.2, 0.8, "Goodbye")
        first, second = await core.publisher.wait_for(TranscriptSegment, 2)
        page = await core.services.transcripts.page(stream.id)

    assert (first.text, first.start, first.end) == ("Good morning everyone", T0, T0 + 1.2)
    assert [(word.word, word.start) for word in first.words] == [
        ("Good", T0),
        ("morning", T0 + 0.4),
        ("everyone", T0 + 0.8),
    ]
    assert (first.rtstream_id, first.rtstream_name) == (stream.id, "Front door")
    assert core.publisher.published[0][0] == ("ws-1",)
    # What was told over the socket is what is fetched, to the millisecond.
    assert [(record.start, record.end, record.text) for record in page.transcription_records] == [
        (each.start, each.end, each.text) for each in (first, second)
    ]


async def test_whoever_sees_a_frame_can_fetch_the_record(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect()
        index_id = await core.index(stream, time=1, frame_count=2)
        there: list[int] = []
        publish = core.publisher.publish

        def look(connection_ids: Iterable[str], record: Record) -> None:
            with contextlib.closing(sqlite3.connect(core.db.path)) as conn:
                there.append(conn.execute("SELECT count(*) FROM scenes").fetchone()[0])
            publish(connection_ids, record)

        core.publisher.publish = look  # type: ignore[method-assign]
        camera.show(0, 1.1, 7)
        (scene,) = await core.publisher.wait_for(Scene, 1)
        assert there == [1]
        assert scene.index_id == index_id


async def test_pictures_become_scenes(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect()
        index_id = await core.index(stream, time=2, frame_count=5)
        camera.show(0, 2, 7)
        camera.show(2, 0.1, 9)
        (scene,) = await core.publisher.wait_for(Scene, 1)
        assert (scene.text, scene.start, scene.end, scene.kind) == ("Seen: picture 7", T0, T0 + 2, "visual")
        assert scene.metadata == {"frames": 5, "shown": 7}

        await core.services.indexes.set_prompt(stream.id, index_id, "Look")
        await core.services.indexes.stop(stream.id, index_id)
        page = await core.services.indexes.page(stream.id, index_id)
        # Stopping describes what there is of the last window, as it is asked now.
        assert [record.text for record in page.scene_index_records] == ["Look: picture 9", "Seen: picture 7"]
        assert camera.frame_taps == []


async def test_windows_that_nobody_has_time_for_are_dropped_and_counted(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect()
        index_id = await core.index(stream, time=1, frame_count=1)
        # All at once, before the loop has a turn: only the latest window waits.
        camera.show(0, 6, 1)
        await core.publisher.wait_for(Scene, 1)
        tally = core.manager.statistics()[stream.id][f"index {index_id}"]
        assert tally.dropped == 4
        assert core.publisher.of(Scene)[0].start == T0 + 4


async def test_an_audio_index_summarises_what_is_said(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        index_id = await core.index(stream, "transcript", segmenter="word", segmentation_value=3)
        core.say(stream, 0, 4, "one two three four")
        core.say(stream, 5, 2, "five six")
        scenes_ = await core.publisher.wait_for(Scene, 2)
        assert [scene.text for scene in scenes_] == ["Said: one two three", "Said: four five six"]
        assert (scenes_[1].start, scenes_[1].end, scenes_[1].kind) == (T0 + 3, T0 + 7, "audio")
        # The transcript itself was not asked for, so no socket hears of it; it can be fetched.
        assert core.publisher.of(TranscriptSegment) == []
        assert (await core.services.transcripts.status(stream.id)).status == "not_configured"
        assert (await core.services.transcripts.page(stream.id)).total_count == 2

        core.say(stream, 8, 1, "seven")
        await core.services.indexes.stop(stream.id, index_id)
        assert [scene.text for scene in core.publisher.of(Scene)[2:]] == ["Said: seven"]


async def test_an_alert_fires_once_for_each_scene_that_shows_it(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect(store=True)
        index_id = await core.index(stream, time=1, frame_count=1)
        alert_id = await create_alert(core, stream.id, index_id, "picture 2")
        for second in (1, 2, 3):
            camera.show(second, 1, second)
            await core.publisher.wait_for(Scene, second - 1)
        camera.show(4, 0.1, 9)
        (alert,) = await core.publisher.wait_for(Alert, 1)
        rows = await core.db.read(lambda conn: (alerts.firings(conn, alert_id), outbox.due(conn, 1e12, 10)))

    assert (alert.label, alert.text, alert.confidence) == ("seen_it", "seen_it: Seen: picture 2", 0.9)
    assert (alert.start, alert.end, alert.alert_id, alert.index_id) == (T0 + 2, T0 + 3, alert_id, index_id)
    assert alert.stream_url == f"http://test/{stream.id}/{T0 + 2:.3f}-{T0 + 3:.3f}.m3u8"
    assert [ids for ids, record in core.publisher.published if isinstance(record, Alert)] == [("ws-alert",)]
    (firing,), (delivery,) = rows
    assert (firing.alert_id, firing.confidence) == (alert_id, 0.9)
    body = msgspec.json.decode(delivery.body)
    assert (body["event_id"], body["label"], body["stream_url"]) == (
        f"event-{alert.event_id}",
        "seen_it",
        alert.stream_url,
    )
    assert (delivery.url, delivery.attempts, core.waker.woken) == ("http://hook/", 0, 1)


async def test_an_alert_without_callback_or_recording(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect()
        index_id = await core.index(stream, time=1, frame_count=1)
        await create_alert(core, stream.id, index_id, "picture 2", callback="")
        camera.show(0, 1.1, 2)
        (alert,) = await core.publisher.wait_for(Alert, 1)
        assert (alert.stream_url, alert.player_url) == (None, None)
        assert await core.db.read(lambda conn: outbox.due(conn, 1e12, 10)) == []
        assert core.waker.woken == 0


async def test_a_slow_judge_holds_up_no_scene(tmp_path: Path) -> None:
    models = FakeModels(hold=asyncio.Event())
    async with open_core(tmp_path, models=models) as core:
        stream, camera = await core.connect()
        index_id = await core.index(stream, time=1, frame_count=1)
        alert_id = await create_alert(core, stream.id, index_id, "picture")
        for second in range(3):
            camera.show(second, 1.05, second)
            await core.publisher.wait_for(Scene, second)
        await core.publisher.wait_for(Scene, 2)
        assert core.publisher.of(Alert) == []

        # Switched off while its scene is being judged: it does not fire for that one.
        await core.services.alerts.set_status(stream.id, index_id, alert_id, AlertStatusRequest(action="disable"))
        assert models.hold is not None
        models.hold.set()
        await core.services.alerts.set_status(stream.id, index_id, alert_id, AlertStatusRequest(status="enabled"))
        camera.show(3.05, 1, 8)
        await core.publisher.wait_for(Scene, 3)
        fired = await core.publisher.wait_for(Alert, 1)
        assert fired[-1].start is not None
        assert fired[-1].start >= T0 + 2


async def test_scenes_that_a_crash_left_unjudged_are_judged_at_the_next_start(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect()
        index_id = await core.index(stream, time=1, frame_count=1)
        alert_id = await create_alert(core, stream.id, index_id, "picture 5")
        camera.show(0, 1.1, 5)
        await core.publisher.wait_for(Alert, 1)
    # As if the process had died between the scene's transaction and the firing's.
    with contextlib.closing(sqlite3.connect(core.db.path)) as conn:
        conn.executescript("DELETE FROM firings; UPDATE alerts SET judged_to = 0; DELETE FROM scenes WHERE id > 1")

    async with open_core(tmp_path) as again:
        (alert,) = await again.publisher.wait_for(Alert, 1)
        assert (alert.alert_id, alert.start) == (alert_id, T0)
        assert await again.db.read(lambda conn: len(alerts.firings(conn, alert_id))) == 1


async def test_everything_that_ran_runs_again_after_a_restart(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect()
        await start_transcript(core, stream.id)
        visual = await core.index(stream, time=1, frame_count=1)
        stopped = await core.index(stream, time=1, frame_count=1)
        audio = await core.index(stream, "transcript", segmenter="word", segmentation_value=2)
        await core.services.indexes.stop(stream.id, stopped)
        halted, _ = await core.connect()
        await core.services.streams.stop(halted.id)
    assert camera.stopped

    async with open_core(tmp_path) as again:
        await again.status(stream.id, "connected")

        async def working() -> bool:
            return "transcription" in again.manager.statistics().get(stream.id, {})

        await until(working)
        assert set(again.manager.statistics()[stream.id]) == {
            "status",
            "transcription",
            f"index {visual}",
            f"index {audio}",
        }
        assert halted.id not in again.cameras
        again.say(stream, 60, 2, "here again")
        again.cameras[stream.id].show(60, 1.1, 3)
        texts = {scene.text for scene in await again.publisher.wait_for(Scene, 2)}
        assert texts == {"Said: here again", "Seen: picture 3"}


async def test_a_failing_model_costs_its_record_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    models = FakeModels(failing={"describe", "warm"})
    async with open_core(tmp_path, models=models) as core:
        stream, camera = await core.connect()
        index_id = await core.index(stream, time=1, frame_count=1)
        camera.show(0, 1.1, 1)

        async def failed() -> bool:
            return core.manager.statistics()[stream.id][f"index {index_id}"].failures == 1

        await until(failed)
        assert "out of order" in caplog.text
        assert (await core.services.streams.get(stream.id)).status == "connected"
        models.failing.clear()
        camera.show(1.1, 1, 2)
        (scene,) = await core.publisher.wait_for(Scene, 1)
        assert scene.start == T0 + 1
        assert core.manager.statistics()[stream.id][f"index {index_id}"].last_error is None


async def test_without_embeddings_scenes_are_still_written(tmp_path: Path) -> None:
    async with open_core(tmp_path, models=FakeModels(failing={"embed"})) as core:
        stream, camera = await core.connect()
        index_id = await core.index(stream, time=1, frame_count=1)
        camera.show(0, 1.1, 1)
        await core.publisher.wait_for(Scene, 1)
        assert await core.db.read(lambda conn: scenes.last_id(conn, index_id)) == 1


async def test_a_database_that_refuses_breaks_one_run_and_not_the_stream(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect()
        index_id = await core.index(stream, time=1, frame_count=1)
        await core.db.run(
            lambda conn: conn.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON scenes BEGIN SELECT RAISE(ABORT, 'disk full'); END"
            )
        )
        camera.show(0, 1.1, 1)

        async def broken() -> bool:
            return core.manager.statistics()[stream.id][f"index {index_id}"].failures == 1

        await until(broken)
        await core.db.run(lambda conn: conn.execute("DROP TRIGGER refuse"))
        camera.show(1.1, 1, 2)
        (scene,) = await core.publisher.wait_for(Scene, 1)
        assert scene.start == T0 + 1
