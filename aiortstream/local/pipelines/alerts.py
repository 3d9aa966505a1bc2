"""Scenes to alerts: each new scene of an index is judged against the events of its enabled alerts.

Judging comes after the scene's own transaction, so that a slow judge holds up no scene. Each alert keeps a mark of the
last scene it has judged, which moves in the transaction of the firing and its webhook: a crash in between leaves the
scene to be judged again, and none is judged twice.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING

import msgspec

from aiortstream.local.ai.protocols import ModelError, Verdict
from aiortstream.local.ids import message_id
from aiortstream.local.patience import call_model
from aiortstream.local.pipelines.base import Tally
from aiortstream.local.store import alerts, outbox, scenes
from aiortstream.records import Alert
from aiortstream.wire.times import to_milliseconds
from aiortstream.wire.webhooks import alert_body

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from aiortstream.local.pipelines.base import Context
    from aiortstream.local.store.alerts import AlertRow, FiringRow
    from aiortstream.local.store.scenes import SceneRow
    from aiortstream.local.store.streams import StreamRow

logger = logging.getLogger("aiortstream.local.alerts")

_ROWS = 20  # scenes judged for an alert before the next alert's turn
_CALL_SECONDS = 60.0
_CALL_DELAYS = (1.0, 5.0)


class AlertJudging:
    """All alerts on one index. `stream` may be replaced while it runs. `clock` gives unix seconds."""

    def __init__(
        self, context: Context, stream: StreamRow, index_id: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.stream = stream
        self._context = context
        self._index_id = index_id
        self._clock = clock
        self._tally = Tally()
        self._finishing = False
        self._news = asyncio.Event()  # set when there is a scene, or an alert, or _finishing has changed

    @property
    def tally(self) -> Tally:
        """`records` counts firings, `dropped` scenes that the model failed on."""
        return self._tally

    def wake(self) -> None:
        """There is a new scene, or an alert has changed. Event loop only."""
        self._news.set()

    def finish(self) -> None:
        """No more scenes come."""
        self._finishing = True
        self._news.set()

    async def run(self) -> None:
        """Judge until no more scenes come."""
        while True:
            finishing = self._finishing
            self._news.clear()
            while work := await self._context.db.read(self._unjudged):
                for alert, rows in work:
                    for row in rows:
                        await self._judge(alert, row)
            if finishing:
                return
            await self._news.wait()

    def _unjudged(self, conn: sqlite3.Connection) -> list[tuple[AlertRow, Sequence[SceneRow]]]:
        found = [
            (alert, scenes.after(conn, self._index_id, alert.judged_to, limit=_ROWS))
            for alert in alerts.of_index(conn, self._index_id)
            if alert.enabled
        ]
        return [(alert, rows) for alert, rows in found if rows]

    async def _judge(self, alert: AlertRow, scene: SceneRow) -> None:
        try:
            judge = self._context.models.judge()
            verdict = await call_model(
                lambda: judge.judge(alert.prompt, alert.label, scene.text),
                seconds=_CALL_SECONDS,
                delays=_CALL_DELAYS,
            )
        except ModelError as error:
            logger.warning("alert %s: a scene is not judged: %s", alert.id, error)
            self._tally.failed(str(error))
            self._tally.dropped += 1
            await self._context.db.run(lambda conn: alerts.set_judged(conn, alert.id, scene.id))
            return
        if not verdict.triggered:
            await self._context.db.run(lambda conn: alerts.set_judged(conn, alert.id, scene.id))
            return
        await self._fire(alert, scene, verdict, judge.model)

    async def _fire(self, alert: AlertRow, scene: SceneRow, verdict: Verdict, model: str) -> None:
        fired = self._alert(alert, scene, verdict)
        profile = self._context.profile
        told = alert_body(fired, times=profile.webhook_times, event_id=profile.webhook_event_id)
        body = msgspec.json.encode(told)
        now = self._clock()

        def commit(conn: sqlite3.Connection) -> tuple[AlertRow, FiringRow] | None:
            current = alerts.get(conn, alert.index_id, alert.id)
            alerts.set_judged(conn, alert.id, scene.id)
            if current is None or not current.enabled or current.judged_to >= scene.id:
                return None  # switched off while its scene was judged, and on again perhaps
            firing = alerts.add_firing(
                conn,
                alert.id,
                scene.id,
                rtstream_id=self.stream.id,
                index_id=current.index_id,
                fired_ms=to_milliseconds(fired.timestamp),
                now_ms=to_milliseconds(self._clock()),
                confidence=verdict.confidence,
                explanation=verdict.explanation,
                model=model,
            )
            if current.callback_url and not current.callback_gone:
                outbox.add(
                    conn, message_id=message_id(), alert_id=alert.id, url=current.callback_url, body=body, at=now
                )
            return current, firing

        committed = await self._context.db.run(commit)
        if committed is None:
            return
        current, firing = committed
        self._tally.succeeded()
        logged = msgspec.structs.replace(fired, firing_id=firing.id, fired_at=firing.logged_ms / 1000)
        self._context.publisher.publish(self._context.bindings.of(alert.id), logged)
        if current.callback_url:
            self._context.outbox.wake()

    def _alert(self, alert: AlertRow, scene: SceneRow, verdict: Verdict) -> Alert:
        start, end = scene.start_ms / 1000, scene.end_ms / 1000
        stream_url = player_url = None
        if self.stream.store:
            urls = self._context.urls
            stream_url = urls.manifest(self.stream.id, start, end)
            player_url = urls.player(stream_url, title=self.stream.name)
        return Alert(
            label=alert.label,
            timestamp=round(self._clock(), 3),
            rtstream_id=self.stream.id,
            rtstream_name=self.stream.name,
            text=verdict.explanation,
            confidence=verdict.confidence,
            start=start,
            end=end,
            event_id=alert.event_id,
            alert_id=alert.id,
            index_id=alert.index_id,
            stream_url=stream_url,
            player_url=player_url,
        )
