"""Moving the index of an MP4 file in front of its media, so that it plays while it is being fetched.

libav can do it too, but rewrites the file while it holds the interpreter's lock: a second and more for an hour of
video.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

_CONTAINERS = (b"trak", b"mdia", b"minf", b"stbl")
_OFFSET_TABLES = {b"stco": ">u4", b"co64": ">u8"}
_COPY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    size: int
    header: int  # bytes


def write_index_first(source: Path, target: Path) -> None:
    """Copy an MP4 file with its `moov` box first. Raises `ValueError` for a file without one, or of another make."""
    with source.open("rb") as file, target.open("wb") as out:
        boxes = list(_boxes(file, 0, source.stat().st_size))
        index = next((box for box in boxes if box.kind == b"moov"), None)
        media = next((box for box in boxes if box.kind == b"mdat"), None)
        if index is None or media is None:
            raise ValueError(f"{source} has no index or no media; expected an MP4 file")
        file.seek(index.start)
        moov = bytearray(file.read(index.size))
        if index.start > media.start:
            _shift_offsets(moov, index.header, len(moov), index.size)
        head = [box for box in boxes if box.kind == b"ftyp"]
        rest = [box for box in boxes if box not in (*head, index)]
        for box in head:
            _copy(file, out, box)
        out.write(moov)
        for box in rest:
            _copy(file, out, box)


def _boxes(file: BinaryIO, position: int, end: int) -> Iterator[_Box]:
    while position + 8 <= end:
        file.seek(position)
        size, kind, header = _read_header(file.read(16))
        if size == 0:  # up to the end of the file
            size = end - position
        if size < header or position + size > end:
            raise ValueError(f"malformed MP4: box {kind!r} of {size} bytes at {position} of {end}")
        yield _Box(kind, position, size, header)
        position += size


def _read_header(data: bytes | bytearray) -> tuple[int, bytes, int]:
    size, kind = int.from_bytes(data[:4], "big"), bytes(data[4:8])
    if size == 1:
        return int.from_bytes(data[8:16], "big"), kind, 16
    return size, kind, 8


def _shift_offsets(moov: bytearray, start: int, end: int, shift: int) -> None:
    """Add `shift` to each offset in the chunk tables between `start` and `end`."""
    position = start
    while position + 8 <= end:
        size, kind, header = _read_header(moov[position : position + 16])
        if size < header or position + size > end:
            raise ValueError(f"malformed MP4: box {kind!r} of {size} bytes inside the index")
        if kind in _CONTAINERS:
            _shift_offsets(moov, position + header, position + size, shift)
        elif kind in _OFFSET_TABLES:
            _shift_table(moov, position + header, _OFFSET_TABLES[kind], shift)
        position += size


def _shift_table(moov: bytearray, start: int, form: str, shift: int) -> None:
    count = int.from_bytes(moov[start + 4 : start + 8], "big")
    offsets = np.frombuffer(moov, dtype=form, count=count, offset=start + 8)
    if count and int(offsets.max()) + shift > np.iinfo(offsets.dtype).max:
        raise ValueError("the file is too large for its index to be moved")
    offsets += shift


def _copy(file: BinaryIO, out: BinaryIO, box: _Box) -> None:
    file.seek(box.start)
    left = box.size
    while left:
        data = file.read(min(left, _COPY_BYTES))
        if not data:
            raise ValueError(f"file ended inside box {box.kind!r}")
        out.write(data)
        left -= len(data)
