"""Events, which say what to look for, and alerts, which look for one on an index."""

from __future__ import annotations

from aiohttp import web

from aiortstream.local.routes.answers import created, done, ok
from aiortstream.local.routes.bodies import read_body
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.query import Query
from aiortstream.local.routes.table import Routes
from aiortstream.wire.rest import AlertRequest, AlertStatusRequest, EventRequest

routes = Routes()
LARGEST_PAGE = 1000


@routes.post("/rtstream/event")
async def create_event(request: web.Request) -> web.Response:
    """Define an event."""
    return created(await request.app[SERVICES].alerts.create_event(await read_body(request, EventRequest)))


@routes.get("/rtstream/event")
async def list_events(request: web.Request) -> web.Response:
    """All event definitions."""
    return ok(await request.app[SERVICES].alerts.list_events())


@routes.post("/rtstream/{rtstream_id}/index/{index_id}/alert")
async def create_alert(request: web.Request) -> web.Response:
    """Put an alert on an index."""
    body = await read_body(request, AlertRequest)
    return created(await request.app[SERVICES].alerts.create(*_ids(request), body))


@routes.get("/rtstream/{rtstream_id}/index/{index_id}/alert")
async def list_alerts(request: web.Request) -> web.Response:
    """All alerts on an index."""
    return ok(await request.app[SERVICES].alerts.list(*_ids(request)))


@routes.patch("/rtstream/{rtstream_id}/index/{index_id}/alert/{alert_id}/status")
async def set_alert_status(request: web.Request) -> web.Response:
    """Enable or disable an alert."""
    body = await read_body(request, AlertStatusRequest)
    await request.app[SERVICES].alerts.set_status(*_ids(request), request.match_info["alert_id"], body)
    return done("alert updated")


@routes.get("/alert/log")
async def get_alert_log(request: web.Request) -> web.Response:
    """A page of what fired, oldest first. The hosted service has no such call."""
    query = Query(request)
    start, end = query.window()
    answer = await request.app[SERVICES].alerts.log(
        rtstream_id=query.text("rtstream_id"),
        index_id=query.text("index_id"),
        page=query.integer("page", 1, least=1),
        page_size=query.integer("page_size", 100, least=1, most=LARGEST_PAGE),
        start=start,
        end=end,
    )
    return ok(answer)


def _ids(request: web.Request) -> tuple[str, str]:
    return request.match_info["rtstream_id"], request.match_info["index_id"]
