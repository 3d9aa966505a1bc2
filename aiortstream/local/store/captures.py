"""Capture sessions and their channels, each of which is a stream once the session has started."""

# ruff: noqa: S608 - what is put into statements are constants of this package; values are bound.

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

Status = Literal["created", "starting", "active", "stopping", "stopped", "exported", "failed"]
ExportStatus = Literal["exporting", "exported", "failed"]


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session. `export_channel` is the channel that was exported last, or is being."""

    id: str
    collection_id: str
    end_user_id: str
    callback_url: str | None
    metadata: Mapping[str, Any]
    status: Status
    created_at: float
    export_status: ExportStatus | None = None
    export_channel: str | None = None
    exported_video_id: str | None = None


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One channel and its stream. `push_url` is where its source is pushed to."""

    channel_id: str
    name: str
    type: Literal["audio", "video"]
    store: bool
    rtstream_id: str
    push_url: str
    stream_status: str = "connecting"


_COLUMNS = (
    "id, collection_id, end_user_id, callback_url, metadata, status, created_at, export_status, export_channel,"
    " exported_video_id"
)


def add(conn: sqlite3.Connection, row: SessionRow) -> None:
    """A new session, without channels."""
    conn.execute(
        f"INSERT INTO capture_sessions ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.id,
            row.collection_id,
            row.end_user_id,
            row.callback_url,
            msgspec.json.encode(row.metadata).decode(),
            row.status,
            row.created_at,
            row.export_status,
            row.export_channel,
            row.exported_video_id,
        ),
    )


def get(conn: sqlite3.Connection, session_id: str) -> SessionRow | None:
    """The session of that id."""
    row = conn.execute(f"SELECT {_COLUMNS} FROM capture_sessions WHERE id = ?", (session_id,)).fetchone()
    return None if row is None else _row(*row)


def page(
    conn: sqlite3.Connection,
    collection_id: str,
    *,
    status: Status | None,
    end_user_id: str | None,
    limit: int,
    offset: int,
) -> Sequence[SessionRow]:
    """Sessions of a collection, the newest first; what is None does not select."""
    given = {"status = ?": status, "end_user_id = ?": end_user_id}
    chosen = {condition: value for condition, value in given.items() if value is not None}
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM capture_sessions WHERE {' AND '.join(('collection_id = ?', *chosen))}"
        " ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?",
        (collection_id, *chosen.values(), limit, offset),
    )
    return [_row(*row) for row in rows]


def set_status(conn: sqlite3.Connection, session_id: str, status: Status) -> None:
    """It is so from now on."""
    conn.execute("UPDATE capture_sessions SET status = ? WHERE id = ?", (status, session_id))


def set_callback(conn: sqlite3.Connection, session_id: str, callback_url: str) -> None:
    """Tell another receiver from now on."""
    conn.execute("UPDATE capture_sessions SET callback_url = ? WHERE id = ?", (callback_url, session_id))


def set_export(
    conn: sqlite3.Connection, session_id: str, status: ExportStatus, channel_id: str, video_id: str | None
) -> None:
    """An export has begun or ended."""
    conn.execute(
        "UPDATE capture_sessions SET export_status = ?, export_channel = ?, exported_video_id = ? WHERE id = ?",
        (status, channel_id, video_id, session_id),
    )


def add_channel(conn: sqlite3.Connection, session_id: str, channel: ChannelRow) -> None:
    """A channel of a session, whose stream is there."""
    conn.execute(
        "INSERT INTO capture_channels (session_id, channel_id, name, type, store, rtstream_id, push_url)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            session_id,
            channel.channel_id,
            channel.name,
            channel.type,
            channel.store,
            channel.rtstream_id,
            channel.push_url,
        ),
    )


def channels(conn: sqlite3.Connection, session_id: str) -> Sequence[ChannelRow]:
    """The channels of a session, in the order in which they were asked for."""
    rows = conn.execute(
        "SELECT channel_id, capture_channels.name, type, capture_channels.store, rtstream_id, push_url, streams.status"
        " FROM capture_channels JOIN streams ON streams.id = rtstream_id WHERE session_id = ?"
        " ORDER BY capture_channels.id",
        (session_id,),
    )
    return [ChannelRow(channel, name, kind, bool(store), *rest) for channel, name, kind, store, *rest in rows]


def activate(conn: sqlite3.Connection, rtstream_id: str) -> SessionRow | None:
    """A stream is connected: the session that becomes active by it, if one does."""
    row = conn.execute(
        "SELECT session_id FROM capture_channels JOIN capture_sessions ON capture_sessions.id = session_id"
        " WHERE rtstream_id = ? AND capture_sessions.status = 'starting'",
        (rtstream_id,),
    ).fetchone()
    if row is None:
        return None
    set_status(conn, row[0], "active")
    return get(conn, row[0])


def _row(*row: Any) -> SessionRow:
    identifier, collection_id, end_user_id, callback_url, metadata, *rest = row
    return SessionRow(identifier, collection_id, end_user_id, callback_url, msgspec.json.decode(metadata), *rest)
