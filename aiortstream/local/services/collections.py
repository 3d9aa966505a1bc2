"""Collections of streams and videos."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

from aiortstream.local.ids import collection_id as new_id
from aiortstream.local.services.errors import BadRequest
from aiortstream.local.services.lookup import check_name, collection_of, given
from aiortstream.local.store import collections
from aiortstream.wire.rest import CollectionAnswer, CollectionsAnswer

if TYPE_CHECKING:
    from aiortstream.local.store.database import Database
    from aiortstream.wire.videos import CreateCollectionRequest, UpdateCollectionRequest

LARGEST_DESCRIPTION = 10_000  # characters


class CollectionService:
    """Collections; one of them is the default, and always there."""

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

    async def create(self, request: CreateCollectionRequest) -> CollectionAnswer:
        """A new, empty collection; names need not be unique. Raises BadRequest."""
        check_name("name", request.name)
        _check(request.description, request.is_public)
        row = collections.CollectionRow(new_id(), request.name, request.description or "", False, time.time())
        await self._db.run(lambda conn: collections.add(conn, row))
        return _answer(row)

    async def update(self, collection_id: str, request: UpdateCollectionRequest) -> CollectionAnswer:
        """Change what is given. Raises NotFound, BadRequest."""
        if request.name is not None:
            check_name("name", request.name)
        _check(request.description, given(request.is_public))

        def change(conn: sqlite3.Connection) -> collections.CollectionRow:
            found = collection_of(conn, collection_id).id
            collections.update(conn, found, name=request.name, description=request.description)
            return collection_of(conn, found)

        return _answer(await self._db.run(change))

    async def delete(self, collection_id: str) -> None:
        """Delete an empty collection. Raises NotFound, BadRequest for the default one and for one that is not empty."""

        def delete(conn: sqlite3.Connection) -> None:
            row = collection_of(conn, collection_id)
            if row.is_default:
                raise BadRequest("the default collection cannot be deleted: what names no collection belongs to it")
            streams, videos = collections.holds(conn, row.id)
            if streams or videos:
                raise BadRequest(f"collection {row.id!r} {_still_has(streams, videos)}")
            try:
                collections.remove(conn, row.id)
            except sqlite3.IntegrityError as error:
                raise BadRequest(f"collection {row.id!r} is still in use, so it cannot be deleted") from error

        await self._db.run(delete)


def _check(description: str | None, is_public: bool | None) -> None:
    if description is not None and len(description) > LARGEST_DESCRIPTION:
        raise BadRequest(f"description: expected at most {LARGEST_DESCRIPTION} characters, got {len(description)}")
    if is_public:
        raise BadRequest("is_public: this server has no public collections; leave it out, or false")


def _still_has(streams: int, videos: int) -> str:
    counted = [f"{count} {noun}{'s' if count > 1 else ''}" for count, noun in ((streams, "stream"), (videos, "video"))]
    held = " and ".join(text for text in counted if not text.startswith("0 "))
    remedy = "it stays, since the recordings of its streams do" if streams else "delete them first"
    return f"still has {held}: {remedy}"


def _answer(row: collections.CollectionRow) -> CollectionAnswer:
    return CollectionAnswer(row.id, row.name, row.description)
