"""Streams: connecting, listing, starting and stopping, windows to play, exports."""

from __future__ import annotations

from aiohttp import web

from aiortstream.local.routes.answers import created, done, ok
from aiortstream.local.routes.bodies import read_body
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.query import Query
from aiortstream.local.routes.running import answer_or_promise
from aiortstream.local.routes.table import Routes
from aiortstream.wire.rest import ActionRequest, ConnectRequest, ExportRequest, UpdateStreamRequest

routes = Routes()
LARGEST_PAGE = 1000


@routes.post("/rtstream")
async def connect_stream(request: web.Request) -> web.Response:
    """Connect a source; answers at once, whether or not the source can be reached."""
    body = await read_body(request, ConnectRequest)
    return created(await request.app[SERVICES].streams.connect(body))


@routes.get("/rtstream")
async def list_streams(request: web.Request) -> web.Response:
    """A page of the streams of all collections."""
    query = Query(request)
    answer = await request.app[SERVICES].streams.list(
        limit=query.integer("limit", 10, least=1, most=LARGEST_PAGE),
        offset=query.integer("offset", 0),
        status=query.text("status"),
        name=query.text("name"),
        ordering=query.text("ordering") or "-created_at",
    )
    return ok(answer)


@routes.get("/rtstream/{rtstream_id}")
async def get_stream(request: web.Request) -> web.Response:
    """One stream as it is now."""
    return ok(await request.app[SERVICES].streams.get(request.match_info["rtstream_id"]))


@routes.patch("/rtstream/{rtstream_id}")
async def update_stream(request: web.Request) -> web.Response:
    """Change a stream's name or sample rate."""
    body = await read_body(request, UpdateStreamRequest)
    answer = await request.app[SERVICES].streams.update(
        request.match_info["rtstream_id"], name=body.name, sample_rate=body.sample_rate
    )
    return ok(answer)


@routes.patch("/rtstream/{rtstream_id}/status")
async def set_stream_status(request: web.Request) -> web.Response:
    """Start or stop ingest."""
    body = await read_body(request, ActionRequest)
    streams, rtstream_id = request.app[SERVICES].streams, request.match_info["rtstream_id"]
    if body.action == "start":
        await streams.start(rtstream_id)
        return done("stream started")
    await streams.stop(rtstream_id)
    return done("stream stopped")


@routes.get("/rtstream/{rtstream_id}/stream")
async def play_window(request: web.Request) -> web.Response:
    """URLs that play what was recorded between `start` and `end`."""
    query = Query(request)
    answer = await request.app[SERVICES].streams.playback(
        request.match_info["rtstream_id"], query.required_moment("start"), query.required_moment("end")
    )
    return ok(answer)


@routes.post("/rtstream/{rtstream_id}/export")
async def export_stream(request: web.Request) -> web.Response:
    """Make a video of the recording: its answer if that is quick, a job to ask for if it is not."""
    body = await read_body(request, ExportRequest)
    rtstream_id = request.match_info["rtstream_id"]
    operation = request.app[SERVICES].streams.export(rtstream_id, body)
    return await answer_or_promise(request, operation, f"export of {rtstream_id}")
