"""Streams as routes see them: connected, listed, refused, played, exported."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from pathlib import Path

import pytest
from core_fakes import T0, Core, open_core, segment
from media_clips import VirtualTime, decode_strictly, sample

from aiortstream.local.ingest.stream import StreamIngest
from aiortstream.local.paths import segments_folder
from aiortstream.local.profile import Profile
from aiortstream.local.recording.segmenter import SegmentInfo
from aiortstream.local.services.errors import BadRequest, NotFound
from aiortstream.local.store import segments
from aiortstream.wire.rest import ConnectRequest, ExportRequest, RTStreamAnswer

SECRET = "rtsp://user:secret@camera/front?token=hidden"


async def record(core: Core, stream: RTStreamAnswer, *recorded: SegmentInfo) -> None:
    """Rows and files of segments that hold nothing."""
    root = segments_folder(core.data_dir, stream.id)
    for each in recorded:
        (root / each.path).parent.mkdir(parents=True, exist_ok=True)
        (root / each.path).touch()
        await core.db.run(lambda conn, each=each: segments.add(conn, stream.id, each))  # type: ignore[misc]


async def test_connecting_answers_at_once_with_what_the_wire_has(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        collection = (await core.services.collections.get("default")).id
        answer = await core.services.streams.connect(ConnectRequest(url=SECRET, name="Door"))
        assert answer.id.startswith("rts-")
        assert (answer.name, answer.collection_id, answer.status) == ("Door", collection, "connecting")
        assert (answer.media_types, answer.sample_rate, answer.store) == (["video"], 30, False)
        assert (await core.services.transcripts.status(answer.id)).status == "not_configured"


async def test_the_transcript_can_be_had_with_the_connection(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        both = ConnectRequest(
            url=SECRET, media_types=["audio", "video"], enable_transcript=True, ws_connection_id="ws-1"
        )
        stream = await core.services.streams.connect(both)
        assert (await core.services.transcripts.status(stream.id)).status == "running"
        assert core.manager.bindings.of(stream.id) == ("ws-1",)
        # As the documentation's first example does, which is no mistake to be refused.
        silent = await core.services.streams.connect(
            ConnectRequest(url=SECRET, media_types=["video"], enable_transcript=True)
        )
        assert (await core.services.transcripts.status(silent.id)).status == "not_configured"


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (ConnectRequest(url=""), "url: "),
        (ConnectRequest(url="gopher://x/"), "rtsp://"),
        (ConnectRequest(url="/no/such/file.mp4"), "no file"),
        (ConnectRequest(url=SECRET, media_types=[]), "media_types: expected"),
        (ConnectRequest(url=SECRET, sample_rate=0), "sample_rate: expected"),
        (ConnectRequest(url=SECRET, name=" "), "name: expected"),
        (ConnectRequest(url=SECRET, name="x" * 501), "name: expected"),
    ],
)
async def test_what_cannot_be_meant_is_refused(tmp_path: Path, request_: ConnectRequest, said: str) -> None:
    async with open_core(tmp_path) as core:
        with pytest.raises(BadRequest, match=said):
            await core.services.streams.connect(request_)
        assert (await core.services.streams.list()).count == 0


async def test_an_unknown_collection(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        with pytest.raises(NotFound, match="c-none"):
            await core.services.streams.connect(ConnectRequest(url=SECRET, collection_id="c-none"))


async def test_unknown_streams_are_named(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        service = core.services.streams
        for call in (
            service.get("rts-x"),
            service.update("rts-x", name="y"),
            service.start("rts-x"),
            service.stop("rts-x"),
            service.playback("rts-x", T0, T0 + 1),
            service.segments("rts-x", T0, T0 + 1),
            service.segment_path("rts-x", "../../etc/passwd"),
            service.export("rts-x", ExportRequest()),
        ):
            with pytest.raises(NotFound, match="rts-x"):
                await call


async def test_no_secret_of_a_source_is_shown_or_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_core(tmp_path) as core:
        answer = await core.services.streams.connect(ConnectRequest(url=SECRET))
        await core.status(answer.id, "connected")
        shown = repr([answer, await core.services.streams.list()])
        with pytest.raises(BadRequest) as refused:
            await core.services.streams.connect(ConnectRequest(url="gopher://user:secret@camera/?token=hidden"))
    for text in (shown, caplog.text, str(refused.value)):
        assert "secret" not in text
        assert "hidden" not in text


async def test_lists_page_filter_and_order(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        service = core.services.streams
        made = [await service.connect(ConnectRequest(url=SECRET, name=name)) for name in ("b door", "a DOOR", "yard")]
        await service.stop(made[2].id)

        async def names(**how: object) -> list[str | None]:
            return [each.name for each in (await service.list(**how)).results]  # type: ignore[arg-type]

        assert await names() == ["yard", "a DOOR", "b door"]
        assert await names(ordering="created_at") == ["b door", "a DOOR", "yard"]
        assert await names(ordering="-name") == ["yard", "b door", "a DOOR"]
        assert await names(name="Door") == ["a DOOR", "b door"]
        assert await names(status="stopped") == ["yard"]
        assert await names(name="%") == []
        page = await service.list(limit=1, offset=1, name="r")
        assert (page.count, page.next, page.previous) == (
            3,
            "/rtstream/?limit=1&offset=2&name=r",
            "/rtstream/?limit=1&offset=0&name=r",
        )
        last = await service.list(limit=10, offset=2)
        assert (last.next, last.previous) == (None, "/rtstream/?limit=10&offset=0")
        for bad in ({"limit": 0}, {"offset": -1}, {"status": "running"}, {"ordering": "id"}):
            with pytest.raises(BadRequest, match=f"{next(iter(bad))}: expected"):
                await names(**bad)


async def test_a_new_name_is_used_from_then_on(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        answer = await core.services.streams.update(stream.id, name="Back door", sample_rate=5)
        assert (answer.name, answer.sample_rate, answer.media_types) == ("Back door", 5, stream.media_types)


@pytest.mark.parametrize("strictness", ["lenient", "strict"])
async def test_starting_what_runs(tmp_path: Path, strictness: str) -> None:
    profile = Profile(start_connected=strictness)  # type: ignore[arg-type]
    async with open_core(tmp_path, profile=profile) as core:
        stream, camera = await core.connect()
        if strictness == "strict":
            with pytest.raises(BadRequest, match="Operation not allowed"):
                await core.services.streams.start(stream.id)
        else:
            await core.services.streams.start(stream.id)
        assert core.cameras[stream.id] is camera


async def test_playback_of_what_is_recorded(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect(store=True)
        await record(core, stream, segment(0, 2), segment(2, 4), segment(60, 62, session="b"))
        answer = await core.services.streams.playback(stream.id, T0 + 1.5, T0 + 3)
        assert answer.stream_url == f"http://test/{stream.id}/{T0 + 1.5:.3f}-{T0 + 3:.3f}.m3u8"
        assert answer.player_url is not None
        assert "player?url=http%3A%2F%2Ftest" in answer.player_url
        with pytest.raises(BadRequest, match=r"2023-11-14T22:13:20.000Z to 2023-11-14T22:13:24.000Z, 2023"):
            await core.services.streams.playback(stream.id, T0 + 10, T0 + 20)
        with pytest.raises(BadRequest, match="end: expected a time after start"):
            await core.services.streams.playback(stream.id, T0 + 1, T0 + 1)


async def test_playback_of_a_stream_that_is_not_recorded(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        with pytest.raises(BadRequest, match="without store=true"):
            await core.services.streams.playback(stream.id, T0, T0 + 1)
        with pytest.raises(BadRequest, match=r"^No recordings available"):
            await core.services.streams.export(stream.id, ExportRequest())


async def test_files_that_are_gone_are_passed_over(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect(store=True)
        first, second = segment(0, 2), segment(2, 4)
        await record(core, stream, first, second)
        (core.services.streams.recording_root(stream.id) / first.path).unlink()
        assert list(await core.services.streams.segments(stream.id, T0, T0 + 9)) == [second]
        assert (await core.services.streams.segment_path(stream.id, str(second.path))).is_file()
        with pytest.raises(NotFound):
            await core.services.streams.segment_path(stream.id, str(first.path))
        with pytest.raises(BadRequest, match="gone"):
            await core.services.streams.playback(stream.id, T0, T0 + 1)


async def recorded_clip(core: Core) -> RTStreamAnswer:
    """A stream that has played a clip of four seconds to its end."""
    stream = await core.services.streams.connect(
        ConnectRequest(url=str(sample("clip")), name="Clip", store=True, media_types=["audio", "video"])
    )
    return await core.status(stream.id, "stopped")


async def test_export_of_a_recording(tmp_path: Path) -> None:
    ingest = partial(StreamIngest, wall_clock=VirtualTime())
    async with open_core(tmp_path, make_ingest=ingest) as core:
        stream = await recorded_clip(core)
        assert stream.status_reason == "source ended"
        # Both at once: the second waits for what the first makes.
        one, other = await asyncio.gather(
            core.services.streams.export(stream.id, ExportRequest()),
            core.services.streams.export(stream.id, ExportRequest()),
        )
        assert one == other == await core.services.streams.export(stream.id, ExportRequest(name="Other"))
        assert one.video_id.startswith("m-")
        assert one.name == "Clip - Recording"
        assert one.duration == pytest.approx(4, abs=0.1)
        assert one.stream_url == f"http://test/videos/{one.video_id}.m3u8"

        video = await core.services.videos.get(one.video_id)
        assert (video.name, video.length, video.player_url) == (one.name, one.duration, one.player_url)
        path = await core.services.videos.path(one.video_id)
        assert len(decode_strictly(path).video) == 100
        assert [each.name for each in path.parent.iterdir()] == [path.name]

        # With something new it is another; and one whose file was deleted is made again.
        await core.services.streams.start(stream.id)
        await core.status(stream.id, "stopped")
        longer = await core.services.streams.export(stream.id, ExportRequest())
        assert longer.video_id != one.video_id
        assert longer.duration == pytest.approx(8, abs=0.1)
        (await core.services.videos.path(longer.video_id)).unlink()
        with pytest.raises(NotFound):
            await core.services.videos.path(longer.video_id)
        again = await core.services.streams.export(stream.id, ExportRequest())
        assert (await core.services.videos.path(again.video_id)).is_file()


async def test_a_strict_server_exports_only_what_is_stopped(tmp_path: Path) -> None:
    async with open_core(tmp_path, profile=Profile(export_running="strict")) as core:
        stream, _ = await core.connect(store=True)
        with pytest.raises(BadRequest, match="stopped"):
            await core.services.streams.export(stream.id, ExportRequest())


async def test_unknown_videos_and_collections(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        with pytest.raises(NotFound, match="m-x"):
            await core.services.videos.get("m-x")
        with pytest.raises(NotFound, match="c-x"):
            await core.services.collections.get("c-x")
        listed = await core.services.collections.list()
        assert [each.id for each in listed.collections] == [listed.default_collection]
