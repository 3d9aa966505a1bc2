"""Videos: exported from recordings, or uploaded."""

# ruff: noqa: S608 - what is put into statements are constants of this package; values are bound.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiortstream.local.store import spoken

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class VideoRow:
    """One video. `path` is relative to the data directory, `duration` in seconds.

    `rtstream_id` and `last_segment_id` say which recording it was exported from; both are None for an uploaded one.
    """

    id: str
    collection_id: str
    rtstream_id: str | None
    last_segment_id: int | None
    name: str
    path: str
    duration: float
    has_video: bool
    created_at: float
    description: str = ""


_COLUMNS = "id, collection_id, rtstream_id, last_segment_id, name, path, duration, has_video, created_at, description"


def add(conn: sqlite3.Connection, video: VideoRow) -> None:
    """A new video, in place of an earlier one of the same recording, whose file is gone."""
    if video.rtstream_id is not None and video.last_segment_id is not None:
        earlier = of_recording(conn, video.rtstream_id, video.last_segment_id)
        if earlier is not None:
            remove(conn, earlier.id)
    conn.execute(
        f"INSERT INTO videos ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
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
            video.description,
        ),
    )


def get(conn: sqlite3.Connection, video_id: str) -> VideoRow | None:
    """The video of that id."""
    row = conn.execute(f"SELECT {_COLUMNS} FROM videos WHERE id = ?", (video_id,)).fetchone()
    return None if row is None else _row(row)


def of_collection(
    conn: sqlite3.Connection, collection_id: str, *, limit: int | None = None, offset: int = 0
) -> Sequence[VideoRow]:
    """The videos of a collection, newest first; all of them unless `limit` is given."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM videos WHERE collection_id = ? ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?",
        (collection_id, -1 if limit is None else limit, offset),
    )
    return [_row(row) for row in rows]


def of_recording(conn: sqlite3.Connection, rtstream_id: str, last_segment_id: int) -> VideoRow | None:
    """The video made of a stream's recording as it was up to that segment."""
    row = conn.execute(
        f"SELECT {_COLUMNS} FROM videos WHERE rtstream_id = ? AND last_segment_id = ?", (rtstream_id, last_segment_id)
    ).fetchone()
    return None if row is None else _row(row)


def rename(conn: sqlite3.Connection, video_id: str, name: str) -> None:
    """Give it another name."""
    conn.execute("UPDATE videos SET name = ? WHERE id = ?", (name, video_id))


def remove(conn: sqlite3.Connection, video_id: str) -> None:
    """Forget a video, with its transcript and its index. The file is the caller's."""
    spoken.remove_index(conn, video_id)
    conn.execute("DELETE FROM videos WHERE id = ?", (video_id,))


def _row(row: tuple[str, str, str | None, int | None, str, str, float, int, float, str]) -> VideoRow:
    identifier, collection_id, rtstream_id, last_segment_id, name, path, duration, has_video, created_at, about = row
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
        about,
    )
