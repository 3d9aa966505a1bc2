"""The server's own pages, what they load, and what they show; and whether the server is well."""

from __future__ import annotations

import time

import msgspec
from aiohttp import web

from aiortstream._version import __version__
from aiortstream.local.pages import CONTENT_SECURITY_POLICY, EMBEDDED_POLICY, PAGES, STATIC, read_page
from aiortstream.local.routes.answers import json_body
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.table import Access, Routes
from aiortstream.local.services.errors import BadRequest, NotFound

browser = Routes(Access.BROWSER)
anyone = Routes(Access.OPEN)

STREAMS_SHOWN = 200
_LATEST = 60.0  # seconds of recording that a stream's link on the page plays


@browser.get("/")
async def get_index(_request: web.Request) -> web.Response:
    """The list of streams."""
    return _page("index.html")


@anyone.get("/watch")
@anyone.get("/player")
async def get_player(_request: web.Request) -> web.Response:
    """The player. What it plays is in its query, with its own permission."""
    return _page("player.html")


@anyone.get("/embed")
async def get_embedded_player(_request: web.Request) -> web.Response:
    """The player for a frame in a page of any site: whoever has the link may play it, and it does nothing else."""
    return _page("player.html", EMBEDDED_POLICY)


@anyone.get("/static/{name}")
async def get_static(request: web.Request) -> web.Response:
    """What the pages load."""
    name = request.match_info["name"]
    if name not in STATIC:
        raise NotFound(f"no file {name!r}")
    return web.Response(body=read_page(name), headers={"Content-Type": STATIC[name], "Cache-Control": "no-cache"})


@anyone.get("/healthz")
async def get_health(_request: web.Request) -> web.Response:
    """Answered while the server runs."""
    return json_body(b'{"success":true,"data":{"status":"ok"}}')


@browser.get("/status.json")
async def get_status(request: web.Request) -> web.Response:
    """The streams as they are now, for the page."""
    streams = (await request.app[SERVICES].streams.list(limit=STREAMS_SHOWN)).results
    shown = [
        {
            "id": stream.id,
            "name": stream.name,
            "status": stream.status,
            "reason": stream.status_reason,
            "recording": bool(stream.store),
            "player_url": await _latest(request, stream.id) if stream.store else None,
        }
        for stream in streams
    ]
    return json_body(msgspec.json.encode({"version": __version__, "rtstreams": shown}))


async def _latest(request: web.Request, rtstream_id: str) -> str | None:
    """The player's URL for the last minute, if any of it is recorded."""
    now = time.time()
    try:
        answer = await request.app[SERVICES].streams.playback(rtstream_id, now - _LATEST, now)
    except BadRequest:
        return None
    return answer.player_url


def _page(name: str, policy: str = CONTENT_SECURITY_POLICY) -> web.Response:
    return web.Response(
        body=read_page(name),
        headers={
            "Content-Type": PAGES[name],
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-cache",
        },
    )
