"""Scene indexes of streams: of pictures and of speech."""

from __future__ import annotations

from aiohttp import web

from aiortstream.local.routes.answers import created, done, ok
from aiortstream.local.routes.bodies import read_body
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.query import Query
from aiortstream.local.routes.table import Routes
from aiortstream.wire.rest import ActionRequest, PromptRequest, SceneIndexRequest

routes = Routes()
LARGEST_PAGE = 1000


@routes.post("/rtstream/{rtstream_id}/index/scene")
async def create_index(request: web.Request) -> web.Response:
    """Create an index and start it."""
    body = await read_body(request, SceneIndexRequest)
    return created(await request.app[SERVICES].indexes.create(request.match_info["rtstream_id"], body))


@routes.get("/rtstream/{rtstream_id}/index/scene")
async def list_indexes(request: web.Request) -> web.Response:
    """All indexes of a stream."""
    return ok(await request.app[SERVICES].indexes.list(request.match_info["rtstream_id"]))


@routes.get("/rtstream/{rtstream_id}/index/{index_id}")
async def get_index(request: web.Request) -> web.Response:
    """One index."""
    return ok(await request.app[SERVICES].indexes.get(*_ids(request)))


@routes.get("/rtstream/{rtstream_id}/index/scene/{index_id}")
async def get_scenes(request: web.Request) -> web.Response:
    """A page of an index's scenes, newest first."""
    query = Query(request)
    start, end = query.window()
    answer = await request.app[SERVICES].indexes.page(
        *_ids(request),
        page=query.integer("page", 1, least=1),
        page_size=query.integer("page_size", 100, least=1, most=LARGEST_PAGE),
        start=start,
        end=end,
        since=query.moment("since"),
    )
    return ok(answer)


@routes.patch("/rtstream/{rtstream_id}/index/scene/{index_id}")
async def update_index(request: web.Request) -> web.Response:
    """Change the prompt of an index, from its next window on."""
    body = await read_body(request, PromptRequest)
    return ok(await request.app[SERVICES].indexes.set_prompt(*_ids(request), body.prompt))


@routes.patch("/rtstream/{rtstream_id}/index/scene/{index_id}/status")
async def set_index_status(request: web.Request) -> web.Response:
    """Start or stop an index."""
    body = await read_body(request, ActionRequest)
    indexes = request.app[SERVICES].indexes
    if body.action == "start":
        await indexes.start(*_ids(request))
        return done("index started")
    await indexes.stop(*_ids(request))
    return done("index stopped")


def _ids(request: web.Request) -> tuple[str, str]:
    return request.match_info["rtstream_id"], request.match_info["index_id"]
