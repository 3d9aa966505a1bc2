"""The live channel: a call that gives a URL, and the socket behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from aiohttp import web

from aiortstream.local.deliver.connections import Resume
from aiortstream.local.deliver.hub import FEATURES, HubFull
from aiortstream.local.ids import is_connection_id
from aiortstream.local.routes.answers import Content, Data
from aiortstream.local.routes.keys import HUB, SERVICES, SIGNER, URLS
from aiortstream.local.routes.query import OptionalText, Whole
from aiortstream.local.routes.table import Access, Routes
from aiortstream.local.services.errors import BadRequest, Forbidden, Unavailable
from aiortstream.local.urls import WEBSOCKET_SCOPE, TokenRefused
from aiortstream.wire.rest import WebsocketAnswer

api = Routes()
socket = Routes(Access.CAPABILITY)

LARGEST_SEQUENCE = 2**53 - 1  # what every reader of JSON has exactly


@api.get("/collection/{collection_id}/websocket", answer=Data(WebsocketAnswer))
async def get_websocket_url(request: web.Request) -> WebsocketAnswer:
    """Where to open a websocket, permission included: clients add no header of their own to it."""
    await request.app[SERVICES].collections.get(request.match_info["collection_id"])
    return WebsocketAnswer(request.app[URLS].websocket(), FEATURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketQuery:
    """The permission, whether frames are to be numbered, and which connection is to go on after which of its frames."""

    ticket: OptionalText = None
    numbered: Annotated[int, Whole(most=1)] = 0
    resume: OptionalText = None
    after: Annotated[int | None, Whole(most=LARGEST_SEQUENCE)] = None


@socket.get("/ws", query=SocketQuery, answer=Content(None))
async def open_websocket(request: web.Request, query: SocketQuery) -> web.StreamResponse:
    """The socket. Its first frame carries the connection id; what else is sent depends on who was given that id."""
    try:
        request.app[SIGNER].check(WEBSOCKET_SCOPE, query.ticket or "")
    except TokenRefused as refused:
        raise Forbidden(str(refused)) from None
    resume = _resume(query)
    if not web.WebSocketResponse().can_prepare(request):
        raise BadRequest("expected a websocket handshake: open this URL with a websocket client")
    try:
        return await request.app[HUB].serve(request, numbered=bool(query.numbered), resume=resume)
    except HubFull as full:
        raise Unavailable(str(full)) from None


def _resume(query: SocketQuery) -> Resume | None:
    if query.resume is None:
        if query.after is not None:
            raise BadRequest("after: expected together with resume, the id of the connection to go on with")
        return None
    if not is_connection_id(query.resume):
        raise BadRequest("resume: expected the connection_id of an earlier first frame; this is none of this server's")
    if query.after is None:
        raise BadRequest("after: expected with resume: the sequence of the last frame received, 0 if there was none")
    return Resume(query.resume, query.after)
