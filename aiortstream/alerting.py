"""What has alerts: an index of scenes, or an index of what an understanding records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec import UNSET

from aiortstream.alerts import AlertDefinition, read_alert
from aiortstream.arguments import non_empty, path_of
from aiortstream.checking import checked
from aiortstream.errors import InvalidArgumentError
from aiortstream.handles import Handle
from aiortstream.live.bindings import OWN, AlertBinding, ConnectionChoice
from aiortstream.paging import Paged, one_page
from aiortstream.records import Alert, Gap
from aiortstream.wire import rest

if TYPE_CHECKING:
    from aiortstream.context import Context
    from aiortstream.live.watch import Watch


@checked
class Alerting(Handle, ABC):
    """An index on which alerts can be put."""

    _context: Context
    rtstream_id: str

    @abstractmethod
    def _alerts_on(self) -> tuple[str, str]:
        """Its id, and the word of the path to it."""

    async def create_alert(
        self, event_id: str, callback_url: str = "", ws_connection_id: ConnectionChoice = OWN
    ) -> str:
        """Be told when `event_id` is seen in this index; the new alert's id.

        Alerts come to this client's websocket (`watch_alerts`), or to another connection's if its id is given, and are
        posted to `callback_url` unless that is empty. Raises InvalidRequestError, and ConnectionFailedError if neither
        way of delivery can be had. OutcomeUnknownError, which says that the answer was lost, and cancelling it leave
        unknown whether it was created: see `list_alerts`.
        """
        non_empty(event_id, "event_id")
        if not callback_url and ws_connection_id is None:
            raise InvalidArgumentError(
                "callback_url: an alert without a callback and without a websocket reaches nobody; give one of the two"
            )
        connection = await self._context.live.connection_id(ws_connection_id, required=not callback_url)
        answer = await self._context.transport.post(
            self._alerts_path(),
            rest.AlertIdAnswer,
            body=rest.AlertRequest(event_id, callback_url, connection or UNSET),
        )
        self._context.live.bind(
            AlertBinding(self.rtstream_id, self._alerts_on()[0], event_id, callback_url, answer.alert_id),
            connection or ws_connection_id,
        )
        return answer.alert_id

    def list_alerts(self) -> Paged[list[AlertDefinition], AlertDefinition]:
        """The alerts on this index, which come at once; to be awaited or iterated. Cancelling it changes nothing."""

        async def fetch() -> list[AlertDefinition]:
            answer = await self._context.transport.get(self._alerts_path(), rest.AlertsAnswer)
            return [read_alert(alert) for alert in answer.alerts]

        return one_page(fetch, lambda alert: alert.alert_id)

    async def enable_alert(self, alert_id: str) -> None:
        """Let an alert fire again. Doing it twice is doing it once; cancelled, it may or may not be done."""
        await self._set_alert(alert_id, rest.AlertStatusRequest(action="enable"))
        self._context.live.alert_enabled(alert_id)

    async def disable_alert(self, alert_id: str) -> None:
        """Keep an alert from firing. Doing it twice is doing it once; cancelled, it may or may not be done."""
        await self._set_alert(alert_id, rest.AlertStatusRequest(action="disable"))
        self._context.live.alert_disabled(alert_id)

    def watch_alerts(
        self, *, label: str | None = None, since: float | datetime | str | None = None, max_buffer: int | None = None
    ) -> Watch[Alert | Gap]:
        """The alerts of this index; a `Gap` for each stretch in which one may have been missed.

        since: unix seconds, an aware datetime or a cursor. A server that keeps a log of alerts (the embedded one does)
        gives what fired since then, and leaves no gap; the hosted service keeps none, so that stretch is a gap.
        """
        return self._context.live.watch_alerts(
            self.rtstream_id, index_id=self._alerts_on()[0], label=label, since=since, max_buffer=max_buffer
        )

    async def _set_alert(self, alert_id: str, body: rest.AlertStatusRequest) -> None:
        newest = self._context.live.newest_alert(alert_id)
        await self._context.transport.patch(f"{self._alerts_path()}/{path_of(newest)}/status", body=body)

    def _alerts_path(self) -> str:
        index_id, collection = self._alerts_on()
        return path_of("rtstream", self.rtstream_id, collection, index_id, "alert")
