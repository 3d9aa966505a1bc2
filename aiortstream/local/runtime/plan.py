"""What is to run of a stream, as the database has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiortstream.local.store import alerts, indexes, streams, transcripts

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from aiortstream.local.store.indexes import IndexRow
    from aiortstream.local.store.streams import StreamRow


@dataclass(frozen=True, slots=True)
class Plan:
    """One moment of a stream's wishes."""

    stream: StreamRow
    transcript: bool
    """Whether its transcript was asked for; audio indexes need one in any case."""
    indexes: Sequence[IndexRow]
    """Those that run and have a model at work: scene indexes and understandings."""
    watched: frozenset[str]
    """Ids of indexes with an alert, enabled or not: switching one must not wait for a judge that is at work."""

    @property
    def transcribes(self) -> bool:
        """Whether its sound is to be transcribed."""
        wanted = self.transcript or any(index.kind == "audio" for index in self.indexes)
        return wanted and "audio" in self.stream.media_types


def read_plan(conn: sqlite3.Connection, rtstream_id: str) -> Plan | None:
    """The plan of a stream; None if there is no such stream."""
    stream = streams.get(conn, rtstream_id)
    if stream is None:
        return None
    transcript = transcripts.get(conn, rtstream_id)
    return Plan(
        stream,
        transcript is not None and transcript.running,
        [index for index in indexes.every(conn, rtstream_id) if index.running and index.role != "index"],
        alerts.watched_indexes(conn, rtstream_id),
    )
