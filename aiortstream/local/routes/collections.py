"""Collections."""

from __future__ import annotations

from aiohttp import web

from aiortstream.local.routes.answers import ok
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.table import Routes

routes = Routes()


@routes.get("/collection")
async def list_collections(request: web.Request) -> web.Response:
    """All collections, and which one is the default."""
    return ok(await request.app[SERVICES].collections.list())


@routes.get("/collection/{collection_id}")
async def get_collection(request: web.Request) -> web.Response:
    """One collection; `default` stands for the default one."""
    return ok(await request.app[SERVICES].collections.get(request.match_info["collection_id"]))
