"""Scene indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:

    from aiortstream.local.ports import Models
    from aiortstream.local.runtime import StreamManager
    from aiortstream.local.store.database import Database
    from aiortstream.wire.rest import SceneIndexAnswer, SceneIndexesAnswer, SceneIndexRequest, ScenesAnswer


class IndexService:
    def __init__(self, db: Database, manager: StreamManager, models: Models) -> None:
        pass

    async def create(self, rtstream_id: str, request: SceneIndexRequest) -> SceneIndexAnswer:
        raise NotImplementedError

    async def list(self, rtstream_id: str) -> SceneIndexesAnswer:
        raise NotImplementedError

    async def get(self, rtstream_id: str, index_id: str) -> SceneIndexAnswer:
        raise NotImplementedError

    async def page(
        self,
        rtstream_id: str,
        index_id: str,
        page: int = 1,
        page_size: int = 100,
        start: float | None = None,
        end: float | None = None,
    ) -> ScenesAnswer:
        raise NotImplementedError

    async def start(self, rtstream_id: str, index_id: str) -> None:
        raise NotImplementedError

    async def stop(self, rtstream_id: str, index_id: str) -> None:
        raise NotImplementedError

    async def set_prompt(self, rtstream_id: str, index_id: str, prompt: str) -> SceneIndexAnswer:
        raise NotImplementedError
