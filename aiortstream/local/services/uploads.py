"""Files that become videos: posted to a URL of this server, or fetched from one elsewhere.

A file is posted first, in a request of its own; then a video is asked for by the URL it was posted to. Between the two
it waits in a folder, for an hour at most. What becomes a video is an MP4 file under the video's name and then a row:
whatever fails before that leaves neither.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

import aiohttp

from aiortstream.local.ids import is_upload_id
from aiortstream.local.ids import upload_id as new_upload_id
from aiortstream.local.ids import video_id as new_video_id
from aiortstream.local.ingest.source import redact
from aiortstream.local.ingest.threads import run_thread
from aiortstream.local.paths import UPLOADS, VIDEOS
from aiortstream.local.progress import teller
from aiortstream.local.reach import AddressRefused, Reach
from aiortstream.local.recording.files import FileInfo, MediaError, Stopped, write_mp4
from aiortstream.local.services.errors import BadRequest, NotFound, Unavailable
from aiortstream.local.services.lookup import check_name, collection_of
from aiortstream.local.store import videos
from aiortstream.wire.videos import UploadUrlAnswer, VideoAnswer

if TYPE_CHECKING:
    import sqlite3

    from aiortstream.local.ports import Urls
    from aiortstream.local.services.videos import VideoService
    from aiortstream.local.store.database import Database
    from aiortstream.wire.videos import UploadRequest

LARGEST_DESCRIPTION = 10_000  # characters
LARGEST_URL = 4_096  # characters
MEDIA_TYPES = ("video", "audio")
_TWICE = "file: one has been posted to this URL already; ask for another URL"
_BLOCK = 1024 * 1024  # bytes that are worth a hop to a thread
_FETCHED = 0.9  # of the work of making a video of what is elsewhere
_GRACE = 30.0  # seconds that a conversion has to stop when the server closes


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    """Bounds of files that come in. Sizes are bytes, durations seconds."""

    largest: int = 16 * 1024**3
    """A larger file is refused."""
    waiting: int = 64
    """Files that have been posted, or are being posted, and are not videos yet."""
    kept: float = 3600.0
    """How long a posted file may be asked for."""
    idle: float = 60.0
    """A sender that sends nothing for so long is given up."""


class UploadService:
    """Files on their way to be videos."""

    def __init__(
        self,
        db: Database,
        urls: Urls,
        videos: VideoService,
        data_dir: Path,
        limits: UploadLimits | None = None,
        *,
        reach: Reach | None = None,
    ) -> None:
        self._db = db
        self._urls = urls
        self._videos = videos
        self._data_dir = data_dir
        self._folder = data_dir / UPLOADS
        self._limits = limits or UploadLimits()
        self._reach = reach or Reach()  # where files may be fetched from
        self._busy: set[str] = set()  # names of files that a request is at work on
        self._turn = asyncio.Lock()  # one conversion at a time: streams want the processors too

    async def tidy(self) -> None:
        """Delete what an earlier server left half-way. Call it before the first request."""
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
        await asyncio.to_thread(_delete_parts, self._data_dir / VIDEOS)

    async def url(self, collection_id: str) -> UploadUrlAnswer:
        """Where one file can be posted to, for an hour. Raises NotFound, Unavailable while too many are waiting."""
        await self._db.read(lambda conn: collection_of(conn, collection_id))
        await self._check_room()
        return UploadUrlAnswer(self._urls.upload(new_upload_id()))

    async def receive(self, upload_id: str, blocks: AsyncIterator[bytes]) -> int:
        """Keep a posted file; its size in bytes. Raises BadRequest for one that is empty, too large or there already.

        Raises NotFound for an id that is none. Cancelling it, or a sender that goes away, leaves nothing.
        """
        if not is_upload_id(upload_id):
            raise NotFound(f"there is no upload {upload_id!r}")
        path = self._folder / upload_id
        unfinished = f"{upload_id}.part"
        if unfinished in self._busy:
            raise BadRequest(_TWICE)
        self._busy.add(unfinished)
        try:
            if await asyncio.to_thread(path.exists):
                raise BadRequest(_TWICE)
            await self._check_room()
            return await self._keep(path, blocks)
        finally:
            self._busy.discard(unfinished)

    async def take(self, collection_id: str, request: UploadRequest) -> VideoAnswer:
        """The video of a file that was posted, or that is at a URL; may take long. Raises NotFound, BadRequest.

        Cancelling it leaves nothing.
        """
        _check(request)
        found = (await self._db.read(lambda conn: collection_of(conn, collection_id))).id
        upload_id = self._urls.upload_id(request.url)
        taken = f"{secrets.token_hex(12)}.taken"
        path = self._folder / taken
        self._busy.update((taken, f"{taken}.part"))
        try:
            if upload_id is None:
                await self._fetch(request.url, path)
            else:  # from then on it is ours alone: who asks again finds nothing
                await asyncio.to_thread(_take, self._folder / upload_id, path)
            return self._videos.answer(await self._make(found, request, path, named=upload_id is None))
        finally:
            self._busy.difference_update((taken, f"{taken}.part"))
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def _make(self, collection_id: str, request: UploadRequest, path: Path, *, named: bool) -> videos.VideoRow:
        identifier = new_video_id()
        out = self._data_dir / VIDEOS / f"{identifier}.mp4"
        async with self._turn:
            info = await _converted(path, out)
        row = videos.VideoRow(
            id=identifier,
            collection_id=collection_id,
            rtstream_id=None,
            last_segment_id=None,
            name=request.name or (_name_in(request.url) if named else None) or f"Video {identifier[-6:]}",
            path=f"{VIDEOS}/{out.name}",
            duration=info.duration,
            has_video=info.has_video,
            created_at=time.time(),
            description=request.description or "",
        )

        def add(conn: sqlite3.Connection) -> None:
            collection_of(conn, collection_id)  # it may have been deleted meanwhile
            videos.add(conn, row)

        adding = asyncio.ensure_future(self._db.run(add))
        try:
            await asyncio.shield(adding)
        except BaseException:
            # The row may be written all the same; only then does the file stay.
            if not await _succeeded(adding):
                await asyncio.to_thread(out.unlink, missing_ok=True)
            raise
        return row

    async def _keep(self, path: Path, blocks: AsyncIterator[bytes], expected: int | None = None) -> int:
        """Write a file, whole or not at all; `expected` is the bytes it says it has."""
        tell = teller(0.0, _FETCHED)
        unfinished = path.with_name(f"{path.name}.part")
        size = 0
        try:
            file = await asyncio.to_thread(_create, unfinished)
            try:
                while block := await self._block(blocks):
                    size += len(block)
                    if size > self._limits.largest:
                        raise BadRequest(f"file: expected at most {self._limits.largest} bytes, got more")
                    await asyncio.to_thread(file.write, block)
                    if expected:
                        tell(size / expected)
            finally:
                await asyncio.to_thread(file.close)
            if not size:
                raise BadRequest("file: expected a video or a sound, got an empty file")
            await asyncio.to_thread(unfinished.replace, path)
        except OSError as error:
            raise Unavailable(f"the file cannot be kept: {error.strerror or type(error).__name__}") from error
        finally:
            await asyncio.to_thread(unfinished.unlink, missing_ok=True)
        return size

    async def _block(self, blocks: AsyncIterator[bytes]) -> bytes:
        """Enough of the bytes to be written at once; empty at their end. Raises BadRequest if they stop coming."""
        held = bytearray()
        try:
            while len(held) < _BLOCK:
                async with asyncio.timeout(self._limits.idle):
                    held += await anext(blocks)
        except StopAsyncIteration:
            pass
        except TimeoutError:
            raise BadRequest(f"file: nothing of it has come for {self._limits.idle:g} s, it is given up") from None
        return bytes(held)

    async def _fetch(self, url: str, path: Path) -> None:
        shown = redact(url)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=15.0, sock_read=self._limits.idle)
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), connector=self._reach.connector()
                ) as session,
                session.get(url, max_redirects=5) as response,
            ):
                if response.status != 200:
                    raise BadRequest(f"url: {shown} answered with status {response.status}")
                await self._keep(path, response.content.iter_chunked(_BLOCK), response.content_length)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, AddressRefused):
                raise BadRequest(f"url: {shown} cannot be fetched: {error.os_error.strerror}") from error
            raise BadRequest(f"url: {shown} cannot be fetched ({type(error).__name__})") from error

    async def _check_room(self) -> None:
        before, busy = time.time() - self._limits.kept, frozenset(self._busy)
        waiting = await asyncio.to_thread(_tidy, self._folder, before, busy)
        if waiting >= self._limits.waiting:
            raise Unavailable(f"{waiting} uploaded files wait to become videos, which is all this server takes")


def _check(request: UploadRequest) -> None:
    try:
        parts = urlsplit(request.url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or len(request.url) > LARGEST_URL:
        raise BadRequest(
            "url: expected an http:// or https:// URL, or the one from upload_url that a file was posted to, got "
            f"{redact(request.url[:200])!r}"
        )
    if request.name:
        check_name("name", request.name)
    if request.description is not None and len(request.description) > LARGEST_DESCRIPTION:
        given = len(request.description)
        raise BadRequest(f"description: expected at most {LARGEST_DESCRIPTION} characters, got {given}")
    if request.media_type is not None and request.media_type not in MEDIA_TYPES:
        raise BadRequest(f"media_type: this server keeps video and audio, got {request.media_type!r}")
    check_no_callback(request.callback_url)


def check_no_callback(callback_url: str | None) -> None:
    """Raise BadRequest where a callback is asked for that would never come."""
    if callback_url:
        raise BadRequest("callback_url: this server calls back for alerts only; leave it out, and wait for the answer")


async def _converted(path: Path, out: Path) -> FileInfo:
    stop = threading.Event()

    def work() -> FileInfo:
        out.parent.mkdir(parents=True, exist_ok=True)
        try:
            return write_mp4(path, out, stop=stop)
        finally:
            if stop.is_set():  # nobody waits for it any more
                out.unlink(missing_ok=True)

    try:
        return await run_thread(work, name=f"upload {out.stem}", stop=stop, grace=_GRACE)
    except MediaError as error:
        raise BadRequest(f"url: what it holds cannot become a video: {error}") from error
    except asyncio.CancelledError:
        await asyncio.to_thread(out.unlink, missing_ok=True)  # it may just have been finished
        raise
    except Stopped as error:
        raise Unavailable("the server is stopping") from error
    except OSError as error:
        raise Unavailable(f"the video cannot be written: {error.strerror or type(error).__name__}") from error


async def _succeeded(task: asyncio.Future[None]) -> bool:
    await asyncio.wait((task,))
    return not task.cancelled() and task.exception() is None


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


def _take(uploaded: Path, path: Path) -> None:
    try:
        uploaded.rename(path)
    except FileNotFoundError:
        raise NotFound("url: no file was posted to it, or it has become a video, or has waited too long") from None


def _tidy(folder: Path, before: float, busy: frozenset[str]) -> int:
    """Delete files that have waited since before a time and are nobody's; how many are left."""
    left = 0
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.name in busy or path.stat().st_mtime >= before:
                    left += 1
                else:
                    path.unlink()
    return left


def _delete_parts(folder: Path) -> None:
    for path in folder.glob("*.part"):
        path.unlink(missing_ok=True)


def _name_in(url: str) -> str | None:
    """The name of the file that a URL leads to, without its suffix."""
    return PurePosixPath(unquote(urlsplit(url).path)).stem[:200] or None
