"""The index of an MP4 file in front of its media."""

from __future__ import annotations

import struct
from pathlib import Path

import av
import pytest
from media_clips import decode_strictly, sample

from aiortstream.local.recording.faststart import write_index_first


def box(kind: bytes, body: bytes = b"", *, large: bool = False) -> bytes:
    if large:
        return struct.pack(">I4sQ", 1, kind, len(body) + 16) + body
    return struct.pack(">I4s", len(body) + 8, kind) + body


def order(path: Path) -> list[bytes]:
    data, position, kinds = path.read_bytes(), 0, []
    while position < len(data):
        size, kind = struct.unpack_from(">I4s", data, position)
        kinds.append(kind)
        position += size if size > 1 else struct.unpack_from(">Q", data, position + 8)[0]
    return kinds


def chunk_table(kind: bytes, form: str, *offsets: int) -> bytes:
    table = box(kind, bytes(4) + struct.pack(">I", len(offsets)) + struct.pack(f">{len(offsets)}{form}", *offsets))
    for outer in (b"stbl", b"minf", b"mdia", b"trak"):
        table = box(outer, table)
    return table


def test_a_real_file_plays_the_same(tmp_path: Path) -> None:
    moved = tmp_path / "moved.mp4"
    write_index_first(sample("clip"), moved)
    assert order(sample("clip")).index(b"moov") > order(sample("clip")).index(b"mdat")
    assert order(moved)[:2] == [b"ftyp", b"moov"]
    assert moved.stat().st_size == sample("clip").stat().st_size
    assert decode_strictly(moved) == decode_strictly(sample("clip"))
    with av.open(str(moved)) as one, av.open(str(sample("clip"))) as other:
        assert [bytes(packet) for packet in one.demux()] == [bytes(packet) for packet in other.demux()]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(("kind", "form"), [(b"stco", "I"), (b"co64", "Q")])
def test_offsets_of_both_widths_are_shifted(tmp_path: Path, kind: bytes, form: str, large: bool) -> None:
    tables = chunk_table(kind, form, 100, 2000) + chunk_table(kind, form, 7)
    source, target = tmp_path / "s.mp4", tmp_path / "t.mp4"
    source.write_bytes(box(b"ftyp") + box(b"mdat", b"x" * 50, large=large) + box(b"moov", box(b"mvhd") + tables))
    write_index_first(source, target)
    shift = len(box(b"moov", box(b"mvhd") + tables))
    moved = chunk_table(kind, form, 100 + shift, 2000 + shift) + chunk_table(kind, form, 7 + shift)
    assert target.read_bytes() == box(b"ftyp") + box(b"moov", box(b"mvhd") + moved) + box(
        b"mdat", b"x" * 50, large=large
    )


def test_an_index_that_is_first_already_keeps_its_offsets(tmp_path: Path) -> None:
    source, target = tmp_path / "s.mp4", tmp_path / "t.mp4"
    source.write_bytes(box(b"ftyp") + box(b"moov", chunk_table(b"stco", "I", 100)) + box(b"mdat", b"x"))
    write_index_first(source, target)
    assert target.read_bytes() == source.read_bytes()


def test_media_of_unstated_size_reaches_to_the_end(tmp_path: Path) -> None:
    source, target = tmp_path / "s.mp4", tmp_path / "t.mp4"
    source.write_bytes(box(b"ftyp") + box(b"moov") + struct.pack(">I4s", 0, b"mdat") + b"media")
    write_index_first(source, target)
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no index"),
        (box(b"ftyp") + box(b"mdat"), "no index"),
        (box(b"moov"), "no media"),
        (struct.pack(">I4s", 4, b"mdat"), "malformed"),
        (struct.pack(">I4s", 400, b"mdat"), "malformed"),
        (box(b"mdat") + box(b"moov", struct.pack(">I4s", 99, b"trak")), "malformed"),
        (box(b"mdat") + box(b"moov", chunk_table(b"stco", "I", 2**32 - 5)), "too large"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes, said: str) -> None:
    source = tmp_path / "s.mp4"
    source.write_bytes(data)
    with pytest.raises(ValueError, match=said):
        write_index_first(source, tmp_path / "t.mp4")
