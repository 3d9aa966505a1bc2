"""The live channel: a call that gives a URL, and the socket behind it."""

from __future__ import annotations

from aiohttp import web

from aiortstream.local.deliver.connections import Resume
from aiortstream.local.deliver.hub import FEATURES, HubFull
from aiortstream.local.ids import is_connection_id
from aiortstream.local.routes.answers import ok
from aiortstream.local.routes.keys import HUB, SERVICES, SIGNER, URLS
from aiortstream.local.routes.query import Query
from aiortstream.local.routes.table import Access, Routes
from aiortstream.local.services.errors import BadRequest, Forbidden, Unavailable
from aiortstream.local.urls import WEBSOCKET_SCOPE, TokenRefused
from aiortstream.wire.rest import WebsocketAnswer

api = Routes()
socket = Routes(Access.CAPABILITY)

LARGEST_SEQUENCE = 2**53 - 1  # what every reader of JSON has exactly


@api.get("/collection/{collection_id}/websocket")
async def get_websocket_url(request: web.Request) -> web.Response:
    """Where to open a websocket, permission included: clients add no header of their own to it."""
    await request.app[SERVICES].collections.get(request.match_info["collection_id"])
    return ok(WebsocketAnswer(request.app[URLS].websocket(), FEATURES))


@socket.get("/ws")
async def open_websocket(request: web.Request) -> web.StreamResponse:
    """The socket. Its first frame carries the connection id; what else is sent depends on who was given that id."""
    try:
        request.app[SIGNER].check(WEBSOCKET_SCOPE, request.query.get("ticket", ""))
    except TokenRefused as refused:
        raise Forbidden(str(refused)) from None
    query = Query(request)
    numbered, resume = bool(query.integer("numbered", 0, most=1)), _resume(query)
    if not web.WebSocketResponse().can_prepare(request):
        raise BadRequest("expected a websocket handshake: open this URL with a websocket client")
    try:
        return await request.app[HUB].serve(request, numbered=numbered, resume=resume)
    except HubFull as full:
        raise Unavailable(str(full)) from None


def _resume(query: Query) -> Resume | None:
    connection_id, after = query.text("resume"), query.text("after")
    if connection_id is None:
        if after is not None:
            raise BadRequest("after: expected together with resume, the id of the connection to go on with")
        return None
    if not is_connection_id(connection_id):
        raise BadRequest("resume: expected the connection_id of an earlier first frame; this is none of this server's")
    if after is None:
        raise BadRequest("after: expected with resume: the sequence of the last frame received, 0 if there was none")
    return Resume(connection_id, query.integer("after", 0, most=LARGEST_SEQUENCE))
