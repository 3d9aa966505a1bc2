"""Streams brought in line with the database: begun, stopped, ended, broken, and taken up again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from core_fakes import T0, FakeModels, open_core, segment, until

from aiortstream.local.ingest.status import IngestState
from aiortstream.local.paths import VIDEOS
from aiortstream.local.runtime import intake
from aiortstream.local.store import segments, streams
from aiortstream.records import Scene
from aiortstream.wire.rest import ConnectRequest


async def test_status_follows_the_source(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect()
        assert stream.status == "connecting"
        camera.report(IngestState.RETRYING, "connection refused")
        assert (await core.status(stream.id, "error")).status_reason == "connection refused"
        camera.report(IngestState.LIVE)
        assert (await core.status(stream.id, "connected")).status_reason is None


async def test_a_stopped_stream_says_so_and_starts_again(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect()
        await core.services.streams.stop(stream.id)
        stopped = await core.services.streams.get(stream.id)
        assert (stopped.status, stopped.status_reason, camera.stopped) == ("stopped", "stopped by request", True)
        assert core.manager.statistics() == {}
        camera.report(IngestState.LIVE)  # late news
        await core.services.streams.stop(stream.id)
        await core.services.streams.start(stream.id)
        await core.status(stream.id, "connected")
        assert core.cameras[stream.id] is not camera


async def test_a_source_that_ends_is_worked_off_and_marked(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect()
        await core.index(stream, time=1, frame_count=1)
        camera.show(0, 0.5, 4)
        camera.end()
        ended = await core.status(stream.id, "stopped")
        assert ended.status_reason == "source ended"
        assert [(scene.start, scene.text) for scene in core.publisher.of(Scene)] == [(T0, "Seen: picture 4")]
    async with open_core(tmp_path) as again:
        assert (await again.services.streams.get(stream.id)).status == "stopped"
        assert again.cameras == {}


async def test_a_source_that_is_given_up_says_why(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect()
        camera.end("no such file")
        assert (await core.status(stream.id, "stopped")).status_reason == "no such file"
        await core.services.streams.start(stream.id)
        await core.status(stream.id, "connected")


async def test_a_defect_of_ingest_is_logged_and_ingest_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(intake, "RETRY_SECONDS", 0)
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect()
        await core.index(stream, time=1, frame_count=1)
        camera.break_off()

        async def replaced() -> bool:
            return core.cameras[stream.id] is not camera

        await until(replaced)
        assert "broke off" in caplog.text
        core.cameras[stream.id].show(0, 1.1, 6)
        await core.publisher.wait_for(Scene, 1)


async def test_segments_get_rows_before_a_stop_returns(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect(store=True)
        assert camera.recorder is not None
        recorded = [segment(0, 2), segment(2, 4)]
        for each in recorded:
            await asyncio.to_thread(camera.recorder._on_segment, each)
        await core.services.streams.stop(stream.id)
        assert await core.db.read(lambda conn: segments.every(conn, stream.id)) == recorded


async def test_a_recording_goes_on_where_it_was(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect(store=True)
        assert camera.not_before is None
        assert camera.recorder is not None
        await asyncio.to_thread(camera.recorder._on_segment, segment(2, 4))
        await core.services.streams.stop(stream.id)
        await core.services.streams.start(stream.id)
        assert core.cameras[stream.id].not_before == T0 + 4
    async with open_core(tmp_path) as again:
        await again.status(stream.id, "connected")
        assert again.cameras[stream.id].not_before == T0 + 4


async def test_a_stream_is_not_recorded_unless_asked_for(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        _, camera = await core.connect(store=False)
        assert camera.recorder is None


async def test_changes_at_the_same_time_leave_what_was_wanted_last(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        for _ in range(5):
            await asyncio.gather(
                core.services.streams.stop(stream.id),
                core.services.streams.start(stream.id),
                core.index(stream, time=1, frame_count=1),
            )
        wanted = await core.db.read(lambda conn: streams.wanted(conn))
        assert (list(core.manager.statistics()) == [stream.id]) == (wanted == [stream.id])


async def test_a_cancelled_request_does_not_leave_half_a_change(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        task = asyncio.create_task(core.services.streams.stop(stream.id))

        async def halfway() -> bool:
            return core.cameras[stream.id].stopped

        await until(halfway)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await core.services.streams.start(stream.id)
        await core.status(stream.id, "connected")
        assert core.cameras[stream.id].stopped is False


async def test_a_file_that_is_gone_at_the_restart(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.touch()
    async with open_core(tmp_path) as core:
        stream = await core.services.streams.connect(ConnectRequest(url=str(clip)))
        await core.status(stream.id, "connected")
    clip.unlink()
    async with open_core(tmp_path) as again:
        reason = (await again.status(stream.id, "stopped")).status_reason
        assert reason is not None
        assert "no file" in reason


async def test_a_folder_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(directory: Path) -> int:
        raise PermissionError(f"{directory}: not yours")

    monkeypatch.setattr("aiortstream.local.runtime.stream.recover", refuse)
    async with open_core(tmp_path) as core:
        stream = await core.services.streams.connect(ConnectRequest(url="rtsp://camera/", store=True))
        stopped = await core.services.streams.get(stream.id)
        assert stopped.status == "stopped"
        assert "not yours" in (stopped.status_reason or "")


async def test_leftovers_of_a_crash_are_cleared(tmp_path: Path) -> None:
    videos = tmp_path / VIDEOS
    videos.mkdir()
    (videos / "m-1.mp4.part").touch()
    (videos / "m-0.mp4").touch()
    async with open_core(tmp_path):
        assert [path.name for path in videos.iterdir()] == ["m-0.mp4"]


async def test_closing_with_a_model_that_never_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiortstream.local.runtime.work.FINISH_SECONDS", 0.01)
    models = FakeModels()
    models.hold = asyncio.Event()
    async with open_core(tmp_path, models=models) as core:
        stream, camera = await core.connect()
        index_id = await core.index(stream, time=1, frame_count=1)
        camera.show(0, 1.1, 6)
        await core.publisher.wait_for(Scene, 1)
        assert index_id in core.publisher.of(Scene)[0].index_id  # type: ignore[operator]
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_nothing_starts_while_the_manager_closes(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        await core.manager.aclose()
        await core.manager.apply(stream.id)
        assert core.manager.statistics() == {}
