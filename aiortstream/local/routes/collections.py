"""Collections."""

from __future__ import annotations

from aiohttp import web

from aiortstream.local.routes.answers import done, ok
from aiortstream.local.routes.bodies import read_body
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.table import Routes
from aiortstream.wire.videos import CreateCollectionRequest, UpdateCollectionRequest

routes = Routes()


@routes.get("/collection")
async def list_collections(request: web.Request) -> web.Response:
    """All collections, and which one is the default."""
    return ok(await request.app[SERVICES].collections.list())


@routes.get("/collection/{collection_id}")
async def get_collection(request: web.Request) -> web.Response:
    """One collection; `default` stands for the default one."""
    return ok(await request.app[SERVICES].collections.get(request.match_info["collection_id"]))


@routes.post("/collection")
async def create_collection(request: web.Request) -> web.Response:
    """A new collection."""
    body = await read_body(request, CreateCollectionRequest)
    return ok(await request.app[SERVICES].collections.create(body))


@routes.patch("/collection/{collection_id}")
async def update_collection(request: web.Request) -> web.Response:
    """Another name or description."""
    body = await read_body(request, UpdateCollectionRequest)
    return ok(await request.app[SERVICES].collections.update(request.match_info["collection_id"], body))


@routes.delete("/collection/{collection_id}")
async def delete_collection(request: web.Request) -> web.Response:
    """Delete one that is empty, and not the default."""
    await request.app[SERVICES].collections.delete(request.match_info["collection_id"])
    return done("collection deleted")
