"""Videos: what recordings were exported to."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiortstream.local.services.errors import NotFound
from aiortstream.local.store import videos
from aiortstream.wire.rest import VideoAnswer

if TYPE_CHECKING:
    from pathlib import Path

    from aiortstream.local.ports import Urls
    from aiortstream.local.store.database import Database


class VideoService:
    """Videos and their files."""

    def __init__(self, db: Database, urls: Urls, data_dir: Path) -> None:
        self._db = db
        self._urls = urls
        self._data_dir = data_dir

    async def get(self, video_id: str) -> VideoAnswer:
        """One video. One without pictures has no URLs. Raises NotFound."""
        row = await self._row(video_id)
        stream_url, player_url = video_urls(self._urls, row)
        return VideoAnswer(
            row.id, row.collection_id, row.name, length=row.duration, stream_url=stream_url, player_url=player_url
        )

    async def path(self, video_id: str) -> Path:
        """Absolute path of the file. Raises NotFound, also when the file is gone."""
        path = self._data_dir / (await self._row(video_id)).path
        if not await asyncio.to_thread(path.is_file):
            raise NotFound(f"the file of video {video_id!r} is gone from the data directory")
        return path

    async def _row(self, video_id: str) -> videos.VideoRow:
        row = await self._db.read(lambda conn: videos.get(conn, video_id))
        if row is None:
            raise NotFound(f"there is no video {video_id!r}")
        return row


def video_urls(urls: Urls, row: videos.VideoRow) -> tuple[str | None, str | None]:
    """Its stream and player URLs: none for sound alone, as the service has it."""
    if not row.has_video:
        return None, None
    stream_url = urls.video(row.id)
    return stream_url, urls.player(stream_url, title=row.name)
