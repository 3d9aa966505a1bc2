"""The server's own pages, what they load, and what they show; and whether the server is well."""

from __future__ import annotations

import time
from dataclasses import dataclass

import msgspec
from aiohttp import web

from aiortstream.local.deliver.live_page import TooManyViewers
from aiortstream.local.pages import CONTENT_SECURITY_POLICY, EMBEDDED_POLICY, PAGES, STATIC, read_page
from aiortstream.local.routes.answers import Content, Data, Onward, json_body
from aiortstream.local.routes.keys import HUB, LIVE_PAGE, OPENAPI, SERVICES
from aiortstream.local.routes.query import OptionalMoment
from aiortstream.local.routes.table import Access, Routes
from aiortstream.local.services.errors import NotFound, Unavailable
from aiortstream.local.services.overview import StatusAnswer
from aiortstream.wire.rest import Answer

browser = Routes(Access.BROWSER)
anyone = Routes(Access.OPEN)

HTML = "text/html"
_LATEST = 60.0  # seconds of recording that a stream's link on the page plays
_SHORTEST = 4.0  # seconds that are played of what lasted less


class HealthAnswer(Answer):
    """GET /healthz."""

    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MomentQuery:
    """A window of a recording, unix seconds; without one it is the last minute."""

    start: OptionalMoment = None
    end: OptionalMoment = None


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
    """The streams as they are now: state, source, rate, and how each piece of work on them is doing."""
    return json_body(msgspec.json.encode(await request.app[SERVICES].overview.status()))


@browser.get("/metrics", answer=Content("text/plain"))
async def get_metrics(request: web.Request) -> web.StreamResponse:
    """The same figures for Prometheus, and those of the process."""
    from aiortstream.local.services.metrics import CONTENT_TYPE

    body = await request.app[SERVICES].overview.metrics(websockets=len(request.app[HUB]))
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})


@browser.get("/live", answer=Content("text/event-stream"))
async def get_live(request: web.Request) -> web.StreamResponse:
    """Transcripts, scenes and alerts of all streams as they come, as server-sent events."""
    page = request.app[LIVE_PAGE]
    try:
        viewer = page.enter()
    except TooManyViewers as error:
        raise Unavailable(str(error)) from None
    try:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        await response.write(b"retry: 2000\n\n")
        while (chunk := await viewer.next()) is not None:
            await response.write(chunk)
    finally:
        page.leave(viewer)
    return response


@browser.get("/moment/{rtstream_id}", query=MomentQuery, answer=Onward())
async def get_moment(request: web.Request, query: MomentQuery) -> str:
    """Go on to the player, at a window of a stream's recording."""
    now = time.time()
    start = now - _LATEST if query.start is None else query.start
    end = max(start + _SHORTEST, now if query.end is None else query.end)
    answer = await request.app[SERVICES].streams.playback(request.match_info["rtstream_id"], start, end)
    return answer.player_url or "/"


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
