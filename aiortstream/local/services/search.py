"""Search."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:

    from aiortstream.local.ports import Models
    from aiortstream.local.store.database import Database
    from aiortstream.wire.rest import SearchAnswer, SearchRequest


class SearchService:
    def __init__(self, db: Database, models: Models) -> None:
        pass

    async def stream(self, rtstream_id: str, request: SearchRequest) -> SearchAnswer:
        raise NotImplementedError

    async def collection(self, collection_id: str, request: SearchRequest) -> SearchAnswer:
        raise NotImplementedError
