"""Videos: what recordings were exported to, and what was uploaded. Looked up, renamed, deleted, played."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from aiortstream.local.paths import REELS
from aiortstream.local.services.errors import BadRequest, NotFound
from aiortstream.local.services.lookup import check_name, collection_of, given, video_of
from aiortstream.local.services.reels import ReelStore, Shot
from aiortstream.local.store import videos
from aiortstream.wire.rest import StreamAnswer
from aiortstream.wire.videos import VideoAnswer, VideosAnswer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from aiortstream.local.ports import Urls
    from aiortstream.local.services.thumbnails import ThumbnailService
    from aiortstream.local.store.database import Database
    from aiortstream.wire.videos import CompileInput, CompileRequest

LARGEST_LIST = 5000
LARGEST_SHOTS = 500
_ROUNDING = 0.5  # seconds that a shot may end after its video: clients round


class VideoService:
    """Videos and their files."""

    def __init__(self, db: Database, urls: Urls, data_dir: Path, thumbnails: ThumbnailService) -> None:
        self._db = db
        self._thumbnails = thumbnails
        self._urls = urls
        self._data_dir = data_dir
        self._reels = ReelStore(data_dir / REELS)

    async def tidy(self) -> None:
        """Delete what an earlier server left half-way. Call it before the first request."""
        await self._reels.tidy()

    async def get(self, video_id: str, collection_id: str | None = None) -> VideoAnswer:
        """One video, of that collection if one is named. One without pictures has no URLs. Raises NotFound."""
        return self.answer(await self._row(video_id, collection_id))

    async def list(self, collection_id: str | None, *, limit: int | None = None, offset: int = 0) -> VideosAnswer:
        """The videos of a collection, newest first. Raises NotFound, BadRequest."""
        if limit is not None and not 1 <= limit <= LARGEST_LIST:
            raise BadRequest(f"count: expected a whole number from 1 to {LARGEST_LIST}, got {limit}")

        def read(conn: sqlite3.Connection) -> Sequence[videos.VideoRow]:
            found = collection_of(conn, collection_id).id
            return videos.of_collection(conn, found, limit=limit, offset=offset)

        return VideosAnswer([self.answer(row) for row in await self._db.read(read)])

    async def update(self, video_id: str, name: str | None) -> VideoAnswer:
        """Change what is given. Raises NotFound, BadRequest."""
        if name is not None:
            check_name("name", name)

        def change(conn: sqlite3.Connection) -> videos.VideoRow:
            video_of(conn, video_id)
            if name is not None:
                videos.rename(conn, video_id, name)
            return video_of(conn, video_id)

        return self.answer(await self._db.run(change))

    async def delete(self, video_id: str, collection_id: str | None = None) -> None:
        """Delete a video with all that was made of it. Raises NotFound."""

        def delete(conn: sqlite3.Connection) -> videos.VideoRow:
            row = video_of(conn, video_id, collection_id)
            videos.remove(conn, row.id)
            return row

        row = await self._db.run(delete)
        await asyncio.to_thread((self._data_dir / row.path).unlink, missing_ok=True)
        await self._thumbnails.forget(row.id)
        await self._reels.forget(row.id)

    async def remove_storage(self, video_id: str) -> None:
        """Delete the file of a video and what shows it. Its transcript and index stay, and are searched. Raises
        NotFound.
        """
        row = await self._row(video_id)
        await asyncio.to_thread((self._data_dir / row.path).unlink, missing_ok=True)
        await self._thumbnails.forget(row.id)
        await self._reels.forget(row.id)

    async def stream(self, video_id: str, timeline: Sequence[tuple[float, float]] | None) -> StreamAnswer:
        """URLs that play a video, or stretches of it, in seconds from its beginning, one after the other.

        Raises NotFound, BadRequest.
        """
        row = await self._row(video_id)
        if timeline:
            asked = [(f"timeline[{number}]", start, end) for number, (start, end) in enumerate(timeline)]
            return await self._reel([(row, *_stretch(field, row, start, end)) for field, start, end in asked])
        await self.path(video_id)
        url = self._urls.video(row.id)
        return StreamAnswer(url, self._urls.player(url, title=row.name))

    async def compile(self, request: CompileRequest) -> StreamAnswer:
        """URLs that play shots of one or more videos, one after the other. Raises NotFound, BadRequest."""
        asked = [shot for number, each in enumerate(request.inputs) for shot in _shots_of(number, each)]
        if not asked:
            raise BadRequest("inputs: expected at least one shot of a video")
        rows = {video_id: await self._row(video_id) for video_id in {video_id for _, video_id, _, _ in asked}}
        return await self._reel(
            [(rows[video_id], *_stretch(field, rows[video_id], s, e)) for field, video_id, s, e in asked]
        )

    async def reel_file(self, reel_id: str, name: str) -> Path:
        """A file of a reel. Raises NotFound."""
        return await self._reels.file(reel_id, name)

    async def path(self, video_id: str) -> Path:
        """Absolute path of the file. Raises NotFound, also when the file is gone."""
        path = self._data_dir / (await self._row(video_id)).path
        if not await asyncio.to_thread(path.is_file):
            raise NotFound(f"the file of video {video_id!r} is gone from the data directory")
        return path

    def answer(self, row: videos.VideoRow) -> VideoAnswer:
        """A video as the wire has it."""
        stream_url, player_url = video_urls(self._urls, row)
        return VideoAnswer(
            row.id,
            row.collection_id,
            row.name,
            row.description,
            length=row.duration,
            stream_url=stream_url,
            player_url=player_url,
        )

    async def _reel(self, shots: Sequence[tuple[videos.VideoRow, float, float]]) -> StreamAnswer:
        if len(shots) > LARGEST_SHOTS:
            raise BadRequest(f"expected at most {LARGEST_SHOTS} shots, got {len(shots)}")
        paths = {row.id: await self.path(row.id) for row, _, _ in shots}
        reel_id, has_mp4 = await self._reels.make([Shot(row.id, paths[row.id], s, e) for row, s, e in shots])
        url = self._urls.reel(reel_id)
        title = " + ".join(dict.fromkeys(row.name for row, _, _ in shots))
        return StreamAnswer(url, self._urls.player(url, mp4=has_mp4, title=title[:200]))

    async def _row(self, video_id: str, collection_id: str | None = None) -> videos.VideoRow:
        return await self._db.read(lambda conn: video_of(conn, video_id, collection_id))


def video_urls(urls: Urls, row: videos.VideoRow) -> tuple[str | None, str | None]:
    """Its stream and player URLs: none for sound alone, as the service has it."""
    if not row.has_video:
        return None, None
    stream_url = urls.video(row.id)
    return stream_url, urls.player(stream_url, title=row.name)


def _shots_of(number: int, given_input: CompileInput) -> list[tuple[str, str, float, float]]:
    """The shots of one element of the list, with the field that each stands in."""
    where = f"inputs[{number}]"
    video_id = given(given_input.video_id) or given(given_input.media_id)
    if not video_id:
        raise BadRequest(f"{where}.video_id: it is required, and the body has none")
    shots = given(given_input.shots)
    if shots is not None:
        return [(f"{where}.shots[{n}]", video_id, start, end) for n, (start, end) in enumerate(shots)]
    start, end = given(given_input.start_time), given(given_input.end_time)
    if start is None or end is None:
        raise BadRequest(f"{where}.shots: expected a list such as [[0, 2.5]], and the body has none")
    return [(where, video_id, start, end)]


def _stretch(field: str, row: videos.VideoRow, start: float, end: float) -> tuple[float, float]:
    """A stretch that lies in the video. Raises BadRequest."""
    if not (math.isfinite(start) and math.isfinite(end) and 0 <= start < end):
        raise BadRequest(f"{field}: expected [start, end] in seconds with 0 <= start < end, got [{start}, {end}]")
    if start >= row.duration or end > row.duration + _ROUNDING:
        raise BadRequest(f"{field}: [{start}, {end}] leaves the video, which is {row.duration:.3f} s long")
    return start, min(end, row.duration)
