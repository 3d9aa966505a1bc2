"""Clips: cut once, kept within bounds, whole or not there."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from core_fakes import DEADLINE, T0, segment, until

from aiortstream.local.deliver.clips import ClipCache
from aiortstream.local.recording.segmenter import SegmentInfo
from aiortstream.local.services.errors import BadRequest, Unavailable

SEGMENTS = [segment(0, 2), segment(2, 4)]


class Cutter:
    """Writes as many bytes as it is told, once `go` is set."""

    def __init__(self, size: int = 100) -> None:
        self.size = size
        self.windows: list[tuple[float, float]] = []
        self.broken: Exception | None = None
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Event()

    def __call__(self, segments: Sequence[SegmentInfo], root: Path, out: Path, start: float, end: float) -> None:
        self.begun.set()
        assert self.go.wait(DEADLINE)
        self.windows.append((start - T0, end - T0))
        out.write_bytes(b"x" * self.size)
        if self.broken is not None:
            raise self.broken


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


async def cut(cache: ClipCache, start: float, end: float, segments: Sequence[SegmentInfo] = SEGMENTS) -> Path:
    return await cache.clip("rts-1", segments, Path("recorded"), T0 + start, T0 + end)


async def test_a_clip_is_cut_once_for_all_who_wait_and_for_all_who_come_later(tmp_path: Path) -> None:
    cutter = Cutter()
    cache = ClipCache(tmp_path / "clips", cutter)
    cutter.go.clear()
    waiting = [asyncio.create_task(cut(cache, 0, 3)) for _ in range(5)]
    await asyncio.to_thread(cutter.begun.wait, DEADLINE)
    waiting[0].cancel()  # one that leaves takes nothing from the others
    cutter.go.set()
    paths = await asyncio.gather(*waiting[1:])
    assert {path.read_bytes() for path in paths} == {b"x" * 100}
    assert await cut(cache, 0, 3) == paths[0]
    assert cutter.windows == [(0.0, 3.0)]
    assert waiting[0].cancelled()
    await cache.aclose()


async def test_a_window_that_has_grown_is_cut_anew(tmp_path: Path) -> None:
    cutter = Cutter()
    cache = ClipCache(tmp_path, cutter)
    early = await cut(cache, 0, 10, SEGMENTS[:1])
    assert await cut(cache, 0, 10, SEGMENTS) != early
    assert await cut(cache, 0, 9, SEGMENTS) != await cut(cache, 0, 10, SEGMENTS)
    assert len(cutter.windows) == 3


async def test_the_least_recently_used_give_way(tmp_path: Path) -> None:
    cache = ClipCache(tmp_path, Cutter(size=1500), max_bytes=4000)
    oldest, older = await cut(cache, 0, 1, SEGMENTS[:1]), await cut(cache, 0, 2, SEGMENTS[:1])
    os.utime(oldest, (1, 1))
    os.utime(older, (2, 2))
    assert await cut(cache, 0, 1, SEGMENTS[:1]) == oldest  # used now, so the other is the least recent
    newest = await cut(cache, 0, 3, SEGMENTS[:1])
    assert names(tmp_path) == {oldest.name, newest.name}


async def test_one_that_was_just_cut_is_kept_whatever_its_size(tmp_path: Path) -> None:
    cache = ClipCache(tmp_path, Cutter(size=5000), max_bytes=2000)
    assert (await cut(cache, 0, 1)).is_file()


async def test_more_than_the_cache_holds_is_not_begun(tmp_path: Path) -> None:
    cutter = Cutter()
    with pytest.raises(BadRequest, match=r"2000 bytes, and at most 1999"):
        await cut(ClipCache(tmp_path, cutter, max_bytes=1999), 0, 4)
    assert cutter.windows == []


async def test_a_failure_leaves_nothing_and_is_tried_again(tmp_path: Path) -> None:
    cutter = Cutter()
    cache = ClipCache(tmp_path, cutter)
    cutter.broken = OSError(28, "No space left on device")
    with pytest.raises(OSError, match="No space left"):
        await cut(cache, 0, 1)
    assert names(tmp_path) == set()
    cutter.broken = None
    assert (await cut(cache, 0, 1)).is_file()


async def test_closing_waits_for_the_cut_under_way_and_gives_up_the_rest(tmp_path: Path) -> None:
    cutter = Cutter()
    cache = ClipCache(tmp_path, cutter)
    cutter.go.clear()
    first = asyncio.create_task(cut(cache, 0, 1))
    await asyncio.to_thread(cutter.begun.wait, DEADLINE)
    second = asyncio.create_task(cut(cache, 0, 2))

    async def both_asked() -> bool:
        return len(cache._making) == 2

    await until(both_asked)
    closing = asyncio.create_task(cache.aclose())
    await asyncio.sleep(0)
    cutter.go.set()
    await asyncio.wait_for(closing, DEADLINE)
    assert (await first).is_file()
    with pytest.raises(Unavailable, match="stopping"):
        await second
    assert cutter.windows == [(0.0, 1.0)]
