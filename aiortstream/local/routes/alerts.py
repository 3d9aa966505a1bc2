"""Events, which say what to look for, and alerts, which look for one on an index."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, get_args

from aiohttp import web

from aiortstream.local.routes.answers import Data, Said
from aiortstream.local.routes.bodies import Json
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.query import OptionalText, PageQuery, Text
from aiortstream.local.routes.table import Routes
from aiortstream.local.services.errors import NotFound
from aiortstream.local.store import outbox
from aiortstream.wire.rest import (
    AlertIdAnswer,
    AlertLogAnswer,
    AlertRequest,
    AlertsAnswer,
    AlertStatusRequest,
    DeliveriesAnswer,
    DeliveryRecord,
    EventIdAnswer,
    EventRequest,
    EventsAnswer,
)

routes = Routes()


@routes.post("/rtstream/event", body=Json(EventRequest), answer=Data(EventIdAnswer))
async def create_event(request: web.Request, body: EventRequest) -> EventIdAnswer:
    """Define an event."""
    return await request.app[SERVICES].alerts.create_event(body)


@routes.get("/rtstream/event", answer=Data(EventsAnswer))
async def list_events(request: web.Request) -> EventsAnswer:
    """All event definitions."""
    return await request.app[SERVICES].alerts.list_events()


@routes.post("/rtstream/{rtstream_id}/index/{index_id}/alert", body=Json(AlertRequest), answer=Data(AlertIdAnswer))
async def create_alert(request: web.Request, body: AlertRequest) -> AlertIdAnswer:
    """Put an alert on an index."""
    return await request.app[SERVICES].alerts.create(*_ids(request), body)


@routes.get("/rtstream/{rtstream_id}/index/{index_id}/alert", answer=Data(AlertsAnswer))
async def list_alerts(request: web.Request) -> AlertsAnswer:
    """All alerts on an index."""
    return await request.app[SERVICES].alerts.list(*_ids(request))


@routes.patch(
    "/rtstream/{rtstream_id}/index/{index_id}/alert/{alert_id}/status", body=Json(AlertStatusRequest), answer=Said()
)
async def set_alert_status(request: web.Request, body: AlertStatusRequest) -> str:
    """Enable or disable an alert."""
    await request.app[SERVICES].alerts.set_status(*_ids(request), request.match_info["alert_id"], body)
    return "alert updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertLogQuery(PageQuery):
    """A page of the log, of one stream or index if that is named."""

    rtstream_id: OptionalText = None
    index_id: OptionalText = None


@routes.get("/alert/log", query=AlertLogQuery, answer=Data(AlertLogAnswer))
async def get_alert_log(request: web.Request, query: AlertLogQuery) -> AlertLogAnswer:
    """A page of what fired, oldest first. The hosted service has no such call."""
    return await request.app[SERVICES].alerts.log(
        rtstream_id=query.rtstream_id,
        index_id=query.index_id,
        page=query.page,
        page_size=query.page_size,
        start=query.start,
        end=query.end,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveriesQuery(PageQuery):
    """A page of callbacks, of one alert or state if that is named."""

    alert_id: OptionalText = None
    status: Annotated[outbox.State | None, Text(get_args(outbox.State))] = None


@routes.get("/alert/delivery", query=DeliveriesQuery, answer=Data(DeliveriesAnswer))
async def list_deliveries(request: web.Request, query: DeliveriesQuery) -> DeliveriesAnswer:
    """A page of callbacks, the newest first, and what became of each. The hosted service has no such call."""
    return await request.app[SERVICES].deliveries.page(
        alert_id=query.alert_id,
        status=query.status,
        page=query.page,
        page_size=query.page_size,
        start=query.start,
        end=query.end,
    )


@routes.post("/alert/delivery/{delivery_id}/replay", answer=Data(DeliveryRecord))
async def replay_delivery(request: web.Request) -> DeliveryRecord:
    """Send a callback again that was delivered, or given up. The hosted service has no such call."""
    named = request.match_info["delivery_id"]
    if not re.fullmatch("[0-9]{1,18}", named):
        raise NotFound(f"there is no delivery {named!r}")
    return await request.app[SERVICES].deliveries.replay(int(named))


def _ids(request: web.Request) -> tuple[str, str]:
    return request.match_info["rtstream_id"], request.match_info["index_id"]
