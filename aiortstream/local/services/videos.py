"""Exported videos."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from aiortstream.local.ports import Urls
    from aiortstream.local.store.database import Database
    from aiortstream.wire.rest import VideoAnswer


class VideoService:
    def __init__(self, db: Database, urls: Urls, data_dir: Path) -> None:
        pass

    async def get(self, video_id: str) -> VideoAnswer:
        raise NotImplementedError

    async def path(self, video_id: str) -> Path:
        raise NotImplementedError
