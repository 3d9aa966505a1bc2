"""A whole ingest: files in virtual time, and one genuine live source."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any

import pytest
from media_clips import FRAME, START, FrameKeeper, SoundKeeper, VirtualTime, colour_second, sample, write_clip

from aiortstream.local.ingest.pacing import WallClock
from aiortstream.local.ingest.publish import LivePublisher
from aiortstream.local.ingest.source import file_url, parse_source
from aiortstream.local.ingest.stream import IngestState, IngestStatus, StreamIngest
from aiortstream.local.recording.segmenter import Segmenter, SegmentInfo

BOTH = frozenset({"audio", "video"})


class Watched:
    """An ingest, and what it said of itself."""

    def __init__(self, url: str, directory: Path | None = None, wall: WallClock | None = None, **options: Any) -> None:
        self.segments: list[SegmentInfo] = []
        self.statuses: list[IngestStatus] = []
        self._changed = asyncio.Event()
        recorder = Segmenter(directory, on_segment=self.segments.append) if directory is not None else None
        options = {"media_types": BOTH, "retry_delays": lambda: repeat(0.01), "name": "test", **options}
        self.ingest = StreamIngest(
            parse_source(url), recorder=recorder, on_status=self._on_status, wall_clock=wall, **options
        )

    def _on_status(self, status: IngestStatus) -> None:
        self.statuses.append(status)
        self._changed.set()

    @property
    def states(self) -> list[IngestState]:
        return [status.state for status in self.statuses]

    async def until(self, condition: Callable[[IngestStatus], bool]) -> IngestStatus:
        """The next status, from the latest on, that meets a condition."""
        async with asyncio.timeout(20):
            while not (self.statuses and condition(self.statuses[-1])):
                self._changed.clear()
                await self._changed.wait()
        return self.statuses[-1]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(self.ingest.run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=10)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("test-")]


@pytest.mark.parametrize("name", ["clip", "reordered"])
async def test_frames_show_what_was_to_be_seen_at_their_time(name: str) -> None:
    watched, frames = Watched(str(sample(name)), wall=VirtualTime()), FrameKeeper()
    watched.ingest.add_frame_tap(frames)
    await watched.ingest.run()
    assert len(frames.frames) == 100
    start = frames.frames[0].time
    assert start == pytest.approx(START, abs=0.2)
    assert all(
        later.time - earlier.time == pytest.approx(FRAME, abs=1e-5) for earlier, later in pairwise(frames.frames)
    )
    assert all(colour_second(frame) == int(frame.time - start + FRAME / 2) for frame in frames.frames)
    assert frames.frames[0].image.shape == (120, 160, 3)
    assert (watched.ingest.status.packets, watched.ingest.status.frames_dropped) == (274, 0)


async def test_sound_lies_at_its_time_beside_the_frames() -> None:
    watched, frames, sound = Watched(str(sample("clip")), wall=VirtualTime()), FrameKeeper(), SoundKeeper()
    watched.ingest.add_frame_tap(frames)
    watched.ingest.add_audio_tap(sound)
    await watched.ingest.run()
    start = frames.frames[0].time
    loud = [time - start for time in sound.loud_times()]
    assert min(loud) == pytest.approx(1.0, abs=0.06)  # beeps fill the odd seconds
    assert max(loud) == pytest.approx(4.0, abs=0.06)
    assert not [time for time in loud if 2.06 < time < 2.94]
    assert sum(len(chunk.samples) for chunk in sound.chunks) == pytest.approx(4 * 16_000, abs=1600)
    assert all(later.start == pytest.approx(earlier.end, abs=1e-6) for earlier, later in pairwise(sound.chunks))


async def test_recording_frames_and_sound_agree(tmp_path: Path) -> None:
    watched, frames = Watched(str(sample("clip")), tmp_path, wall=VirtualTime()), FrameKeeper()
    watched.ingest.add_frame_tap(frames)
    await watched.ingest.run()
    assert [segment.start for segment in watched.segments] == [frames.frames[0].time, frames.frames[50].time]
    assert watched.segments[0].end == watched.segments[1].start
    assert watched.segments[1].end == pytest.approx(frames.frames[-1].time + FRAME, abs=0.05)
    assert {(segment.has_video, segment.has_audio) for segment in watched.segments} == {(True, True)}


async def test_a_file_played_once_ends(tmp_path: Path) -> None:
    wall = VirtualTime()
    watched = Watched(str(sample("clip")), tmp_path, wall=wall)
    await watched.ingest.run()
    assert watched.states == [IngestState.LIVE, IngestState.ENDED]
    status = watched.ingest.status
    assert (status.reason, status.attempts) == (None, 1)
    assert status.video is not None
    assert (status.video.codec, status.video.width, status.video.height, status.video.fps) == ("h264", 160, 120, 25.0)
    assert status.audio is not None
    assert (status.audio.codec, status.audio.sample_rate, status.audio.channels) == ("aac", 44_100, 1)
    assert wall.now() == pytest.approx(START + 4, abs=0.1), "it was played at its own pace"
    assert status.last_packet_at == pytest.approx(wall.now(), abs=0.1)


async def test_a_looped_file_is_one_stream_without_end(tmp_path: Path) -> None:
    class UntilTenSeconds(VirtualTime):
        def wait(self, stop: threading.Event, seconds: float) -> bool:
            if self.time > START + 10:
                while frames.frames[-1].time < START + 5:
                    frames.arrived.clear()
                    assert frames.arrived.wait(5)
                loop.call_soon_threadsafe(task.cancel)
                stop.wait(5)
            return super().wait(stop, seconds)

    loop, frames = asyncio.get_running_loop(), FrameKeeper(5)
    watched = Watched(file_url(sample("clip"), loop=True), tmp_path, wall=UntilTenSeconds())
    watched.ingest.add_frame_tap(frames)
    task = asyncio.create_task(watched.ingest.run())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert watched.states == [IngestState.LIVE, IngestState.STOPPED]
    assert len({segment.session for segment in watched.segments}) == 1
    assert watched.segments[-1].end - watched.segments[0].start == pytest.approx(10, abs=0.3)
    assert all(later.start == earlier.end for earlier, later in pairwise(watched.segments))
    assert all(later.time > earlier.time for earlier, later in pairwise(frames.frames))
    assert [colour_second(frame) for frame in frames.frames if 4.3 < frame.time - frames.frames[0].time < 4.9] == [
        0
    ] * 3


@pytest.mark.parametrize(
    ("name", "reason"), [("silent", "the source has no audio"), ("sound", "the source has no video")]
)
async def test_a_source_without_something_wanted_is_live_and_says_so(name: str, reason: str) -> None:
    watched = Watched(str(sample(name)), wall=VirtualTime())
    await watched.ingest.run()
    assert (watched.statuses[0].state, watched.statuses[0].reason) == (IngestState.LIVE, reason)


async def test_only_wanted_media_are_read() -> None:
    watched = Watched(str(sample("clip")), wall=VirtualTime(), media_types=frozenset({"audio"}))
    await watched.ingest.run()
    assert watched.statuses[0].reason is None
    assert watched.ingest.status.video is None
    assert watched.ingest.status.packets == 174


def test_media_types_are_checked() -> None:
    for wrong in (frozenset({"subtitles"}), frozenset[str]()):
        with pytest.raises(ValueError, match="'audio' and 'video'"):
            StreamIngest(
                parse_source(str(sample("clip"))), media_types=wrong, recorder=None, on_status=lambda status: None
            )


async def test_a_tap_added_and_removed_on_the_way_gets_its_part_only() -> None:
    watched, whole, part = Watched(str(sample("clip")), wall=VirtualTime()), FrameKeeper(), FrameKeeper()

    class Switch(FrameKeeper):
        def on_frame(self, frame):  # type: ignore[no-untyped-def]
            super().on_frame(frame)
            if len(self.frames) == 20:
                watched.ingest.add_frame_tap(part)
            if len(self.frames) == 60:
                watched.ingest.remove_frame_tap(part)

    switch = Switch()
    for tap in (whole, switch):
        watched.ingest.add_frame_tap(tap)
    await watched.ingest.run()
    assert len(whole.frames) == 100
    assert len(part.frames) in (40, 41)


async def test_sampling_less_decodes_less_and_still_tells_the_time() -> None:
    for rate, expected in ((2.5, 10), (0.25, 1)):
        watched, frames = Watched(str(sample("reordered")), wall=VirtualTime()), FrameKeeper(rate)
        watched.ingest.add_frame_tap(frames)
        await watched.ingest.run()
        assert len(frames.frames) == pytest.approx(expected, abs=1)
        start = frames.frames[0].time
        assert all(colour_second(frame) == int(frame.time - start + FRAME / 2) for frame in frames.frames)


async def test_a_codec_that_cannot_be_recorded_is_ingested_all_the_same(tmp_path: Path) -> None:
    import av

    path = tmp_path / "clip.webm"
    with av.open(str(sample("silent"))) as source, av.open(str(path), "w") as out:
        stream = out.add_stream("libvpx", rate=25, options={"deadline": "realtime"})
        stream.width, stream.height = 160, 120
        for frame in source.decode(video=0):
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    watched, frames = Watched(str(path), tmp_path / "rec", wall=VirtualTime()), FrameKeeper()
    watched.ingest.add_frame_tap(frames)
    await watched.ingest.run()
    assert len(frames.frames) == 100
    live = [status.reason for status in watched.statuses if status.state is IngestState.LIVE]
    assert live[-1] == "the source has no audio; not recorded: cannot record video codec vp8 in MPEG-TS"
    assert watched.segments == []


async def test_a_full_disk_does_not_stop_the_stream(tmp_path: Path) -> None:
    blocked = tmp_path / "rec"
    blocked.write_text("a file where the directory should be")
    watched, frames = Watched(str(sample("clip")), blocked, wall=VirtualTime()), FrameKeeper()
    watched.ingest.add_frame_tap(frames)
    await watched.ingest.run()
    assert len(frames.frames) == 100
    assert any("recording failed" in (status.reason or "") for status in watched.statuses)


async def test_a_broken_file_ends_with_its_reason(tmp_path: Path) -> None:
    path = tmp_path / "gone.mp4"
    write_clip(path, seconds=1)
    watched = Watched(str(path), wall=VirtualTime())
    path.unlink()
    await watched.ingest.run()
    assert (watched.states, watched.statuses[-1].reason) == ([IngestState.ENDED], "no such file")


async def test_a_source_out_of_reach_is_tried_again_and_cancelled_at_once() -> None:
    watched = Watched("rtmp://user:secret@127.0.0.1:1/live/x", retry_delays=lambda: iter([0.01, 0.01, 1000.0]))
    async with watched.running() as task:
        status = await watched.until(lambda status: status.attempts == 3)
        assert (status.state, status.reason) == (IngestState.RETRYING, "connection refused")
        assert status.since <= watched.statuses[0].since + 0.001
        task.cancel()
        async with asyncio.timeout(1):
            with pytest.raises(asyncio.CancelledError):
                await task
    assert watched.states[-1] is IngestState.STOPPED
    assert not any("secret" in repr(status) for status in watched.statuses)


async def test_a_failure_of_ours_is_seen_by_whoever_runs_it() -> None:
    def fail() -> Iterator[float]:
        yield from ()

    watched = Watched("rtmp://127.0.0.1:1/live/x", retry_delays=fail)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await watched.ingest.run()
    assert (watched.states[-1], watched.statuses[-1].reason) == (IngestState.ENDED, "failed: RuntimeError")


async def test_a_live_source_that_goes_and_comes_back(tmp_path: Path) -> None:
    publisher = LivePublisher(sample("clip"))
    await asyncio.to_thread(publisher.start)
    watched, frames, sound = Watched(publisher.url, tmp_path), FrameKeeper(5), SoundKeeper()
    watched.ingest.add_frame_tap(frames)
    watched.ingest.add_audio_tap(sound)
    try:
        async with watched.running():
            await watched.until(lambda status: status.state is IngestState.LIVE)
            await asyncio.to_thread(frames.arrived.wait, 10)
            await asyncio.to_thread(publisher.stop)
            lost = await watched.until(lambda status: status.state is IngestState.RETRYING)
            assert lost.reason in ("the source ended the stream, or the connection was lost", "connection refused")
            frames.arrived.clear()
            await asyncio.to_thread(publisher.start)
            back = await watched.until(lambda status: status.state is IngestState.LIVE)
            await asyncio.to_thread(frames.arrived.wait, 10)
    finally:
        await asyncio.to_thread(publisher.stop)

    assert back.video is not None
    assert watched.states[-1] is IngestState.STOPPED
    sessions = list(dict.fromkeys(segment.session for segment in watched.segments))
    assert len(sessions) == 2
    assert all(later.start >= earlier.end for earlier, later in pairwise(watched.segments))
    assert all(later.time > earlier.time for earlier, later in pairwise(frames.frames))
    assert all(later.start >= earlier.end - 1e-6 for earlier, later in pairwise(sound.chunks))
    start, again = (next(s.start for s in watched.segments if s.session == session) for session in sessions)
    before = [frame for frame in frames.frames if start <= frame.time < again]
    assert before
    assert [colour_second(frame) for frame in before] == [int(f.time - start + FRAME / 2) % 4 for f in before]
