"""Events and alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:

    from aiortstream.local.runtime import StreamManager
    from aiortstream.local.store.database import Database
    from aiortstream.wire.rest import (
        AlertIdAnswer,
        AlertRequest,
        AlertsAnswer,
        AlertStatusRequest,
        EventIdAnswer,
        EventRequest,
        EventsAnswer,
    )


class AlertService:
    def __init__(self, db: Database, manager: StreamManager) -> None:
        pass

    async def create_event(self, request: EventRequest) -> EventIdAnswer:
        raise NotImplementedError

    async def list_events(self) -> EventsAnswer:
        raise NotImplementedError

    async def create(self, rtstream_id: str, index_id: str, request: AlertRequest) -> AlertIdAnswer:
        raise NotImplementedError

    async def list(self, rtstream_id: str, index_id: str) -> AlertsAnswer:
        raise NotImplementedError

    async def set_status(self, rtstream_id: str, index_id: str, alert_id: str, request: AlertStatusRequest) -> None:
        raise NotImplementedError
