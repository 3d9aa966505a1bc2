"""Live transcripts of streams."""

from __future__ import annotations

from aiohttp import web

from aiortstream.local.routes.answers import ok
from aiortstream.local.routes.bodies import read_body
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.query import Query
from aiortstream.local.routes.table import Routes
from aiortstream.wire.rest import TranscriptionRequest

routes = Routes()
LARGEST_PAGE = 1000


@routes.post("/rtstream/{rtstream_id}/transcription")
async def set_transcription(request: web.Request) -> web.Response:
    """Start or stop transcribing."""
    body = await read_body(request, TranscriptionRequest)
    transcripts, rtstream_id = request.app[SERVICES].transcripts, request.match_info["rtstream_id"]
    answer = await (transcripts.start if body.action == "start" else transcripts.stop)(rtstream_id, body)
    return ok(answer)


@routes.get("/rtstream/{rtstream_id}/transcription")
async def get_transcription(request: web.Request) -> web.Response:
    """A page of final segments, oldest first."""
    query = Query(request)
    start, end = query.window()
    answer = await request.app[SERVICES].transcripts.page(
        request.match_info["rtstream_id"],
        page=query.integer("page", 1, least=1),
        page_size=query.integer("page_size", 100, least=1, most=LARGEST_PAGE),
        start=start,
        end=end,
        since=query.moment("since"),
        engine=query.text("engine"),
    )
    return ok(answer)


@routes.get("/rtstream/{rtstream_id}/transcription/status")
async def get_transcription_status(request: web.Request) -> web.Response:
    """Whether a transcript is being made."""
    return ok(await request.app[SERVICES].transcripts.status(request.match_info["rtstream_id"]))
