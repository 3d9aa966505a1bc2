"""Events and alerts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiortstream.local.ids import short_id
from aiortstream.local.services.errors import BadRequest, NotFound
from aiortstream.local.services.lookup import alert_of, given, index_of, page_bounds, stream_of
from aiortstream.local.services.recordings import playback_urls
from aiortstream.local.store import alerts, indexes, scenes
from aiortstream.wire.rest import (
    AlertAnswer,
    AlertIdAnswer,
    AlertLogAnswer,
    AlertsAnswer,
    EventAnswer,
    EventIdAnswer,
    EventsAnswer,
    FiringRecord,
)
from aiortstream.wire.times import to_milliseconds

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from aiortstream.local.ports import Urls
    from aiortstream.local.runtime import StreamManager
    from aiortstream.local.store.database import Database
    from aiortstream.wire.rest import AlertRequest, AlertStatusRequest, EventRequest

LARGEST_TEXT = 10_000  # characters of an event's prompt or label
LARGEST_URL = 2_000  # characters of a callback


class AlertService:
    """Events say what to look for; alerts look for one in an index and tell a callback and websockets."""

    def __init__(self, db: Database, manager: StreamManager, urls: Urls) -> None:
        self._db = db
        self._manager = manager
        self._urls = urls

    async def create_event(self, request: EventRequest) -> EventIdAnswer:
        """A new event; labels need not be unique. Raises BadRequest."""
        for name, text in (("event_prompt", request.event_prompt), ("label", request.label)):
            if not text.strip() or len(text) > LARGEST_TEXT:
                raise BadRequest(f"{name}: expected 1 to {LARGEST_TEXT} characters, got {len(text.strip())}")
        row = alerts.EventRow(short_id(), request.event_prompt, request.label, time.time())
        await self._db.run(lambda conn: alerts.add_event(conn, row))
        return EventIdAnswer(row.id)

    async def list_events(self) -> EventsAnswer:
        """All events, oldest first."""
        rows = await self._db.read(alerts.events)
        return EventsAnswer([EventAnswer(row.id, row.prompt, row.label) for row in rows])

    async def create(self, rtstream_id: str, index_id: str, request: AlertRequest) -> AlertIdAnswer:
        """A new alert, enabled: it judges the scenes that come from now on. Raises NotFound, BadRequest."""
        alert_id = short_id()
        event_id = request.event_id.removeprefix("event-")
        callback_url = callback(request.callback_url)
        connection_id = given(request.ws_connection_id)

        def create(conn: sqlite3.Connection) -> None:
            index_of(conn, rtstream_id, index_id)
            if alerts.get_event(conn, event_id) is None:
                raise NotFound(f"there is no event {request.event_id!r}")
            alerts.add(
                conn,
                alert_id,
                index_id=index_id,
                event_id=event_id,
                callback_url=callback_url,
                judged_to=scenes.last_id(conn, index_id),
                at=time.time(),
            )
            self._manager.bindings.note(conn, alert_id, connection_id)

        await self._db.run(create)
        self._manager.bindings.bind(alert_id, connection_id)
        await self._manager.apply(rtstream_id)
        return AlertIdAnswer(alert_id)

    async def list(self, rtstream_id: str, index_id: str) -> AlertsAnswer:
        """All alerts of an index, oldest first. Raises NotFound."""

        def read(conn: sqlite3.Connection) -> Sequence[alerts.AlertRow]:
            return alerts.of_index(conn, index_of(conn, rtstream_id, index_id).id)

        return AlertsAnswer([_answer(row) for row in await self._db.read(read)])

    async def set_status(self, rtstream_id: str, index_id: str, alert_id: str, request: AlertStatusRequest) -> None:
        """Enable or disable it; what is recorded meanwhile is not judged later. Raises NotFound, BadRequest."""
        enabled = _enabled(request)

        def change(conn: sqlite3.Connection) -> None:
            alert_of(conn, rtstream_id, index_id, alert_id)
            last = scenes.last_id(conn, index_id)
            alerts.set_enabled(conn, alert_id, enabled=enabled, judged_to=last, at=time.time())

        await self._db.run(change)
        await self._manager.apply(rtstream_id)

    async def log(
        self,
        *,
        rtstream_id: str | None = None,
        index_id: str | None = None,
        page: int = 1,
        page_size: int = 100,
        start: float | None = None,
        end: float | None = None,
    ) -> AlertLogAnswer:
        """What fired, of all streams or one or an index, oldest first, whether its alert is enabled or not.

        `fired_at`, the unix seconds at which it was committed, selects: from `start` on and before `end`, to the
        millisecond. It never falls from one firing to the next, and a commit takes its time: who reads up to now and
        goes on from there overlaps by a moment. Raises NotFound, BadRequest.
        """
        limit, offset = page_bounds(page, page_size)
        if start is not None and end is not None and end < start:
            raise BadRequest(f"end: expected a time not before start ({start}), got {end}")

        def read(conn: sqlite3.Connection) -> Sequence[alerts.LogRow]:
            _check_owner(conn, rtstream_id, index_id)
            return alerts.log(
                conn,
                rtstream_id=rtstream_id if index_id is None else None,
                index_id=index_id,
                start_ms=None if start is None else to_milliseconds(start),
                end_ms=None if end is None else to_milliseconds(end),
                limit=limit,
                offset=offset,
            )

        rows = await self._db.read(read)
        return AlertLogAnswer([self._firing(row) for row in rows[:page_size]], len(rows) > page_size)

    def _firing(self, row: alerts.LogRow) -> FiringRecord:
        start, end = row.start_ms / 1000, row.end_ms / 1000
        record = FiringRecord(
            firing_id=row.firing.id,
            fired_at=row.firing.logged_ms / 1000,
            label=row.label,
            timestamp=row.firing.fired_ms / 1000,
            rtstream_id=row.rtstream_id,
            index_id=row.index_id,
            alert_id=row.firing.alert_id,
            event_id=row.event_id,
            start=start,
            end=end,
            rtstream_name=row.rtstream_name,
            explanation=row.firing.explanation,
            confidence=row.firing.confidence,
        )
        if row.stored:
            playback = playback_urls(self._urls, row.rtstream_id, start, end, title=row.rtstream_name)
            record.stream_url, record.player_url = playback.stream_url, playback.player_url
        return record


def _check_owner(conn: sqlite3.Connection, rtstream_id: str | None, index_id: str | None) -> None:
    if index_id is None:
        if rtstream_id is not None:
            stream_of(conn, rtstream_id)
    elif rtstream_id is not None:
        index_of(conn, rtstream_id, index_id)
    elif indexes.stream_of(conn, index_id) is None:
        raise NotFound(f"there is no scene index {index_id!r}")


def callback(url: str | None) -> str:
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or len(url) > LARGEST_URL or any(character <= " " for character in url):
        raise BadRequest("callback_url: expected an http:// or https:// URL, or '' for none; it is not one")
    return url


def _enabled(request: AlertStatusRequest) -> bool:
    wishes = set[bool]()
    if (action := given(request.action)) is not None:
        wishes.add(action == "enable")
    if (status := given(request.status)) is not None:
        wishes.add(status == "enabled")
    if len(wishes) != 1:
        raise BadRequest("action: expected 'enable' or 'disable' (or status 'enabled' or 'disabled'), and only one")
    return wishes.pop()


def _answer(row: alerts.AlertRow) -> AlertAnswer:
    status = "enabled" if row.enabled else "disabled"
    return AlertAnswer(row.id, row.event_id, row.prompt, row.label, row.callback_url, status)
