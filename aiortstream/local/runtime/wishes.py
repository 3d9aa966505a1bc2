"""What the database wants of one stream, read in one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiortstream.local.store import alerts, indexes, streams, transcripts

if TYPE_CHECKING:
    import sqlite3

    from aiortstream.local.store.indexes import IndexRow
    from aiortstream.local.store.streams import StreamRow


@dataclass(frozen=True, slots=True)
class Wishes:
    """A stream, and of it: whether its transcript was asked for, its running indexes, its indexes with alerts."""

    stream: StreamRow
    transcript: bool
    indexes: tuple[IndexRow, ...]
    watched: frozenset[str]

    @property
    def speech(self) -> bool:
        """Whether its sound is to be transcribed: asked for, or needed by an audio index."""
        return "audio" in self.stream.media_types and (
            self.transcript or any(index.kind == "audio" for index in self.indexes)
        )


def read_wishes(conn: sqlite3.Connection, rtstream_id: str) -> Wishes | None:
    """The wishes for a stream, None if there is no such stream."""
    stream = streams.get(conn, rtstream_id)
    if stream is None:
        return None
    transcript = transcripts.get(conn, rtstream_id)
    return Wishes(
        stream,
        transcript is not None and transcript.running,
        tuple(index for index in indexes.of_stream(conn, rtstream_id) if index.running),
        alerts.watched_indexes(conn, rtstream_id),
    )
