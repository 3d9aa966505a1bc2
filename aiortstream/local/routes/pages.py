"""The server's own pages, what they load, and what they show; and whether the server is well."""

from __future__ import annotations

import time

import msgspec
from aiohttp import web

from aiortstream._version import __version__
from aiortstream.local.pages import CONTENT_SECURITY_POLICY, EMBEDDED_POLICY, PAGES, STATIC, read_page
from aiortstream.local.routes.answers import Content, Data, json_body
from aiortstream.local.routes.keys import OPENAPI, SERVICES
from aiortstream.local.routes.table import Access, Routes
from aiortstream.local.services.errors import BadRequest, NotFound
from aiortstream.wire.rest import Answer

browser = Routes(Access.BROWSER)
anyone = Routes(Access.OPEN)

HTML = "text/html"
STREAMS_SHOWN = 200
_LATEST = 60.0  # seconds of recording that a stream's link on the page plays


class HealthAnswer(Answer):
    """GET /healthz."""

    status: str


class ShownStream(Answer):
    """One stream as the page shows it."""

    id: str
    name: str | None
    status: str | None
    reason: str | None
    recording: bool
    player_url: str | None


class StatusAnswer(Answer):
    """GET /status.json, without an envelope."""

    version: str
    rtstreams: list[ShownStream]


@browser.get("/", answer=Content(HTML))
async def get_start_page(_request: web.Request) -> web.StreamResponse:
    """The list of streams."""
    return _page("index.html")


@anyone.get("/watch", answer=Content(HTML))
async def get_player(_request: web.Request) -> web.StreamResponse:
    """The player. What it plays is in its query, with its own permission."""
    return _page("player.html")


@anyone.get("/player", answer=Content(HTML))
async def get_player_page(request: web.Request) -> web.StreamResponse:
    """The player under the name that the hosted console has for it."""
    return await get_player(request)


@anyone.get("/embed", answer=Content(HTML))
async def get_embedded_player(_request: web.Request) -> web.StreamResponse:
    """The player for a frame in a page of any site: whoever has the link may play it, and it does nothing else."""
    return _page("player.html", EMBEDDED_POLICY)


@anyone.get("/static/{name}", answer=Content("*/*"))
async def get_static(request: web.Request) -> web.StreamResponse:
    """What the pages load."""
    name = request.match_info["name"]
    if name not in STATIC:
        raise NotFound(f"no file {name!r}")
    return web.Response(body=read_page(name), headers={"Content-Type": STATIC[name], "Cache-Control": "no-cache"})


@anyone.get("/openapi.json", answer=Content("application/json"))
async def get_openapi(request: web.Request) -> web.StreamResponse:
    """What this server answers, as an OpenAPI 3.1 document."""
    return json_body(request.app[OPENAPI])


@anyone.get("/healthz", answer=Data(HealthAnswer))
async def get_health(_request: web.Request) -> HealthAnswer:
    """Answered while the server runs."""
    return HealthAnswer("ok")


@browser.get("/status.json", answer=Content("application/json", StatusAnswer))
async def get_status(request: web.Request) -> web.StreamResponse:
    """The streams as they are now, for the page."""
    streams = (await request.app[SERVICES].streams.list(limit=STREAMS_SHOWN)).results
    shown = [
        ShownStream(
            stream.id,
            stream.name,
            stream.status,
            stream.status_reason,
            bool(stream.store),
            await _latest(request, stream.id) if stream.store else None,
        )
        for stream in streams
    ]
    return json_body(msgspec.json.encode(StatusAnswer(__version__, shown)))


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
