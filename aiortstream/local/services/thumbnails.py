"""Thumbnails of videos: made when they are asked for, kept beside the video until it is deleted."""

from __future__ import annotations

import asyncio
import math
import shutil
from typing import TYPE_CHECKING

from aiortstream.local.paths import THUMBNAILS
from aiortstream.local.recording.files import MediaError
from aiortstream.local.recording.stills import write_still
from aiortstream.local.services.errors import BadRequest, NotFound, Unavailable
from aiortstream.local.services.lookup import video_of
from aiortstream.wire.videos import ImageAnswer, ThumbnailAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aiortstream.local.ports import Urls
    from aiortstream.local.store.database import Database
    from aiortstream.local.store.videos import VideoRow

MOST = 500  # of one video
_USUAL = 1.0  # seconds from the beginning: the very first picture is often black
_SUFFIX = ".jpg"


class ThumbnailService:
    """Pictures of videos, named by the millisecond that they show."""

    def __init__(self, db: Database, urls: Urls, data_dir: Path) -> None:
        self._db = db
        self._urls = urls
        self._data_dir = data_dir
        self._turn = asyncio.Lock()  # one is made at a time: decoding takes a core

    async def usual(self, video_id: str) -> ThumbnailAnswer:
        """The thumbnail of a video when no time is asked for. Raises NotFound, BadRequest, Unavailable."""
        row = await self._row(video_id)
        made = await self._make(row, min(_USUAL, row.duration / 2))
        return ThumbnailAnswer(made.url or "")

    async def at(self, video_id: str, time: float) -> ImageAnswer:
        """The picture at `time` seconds. Raises NotFound, BadRequest outside the video or without pictures."""
        row = await self._row(video_id)
        if not (math.isfinite(time) and 0 <= time <= row.duration):
            raise BadRequest(f"time: expected seconds from 0 to {row.duration:.3f}, the video's length, got {time}")
        return await self._make(row, time)

    async def every(self, video_id: str) -> Sequence[ImageAnswer]:
        """Those that have been made of a video, in the order of their times. Raises NotFound."""
        row = await self._row(video_id)
        return [self._answer(row, number) for number in await asyncio.to_thread(_numbers, self._folder(video_id))]

    async def file(self, video_id: str, number: int) -> Path:
        """The file of a thumbnail. Raises NotFound."""
        path = self._folder((await self._row(video_id)).id) / f"{number}{_SUFFIX}"
        if not await asyncio.to_thread(path.is_file):
            raise NotFound(f"no thumbnail of {number} ms has been made of the video")
        return path

    async def forget(self, video_id: str) -> None:
        """Delete those of a video."""
        async with self._turn:
            await asyncio.to_thread(shutil.rmtree, self._folder(video_id), ignore_errors=True)

    async def _make(self, row: VideoRow, time: float) -> ImageAnswer:
        number = int(time * 1000)
        path = self._folder(row.id) / f"{number}{_SUFFIX}"
        async with self._turn:
            await self._row(row.id)  # it may have been deleted meanwhile
            if not await asyncio.to_thread(path.is_file):
                await self._write(row, number, path)
        return self._answer(row, number)

    async def _write(self, row: VideoRow, number: int, path: Path) -> None:
        video = self._data_dir / row.path
        if not row.has_video:
            raise BadRequest(f"video {row.id!r} is sound alone: there is nothing to see")
        if not await asyncio.to_thread(video.is_file):
            raise NotFound(f"the file of video {row.id!r} is gone from the data directory")
        if len(await asyncio.to_thread(_numbers, path.parent)) >= MOST:
            raise BadRequest(f"time: expected one of the {MOST} thumbnails that the video has: it may have no more")
        try:
            await asyncio.to_thread(write_still, video, number / 1000, path)
        except MediaError as error:
            raise BadRequest(f"video {row.id!r} has no thumbnail: {error}") from error
        except OSError as error:
            raise Unavailable(f"the thumbnail cannot be written: {error.strerror or type(error).__name__}") from error

    def _answer(self, row: VideoRow, number: int) -> ImageAnswer:
        identifier = f"img-{row.id.removeprefix('m-')}-{number}"
        return ImageAnswer(
            identifier, row.collection_id, f"{row.name} at {number / 1000:g} s", self._urls.thumbnail(row.id, number)
        )

    def _folder(self, video_id: str) -> Path:
        return self._data_dir / THUMBNAILS / video_id

    async def _row(self, video_id: str) -> VideoRow:
        return await self._db.read(lambda conn: video_of(conn, video_id))


def _numbers(folder: Path) -> Sequence[int]:
    return sorted(int(path.stem) for path in folder.glob(f"*{_SUFFIX}"))
