"""Search in what the indexes of one stream, or of a collection's streams, have said."""

from __future__ import annotations

from aiohttp import web

from aiortstream.local.routes.answers import Data
from aiortstream.local.routes.bodies import Json
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.table import Routes
from aiortstream.wire.rest import SearchAnswer, SearchRequest

routes = Routes()


@routes.post("/rtstream/collection/{collection_id}/search", body=Json(SearchRequest), answer=Data(SearchAnswer))
async def search_streams(request: web.Request, body: SearchRequest) -> SearchAnswer:
    """Hits in all streams of a collection."""
    return await request.app[SERVICES].search.collection(request.match_info["collection_id"], body)


@routes.post("/rtstream/{rtstream_id}/search", body=Json(SearchRequest), answer=Data(SearchAnswer))
async def search_stream(request: web.Request, body: SearchRequest) -> SearchAnswer:
    """Hits in one stream."""
    return await request.app[SERVICES].search.stream(request.match_info["rtstream_id"], body)
