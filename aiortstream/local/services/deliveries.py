"""Callbacks: what became of each, and sending one again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiortstream.local.services.errors import BadRequest, NotFound
from aiortstream.local.services.lookup import page_bounds
from aiortstream.local.store import outbox
from aiortstream.wire.rest import DeliveriesAnswer, DeliveryRecord

if TYPE_CHECKING:
    import sqlite3

    from aiortstream.local.ports import OutboxWaker
    from aiortstream.local.store.database import Database


class DeliveryService:
    """The outbox, as people see it."""

    def __init__(self, db: Database, waker: OutboxWaker) -> None:
        self._db = db
        self._waker = waker

    async def page(
        self,
        *,
        alert_id: str | None,
        status: outbox.State | None,
        page: int,
        page_size: int,
        start: float | None,
        end: float | None,
    ) -> DeliveriesAnswer:
        """A page of those made from `start` on and before `end`, unix seconds, the newest first. Raises BadRequest."""
        limit, offset = page_bounds(page, page_size)

        def read(conn: sqlite3.Connection) -> list[outbox.Delivery]:
            return outbox.page(conn, alert_id=alert_id, state=status, start=start, end=end, limit=limit, offset=offset)

        rows = await self._db.read(read)
        return DeliveriesAnswer([_record(row) for row in rows[:page_size]], len(rows) > page_size)

    async def replay(self, delivery_id: int) -> DeliveryRecord:
        """Send it again, at once and then on the usual schedule. Raises NotFound, BadRequest where it is pending."""
        at = time.time()

        def again(conn: sqlite3.Connection) -> outbox.Delivery:
            found = outbox.get(conn, delivery_id)
            if found is None:
                raise NotFound(f"there is no delivery {delivery_id}, or not any more")
            if found.state == "pending":
                raise BadRequest(f"delivery {delivery_id} is pending: it is sent again by itself")
            outbox.again(conn, delivery_id, at)
            row = outbox.get(conn, delivery_id)
            assert row is not None  # in the same transaction
            return row

        row = await self._db.run(again)
        self._waker.wake()
        return _record(row)


def _record(row: outbox.Delivery) -> DeliveryRecord:
    return DeliveryRecord(
        row.id,
        row.message_id,
        row.alert_id,
        _shown(row.url),
        row.state,
        row.attempts,
        row.created_at,
        row.next_attempt_at,
        row.delivered_at,
        row.last_error,
    )


def _shown(url: str) -> str:
    """Where it goes, without what may be a secret: user, password, query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
