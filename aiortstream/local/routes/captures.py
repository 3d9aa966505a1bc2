"""Capture sessions. What a program that captures calls itself takes a session token in place of the key."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Annotated

from aiohttp import web

from aiortstream.local.routes.answers import Data, Said
from aiortstream.local.routes.bodies import Json
from aiortstream.local.routes.keys import SERVICES, SIGNER
from aiortstream.local.routes.query import OptionalText, Text, Whole
from aiortstream.local.routes.table import Access, Routes
from aiortstream.local.services.captures import STATUSES
from aiortstream.local.services.errors import BadRequest
from aiortstream.local.services.lookup import LARGEST_PAGE, LATEST_PAGE
from aiortstream.local.store import captures
from aiortstream.wire import capture

TOKEN_SECONDS = 86_400
LONGEST_TOKEN = 30 * 86_400  # seconds

routes = Routes()
client_routes = Routes(Access.CLIENT)

_SESSIONS = "/collection/{collection_id}/capture/session"
_SESSION = _SESSIONS + "/{session_id}"


@routes.post(_SESSIONS, body=Json(capture.CreateSessionRequest), answer=Data(capture.SessionRecord))
async def create_capture_session(request: web.Request, body: capture.CreateSessionRequest) -> capture.SessionRecord:
    """Create a capture session."""
    return await request.app[SERVICES].captures.create(request.match_info["collection_id"], body)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsQuery:
    """A page of sessions, of those with a status or of a user."""

    status: Annotated[captures.Status | None, Text(STATUSES)] = None
    end_user_id: OptionalText = None
    limit: Annotated[int, Whole(least=1, most=LARGEST_PAGE)] = 100
    cursor: Annotated[int, Whole(most=LATEST_PAGE)] = 0


@routes.get(_SESSIONS, query=SessionsQuery, answer=Data(capture.SessionRecords))
async def list_capture_sessions(request: web.Request, query: SessionsQuery) -> capture.SessionRecords:
    """A page of the capture sessions of a collection, the newest first."""
    return await request.app[SERVICES].captures.list(
        request.match_info["collection_id"],
        status=query.status,
        end_user_id=query.end_user_id,
        limit=query.limit,
        offset=query.cursor,
    )


@routes.get(_SESSION, answer=Data(capture.SessionRecord))
async def get_capture_session(request: web.Request) -> capture.SessionRecord:
    """One capture session with its channels and streams."""
    session_id, collection_id = request.match_info["session_id"], request.match_info["collection_id"]
    return await request.app[SERVICES].captures.get(session_id, collection_id)


@routes.post(_SESSION + "/export", body=Json(capture.ExportSessionRequest), answer=Data(capture.ExportSessionAnswer))
async def export_capture_session(
    request: web.Request, body: capture.ExportSessionRequest
) -> capture.ExportSessionAnswer:
    """Make a video of a channel, or ask how that is going."""
    session_id, collection_id = request.match_info["session_id"], request.match_info["collection_id"]
    return await request.app[SERVICES].captures.export(session_id, collection_id, body)


@routes.post("/capture/session/token", body=Json(capture.TokenRequest), answer=Data(capture.TokenAnswer))
async def create_capture_token(request: web.Request, body: capture.TokenRequest) -> capture.TokenAnswer:
    """A token for a program that captures, which is not to have the key."""
    lifetime = TOKEN_SECONDS if body.expires_in is None else body.expires_in
    if not 1 <= lifetime <= LONGEST_TOKEN:
        raise BadRequest(f"expires_in: expected 1 to {LONGEST_TOKEN} seconds, got {lifetime}")
    token = request.app[SIGNER].session_token(lifetime)
    return capture.TokenAnswer(token, round(time.time()) + lifetime, lifetime)


@client_routes.post(
    "/capture/session/start", body=Json(capture.StartSessionRequest), answer=Data(capture.StartSessionAnswer)
)
async def start_capture_session(request: web.Request, body: capture.StartSessionRequest) -> capture.StartSessionAnswer:
    """Start a session with its channels."""
    return await request.app[SERVICES].captures.start(body)


@client_routes.get("/capture/session/{session_id}", answer=Data(capture.SessionUrlsAnswer))
async def get_capture_addresses(request: web.Request) -> capture.SessionUrlsAnswer:
    """Where the source of each channel is pushed to."""
    return await request.app[SERVICES].captures.addresses(request.match_info["session_id"])


@client_routes.post("/capture/session/{session_id}/stop", answer=Said())
async def stop_capture_session(request: web.Request) -> str:
    """Stop a session."""
    await request.app[SERVICES].captures.stop(request.match_info["session_id"])
    return "capture session stopped"
