"""What was recorded of streams: played, and exported."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from typing import TYPE_CHECKING

from aiortstream.local.ids import video_id
from aiortstream.local.paths import VIDEOS, segments_folder
from aiortstream.local.progress import teller
from aiortstream.local.recording.export import ExportError, export_mp4
from aiortstream.local.recording.playlist import EmptyWindow, select_window
from aiortstream.local.services.errors import BadRequest, Unavailable
from aiortstream.local.services.videos import video_urls
from aiortstream.local.store import segments, videos
from aiortstream.wire.rest import ExportAnswer, StreamAnswer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from aiortstream.local.ports import Urls
    from aiortstream.local.profile import Profile
    from aiortstream.local.recording.segmenter import SegmentInfo
    from aiortstream.local.store.database import Database
    from aiortstream.local.store.streams import StreamRow


class Recordings:
    """Segments of streams, and the videos made of them."""

    def __init__(self, db: Database, urls: Urls, profile: Profile, data_dir: Path) -> None:
        self._db = db
        self._urls = urls
        self._profile = profile
        self._data_dir = data_dir
        # One export of a stream at a time: the second finds what the first has made.
        self._exporting: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def root(self, rtstream_id: str) -> Path:
        """The folder of a stream's segments."""
        return segments_folder(self._data_dir, rtstream_id)

    async def segments(self, stream: StreamRow, start: float, end: float) -> Sequence[SegmentInfo]:
        """Segments that share time with the window and are on disk, in order."""
        found = await self._db.read(lambda conn: segments.within(conn, stream.id, start, end))
        return await asyncio.to_thread(_on_disk, self.root(stream.id), found)

    async def playback(self, stream: StreamRow, start: float, end: float) -> StreamAnswer:
        """URLs of a window. Raises BadRequest where nothing was recorded, naming the stretches that were."""
        if end <= start:
            raise BadRequest(f"end: expected a time after start ({start}), got {end}")
        if not await self.segments(stream, start, end):
            recorded = await self._db.read(lambda conn: segments.every(conn, stream.id))
            try:
                select_window(recorded, start, end)
            except EmptyWindow as error:
                raise BadRequest(f"{error}{'' if stream.store else _NOT_STORED}") from error
            raise BadRequest("what was recorded in this window is gone from the data directory")
        return playback_urls(self._urls, stream.id, start, end, title=stream.name)

    async def export(self, stream: StreamRow, name: str | None) -> ExportAnswer:
        """All that was recorded as one video, or the one made of it before. Raises BadRequest without a recording."""
        if stream.wanted and self._profile.export_running == "strict":
            raise BadRequest("the stream must be stopped before it can be exported")
        async with self._exporting[stream.id]:
            row = await self._made_before(stream) or await self._make(stream, name or f"{stream.name} - Recording")
        stream_url, player_url = video_urls(self._urls, row)
        return ExportAnswer(row.id, row.name, stream_url, player_url, row.duration)

    async def _made_before(self, stream: StreamRow) -> videos.VideoRow | None:
        def read(conn: sqlite3.Connection) -> videos.VideoRow | None:
            return videos.of_recording(conn, stream.id, segments.last_id(conn, stream.id))

        row = await self._db.read(read)
        if row is None or not await asyncio.to_thread((self._data_dir / row.path).is_file):
            return None
        return row

    async def _make(self, stream: StreamRow, name: str) -> videos.VideoRow:
        def read(conn: sqlite3.Connection) -> tuple[int, Sequence[SegmentInfo]]:
            return segments.last_id(conn, stream.id), segments.every(conn, stream.id)

        last_id, recorded = await self._db.read(read)
        present = await asyncio.to_thread(_on_disk, self.root(stream.id), recorded)
        if not present:
            raise BadRequest(f"No recordings available{'' if stream.store else _NOT_STORED}")
        identifier = video_id()
        path = self._data_dir / VIDEOS / f"{identifier}.mp4"
        duration = await asyncio.to_thread(_write, present, self.root(stream.id), path, teller())
        row = videos.VideoRow(
            id=identifier,
            collection_id=stream.collection_id,
            rtstream_id=stream.id,
            last_segment_id=last_id,
            name=name,
            path=f"{VIDEOS}/{path.name}",
            duration=duration,
            has_video=any(segment.has_video for segment in present),
            created_at=time.time(),
        )
        await self._db.run(lambda conn: videos.add(conn, row))
        return row


_NOT_STORED = ": the stream was connected without store=true"


def playback_urls(urls: Urls, rtstream_id: str, start: float, end: float, *, title: str | None = None) -> StreamAnswer:
    """URLs that play a window, whether something is recorded in it or not."""
    stream_url = urls.manifest(rtstream_id, start, end)
    return StreamAnswer(stream_url, urls.player(stream_url, title=title))


def _on_disk(root: Path, found: Sequence[SegmentInfo]) -> Sequence[SegmentInfo]:
    return [segment for segment in found if (root / segment.path).is_file()]


def _write(recorded: Sequence[SegmentInfo], root: Path, path: Path, tell: Callable[[float], None]) -> float:
    """Write the video, whole or not at all; its duration in seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return export_mp4(recorded, root, path, tell=tell).duration
    except ExportError as error:
        raise BadRequest(str(error)) from error
    except OSError as error:
        raise Unavailable(f"the video cannot be written: {error.strerror or type(error).__name__}") from error
