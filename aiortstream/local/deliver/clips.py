"""Windows of recordings as MP4 files, made when first asked for and kept in a bounded directory.

They serve players that cannot play HLS. A clip is named after the segments it was cut from, so that a window which was
still being recorded is cut anew once there is more of it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aiortstream.local.services.errors import BadRequest, Unavailable

if TYPE_CHECKING:
    from aiortstream.local.recording.segmenter import SegmentInfo

Cut = Callable[[Sequence["SegmentInfo"], Path, Path, float, float], object]
"""Writes a window of the segments under a root to a file: segments, root, file, start, end (unix seconds). Blocks."""


class ClipCache:
    """Clips in `directory`, which belongs to it alone; the least recently used give way beyond `max_bytes`."""

    def __init__(self, directory: Path, cut: Cut, *, max_bytes: int = 2 * 1024**3) -> None:
        self._directory = directory
        self._cut = cut
        self._max_bytes = max_bytes
        self._turn = asyncio.Lock()  # one cut at a time: it is the disk that limits them
        self._closing = False
        self._making: dict[str, asyncio.Task[Path]] = {}  # by name: one task for all who wait for the same clip

    async def clip(
        self, rtstream_id: str, segments: Sequence[SegmentInfo], root: Path, start: float, end: float
    ) -> Path:
        """The file of a window, cut if need be.

        Raises BadRequest for more than the cache holds, and what cutting raises. Cancelling it leaves the cutting under
        way, since others may wait for it.
        """
        size = sum(segment.bytes for segment in segments)
        if size > self._max_bytes:
            raise BadRequest(
                f"this window is {size} bytes, and at most {self._max_bytes} are made into one file here: "
                "play its playlist, or export the stream"
            )
        name = _name(rtstream_id, segments, start, end)
        task = self._making.get(name)
        if task is None:
            task = asyncio.create_task(self._make(name, segments, root, start, end), name=f"clip {name}")
            self._making[name] = task
            task.add_done_callback(lambda done: self._made(name, done))
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Give up the cuts that wait for their turn, and wait for the one under way: a thread cannot be cancelled."""
        self._closing = True
        await asyncio.gather(*self._making.values(), return_exceptions=True)

    def _made(self, name: str, task: asyncio.Task[Path]) -> None:
        del self._making[name]
        if not task.cancelled():
            task.exception()  # seen here too, in case all who waited have gone

    async def _make(self, name: str, segments: Sequence[SegmentInfo], root: Path, start: float, end: float) -> Path:
        path = self._directory / name
        if await asyncio.to_thread(_touch, path):
            return path
        async with self._turn:
            if self._closing:
                raise Unavailable("the server is stopping")
            await asyncio.to_thread(self._write, path, segments, root, start, end)
        return path

    def _write(self, path: Path, segments: Sequence[SegmentInfo], root: Path, start: float, end: float) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{secrets.token_hex(8)}.part.mp4")
        try:
            self._cut(segments, root, unfinished, start, end)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
        _evict(self._directory, self._max_bytes, keep=path)


def _name(rtstream_id: str, segments: Sequence[SegmentInfo], start: float, end: float) -> str:
    parts = (rtstream_id, f"{start:.6f}", f"{end:.6f}", *(f"{each.path} {each.end:.6f}" for each in segments))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32] + ".mp4"


def _touch(path: Path) -> bool:
    """Whether the clip exists; being asked for makes it the youngest."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


def _evict(directory: Path, max_bytes: int, keep: Path) -> None:
    clips = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in directory.glob("*.mp4"))
    total = sum(size for _, size, _ in clips)
    for _, size, path in clips:
        if total <= max_bytes:
            return
        if path != keep:
            path.unlink(missing_ok=True)
            total -= size
