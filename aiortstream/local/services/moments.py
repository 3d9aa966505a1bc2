"""What was seen, said and alerted in a window of a recording, and which of it is recorded: for the player's page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from aiortstream.local.recording.playlist import coverage
from aiortstream.local.services.lookup import stream_of
from aiortstream.local.store import alerts, indexes, scenes, segments, transcripts
from aiortstream.local.store.spans import Window
from aiortstream.wire.rest import Answer
from aiortstream.wire.times import to_milliseconds

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from aiortstream.local.store.database import Database

MOST = 1000  # records of each kind, and of each index: the rest of a long window is left out, and that is said
_LATE_MS = 120_000  # how long after a scene an alert on it may be logged


class Span(Answer):
    """A stretch that is recorded without a hole, in unix seconds."""

    start: float
    end: float


class Moment(Answer):
    """A record, with its stretch in unix seconds."""

    kind: Literal["transcript", "scene", "alert"]
    start: float
    end: float
    text: str
    of: str | None = None
    """The name of its index; the label of an alert."""


class MomentsAnswer(Answer):
    """A window, without an envelope. `complete` is false where there was more than is told."""

    rtstream_id: str
    name: str | None
    start: float
    end: float
    complete: bool
    spans: list[Span]
    """What is recorded; what lies between is not, since nothing came in, or it is gone."""
    moments: list[Moment]
    """In the order of their beginnings."""


class Moments:
    """Reads it in one go, so that what is shown fits together."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def within(self, rtstream_id: str, start: float, end: float) -> MomentsAnswer:
        """All that is about [start, end], unix seconds. Raises NotFound."""

        def read(conn: sqlite3.Connection) -> MomentsAnswer:
            stream = stream_of(conn, rtstream_id)
            recorded = [Span(each.start, each.end) for each in coverage(segments.within(conn, rtstream_id, start, end))]
            kinds = [
                list(_said(conn, rtstream_id, start, end)),
                *(list(_seen(conn, index, start, end)) for index in indexes.of_stream(conn, rtstream_id)),
                list(_alerted(conn, rtstream_id, start, end)),
            ]
            found = sorted((each for kind in kinds for each in kind[:MOST]), key=lambda each: (each.start, each.end))
            complete = all(len(kind) <= MOST for kind in kinds)
            return MomentsAnswer(stream.id, stream.name, start, end, complete, recorded, found)

        return await self._db.read(read)


def _said(conn: sqlite3.Connection, rtstream_id: str, start: float, end: float) -> Iterator[Moment]:
    window = Window.of_seconds(start, end)
    for row in transcripts.page(conn, rtstream_id, window, limit=MOST + 1, offset=0):
        yield Moment("transcript", row.start_ms / 1000, row.end_ms / 1000, row.text)


def _seen(conn: sqlite3.Connection, index: indexes.IndexRow, start: float, end: float) -> Iterator[Moment]:
    window = Window.of_seconds(start, end)
    for row in scenes.page(conn, index.id, window, limit=MOST + 1, offset=0):
        yield Moment("scene", row.start_ms / 1000, row.end_ms / 1000, row.text, index.name or index.prompt)


def _alerted(conn: sqlite3.Connection, rtstream_id: str, start: float, end: float) -> Iterator[Moment]:
    first, last = to_milliseconds(start), to_milliseconds(end)
    rows = alerts.log(
        conn,
        rtstream_id=rtstream_id,
        index_id=None,
        start_ms=first,
        end_ms=last + _LATE_MS,
        limit=MOST + 1,
        offset=0,
    )
    for row in rows:
        if row.end_ms >= first and row.start_ms <= last:
            yield Moment("alert", row.start_ms / 1000, row.end_ms / 1000, row.firing.explanation, row.label)
