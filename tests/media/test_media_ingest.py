"""Ingest of genuine servers: nginx-rtmp with ffmpeg pushing, GStreamer's RTSP server, ffmpeg pushing to us."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from itertools import pairwise, repeat
from pathlib import Path

import pytest
from media_clips import FRAME, FrameKeeper, SoundKeeper, colour_second, decode_strictly, write_clip
from media_servers import ffmpeg_push, free_port, gstreamer_rtsp, nginx_rtmp

from aiortstream.local.ingest.publish import LivePublisher
from aiortstream.local.ingest.source import parse_source
from aiortstream.local.ingest.stream import IngestState, IngestStatus, StreamIngest
from aiortstream.local.recording.export import export_mp4
from aiortstream.local.recording.segmenter import Segmenter, SegmentInfo

pytestmark = pytest.mark.media

SECONDS = 6  # the colours of a clip repeat after as many


@pytest.fixture(scope="module")
def clip() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as directory:
        yield write_clip(Path(directory, "clip.mp4"), seconds=SECONDS, b_frames=2)


class Camera:
    """An ingest that records, with taps for all there is."""

    def __init__(self, url: str, root: Path) -> None:
        self.root = root
        self.segments: list[SegmentInfo] = []
        self.statuses: list[IngestStatus] = []
        self.frames, self.sound = FrameKeeper(5), SoundKeeper()
        self._changed = asyncio.Event()
        self._ingest = StreamIngest(
            parse_source(url),
            media_types=frozenset({"audio", "video"}),
            recorder=Segmenter(root, on_segment=self.segments.append),
            on_status=self._on_status,
            retry_delays=lambda: repeat(0.2),
            name="camera",
        )
        self._ingest.add_frame_tap(self.frames)
        self._ingest.add_audio_tap(self.sound)

    def _on_status(self, status: IngestStatus) -> None:
        self.statuses.append(status)
        self._changed.set()

    async def until(self, condition: Callable[[IngestStatus], bool]) -> IngestStatus:
        async with asyncio.timeout(20):
            while not (self.statuses and condition(self.statuses[-1])):
                self._changed.clear()
                await self._changed.wait()
        return self.statuses[-1]

    async def until_state(self, state: IngestState) -> IngestStatus:
        return await self.until(lambda status: status.state is state)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._ingest.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task], timeout=10)
        assert task.done()
        assert self.statuses[-1].state is IngestState.STOPPED

    def check(self, *, sessions: int, seconds: float) -> None:
        """What was ingested is whole, agrees with itself, and shows what was to be seen."""
        status = self._ingest.status
        assert status.frames_dropped == 0
        assert len({segment.session for segment in self.segments}) == sessions
        assert sum(segment.duration for segment in self.segments) > seconds
        for earlier, later in pairwise(self.segments):
            if earlier.session == later.session:
                assert later.start == earlier.end
            else:
                assert later.start > earlier.end
        assert all(later.time > earlier.time for earlier, later in pairwise(self.frames.frames))
        assert all(later.start >= earlier.end - 1e-6 for earlier, later in pairwise(self.sound.chunks))
        assert status.last_packet_at is not None
        assert abs(self.segments[-1].end - status.last_packet_at) < 0.5, "stamped in the present"
        for session in {segment.session for segment in self.segments}:
            self._check_content(session)
        info = export_mp4(self.segments, self.root, self.root / "all.mp4")
        decoded = decode_strictly(self.root / "all.mp4")
        assert len(decoded.video) * FRAME == pytest.approx(info.duration, abs=0.2)
        assert max(later - earlier for earlier, later in pairwise(decoded.video)) < 0.2

    def _check_content(self, session: str) -> None:
        """Every change of colour lies a whole number of seconds from every other, and from the beeps beside it."""
        segments = [segment for segment in self.segments if segment.session == session]
        start, end = segments[0].start, segments[-1].end
        frames = [frame for frame in self.frames.frames if start <= frame.time < end]
        assert len(frames) == pytest.approx((end - start) * 5, abs=3)
        second = colour_second(frames[0])
        assert [colour_second(frame) for frame in frames] == [
            (second + int(frame.time - start + FRAME / 2)) % SECONDS for frame in frames
        ], "each segment of one second begins with its own colour"
        loud = [at for at in self.sound.loud_times() if start + 0.1 < at < end - 0.1]
        assert loud
        for at in loud:
            assert {(second + int(at - start + slack)) % 2 for slack in (-0.07, 0.07)} & {1}, "beeps fill odd seconds"


async def test_nginx_rtmp_with_an_encoder_that_dies_and_a_server_that_restarts(tmp_path: Path, clip: Path) -> None:
    port = free_port()
    url = f"rtmp://127.0.0.1:{port}/live/x"
    camera = Camera(url, tmp_path / "rec")
    with ExitStack() as servers:
        encoder, server = ExitStack(), servers.enter_context(ExitStack())
        server.enter_context(nginx_rtmp(tmp_path, port))
        servers.push(encoder)
        async with camera.running():
            await camera.until_state(IngestState.RETRYING)  # nobody publishes yet
            encoder.enter_context(ffmpeg_push(clip, url))
            await camera.until_state(IngestState.LIVE)
            await asyncio.sleep(6)
            await asyncio.to_thread(encoder.close)
            await camera.until_state(IngestState.RETRYING)
            encoder.enter_context(ffmpeg_push(clip, url))
            await camera.until_state(IngestState.LIVE)
            await asyncio.sleep(3)
            await asyncio.to_thread(server.close)
            lost = await camera.until_state(IngestState.RETRYING)
            await asyncio.to_thread(encoder.close)
            await asyncio.to_thread(server.enter_context, nginx_rtmp(tmp_path, port))
            encoder.enter_context(ffmpeg_push(clip, url))
            await camera.until_state(IngestState.LIVE)
            await asyncio.sleep(3)
    assert lost.reason in ("the source ended the stream, or the connection was lost", "connection refused")
    camera.check(sessions=3, seconds=10)


async def test_gstreamer_rtsp_with_a_password_and_a_restart(tmp_path: Path, clip: Path) -> None:
    port = free_port()
    long_clip = write_clip(tmp_path / "long.mp4", seconds=30, b_frames=2)
    refused = Camera(f"rtsp://viewer:wrong@127.0.0.1:{port}/camera", tmp_path / "refused")
    elsewhere = Camera(f"rtsp://viewer:right@127.0.0.1:{port}/elsewhere", tmp_path / "elsewhere")
    camera = Camera(f"rtsp://viewer:right@127.0.0.1:{port}/camera", tmp_path / "rec")
    with ExitStack() as server:
        server.enter_context(gstreamer_rtsp(long_clip, port, password="right"))
        async with refused.running(), elsewhere.running():
            assert (await refused.until_state(IngestState.RETRYING)).reason == "authentication refused"
            assert (await elsewhere.until_state(IngestState.RETRYING)).reason == "no such stream"
        async with camera.running():
            await camera.until_state(IngestState.LIVE)
            await asyncio.sleep(8)
            await asyncio.to_thread(server.close)
            await camera.until_state(IngestState.RETRYING)
            await asyncio.to_thread(server.enter_context, gstreamer_rtsp(long_clip, port, password="right"))
            await camera.until_state(IngestState.LIVE)
            await asyncio.sleep(5)
    camera.check(sessions=2, seconds=9)


async def test_a_source_that_hangs_can_be_left(tmp_path: Path, clip: Path) -> None:
    port = free_port()
    camera = Camera(f"rtsp://127.0.0.1:{port}/camera", tmp_path / "rec")
    with gstreamer_rtsp(clip, port) as server:
        try:
            async with camera.running():
                await camera.until_state(IngestState.LIVE)
                await asyncio.to_thread(camera.frames.arrived.wait, 10)
                server.send_signal(signal.SIGSTOP)
                left = time.monotonic()
            took = time.monotonic() - left
        finally:
            server.send_signal(signal.SIGCONT)
    assert took < 6.5, "the read timeout, and a little"
    assert camera.segments, "the segment being written was finished"
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("camera")]


async def test_an_encoder_pushes_to_us_and_comes_again(tmp_path: Path, clip: Path) -> None:
    port = free_port()
    camera = Camera(f"rtmp://127.0.0.1:{port}/live/x?listen=1", tmp_path / "rec")
    async with camera.running():
        for _ in range(2):
            with ExitStack() as encoder:
                while True:  # as encoders do: try again while nobody listens
                    push = await asyncio.to_thread(
                        encoder.enter_context, ffmpeg_push(clip, f"rtmp://127.0.0.1:{port}/live/x")
                    )
                    if await asyncio.to_thread(is_running_after, push, 1.0):
                        break
                await camera.until_state(IngestState.LIVE)
                await asyncio.sleep(4)
            await camera.until_state(IngestState.RETRYING)
    camera.check(sessions=2, seconds=6)


def is_running_after(child: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


async def test_our_publisher_is_understood_by_ffmpeg(tmp_path: Path, clip: Path) -> None:
    async with LivePublisher(clip) as publisher:
        arguments = f"-hide_banner -loglevel error -i {publisher.url} -t 3 -c copy {tmp_path / 'out.mp4'}".split()
        done = await asyncio.to_thread(
            subprocess.run, ["ffmpeg", *arguments], capture_output=True, timeout=30, check=False
        )
    assert (done.returncode, done.stderr) == (0, b"")
    decoded = decode_strictly(tmp_path / "out.mp4")
    assert len(decoded.video) * FRAME == pytest.approx(3, abs=0.3)
    assert decoded.audio
