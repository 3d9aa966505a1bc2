"""Collections."""

from __future__ import annotations

from aiohttp import web

from aiortstream.local.routes.answers import Data, Said
from aiortstream.local.routes.bodies import Json
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.table import Routes
from aiortstream.wire.rest import CollectionAnswer, CollectionsAnswer
from aiortstream.wire.videos import CreateCollectionRequest, UpdateCollectionRequest

routes = Routes()


@routes.get("/collection", answer=Data(CollectionsAnswer))
async def list_collections(request: web.Request) -> CollectionsAnswer:
    """All collections, and which one is the default."""
    return await request.app[SERVICES].collections.list()


@routes.get("/collection/{collection_id}", answer=Data(CollectionAnswer))
async def get_collection(request: web.Request) -> CollectionAnswer:
    """One collection; `default` stands for the default one."""
    return await request.app[SERVICES].collections.get(request.match_info["collection_id"])


@routes.post("/collection", body=Json(CreateCollectionRequest), answer=Data(CollectionAnswer))
async def create_collection(request: web.Request, body: CreateCollectionRequest) -> CollectionAnswer:
    """A new collection."""
    return await request.app[SERVICES].collections.create(body)


@routes.patch("/collection/{collection_id}", body=Json(UpdateCollectionRequest), answer=Data(CollectionAnswer))
async def update_collection(request: web.Request, body: UpdateCollectionRequest) -> CollectionAnswer:
    """Another name or description."""
    return await request.app[SERVICES].collections.update(request.match_info["collection_id"], body)


@routes.delete("/collection/{collection_id}", answer=Said())
async def delete_collection(request: web.Request) -> str:
    """Delete one that is empty, and not the default."""
    await request.app[SERVICES].collections.delete(request.match_info["collection_id"])
    return "collection deleted"
