"""Streams: connecting, listing, starting and stopping, windows to play, exports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from aiohttp import web

from aiortstream.local.routes.answers import Data, Made, Operation, Promised, Said
from aiortstream.local.routes.bodies import Json
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.query import Moment, OptionalText, Text, Whole
from aiortstream.local.routes.table import Routes
from aiortstream.local.services.streams import LARGEST_LIST, STATUSES
from aiortstream.local.store.streams import ORDERINGS
from aiortstream.wire.rest import (
    ActionRequest,
    ConnectRequest,
    ExportAnswer,
    ExportRequest,
    RTStreamAnswer,
    RTStreamsAnswer,
    StreamAnswer,
    UpdateStreamRequest,
)

routes = Routes()


@routes.post("/rtstream", body=Json(ConnectRequest), answer=Made(RTStreamAnswer))
async def connect_stream(request: web.Request, body: ConnectRequest) -> RTStreamAnswer:
    """Connect a source; answers at once, whether or not the source can be reached."""
    return await request.app[SERVICES].streams.connect(body)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamsQuery:
    """A stretch of the list, of the streams with a status or with a text in their names."""

    limit: Annotated[int, Whole(least=1, most=LARGEST_LIST)] = 10
    offset: Annotated[int, Whole()] = 0
    status: Annotated[str | None, Text(STATUSES)] = None
    name: OptionalText = None
    ordering: Annotated[str, Text(tuple(ORDERINGS))] = "-created_at"


@routes.get("/rtstream", query=StreamsQuery, answer=Data(RTStreamsAnswer))
async def list_streams(request: web.Request, query: StreamsQuery) -> RTStreamsAnswer:
    """A page of the streams of all collections."""
    return await request.app[SERVICES].streams.list(
        limit=query.limit, offset=query.offset, status=query.status, name=query.name, ordering=query.ordering
    )


@routes.get("/rtstream/{rtstream_id}", answer=Data(RTStreamAnswer))
async def get_stream(request: web.Request) -> RTStreamAnswer:
    """One stream as it is now."""
    return await request.app[SERVICES].streams.get(request.match_info["rtstream_id"])


@routes.patch("/rtstream/{rtstream_id}", body=Json(UpdateStreamRequest), answer=Data(RTStreamAnswer))
async def update_stream(request: web.Request, body: UpdateStreamRequest) -> RTStreamAnswer:
    """Change a stream's name or sample rate."""
    streams = request.app[SERVICES].streams
    return await streams.update(request.match_info["rtstream_id"], name=body.name, sample_rate=body.sample_rate)


@routes.patch("/rtstream/{rtstream_id}/status", body=Json(ActionRequest), answer=Said())
async def set_stream_status(request: web.Request, body: ActionRequest) -> str:
    """Start or stop ingest."""
    streams, rtstream_id = request.app[SERVICES].streams, request.match_info["rtstream_id"]
    if body.action == "start":
        await streams.start(rtstream_id)
        return "stream started"
    await streams.stop(rtstream_id)
    return "stream stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayQuery:
    """What of a recording is to be played."""

    start: Annotated[float, Moment(zero=False)]
    end: Annotated[float, Moment(zero=False)]


@routes.get("/rtstream/{rtstream_id}/stream", query=PlayQuery, answer=Data(StreamAnswer))
async def play_window(request: web.Request, query: PlayQuery) -> StreamAnswer:
    """URLs that play what was recorded between `start` and `end`."""
    return await request.app[SERVICES].streams.generate(request.match_info["rtstream_id"], query.start, query.end)


@routes.post("/rtstream/{rtstream_id}/export", body=Json(ExportRequest), answer=Promised(ExportAnswer))
async def export_stream(request: web.Request, body: ExportRequest) -> Operation[ExportAnswer]:
    """Make a video of the recording: its answer if that is quick, a job to ask for if it is not."""
    rtstream_id = request.match_info["rtstream_id"]
    return Operation(request.app[SERVICES].streams.export(rtstream_id, body), f"export of {rtstream_id}")
