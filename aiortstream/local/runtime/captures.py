"""Telling how capture sessions go on: to their callback through the outbox, and to the websockets bound to them.

What a callback is told of is written in the transaction of the change itself, so that no crash comes between the two.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from aiortstream.local.ids import message_id
from aiortstream.local.store import captures, outbox, streams
from aiortstream.records import CaptureSessionEvent
from aiortstream.wire.webhooks import capture_body

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from aiortstream.local.ports import OutboxWaker, Publisher
    from aiortstream.local.runtime.bindings import Bindings
    from aiortstream.local.store.database import Database
    from aiortstream.local.store.streams import StreamStatus


class CaptureEvents:
    """Notes events of sessions, and tells of those that have been committed."""

    def __init__(self, bindings: Bindings, publisher: Publisher, waker: OutboxWaker) -> None:
        self._bindings = bindings
        self._publisher = publisher
        self._waker = waker

    def note(
        self, conn: sqlite3.Connection, session: captures.SessionRow, data: Mapping[str, Any] | None = None
    ) -> CaptureSessionEvent:
        """Write what the session's callback is to be told of its present status; what `tell` takes once that holds."""
        event = CaptureSessionEvent(f"capture_session.{session.status}", session.id, session.status, data or {})
        if session.callback_url:
            at = time.time()
            body = msgspec.json.encode(capture_body(event, session.end_user_id, at))
            outbox.add(conn, message_id=message_id(), alert_id=None, url=session.callback_url, body=body, at=at)
        return event

    def tell(self, event: CaptureSessionEvent) -> None:
        """Send what has been committed. Event loop only; never waits."""
        self._publisher.publish(self._bindings.of(event.capture_session_id), event)
        self._waker.wake()

    async def report(self, db: Database, rtstream_id: str, status: StreamStatus, reason: str | None) -> None:
        """Write the status of a stream. A session that has been starting is active once one of its streams is."""

        def write(conn: sqlite3.Connection) -> CaptureSessionEvent | None:
            streams.report(conn, rtstream_id, status, reason, at=time.time())
            session = captures.activate(conn, rtstream_id) if status == "connected" else None
            return None if session is None else self.note(conn, session, {"rtstreams": told_streams(conn, session.id)})

        event = await db.run(write)
        if event is not None:
            self.tell(event)


def told_streams(conn: sqlite3.Connection, session_id: str) -> list[dict[str, Any]]:
    """The streams of a session as events tell of them."""
    return [
        {
            "rtstream_id": channel.rtstream_id,
            "channel_id": channel.channel_id,
            "name": channel.name,
            "media_types": [channel.type],
        }
        for channel in captures.channels(conn, session_id)
    ]
