"""The live channel: a call that gives a URL, and the socket behind it."""

from __future__ import annotations

from aiohttp import web

from aiortstream.local.deliver.hub import HubFull
from aiortstream.local.routes.answers import ok
from aiortstream.local.routes.keys import HUB, SERVICES, SIGNER, URLS
from aiortstream.local.routes.table import Access, Routes
from aiortstream.local.services.errors import BadRequest, Forbidden, Unavailable
from aiortstream.local.urls import WEBSOCKET_SCOPE, TokenRefused
from aiortstream.wire.rest import WebsocketAnswer

api = Routes()
socket = Routes(Access.CAPABILITY)


@api.get("/collection/{collection_id}/websocket")
async def get_websocket_url(request: web.Request) -> web.Response:
    """Where to open a websocket, permission included: clients add no header of their own to it."""
    await request.app[SERVICES].collections.get(request.match_info["collection_id"])
    return ok(WebsocketAnswer(request.app[URLS].websocket()))


@socket.get("/ws")
async def open_websocket(request: web.Request) -> web.StreamResponse:
    """The socket. Its first frame carries the connection id; what else is sent depends on who was given that id."""
    try:
        request.app[SIGNER].check(WEBSOCKET_SCOPE, request.query.get("ticket", ""))
    except TokenRefused as refused:
        raise Forbidden(str(refused)) from None
    if not web.WebSocketResponse().can_prepare(request):
        raise BadRequest("expected a websocket handshake: open this URL with a websocket client")
    try:
        return await request.app[HUB].serve(request)
    except HubFull as full:
        raise Unavailable(str(full)) from None
