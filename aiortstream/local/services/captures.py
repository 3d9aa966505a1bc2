"""Capture sessions: what several channels of one user's machine record together, as a stream a channel.

The hosted service has a program of its own that captures. Here each channel has an address on this machine that any
encoder pushes RTMP to (ffmpeg, OBS); from there it is a stream as every other.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from dataclasses import replace
from typing import TYPE_CHECKING, get_args
from urllib.parse import quote

from aiortstream.local.ids import session_id, stream_id
from aiortstream.local.runtime.captures import told_streams
from aiortstream.local.services.alerts import callback
from aiortstream.local.services.errors import BadRequest, NotFound, ServiceError
from aiortstream.local.services.lookup import check_name, collection_of, given
from aiortstream.local.services.streams import DEFAULT_SAMPLE_RATE
from aiortstream.local.store import captures, streams
from aiortstream.wire import capture
from aiortstream.wire.rest import ExportRequest
from aiortstream.wire.times import to_naive_iso

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from aiortstream.local.ports import Urls
    from aiortstream.local.runtime import StreamManager
    from aiortstream.local.services.streams import StreamService
    from aiortstream.local.store.database import Database
    from aiortstream.records import CaptureSessionEvent

STATUSES = get_args(captures.Status)
MOST_CHANNELS = 16
LARGEST_METADATA = 100  # keys
_ENDED = ("stopped", "exported", "failed")

logger = logging.getLogger("aiortstream.local.captures")


class CaptureService:
    """Sessions of all collections. It owns the exports that are under way: `aclose` ends them."""

    def __init__(self, db: Database, manager: StreamManager, streams: StreamService, urls: Urls) -> None:
        self._db = db
        self._manager = manager
        self._streams = streams
        self._urls = urls
        self._exports: dict[str, asyncio.Task[None]] = {}

    async def aclose(self) -> None:
        """End the exports that are under way; each begins anew when it is asked for again."""
        for task in self._exports.values():
            task.cancel()
        await asyncio.gather(*self._exports.values(), return_exceptions=True)

    async def create(self, collection_id: str, request: capture.CreateSessionRequest) -> capture.SessionRecord:
        """A new session. Raises NotFound for the collection, BadRequest."""
        check_name("end_user_id", request.end_user_id)
        metadata = given(request.metadata) or {}
        if len(metadata) > LARGEST_METADATA:
            raise BadRequest(f"metadata: expected at most {LARGEST_METADATA} keys, got {len(metadata)}")
        connection_id = given(request.ws_connection_id)
        row = captures.SessionRow(
            session_id(),
            collection_id,
            request.end_user_id,
            callback(given(request.callback_url)) or None,
            metadata,
            "created",
            time.time(),
        )

        def create(conn: sqlite3.Connection) -> tuple[captures.SessionRow, CaptureSessionEvent]:
            made = replace(row, collection_id=collection_of(conn, collection_id).id)
            captures.add(conn, made)
            self._manager.bindings.note(conn, made.id, connection_id)
            return made, self._manager.captures.note(conn, made)

        made, event = await self._db.run(create)
        self._manager.bindings.bind(made.id, connection_id)
        self._manager.captures.tell(event)
        return _answer(made, ())

    async def list(
        self,
        collection_id: str,
        status: captures.Status | None = None,
        end_user_id: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> capture.SessionRecords:
        """Sessions of a collection, the newest first. Raises NotFound."""

        def read(conn: sqlite3.Connection) -> Sequence[capture.SessionRecord]:
            collection = collection_of(conn, collection_id).id
            rows = captures.page(
                conn, collection, status=status, end_user_id=end_user_id, limit=limit + 1, offset=offset
            )
            return [_answer(row, captures.channels(conn, row.id)) for row in rows]

        found = await self._db.read(read)
        return capture.SessionRecords(list(found[:limit]), str(offset + limit) if len(found) > limit else None)

    async def get(self, session_id: str, collection_id: str | None = None) -> capture.SessionRecord:
        """One session, of that collection if one is named. Raises NotFound."""
        row, channels = await self._db.read(lambda conn: _found(conn, session_id, collection_id))
        return _answer(row, channels)

    async def addresses(self, session_id: str) -> capture.SessionUrlsAnswer:
        """Where the source of each channel is pushed to. Raises NotFound."""
        row, channels = await self._db.read(lambda conn: _found(conn, session_id))
        urls = [capture.ChannelUrlAnswer(each.channel_id, each.push_url) for each in channels]
        return capture.SessionUrlsAnswer(urls, row.id, row.status)

    async def start(self, request: capture.StartSessionRequest) -> capture.StartSessionAnswer:
        """Make a stream of each channel, which waits for its source. All of them are made, or none.

        Raises NotFound, BadRequest for a session that has started before, or channels that cannot be meant.
        """
        _check_channels(request.channels)
        connection_id, callback_url = given(request.ws_connection_id), callback(given(request.callback_url))
        ports = await asyncio.to_thread(_free_ports, len(request.channels))
        now = time.time()

        def start(conn: sqlite3.Connection) -> tuple[Sequence[captures.ChannelRow], CaptureSessionEvent]:
            session, _ = _found(conn, request.session_id)
            if session.status != "created":
                raise BadRequest(f"session_id: this session has been started before, it is {session.status}")
            if callback_url:
                captures.set_callback(conn, session.id, callback_url)
            captures.set_status(conn, session.id, "starting")
            for channel, port in zip(request.channels, ports, strict=True):
                made = _channel_row(session, channel, port)
                streams.add(conn, _stream_row(session, made, now))
                captures.add_channel(conn, session.id, made)
            self._manager.bindings.note(conn, session.id, connection_id)
            session, channels = _found(conn, session.id)
            return channels, self._manager.captures.note(conn, session)

        channels, event = await self._db.run(start)
        self._manager.bindings.bind(request.session_id, connection_id)
        self._manager.captures.tell(event)
        for channel in channels:
            await self._manager.apply(channel.rtstream_id)
        return capture.StartSessionAnswer(request.session_id, "starting")

    async def stop(self, session_id: str) -> None:
        """Stop its streams; returns when the last of them is recorded. One that has ended is left alone.

        Raises NotFound, BadRequest for one that has not started. Cancelled, it is stopping until it is stopped again.
        """
        row, channels = await self._db.read(lambda conn: _found(conn, session_id))
        if row.status == "created":
            raise BadRequest("this session has not been started")
        if row.status in _ENDED:
            return
        if row.status != "stopping":
            await self._set_status(session_id, "stopping")
        for channel in channels:
            await self._streams.stop(channel.rtstream_id)
        await self._set_status(session_id, "stopped")

    async def export(
        self, session_id: str, collection_id: str, request: capture.ExportSessionRequest
    ) -> capture.ExportSessionAnswer:
        """Begin to make a video of one channel, or say how that is going: it is asked for until it is done.

        Raises NotFound, BadRequest for a channel that is none, or keeps nothing.
        """
        wanted, connection_id = given(request.video_channel_id), given(request.connection_id)

        def begin(conn: sqlite3.Connection) -> tuple[captures.SessionRow, captures.ChannelRow]:
            row, channels = _found(conn, session_id, collection_id)
            channel = _exportable(channels, wanted)
            if row.export_channel != channel.channel_id or row.export_status is None:
                captures.set_export(conn, row.id, "exporting", channel.channel_id, None)
            self._manager.bindings.note(conn, row.id, connection_id)
            return _found(conn, session_id)[0], channel

        row, channel = await self._db.run(begin)
        self._manager.bindings.bind(session_id, connection_id)
        if row.export_status == "exporting" and session_id not in self._exports:
            task = asyncio.create_task(self._export(row.id, channel), name=f"export of {row.id}")
            self._exports[session_id] = task
            task.add_done_callback(lambda done: self._ended(session_id, done))
        return self._exported(row, channel.channel_id)

    def _ended(self, session_id: str, task: asyncio.Task[None]) -> None:
        self._exports.pop(session_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("%s cannot be noted, and begins anew when it is asked for", task.get_name(), exc_info=error)

    async def _export(self, session_id: str, channel: captures.ChannelRow) -> None:
        video_id = None
        try:
            made = await self._streams.export(channel.rtstream_id, ExportRequest())
            video_id = made.video_id
        except ServiceError as error:
            logger.warning("capture session %s is not exported: %s", session_id, error)
        except Exception:
            logger.exception("the export of capture session %s failed", session_id)

        def end(conn: sqlite3.Connection) -> CaptureSessionEvent | None:
            captures.set_export(conn, session_id, "exported" if video_id else "failed", channel.channel_id, video_id)
            row, _ = _found(conn, session_id)
            if video_id is None:
                return None
            if row.status in _ENDED:
                captures.set_status(conn, session_id, "exported")
            url = self._urls.video(video_id)
            data = {"exported_video_id": video_id, "stream_url": url, "player_url": self._urls.player(url)}
            return self._manager.captures.note(conn, replace(row, status="exported"), data)

        event = await self._db.run(end)
        if event is not None:
            self._manager.captures.tell(event)

    def _exported(self, row: captures.SessionRow, channel_id: str) -> capture.ExportSessionAnswer:
        url = None if row.exported_video_id is None else self._urls.video(row.exported_video_id)
        player = None if url is None else self._urls.player(url)
        return capture.ExportSessionAnswer(row.export_status, row.id, channel_id, row.exported_video_id, url, player)

    async def _set_status(self, session_id: str, status: captures.Status) -> None:
        def change(conn: sqlite3.Connection) -> CaptureSessionEvent:
            captures.set_status(conn, session_id, status)
            row, _ = _found(conn, session_id)
            return self._manager.captures.note(conn, row, {"rtstreams": told_streams(conn, session_id)})

        self._manager.captures.tell(await self._db.run(change))


def _found(
    conn: sqlite3.Connection, session_id: str, collection_id: str | None = None
) -> tuple[captures.SessionRow, Sequence[captures.ChannelRow]]:
    row = captures.get(conn, session_id)
    if row is None or (collection_id is not None and collection_of(conn, collection_id).id != row.collection_id):
        where = "" if collection_id is None else f" in collection {collection_id!r}"
        raise NotFound(f"there is no capture session {session_id!r}{where}")
    return row, captures.channels(conn, session_id)


def _check_channels(channels: Sequence[capture.StartChannel]) -> None:
    if not 1 <= len(channels) <= MOST_CHANNELS:
        raise BadRequest(f"channels: expected 1 to {MOST_CHANNELS}, got {len(channels)}")
    for number, channel in enumerate(channels):
        check_name(f"channels[{number}].channel_id", channel.channel_id)
        if (name := given(channel.channel_name)) is not None:
            check_name(f"channels[{number}].channel_name", name)
    if len({channel.channel_id for channel in channels}) < len(channels):
        raise BadRequest("channels: expected each channel_id once")


def _exportable(channels: Sequence[captures.ChannelRow], wanted: str | None) -> captures.ChannelRow:
    """The channel of that id, or the first that is video. Raises BadRequest."""
    if wanted is not None and all(each.channel_id != wanted for each in channels):
        known = ", ".join(each.channel_id for each in channels) or "none: it has not been started"
        raise BadRequest(f"video_channel_id: this session has the channels {known}; got {wanted!r}")
    fitting = [each for each in channels if each.type == "video" and wanted in (None, each.channel_id)]
    if not fitting:
        raise BadRequest("video_channel_id: this session has no such channel that is video")
    if not fitting[0].store:
        raise BadRequest(f"channel {fitting[0].channel_id!r} was started with store=false, so it keeps nothing")
    return fitting[0]


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on, each another one."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _channel_row(session: captures.SessionRow, channel: capture.StartChannel, port: int) -> captures.ChannelRow:
    name = given(channel.channel_name) or f"Capture {channel.channel_id} - {session.id[:8]}"
    url = f"rtmp://127.0.0.1:{port}/{session.id}/{quote(channel.channel_id, safe='')}"
    return captures.ChannelRow(
        channel.channel_id, name, channel.type or "audio", channel.store is not False, stream_id(), url
    )


def _stream_row(session: captures.SessionRow, channel: captures.ChannelRow, now: float) -> streams.StreamRow:
    return streams.StreamRow(
        id=channel.rtstream_id,
        collection_id=session.collection_id,
        name=channel.name,
        url=f"{channel.push_url}?listen=1",
        media_types=frozenset({channel.type}),
        sample_rate=DEFAULT_SAMPLE_RATE,
        store=channel.store,
        wanted=True,
        status="connecting",
        status_reason=None,
        created_at=now,
    )


def _answer(row: captures.SessionRow, channels: Sequence[captures.ChannelRow]) -> capture.SessionRecord:
    primary = next((each.channel_id for each in channels if each.type == "video"), None)
    return capture.SessionRecord(
        session_id=row.id,
        collection_id=row.collection_id,
        end_user_id=row.end_user_id,
        client_id=None,
        status=row.status,
        callback_url=row.callback_url,
        metadata=dict(row.metadata),
        created_at=to_naive_iso(row.created_at),
        channels=[
            capture.ChannelAnswer(each.channel_id, each.type, each.name, each.store, each.channel_id == primary)
            for each in channels
        ],
        rtstreams=[
            capture.SessionStreamRecord(each.rtstream_id, each.channel_id, each.name, each.stream_status, [each.type])
            for each in channels
        ],
        primary_video_channel_id=primary,
        exported_video_id=row.exported_video_id,
        export_status=row.export_status,
    )
