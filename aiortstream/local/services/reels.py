"""Reels: stretches of videos as one thing to play, made once and kept for as long as there is room.

A reel's id is made of what it shows, so asking twice makes it once. It is a folder: what is to be played, and a list of
the videos in it, by which it goes when one of them is deleted.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from aiortstream.local.ingest.threads import run_thread
from aiortstream.local.recording.files import MediaError, Stopped
from aiortstream.local.recording.reel import MP4, PLAYLIST, Cut, write_reel
from aiortstream.local.services.errors import BadRequest, NotFound, Unavailable

MAX_BYTES = 8 * 1024**3  # of all reels: some hours of video
GRACE = 30.0  # seconds that a reel under way has to stop when the server closes
_VIDEOS = "videos.json"
_ID = re.compile(r"[0-9a-f]{32}")
_FILE = re.compile(rf"{re.escape(MP4)}|{re.escape(PLAYLIST)}|[0-9]+\.ts")

Write = Callable[[Sequence[Cut], Path, threading.Event], None]


@dataclass(frozen=True, slots=True)
class Shot:
    """A stretch of a video, in seconds from its beginning."""

    video_id: str
    path: Path
    start: float
    end: float


class ReelStore:
    """The reels in `directory`, which belongs to it alone; the least recently used give way beyond `max_bytes`."""

    def __init__(self, directory: Path, *, max_bytes: int = MAX_BYTES, write: Write | None = None) -> None:
        self._directory = directory
        self._max_bytes = max_bytes
        self._write = write or _write
        self._turn = asyncio.Lock()  # one at a time: it is the disk that limits them

    async def tidy(self) -> None:
        """Delete what an earlier server left half-way. Call it before the first request."""
        await asyncio.to_thread(_delete_unfinished, self._directory)

    async def make(self, shots: Sequence[Shot]) -> tuple[str, bool]:
        """The reel of these shots, made if need be: its id, and whether it is one MP4 file too.

        Raises BadRequest where a video cannot be read, Unavailable where the reel cannot be written. Cancelling it
        leaves no half of one.
        """
        reel_id = _id_of(shots)
        folder = self._directory / reel_id
        async with self._turn:
            if not await asyncio.to_thread(_touch, folder):
                await self._make(shots, folder)
            return reel_id, await asyncio.to_thread((folder / MP4).is_file)

    async def file(self, reel_id: str, name: str) -> Path:
        """A file of a reel. Raises NotFound, also for a reel that has given way to others."""
        path = self._directory / reel_id / name
        known = _ID.fullmatch(reel_id) and _FILE.fullmatch(name)
        if not known or not await asyncio.to_thread(path.is_file):
            raise NotFound("there is no such reel, or not any more: compile it again")
        await asyncio.to_thread(_touch, path.parent)
        return path

    async def forget(self, video_id: str) -> None:
        """Delete the reels that show a video."""
        async with self._turn:
            await asyncio.to_thread(_forget, self._directory, video_id)

    async def _make(self, shots: Sequence[Shot], folder: Path) -> None:
        stop = threading.Event()
        unfinished = folder.with_name(f"{secrets.token_hex(8)}.part")

        def work() -> None:
            try:
                unfinished.mkdir(parents=True)
                self._write([Cut(shot.path, shot.start, shot.end) for shot in shots], unfinished, stop)
                (unfinished / _VIDEOS).write_bytes(msgspec.json.encode(sorted({shot.video_id for shot in shots})))
                unfinished.replace(folder)
                _evict(self._directory, self._max_bytes, keep=folder)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)

        try:
            await run_thread(work, name=f"reel {folder.name}", stop=stop, grace=GRACE)
        except MediaError as error:
            raise BadRequest(str(error)) from error
        except Stopped as error:
            raise Unavailable("the server is stopping") from error
        except OSError as error:
            raise Unavailable(f"the reel cannot be written: {error.strerror or type(error).__name__}") from error


def _write(cuts: Sequence[Cut], folder: Path, stop: threading.Event) -> None:
    write_reel(cuts, folder, stop=stop)


def _id_of(shots: Sequence[Shot]) -> str:
    parts = (f"{shot.video_id} {shot.start:.6f} {shot.end:.6f}" for shot in shots)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _touch(folder: Path) -> bool:
    """Whether the reel exists; being asked for makes it the youngest."""
    if not (folder / PLAYLIST).is_file():
        return False
    os.utime(folder)
    return True


def _delete_unfinished(directory: Path) -> None:
    for folder in directory.glob("*.part"):
        shutil.rmtree(folder, ignore_errors=True)


def _forget(directory: Path, video_id: str) -> None:
    for listed in directory.glob(f"*/{_VIDEOS}"):
        if video_id in msgspec.json.decode(listed.read_bytes(), type=list[str]):
            shutil.rmtree(listed.parent, ignore_errors=True)


def _evict(directory: Path, max_bytes: int, keep: Path) -> None:
    reels = sorted((folder.stat().st_mtime, folder) for folder in directory.iterdir() if _ID.fullmatch(folder.name))
    sizes = {folder: sum(file.stat().st_size for file in folder.iterdir()) for _, folder in reels}
    total = sum(sizes.values())
    for _, folder in reels:
        if total <= max_bytes:
            return
        if folder != keep:
            shutil.rmtree(folder, ignore_errors=True)
            total -= sizes[folder]
