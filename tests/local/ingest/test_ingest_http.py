"""HLS and progressive files over HTTP, played at their own pace until they end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise, repeat
from pathlib import Path

import pytest
from media_clips import FRAME, START, FrameKeeper, VirtualTime, colour_second, sample
from recordings import Recording

from aiortstream.local.ingest.source import parse_source
from aiortstream.local.ingest.stream import IngestState, IngestStatus, StreamIngest
from aiortstream.local.recording.playlist import window_playlist


class Handler(SimpleHTTPRequestHandler):
    """Files of a folder; some paths answer with the status that they name."""

    def do_GET(self) -> None:
        name = self.path.strip("/")
        if name.isdigit():
            self.send_error(int(name))
        else:
            super().do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """A web server over the test's folder."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(tmp_path))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def play(url: str) -> tuple[FrameKeeper, list[IngestStatus], float]:
    """Ingest to the end: the frames, the statuses, and how long it took on the wall clock."""
    wall, frames, statuses = VirtualTime(), FrameKeeper(), list[IngestStatus]()
    ingest = StreamIngest(
        parse_source(url),
        media_types=frozenset({"audio", "video"}),
        recorder=None,
        on_status=statuses.append,
        wall_clock=wall,
    )
    ingest.add_frame_tap(frames)
    await ingest.run()
    return frames, statuses, wall.now() - START


async def test_our_own_recording_played_back_is_what_was_recorded(tmp_path: Path, web: str) -> None:
    recording = Recording(tmp_path / "rec")
    await recording.record(sample("clip"))
    text = window_playlist(recording.segments, START, START + 60, lambda segment: f"rec/{segment.path}")
    (tmp_path / "window.m3u8").write_text(text)
    frames, statuses, took = await play(f"{web}/window.m3u8")
    assert [status.state for status in statuses] == [IngestState.LIVE, IngestState.ENDED]
    assert took == pytest.approx(4, abs=0.2)
    assert len(frames.frames) == 100
    assert [colour_second(frame) for frame in frames.frames[::25]] == [0, 1, 2, 3]
    assert all(
        later.time - earlier.time == pytest.approx(FRAME, abs=1e-4) for earlier, later in pairwise(frames.frames)
    )


async def test_a_progressive_file_is_paced_and_ends(tmp_path: Path, web: str) -> None:
    (tmp_path / "clip.mp4").write_bytes(sample("clip").read_bytes())
    frames, statuses, took = await play(f"{web}/clip.mp4")
    assert (statuses[-1].state, statuses[-1].reason) == (IngestState.ENDED, None)
    assert took == pytest.approx(4, abs=0.2)
    assert len(frames.frames) == 100


@pytest.mark.parametrize(
    ("path", "reason"),
    [("404", "no such stream"), ("503", "the server reports an error of its own"), ("no.m3u8", "no such stream")],
)
async def test_what_the_server_answers_is_put_in_words(web: str, path: str, reason: str) -> None:
    statuses: asyncio.Queue[IngestStatus] = asyncio.Queue()
    ingest = StreamIngest(
        parse_source(f"{web}/{path}"),
        media_types=frozenset({"video"}),
        recorder=None,
        on_status=statuses.put_nowait,
        retry_delays=lambda: repeat(0.01),
    )
    async with asyncio.timeout(10):
        task = asyncio.create_task(ingest.run())
        failures = [await statuses.get() for _ in range(2)]
        task.cancel()
        await asyncio.wait([task])
    assert [(status.state, status.reason) for status in failures] == [(IngestState.RETRYING, reason)] * 2
