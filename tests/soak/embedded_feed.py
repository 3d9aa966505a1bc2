"""Records put into a genuine embedded server the way its pipelines do it, without media: committed, then published."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

from aiortstream.local.store import alerts, scenes, streams, transcripts
from aiortstream.records import Alert, Scene, TranscriptSegment

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from aiortstream.local.server import LocalServer

Record = TranscriptSegment | Scene | Alert


class EmbeddedFeed:
    """Puts records into the server that is running now; `served` is all that was committed, by kind and stream."""

    def __init__(self) -> None:
        self.server: LocalServer | None = None
        self.served: dict[tuple[str, str], list[Record]] = {}
        self.indexes: dict[str, str] = {}  # stream -> its index
        self.alerts: dict[str, str] = {}  # stream -> its alert
        self._clock = itertools.count()  # ms: two records of one feed never have the same times

    @property
    def total(self) -> int:
        """How many records have been committed."""
        return sum(len(records) for records in self.served.values())

    async def add_streams(self, count: int) -> list[str]:
        """Streams that are known and not running: nothing but us makes records of them."""
        names = [f"rts-soak-{number}" for number in range(count)]

        def add(conn: sqlite3.Connection) -> None:
            (collection,) = conn.execute("SELECT id FROM collections WHERE is_default").fetchone()
            for name in names:
                streams.add(
                    conn,
                    streams.StreamRow(
                        id=name,
                        collection_id=collection,
                        name=name,
                        url="rtsp://camera.invalid/live",
                        media_types=frozenset({"audio", "video"}),
                        sample_rate=1,
                        store=False,
                        wanted=False,
                        status="stopped",
                        status_reason=None,
                        created_at=time.time(),
                    ),
                )

        await self._db.run(add)
        return names

    async def emit(self, plan: Sequence[tuple[str, str, float]]) -> None:
        """Commit records, (kind, stream, seconds that it comes late) each, in one transaction, then publish them."""
        made = await self._db.run(lambda conn: [each for one in plan for each in self._write(conn, *one)])
        parts = self._parts
        bindings = parts.services.streams._manager.bindings
        for kind, stream, record, topic in made:
            self.served.setdefault((kind, stream), []).append(record)
            parts.hub.publish(bindings.of(topic), record)

    def _write(
        self, conn: sqlite3.Connection, kind: str, stream: str, late: float
    ) -> list[tuple[str, str, Record, str]]:
        number = next(self._clock)
        end_ms = int((time.time() - late) * 1000)
        start_ms = end_ms - 1000 - number % 997
        text = f"{kind} {number} of {stream}: what happened in front of the camera"
        if kind == "transcript":
            row = transcripts.add(conn, stream, start_ms=start_ms, end_ms=end_ms, text=text, words=(), model="soak")
            segment = TranscriptSegment(row.start_ms / 1000, row.end_ms / 1000, text, stream)
            return [(kind, stream, segment, stream)]
        index = self.indexes[stream]
        scene = scenes.add(
            conn, index, start_ms=start_ms, end_ms=end_ms, text=text, metadata=None, model="soak", embedding=None
        )
        seen = Scene(scene.start_ms / 1000, scene.end_ms / 1000, text, stream, "visual", index)
        made: list[tuple[str, str, Record, str]] = [("scene", stream, seen, index)]
        if kind == "alert":  # the server has none without its scene
            made.append((kind, stream, self._fire(conn, stream, scene), self.alerts[stream]))
        return made

    def _fire(self, conn: sqlite3.Connection, stream: str, scene: scenes.SceneRow) -> Alert:
        now_ms = int(time.time() * 1000)
        firing = alerts.add_firing(
            conn,
            self.alerts[stream],
            scene.id,
            rtstream_id=stream,
            index_id=self.indexes[stream],
            fired_ms=now_ms,
            now_ms=now_ms,
            confidence=1.0,
            explanation="",
            model="soak",
        )
        return Alert(
            label="soak",
            timestamp=now_ms / 1000,
            rtstream_id=stream,
            alert_id=self.alerts[stream],
            index_id=self.indexes[stream],
            start=scene.start_ms / 1000,
            end=scene.end_ms / 1000,
            firing_id=firing.id,
            fired_at=firing.logged_ms / 1000,
        )

    @property
    def _parts(self) -> Any:
        assert self.server is not None
        assert self.server._parts is not None
        return self.server._parts

    @property
    def _db(self) -> Any:
        return self._parts.services.collections._db
