"""Scene indexes of streams: of pictures and of speech."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from aiortstream.local.routes.answers import Data, Said
from aiortstream.local.routes.bodies import Json
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.query import OptionalMoment, PageQuery
from aiortstream.local.routes.table import Routes
from aiortstream.wire.rest import (
    ActionRequest,
    PromptRequest,
    SceneIndexAnswer,
    SceneIndexesAnswer,
    SceneIndexRequest,
    ScenesAnswer,
)

routes = Routes()


@routes.post("/rtstream/{rtstream_id}/index/scene", body=Json(SceneIndexRequest), answer=Data(SceneIndexAnswer))
async def create_index(request: web.Request, body: SceneIndexRequest) -> SceneIndexAnswer:
    """Create an index and start it."""
    return await request.app[SERVICES].indexes.create(request.match_info["rtstream_id"], body)


@routes.get("/rtstream/{rtstream_id}/index/scene", answer=Data(SceneIndexesAnswer))
async def list_indexes(request: web.Request) -> SceneIndexesAnswer:
    """All indexes of a stream."""
    return await request.app[SERVICES].indexes.list(request.match_info["rtstream_id"])


@routes.get("/rtstream/{rtstream_id}/index/{index_id}", answer=Data(SceneIndexAnswer))
async def get_index(request: web.Request) -> SceneIndexAnswer:
    """One index."""
    return await request.app[SERVICES].indexes.get(*_ids(request))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenesQuery(PageQuery):
    """A page of scenes, without what ends before `since`."""

    since: OptionalMoment = None


@routes.get("/rtstream/{rtstream_id}/index/scene/{index_id}", query=ScenesQuery, answer=Data(ScenesAnswer))
async def get_scenes(request: web.Request, query: ScenesQuery) -> ScenesAnswer:
    """A page of an index's scenes, newest first."""
    return await request.app[SERVICES].indexes.page(
        *_ids(request),
        page=query.page,
        page_size=query.page_size,
        start=query.start,
        end=query.end,
        since=query.since,
    )


@routes.patch("/rtstream/{rtstream_id}/index/scene/{index_id}", body=Json(PromptRequest), answer=Data(SceneIndexAnswer))
async def update_index(request: web.Request, body: PromptRequest) -> SceneIndexAnswer:
    """Change the prompt of an index, from its next window on."""
    return await request.app[SERVICES].indexes.set_prompt(*_ids(request), body.prompt)


@routes.patch("/rtstream/{rtstream_id}/index/scene/{index_id}/status", body=Json(ActionRequest), answer=Said())
async def set_index_status(request: web.Request, body: ActionRequest) -> str:
    """Start or stop an index."""
    indexes = request.app[SERVICES].indexes
    if body.action == "start":
        await indexes.start(*_ids(request))
        return "index started"
    await indexes.stop(*_ids(request))
    return "index stopped"


def _ids(request: web.Request) -> tuple[str, str]:
    return request.match_info["rtstream_id"], request.match_info["index_id"]
