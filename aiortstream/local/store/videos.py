"""Videos exported from recordings."""

# ruff: noqa: S608 - what is put into statements are constants of this package; values are bound.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


@dataclass(frozen=True, slots=True)
class VideoRow:
    """One video. `path` is relative to the data directory, `duration` in seconds."""

    id: str
    collection_id: str
    rtstream_id: str
    last_segment_id: int
    name: str
    path: str
    duration: float
    has_video: bool
    created_at: float


_COLUMNS = "id, collection_id, rtstream_id, last_segment_id, name, path, duration, has_video, created_at"


def replace(conn: sqlite3.Connection, video: VideoRow) -> None:
    """A new video, in place of an earlier one of the same recording whose file is gone."""
    conn.execute(
        f"INSERT OR REPLACE INTO videos ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            video.id,
            video.collection_id,
            video.rtstream_id,
            video.last_segment_id,
            video.name,
            video.path,
            video.duration,
            video.has_video,
            video.created_at,
        ),
    )


def get(conn: sqlite3.Connection, video_id: str) -> VideoRow | None:
    """The video of that id."""
    row = conn.execute(f"SELECT {_COLUMNS} FROM videos WHERE id = ?", (video_id,)).fetchone()
    return None if row is None else _row(row)


def of_recording(conn: sqlite3.Connection, rtstream_id: str, last_segment_id: int) -> VideoRow | None:
    """The video made of a stream's recording as it was up to that segment."""
    row = conn.execute(
        f"SELECT {_COLUMNS} FROM videos WHERE rtstream_id = ? AND last_segment_id = ?", (rtstream_id, last_segment_id)
    ).fetchone()
    return None if row is None else _row(row)


def _row(row: tuple[str, str, str, int, str, str, float, int, float]) -> VideoRow:
    identifier, collection_id, rtstream_id, last_segment_id, name, path, duration, has_video, created_at = row
    return VideoRow(
        identifier,
        collection_id,
        rtstream_id,
        last_segment_id,
        name,
        path,
        duration,
        bool(has_video),
        created_at,
    )
