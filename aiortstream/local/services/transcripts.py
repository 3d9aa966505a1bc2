"""Transcripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:

    from aiortstream.local.ports import Models
    from aiortstream.local.runtime import StreamManager
    from aiortstream.local.store.database import Database
    from aiortstream.wire.rest import TranscriptAnswer, TranscriptionRequest, TranscriptionStatusAnswer


class TranscriptService:
    def __init__(self, db: Database, manager: StreamManager, models: Models) -> None:
        pass

    async def start(self, rtstream_id: str, request: TranscriptionRequest) -> TranscriptionStatusAnswer:
        raise NotImplementedError

    async def stop(self, rtstream_id: str, request: TranscriptionRequest) -> TranscriptionStatusAnswer:
        raise NotImplementedError

    async def status(self, rtstream_id: str) -> TranscriptionStatusAnswer:
        raise NotImplementedError

    async def page(
        self,
        rtstream_id: str,
        *,
        page: int = 1,
        page_size: int = 100,
        start: float | None = None,
        end: float | None = None,
        since: float | None = None,
        engine: str | None = None,
    ) -> TranscriptAnswer:
        raise NotImplementedError
