"""Recorded segments of streams: which there are and what they hold. The files are the recorder's.

A row is written after its file is complete. Paths are relative to the stream's folder. The segments of a stream follow
each other, so those that share time with a window begin inside it, but for the last that begins before it.
"""

# ruff: noqa: S608 - what is put into statements are constants of this package; values are bound.

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiortstream.local.recording.segmenter import SegmentInfo

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

_COLUMNS = "path, start_at, end_at, bytes, session, has_video, has_audio"


def add(conn: sqlite3.Connection, rtstream_id: str, segment: SegmentInfo) -> None:
    """A new segment; one that is known already is left as it is."""
    conn.execute(
        f"INSERT INTO segments (rtstream_id, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            rtstream_id,
            str(segment.path),
            segment.start,
            segment.end,
            segment.bytes,
            segment.session,
            segment.has_video,
            segment.has_audio,
        ),
    )


def within(conn: sqlite3.Connection, rtstream_id: str, start: float, end: float) -> Sequence[SegmentInfo]:
    """Segments that share some time with the window (unix seconds), in order, led by what the first needs to decode."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM segments WHERE rtstream_id = :stream AND start_at < :end AND end_at > :start"
        " AND start_at >= coalesce("
        "(SELECT max(start_at) FROM segments WHERE rtstream_id = :stream AND start_at <= :start), :start)"
        " ORDER BY start_at, id",
        {"stream": rtstream_id, "start": start, "end": end},
    )
    found = [_row(row) for row in rows]
    while found and not found[0].independent:
        earlier = _before(conn, rtstream_id, found[0])
        if earlier is None:
            break
        found.insert(0, earlier)
    return found


def every(conn: sqlite3.Connection, rtstream_id: str) -> Sequence[SegmentInfo]:
    """All segments of a stream, in order."""
    rows = conn.execute(f"SELECT {_COLUMNS} FROM segments WHERE rtstream_id = ? ORDER BY start_at, id", (rtstream_id,))
    return [_row(row) for row in rows]


def has(conn: sqlite3.Connection, rtstream_id: str, path: str) -> bool:
    """Whether that file is a segment of that stream."""
    row = conn.execute("SELECT 1 FROM segments WHERE rtstream_id = ? AND path = ?", (rtstream_id, path)).fetchone()
    return row is not None


def last_id(conn: sqlite3.Connection, rtstream_id: str) -> int:
    """Row id of the segment written last, 0 if there is none."""
    row = conn.execute("SELECT max(id) FROM segments WHERE rtstream_id = ?", (rtstream_id,)).fetchone()
    return int(row[0] or 0)


def _before(conn: sqlite3.Connection, rtstream_id: str, segment: SegmentInfo) -> SegmentInfo | None:
    """The one before it in its session."""
    row = conn.execute(
        f"SELECT {_COLUMNS} FROM segments WHERE rtstream_id = ? AND start_at < ? ORDER BY start_at DESC LIMIT 1",
        (rtstream_id, segment.start),
    ).fetchone()
    return _row(row) if row is not None and row[4] == segment.session else None


def last_end(conn: sqlite3.Connection, rtstream_id: str) -> float | None:
    """Unix time up to which a stream is recorded; None if it is not."""
    row = conn.execute(
        "SELECT end_at FROM segments WHERE rtstream_id = ? ORDER BY start_at DESC LIMIT 1", (rtstream_id,)
    ).fetchone()
    return None if row is None else float(row[0])


def _row(row: tuple[str, float, float, int, str, int, int]) -> SegmentInfo:
    path, start, end, size, session, has_video, has_audio = row
    return SegmentInfo(Path(path), start, end, size, session, bool(has_video), bool(has_audio))
