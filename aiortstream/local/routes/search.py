"""Search in what the indexes of one stream, or of a collection's streams, have said."""

from __future__ import annotations

from aiohttp import web

from aiortstream.local.routes.answers import ok
from aiortstream.local.routes.bodies import read_body
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.table import Routes
from aiortstream.wire.rest import SearchRequest

routes = Routes()


@routes.post("/rtstream/collection/{collection_id}/search")
async def search_collection(request: web.Request) -> web.Response:
    """Hits in all streams of a collection."""
    body = await read_body(request, SearchRequest)
    return ok(await request.app[SERVICES].search.collection(request.match_info["collection_id"], body))


@routes.post("/rtstream/{rtstream_id}/search")
async def search_stream(request: web.Request) -> web.Response:
    """Hits in one stream."""
    body = await read_body(request, SearchRequest)
    return ok(await request.app[SERVICES].search.stream(request.match_info["rtstream_id"], body))
