"""Collections."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:

    from aiortstream.local.store.database import Database
    from aiortstream.wire.rest import CollectionAnswer, CollectionsAnswer


class CollectionService:
    def __init__(self, db: Database) -> None:
        pass

    async def get(self, collection_id: str) -> CollectionAnswer:
        raise NotImplementedError

    async def list(self) -> CollectionsAnswer:
        raise NotImplementedError
