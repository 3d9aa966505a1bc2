"""Collections: one for now, the default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiortstream.local.services.lookup import collection_of
from aiortstream.local.store import collections
from aiortstream.wire.rest import CollectionAnswer, CollectionsAnswer

if TYPE_CHECKING:
    from aiortstream.local.store.database import Database


class CollectionService:
    """Collections of streams and videos."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def get(self, collection_id: str) -> CollectionAnswer:
        """The collection; `default` means the default one. Raises NotFound."""
        return _answer(await self._db.read(lambda conn: collection_of(conn, collection_id)))

    async def list(self) -> CollectionsAnswer:
        """All of them, and which is the default."""
        rows = await self._db.read(collections.every)
        default = next(row.id for row in rows if row.is_default)
        return CollectionsAnswer([_answer(row) for row in rows], default)


def _answer(row: collections.CollectionRow) -> CollectionAnswer:
    return CollectionAnswer(row.id, row.name, row.description)
