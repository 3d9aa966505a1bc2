"""All streams at a glance: what the server's page shows, and what somebody on duty asks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from aiortstream._version import __version__
from aiortstream.local.store import indexes, outbox, streams
from aiortstream.wire.rest import Answer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from aiortstream.local.ingest.status import IngestStatus
    from aiortstream.local.pipelines.base import Tally
    from aiortstream.local.runtime import StreamManager
    from aiortstream.local.store.database import Database

STREAMS_SHOWN = 500


class ShownPicture(Answer):
    """What comes in, as the source says."""

    codec: str
    width: int
    height: int
    fps: float | None


class ShownSound(Answer):
    """What comes in, as the source says; `sample_rate` in samples a second."""

    codec: str
    sample_rate: int
    channels: int


class ShownStage(Answer):
    """One piece of work on a stream, since it was begun."""

    name: str
    """transcription, or the name of an index; `alerts of` one for what judges it."""
    records: int
    dropped: float
    """What it had no time for: windows, or seconds of sound."""
    failures: int
    delay: float | None
    """Seconds between the end of the newest record and its being there; None before the first."""
    error: str | None
    """Of the last failure, if there has been no record since."""


class ShownStream(Answer):
    """One stream. Ages are in seconds; what only a running stream has is None, or empty, while it is stopped."""

    id: str
    name: str | None
    status: str | None
    reason: str | None
    recording: bool
    since: float | None = None
    """Unix seconds: since when it has this status."""
    attempts: int | None = None
    """Openings of the source since it was connected last."""
    packets: int | None = None
    """Since the start; what has come in two looks gives the rate."""
    silence: float | None = None
    """Seconds since the last packet."""
    frames_dropped: int | None = None
    picture: ShownPicture | None = None
    sound: ShownSound | None = None
    stages: tuple[ShownStage, ...] = ()


class StatusAnswer(Answer):
    """GET /status.json, without an envelope. `now` is the server's clock, `rtstreams` the newest streams."""

    version: str
    now: float
    count: int
    rtstreams: list[ShownStream]


class Overview:
    """Reads the database and the running streams together."""

    def __init__(self, db: Database, manager: StreamManager) -> None:
        self._db = db
        self._manager = manager

    async def status(self) -> StatusAnswer:
        """The newest streams as they are now, and how many there are in all."""

        def read(conn: sqlite3.Connection) -> tuple[Sequence[streams.StreamRow], int, dict[str, str]]:
            rows, count = streams.page(
                conn, limit=STREAMS_SHOWN, offset=0, status=None, name=None, ordering="-created_at"
            )
            return rows, count, indexes.names(conn)

        rows, count, names = await self._db.read(read)
        now = time.time()
        shown = [self._shown(row, names, now) for row in rows]
        return StatusAnswer(__version__, now, count, shown)

    async def metrics(self, *, websockets: int) -> bytes:
        """The same for Prometheus, and how many websockets are open and callbacks wait; in the content type there."""
        from aiortstream.local.services.metrics import exposition

        status, webhooks = await self.status(), await self._db.read(outbox.pending)
        return exposition(status, websockets=websockets, webhooks=webhooks)

    def _shown(self, row: streams.StreamRow, names: Mapping[str, str], now: float) -> ShownStream:
        shown = ShownStream(row.id, row.name, row.status, row.status_reason, row.store)
        ingest, tallies = self._manager.vitals(row.id)
        shown.stages = tuple(_stage(key, tally, names) for key, tally in tallies.items() if key not in _BOOKKEEPING)
        if ingest is not None:
            _fill(shown, ingest, now)
        return shown


_BOOKKEEPING = frozenset({"status", "recording"})


def _fill(shown: ShownStream, ingest: IngestStatus, now: float) -> None:
    shown.since, shown.attempts = ingest.since, ingest.attempts
    shown.packets, shown.frames_dropped = ingest.packets, ingest.frames_dropped
    shown.silence = None if ingest.last_packet_at is None else max(0.0, now - ingest.last_packet_at)
    if ingest.video is not None:
        video = ingest.video
        shown.picture = ShownPicture(video.codec, video.width, video.height, video.fps)
    if ingest.audio is not None:
        shown.sound = ShownSound(ingest.audio.codec, ingest.audio.sample_rate, ingest.audio.channels)


def _stage(key: str, tally: Tally, names: Mapping[str, str]) -> ShownStage:
    kind, _, index_id = key.partition(" ")
    name = names.get(index_id, index_id)
    return ShownStage(
        f"alerts of {name}" if kind == "alerts" else name or kind,
        tally.records,
        tally.dropped,
        tally.failures,
        tally.delay,
        tally.last_error,
    )
