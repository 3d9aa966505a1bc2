"""Streams: connected, listed, started, stopped."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from aiortstream.local.ids import stream_id
from aiortstream.local.ingest.source import ALL_FILES, FileSources, UnsupportedSource, parse_source
from aiortstream.local.services.errors import BadRequest, NotFound
from aiortstream.local.services.lookup import check_name, collection_of, given, stream_of
from aiortstream.local.services.recordings import Recordings
from aiortstream.local.store import segments, streams, transcripts
from aiortstream.wire.rest import RTStreamAnswer, RTStreamsAnswer
from aiortstream.wire.times import to_naive_iso

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

    from aiortstream.local.ports import Urls
    from aiortstream.local.profile import Profile
    from aiortstream.local.recording.segmenter import SegmentInfo
    from aiortstream.local.runtime import StreamManager
    from aiortstream.local.store.database import Database
    from aiortstream.wire.rest import ConnectRequest, ExportAnswer, ExportRequest, StreamAnswer

LARGEST_LIST = 1000
DEFAULT_SAMPLE_RATE = 30  # as the hosted service has it; it is kept and given back, nothing depends on it
LARGEST_SAMPLE_RATE = 1000
STATUSES = ("connecting", "connected", "error", "stopped")


class StreamService:
    """Live streams and what is recorded of them."""

    def __init__(
        self,
        db: Database,
        manager: StreamManager,
        urls: Urls,
        profile: Profile,
        data_dir: Path,
        files: FileSources = ALL_FILES,
    ) -> None:
        self._files = files
        self._db = db
        self._manager = manager
        self._profile = profile
        self._recordings = Recordings(db, urls, profile, data_dir)

    async def connect(self, request: ConnectRequest) -> RTStreamAnswer:
        """A new stream, which is connected to from now on and again whenever it is lost; returns at once.

        `enable_transcript` means nothing for a stream without audio. Raises NotFound for the collection, BadRequest for
        a URL that cannot be played and whatever else cannot be meant.
        """
        # On a thread: it looks for a file, and asks libav for its protocols.
        await asyncio.to_thread(_check_source, request.url, self._files)
        media_types = _media_types(request.media_types)
        with_transcript = bool(given(request.enable_transcript)) and "audio" in media_types
        connection_id = given(request.ws_connection_id)
        now = time.time()
        identifier = stream_id(now)

        def connect(conn: sqlite3.Connection) -> streams.StreamRow:
            row = streams.StreamRow(
                id=identifier,
                collection_id=collection_of(conn, request.collection_id).id,
                name=_name(request.name) if request.name else f"Stream {identifier[-6:]}",
                url=request.url,
                media_types=media_types,
                sample_rate=_sample_rate(given(request.sample_rate)) or DEFAULT_SAMPLE_RATE,
                store=bool(given(request.store)),
                wanted=True,
                status="connecting",
                status_reason=None,
                created_at=now,
            )
            streams.add(conn, row)
            if with_transcript:
                transcripts.set_running(conn, row.id, running=True, engine=None, at=now)
                self._manager.bindings.note(conn, row.id, connection_id)
            return row

        row = await self._db.run(connect)
        if with_transcript:
            self._manager.bindings.bind(row.id, connection_id)
        await self._manager.apply(row.id)
        return _answer(row)

    async def get(self, rtstream_id: str) -> RTStreamAnswer:
        """One stream as it is at the moment. Raises NotFound."""
        return _answer(await self._row(rtstream_id))

    async def list(
        self,
        limit: int = 10,
        offset: int = 0,
        status: str | None = None,
        name: str | None = None,
        ordering: str = "-created_at",
    ) -> RTStreamsAnswer:
        """Streams of all collections with that status and with `name` in their names. Raises BadRequest."""
        if not 1 <= limit <= LARGEST_LIST:
            raise BadRequest(f"limit: expected a whole number from 1 to {LARGEST_LIST}, got {limit}")
        if offset < 0:
            raise BadRequest(f"offset: expected a whole number from 0, got {offset}")
        if status is not None and status not in STATUSES:
            raise BadRequest(f"status: expected one of {', '.join(STATUSES)}, got {status!r}")
        if ordering not in streams.ORDERINGS:
            raise BadRequest(f"ordering: expected one of {', '.join(streams.ORDERINGS)}, got {ordering!r}")

        def read(conn: sqlite3.Connection) -> tuple[Sequence[streams.StreamRow], int]:
            return streams.page(conn, limit=limit, offset=offset, status=status, name=name, ordering=ordering)

        def link(at: int) -> str:
            query = {"limit": limit, "offset": at, "status": status, "name": name}
            if ordering != "-created_at":
                query["ordering"] = ordering
            return "/rtstream/?" + urlencode({key: value for key, value in query.items() if value is not None})

        rows, count = await self._db.read(read)
        return RTStreamsAnswer(
            [_answer(row) for row in rows],
            count,
            link(offset + limit) if offset + limit < count else None,
            link(max(0, offset - limit)) if offset else None,
        )

    async def update(self, rtstream_id: str, name: str | None = None, sample_rate: int | None = None) -> RTStreamAnswer:
        """Change what is given. Raises NotFound, BadRequest."""
        new_name, new_rate = None if name is None else _name(name), _sample_rate(sample_rate)

        def change(conn: sqlite3.Connection) -> streams.StreamRow:
            stream_of(conn, rtstream_id)
            streams.update(conn, rtstream_id, name=new_name, sample_rate=new_rate, at=time.time())
            return stream_of(conn, rtstream_id)

        row = await self._db.run(change)
        await self._manager.apply(rtstream_id)
        return _answer(row)

    async def start(self, rtstream_id: str) -> None:
        """Connect to it again. Raises NotFound, and in the strict profile BadRequest for one that runs."""

        def start(conn: sqlite3.Connection) -> None:
            if not stream_of(conn, rtstream_id).wanted:
                streams.want(conn, rtstream_id, at=time.time())
            elif self._profile.start_connected == "strict":
                raise BadRequest("Operation not allowed")

        await self._db.run(start)
        await self._manager.apply(rtstream_id)

    async def stop(self, rtstream_id: str) -> None:
        """Disconnect; returns when the last of it has been recorded. One that is stopped is left alone.

        Raises NotFound.
        """

        def stop(conn: sqlite3.Connection) -> None:
            if stream_of(conn, rtstream_id).wanted:
                streams.unwant(conn, rtstream_id, reason="stopped by request", at=time.time())

        await self._db.run(stop)
        await self._manager.apply(rtstream_id)

    async def playback(self, rtstream_id: str, start: float, end: float) -> StreamAnswer:
        """URLs that play what was recorded from `start` to `end`, unix seconds.

        Raises NotFound, BadRequest where nothing was recorded, naming the stretches that were.
        """
        return await self._recordings.playback(await self._row(rtstream_id), start, end)

    async def generate(self, rtstream_id: str, start: float, end: float) -> StreamAnswer:
        """The same as a client of this profile is answered, who may want the stream where others want a player."""
        answer = await self.playback(rtstream_id, start, end)
        if self._profile.generate_stream == "stream":
            answer.player_url = answer.stream_url
        return answer

    async def segments(self, rtstream_id: str, start: float, end: float) -> Sequence[SegmentInfo]:
        """Recorded segments that share time with the window and are on disk, in order; none if nothing was recorded.

        Their paths are relative to `recording_root`. Raises NotFound.
        """
        return await self._recordings.segments(await self._row(rtstream_id), start, end)

    def recording_root(self, rtstream_id: str) -> Path:
        """The folder of a stream's segments. The stream must be one that exists: it becomes a part of the path."""
        return self._recordings.root(rtstream_id)

    async def segment_path(self, rtstream_id: str, relative: str) -> Path:
        """Absolute path of a segment, as its `path` names it. Raises NotFound for whatever is no recorded segment."""
        known = await self._db.read(lambda conn: segments.has(conn, rtstream_id, relative))
        path = self._recordings.root(rtstream_id) / relative
        if not known or not await asyncio.to_thread(path.is_file):
            raise NotFound(f"stream {rtstream_id!r} has no segment {relative!r}")
        return path

    async def export(self, rtstream_id: str, request: ExportRequest) -> ExportAnswer:
        """All that was recorded as one video; may take long. While nothing is added, it is the same video again.

        Raises NotFound, BadRequest without a recording. Cancelling gives it up.
        """
        return await self._recordings.export(await self._row(rtstream_id), given(request.name))

    async def _row(self, rtstream_id: str) -> streams.StreamRow:
        return await self._db.read(lambda conn: stream_of(conn, rtstream_id))


def _check_source(url: str, files: FileSources) -> None:
    try:
        parse_source(url, files)
    except UnsupportedSource as error:
        raise BadRequest(f"url: {error}") from error


def _media_types(asked: Sequence[str] | None) -> frozenset[str]:
    if asked is None:
        return frozenset({"video"})
    if not asked:
        raise BadRequest("media_types: expected 'audio', 'video' or both, got an empty list")
    return frozenset(asked)


def _name(name: str) -> str:
    check_name("name", name)
    return name


def _sample_rate(rate: int | None) -> int | None:
    if rate is not None and not 1 <= rate <= LARGEST_SAMPLE_RATE:
        raise BadRequest(f"sample_rate: expected a whole number from 1 to {LARGEST_SAMPLE_RATE}, got {rate}")
    return rate


def _answer(row: streams.StreamRow) -> RTStreamAnswer:
    return RTStreamAnswer(
        row.id,
        row.name,
        row.collection_id,
        to_naive_iso(row.created_at),
        row.sample_rate,
        row.status,
        sorted(row.media_types),
        row.store,
        status_reason=row.status_reason,
    )
