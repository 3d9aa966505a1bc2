"""Live transcripts of streams."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from aiortstream.local.routes.answers import Data
from aiortstream.local.routes.bodies import Json
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.query import OptionalMoment, OptionalText, PageQuery
from aiortstream.local.routes.table import Routes
from aiortstream.wire.rest import TranscriptAnswer, TranscriptionRequest, TranscriptionStatusAnswer

routes = Routes()


@routes.post(
    "/rtstream/{rtstream_id}/transcription", body=Json(TranscriptionRequest), answer=Data(TranscriptionStatusAnswer)
)
async def set_transcription(request: web.Request, body: TranscriptionRequest) -> TranscriptionStatusAnswer:
    """Start or stop transcribing."""
    transcripts, rtstream_id = request.app[SERVICES].transcripts, request.match_info["rtstream_id"]
    return await (transcripts.start if body.action == "start" else transcripts.stop)(rtstream_id, body)


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptQuery(PageQuery):
    """A page of segments, without what ends before `since`."""

    since: OptionalMoment = None
    engine: OptionalText = None


@routes.get("/rtstream/{rtstream_id}/transcription", query=TranscriptQuery, answer=Data(TranscriptAnswer))
async def get_transcription(request: web.Request, query: TranscriptQuery) -> TranscriptAnswer:
    """A page of final segments, oldest first."""
    return await request.app[SERVICES].transcripts.page(
        request.match_info["rtstream_id"],
        page=query.page,
        page_size=query.page_size,
        start=query.start,
        end=query.end,
        since=query.since,
        engine=query.engine,
    )


@routes.get("/rtstream/{rtstream_id}/transcription/status", answer=Data(TranscriptionStatusAnswer))
async def get_transcription_status(request: web.Request) -> TranscriptionStatusAnswer:
    """Whether a transcript is being made."""
    return await request.app[SERVICES].transcripts.status(request.match_info["rtstream_id"])
