"""Streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from aiortstream.local.ports import Urls
    from aiortstream.local.profile import Profile
    from aiortstream.local.recording.segmenter import SegmentInfo
    from aiortstream.local.runtime import StreamManager
    from aiortstream.local.store.database import Database
    from aiortstream.wire.rest import (
        ConnectRequest,
        ExportAnswer,
        ExportRequest,
        RTStreamAnswer,
        RTStreamsAnswer,
        StreamAnswer,
    )


class StreamService:
    def __init__(self, db: Database, manager: StreamManager, urls: Urls, profile: Profile, data_dir: Path) -> None:
        pass

    async def connect(self, request: ConnectRequest) -> RTStreamAnswer:
        raise NotImplementedError

    async def get(self, rtstream_id: str) -> RTStreamAnswer:
        raise NotImplementedError

    async def list(
        self,
        limit: int = 10,
        offset: int = 0,
        status: str | None = None,
        name: str | None = None,
        ordering: str = "-created_at",
    ) -> RTStreamsAnswer:
        raise NotImplementedError

    async def update(self, rtstream_id: str, name: str | None = None, sample_rate: int | None = None) -> RTStreamAnswer:
        raise NotImplementedError

    async def start(self, rtstream_id: str) -> None:
        raise NotImplementedError

    async def stop(self, rtstream_id: str) -> None:
        raise NotImplementedError

    async def playback(self, rtstream_id: str, start: float, end: float) -> StreamAnswer:
        raise NotImplementedError

    async def segments(self, rtstream_id: str, start: float, end: float) -> Sequence[SegmentInfo]:
        """Those that touch the window and are on disk, in order; NotFound for the stream. Paths relative to `recording_root`."""
        raise NotImplementedError

    def recording_root(self, rtstream_id: str) -> Path:
        raise NotImplementedError

    async def segment_path(self, rtstream_id: str, relative: str) -> Path:
        """Absolute path of one segment, as its `SegmentInfo.path` names it; NotFound for anything that is not a recorded segment."""
        raise NotImplementedError

    async def export(self, rtstream_id: str, request: ExportRequest) -> ExportAnswer:
        raise NotImplementedError
