"""Recordings as MP4: every frame decodes, nothing drifts, and the ends are where they were asked for."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from media_clips import FRAME, START, Decoded, decode_strictly, sample, write_clip
from recordings import Recording

from aiortstream.local.recording.export import ExportError, export_mp4
from aiortstream.local.recording.playlist import EmptyWindow
from aiortstream.local.recording.segmenter import Segmenter, SegmentInfo


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def assert_continuous(decoded: Decoded) -> None:
    for times, step in ((decoded.video, FRAME), (decoded.audio, 1024 / 44_100)):
        if times:
            assert times[0] == pytest.approx(0, abs=0.05)
            gaps = [later - earlier for earlier, later in pairwise(times)]
            assert min(gaps) > 0
            assert max(gaps) < step + 0.08, "time stamps have a hole"


@pytest.mark.parametrize("name", ["clip", "reordered"])
async def test_a_whole_recording_decodes_without_an_error_and_without_drift(tmp_path: Path, name: str) -> None:
    recording = Recording(tmp_path / "rec")
    await recording.record(sample(name), target_duration=0.5)
    assert len(recording.segments) == 4
    info = export_mp4(recording.segments, recording.root, tmp_path / "out.mp4")
    decoded = decode_strictly(tmp_path / "out.mp4")
    assert len(decoded.video) == 100
    assert decoded.video[-1] - decoded.video[0] == pytest.approx(99 * FRAME, abs=0.001)
    assert_continuous(decoded)
    assert info.duration == pytest.approx(4.0, abs=0.05)
    assert info.start == pytest.approx(recording.segments[0].start, abs=1e-4)
    assert info.end == pytest.approx(recording.segments[-1].end, abs=0.001)
    assert (info.has_video, info.has_audio) == (True, True)
    assert info.bytes == (tmp_path / "out.mp4").stat().st_size
    assert names(tmp_path) == ["out.mp4", "rec"]


async def test_a_reconnect_leaves_no_hole_in_the_file(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "rec")
    await recording.record(sample("clip"))
    recording.wall.time += 3600
    await recording.record(sample("clip"))
    info = export_mp4(recording.segments, recording.root, tmp_path / "out.mp4")
    decoded = decode_strictly(tmp_path / "out.mp4")
    assert len(decoded.video) == 200
    assert_continuous(decoded)
    assert info.duration == pytest.approx(8.0, abs=0.1)
    assert info.end - info.start == pytest.approx(3608, abs=0.2)


@pytest.mark.parametrize("name", ["clip", "reordered"])
@pytest.mark.parametrize(("start", "end", "first", "last"), [(1.3, 2.7, 1.0, 2.7), (2.0, 3.0, 2.0, 3.0), (0, 9, 0, 4)])
async def test_a_window_is_cut_at_its_key_frame_and_its_end(
    tmp_path: Path, name: str, start: float, end: float, first: float, last: float
) -> None:
    recording = Recording(tmp_path / "rec")
    await recording.record(sample(name))
    zero = recording.segments[0].start
    info = export_mp4(recording.segments, recording.root, tmp_path / "o.mp4", start=zero + start, end=zero + end)
    decoded = decode_strictly(tmp_path / "o.mp4")
    reordering = 5 * FRAME if name == "reordered" else FRAME
    assert info.start - zero == pytest.approx(first, abs=1e-4)
    assert info.end - zero == pytest.approx(last, abs=reordering + 0.001)
    assert len(decoded.video) * FRAME == pytest.approx(last - first, abs=reordering + 0.001)
    assert info.duration == pytest.approx(info.end - info.start, abs=0.001)
    assert_continuous(decoded)
    assert [round(gap, 3) for gap in (b - a for a, b in pairwise(decoded.video))] == [FRAME] * (len(decoded.video) - 1)


async def test_sound_stays_beside_its_pictures(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "rec")
    await recording.record(sample("clip"))
    zero = recording.segments[0].start
    export_mp4(recording.segments, recording.root, tmp_path / "o.mp4", start=zero + 2.2)
    with av.open(str(tmp_path / "o.mp4")) as source:
        loud = [
            float(frame.pts * frame.time_base)
            for frame in source.decode(audio=0)
            if np.abs(frame.to_ndarray()).max() > 0.25 and frame.pts is not None and frame.time_base is not None
        ]
    assert loud[0] == pytest.approx(1.0, abs=0.06)  # the file begins at 2, the beep at 3


async def test_sound_alone_and_video_alone(tmp_path: Path) -> None:
    for name, expected in (("sound", (False, True)), ("silent", (True, False))):
        recording = Recording(tmp_path / name)
        await recording.record(sample(name))
        info = export_mp4(recording.segments, recording.root, tmp_path / "o.mp4")
        assert (info.has_video, info.has_audio) == expected
        assert info.duration == pytest.approx(4.0, abs=0.06)
        assert_continuous(decode_strictly(tmp_path / "o.mp4"))


async def test_a_stretch_whose_beginning_is_gone_begins_at_its_next_key_frame(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "rec")
    clip = write_clip(tmp_path / "clip.mp4", group=70)  # key frames at 0 and 2.8
    await recording.record(clip, target_duration=0.5, max_duration=1.0)
    assert [segment.independent for segment in recording.segments] == [True, False, False, True, False]
    info = export_mp4(recording.segments[1:], recording.root, tmp_path / "o.mp4")
    assert info.start == pytest.approx(recording.segments[3].start, abs=1e-4)
    assert len(decode_strictly(tmp_path / "o.mp4").video) == 30
    recording.wall.time += 10
    later = await recording.record(clip, target_duration=0.5, max_duration=1.0)
    export_mp4([recording.segments[3], *later[1:]], recording.root, tmp_path / "o.mp4")
    assert_continuous(decode_strictly(tmp_path / "o.mp4"))


def test_time_stamps_that_start_over_make_no_jump(tmp_path: Path) -> None:
    """MPEG-TS counts to 2^33 at 90 kHz: a session of 26.5 hours, of which the end is exported."""
    segments: list[SegmentInfo] = []
    segmenter = Segmenter(tmp_path / "rec", target_duration=0.5, on_segment=segments.append)
    ahead = 2**33 / 90_000 - 3.5  # the turn comes in the middle of the third second
    with av.open(str(sample("clip"))) as source:
        segmenter.begin([*source.streams])
        for packet in source.demux():
            late = packet.pts is not None and packet.pts * packet.time_base >= 1
            segmenter.add(packet, START + ahead if late else START)
        segmenter.end()
    before, turning, after = segments[1:]
    info = export_mp4([before, turning, after], tmp_path / "rec", tmp_path / "o.mp4")
    assert info.start == pytest.approx(START + ahead + 1, abs=1e-4)
    assert info.duration == pytest.approx(3, abs=0.1)
    decoded = decode_strictly(tmp_path / "o.mp4")
    assert len(decoded.video) == 75
    assert_continuous(decoded)


def test_sound_that_comes_with_one_time_for_many_packets(tmp_path: Path) -> None:
    """An encoder that hiccups: they are a tick of MPEG-TS apart in the segments, which is less than a sample."""
    segments: list[SegmentInfo] = []
    segmenter = Segmenter(tmp_path / "rec", on_segment=segments.append)
    with av.open(str(sample("clip"))) as source:
        segmenter.begin([*source.streams])
        held = None
        for packet in source.demux():
            if packet.stream.type == "audio" and packet.dts is not None and 1 < packet.dts * packet.time_base < 1.3:
                held = packet.dts if held is None else held
                packet.pts = packet.dts = held
            segmenter.add(packet, START)
        segmenter.end()
    export_mp4(segments, tmp_path / "rec", tmp_path / "o.mp4")
    decoded = decode_strictly(tmp_path / "o.mp4")
    assert len(decoded.video) == 100
    assert all(earlier < later for earlier, later in pairwise(decoded.audio))


async def test_a_change_of_format_is_refused_with_its_time(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "rec")
    await recording.record(sample("clip"))
    await recording.record(write_clip(tmp_path / "large.mp4", seconds=1, size=(320, 240)))
    with pytest.raises(
        ExportError, match=r"changes its video from .*160, 120.* to .*320, 240.* at 2023-11-14T22:13:24"
    ):
        export_mp4(recording.segments, recording.root, tmp_path / "o.mp4")
    assert not [name for name in names(tmp_path) if name.startswith("o.mp4")]


async def test_failures_leave_nothing_behind(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "rec")
    with pytest.raises(EmptyWindow, match="no recording at all"):
        export_mp4([], recording.root, tmp_path / "o.mp4")
    (segment, *_) = await recording.record(sample("clip"))
    (recording.root / segment.path).write_bytes(b"overwritten")
    with pytest.raises(ExportError, match="cannot be written as MP4"):
        export_mp4([segment], recording.root, tmp_path / "o.mp4")
    (recording.root / segment.path).unlink()
    with pytest.raises((ExportError, OSError)):
        export_mp4([segment], recording.root, tmp_path / "o.mp4")
    assert not [name for name in names(tmp_path) if name.startswith("o.mp4")]
