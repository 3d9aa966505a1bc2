"""Understandings of streams, and the indexes of what they record, with their alerts."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from aiortstream.local.routes.answers import Data, Said
from aiortstream.local.routes.bodies import Json
from aiortstream.local.routes.indexes import ScenesQuery
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.query import OptionalText
from aiortstream.local.routes.table import Routes
from aiortstream.wire.rest import (
    ActionRequest,
    AlertIdAnswer,
    AlertRequest,
    AlertsAnswer,
    AlertStatusRequest,
    IndexAnswer,
    IndexesAnswer,
    IndexRequest,
    RecordsAnswer,
    UnderstandingAnswer,
    UnderstandingsAnswer,
    UnderstandRequest,
)

routes = Routes()

_UNDERSTAND = "/rtstream/{rtstream_id}/understand"
_UNDERSTANDING = _UNDERSTAND + "/{understanding_id}"
_INDEXES = "/rtstream/{rtstream_id}/indexes"
_INDEX = _INDEXES + "/{understanding_index_id}"


@routes.post(_UNDERSTAND, body=Json(UnderstandRequest), answer=Data(UnderstandingAnswer))
async def create_understanding(request: web.Request, body: UnderstandRequest) -> UnderstandingAnswer:
    """Begin to understand a stream."""
    return await request.app[SERVICES].understandings.create(request.match_info["rtstream_id"], body)


@routes.get(_UNDERSTAND, answer=Data(UnderstandingsAnswer))
async def list_understandings(request: web.Request) -> UnderstandingsAnswer:
    """All understandings of a stream."""
    return await request.app[SERVICES].understandings.list(request.match_info["rtstream_id"])


@routes.get(_UNDERSTANDING, answer=Data(UnderstandingAnswer))
async def get_understanding(request: web.Request) -> UnderstandingAnswer:
    """One understanding, whole."""
    return await request.app[SERVICES].understandings.get(*_understanding(request))


@routes.patch(_UNDERSTANDING + "/status", body=Json(ActionRequest), answer=Said())
async def set_understanding_status(request: web.Request, body: ActionRequest) -> str:
    """Start or stop an understanding."""
    running = body.action == "start"
    await request.app[SERVICES].understandings.set_running(*_understanding(request), running=running)
    return "understanding started" if running else "understanding stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordsQuery(ScenesQuery):
    """A page of records of one output."""

    output: OptionalText = None


@routes.get(_UNDERSTANDING + "/records", query=RecordsQuery, answer=Data(RecordsAnswer))
async def get_understanding_records(request: web.Request, query: RecordsQuery) -> RecordsAnswer:
    """A page of an understanding's records, newest first."""
    return await request.app[SERVICES].understandings.records(
        *_understanding(request),
        output=query.output,
        page=query.page,
        page_size=query.page_size,
        start=query.start,
        end=query.end,
        since=query.since,
    )


@routes.post(_INDEXES, body=Json(IndexRequest), answer=Data(IndexAnswer))
async def create_understanding_index(request: web.Request, body: IndexRequest) -> IndexAnswer:
    """Make what an understanding records searchable."""
    return await request.app[SERVICES].understandings.create_index(request.match_info["rtstream_id"], body)


@routes.get(_INDEXES, answer=Data(IndexesAnswer))
async def list_understanding_indexes(request: web.Request) -> IndexesAnswer:
    """All indexes of understandings of a stream."""
    return await request.app[SERVICES].understandings.list_indexes(request.match_info["rtstream_id"])


@routes.get(_INDEX, answer=Data(IndexAnswer))
async def get_understanding_index(request: web.Request) -> IndexAnswer:
    """One index of an understanding."""
    return await request.app[SERVICES].understandings.get_index(*_index(request))


@routes.patch(_INDEX + "/status", body=Json(ActionRequest), answer=Said())
async def set_understanding_index_status(request: web.Request, body: ActionRequest) -> str:
    """Start or stop an index of an understanding."""
    running = body.action == "start"
    await request.app[SERVICES].understandings.set_index_running(*_index(request), running=running)
    return "index started" if running else "index stopped"


@routes.get(_INDEX + "/records", query=ScenesQuery, answer=Data(RecordsAnswer))
async def get_understanding_index_records(request: web.Request, query: ScenesQuery) -> RecordsAnswer:
    """A page of an index's records, newest first."""
    return await request.app[SERVICES].understandings.index_records(
        *_index(request),
        page=query.page,
        page_size=query.page_size,
        start=query.start,
        end=query.end,
        since=query.since,
    )


@routes.post(_INDEX + "/alert", body=Json(AlertRequest), answer=Data(AlertIdAnswer))
async def create_understanding_alert(request: web.Request, body: AlertRequest) -> AlertIdAnswer:
    """Put an alert on an index of an understanding."""
    return await request.app[SERVICES].alerts.create(*_index(request), body)


@routes.get(_INDEX + "/alert", answer=Data(AlertsAnswer))
async def list_understanding_alerts(request: web.Request) -> AlertsAnswer:
    """All alerts on an index of an understanding."""
    return await request.app[SERVICES].alerts.list(*_index(request))


@routes.patch(_INDEX + "/alert/{understanding_alert_id}/status", body=Json(AlertStatusRequest), answer=Said())
async def set_understanding_alert_status(request: web.Request, body: AlertStatusRequest) -> str:
    """Enable or disable an alert on an index of an understanding."""
    alerts = request.app[SERVICES].alerts
    await alerts.set_status(*_index(request), request.match_info["understanding_alert_id"], body)
    return "alert updated"


def _understanding(request: web.Request) -> tuple[str, str]:
    return request.match_info["rtstream_id"], request.match_info["understanding_id"]


def _index(request: web.Request) -> tuple[str, str]:
    return request.match_info["rtstream_id"], request.match_info["understanding_index_id"]
