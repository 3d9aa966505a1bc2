"""Recorded segments as one MP4 file, by stream copy: nothing is encoded, so an hour takes seconds.

The segments of a session share one timeline, from which the file's time stamps are taken; at a gap the next stretch
goes on where the one before ended, so that the file has none.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from .faststart import write_index_first
from .playlist import follows, format_time, select_window
from .segmenter import TICKS, SegmentInfo, session_epoch

_WRAP = 2**33 / TICKS  # seconds after which time stamps of MPEG-TS start over
_ROUNDING = 0.001  # seconds


class ExportError(Exception):
    """The segments cannot be made into one file; the message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class ExportInfo:
    """A written file: `duration` in seconds, size in `bytes`, and the unix times of its first and last moment."""

    duration: float
    bytes: int
    start: float
    end: float
    has_video: bool
    has_audio: bool


def export_mp4(
    segments: Sequence[SegmentInfo],
    root: Path,
    out: Path,
    *,
    start: float | None = None,
    end: float | None = None,
    tell: Callable[[float], None] | None = None,
) -> ExportInfo:
    """Write the recording between `start` and `end` (unix seconds; None for all there is) as MP4 with its index first.

    `root` is the directory that the paths of the segments are relative to. The file begins at the last key frame at or
    before `start`, and ends at `end` to within the frames that are decoded out of order. It appears under its name only
    when it is whole. `tell` is called with the part that is written, from 0 to 1. Blocks: call it on a thread. Raises
    `EmptyWindow`, `ExportError`, `OSError`.
    """
    chosen = select_window(segments, -math.inf if start is None else start, math.inf if end is None else end)
    muxed, moved = out.with_name(out.name + ".mux.part"), out.with_name(out.name + ".part")
    try:
        begin = _find_beginning(chosen, root, -math.inf if start is None else start)
        chosen = [segment for segment in chosen if segment.end > begin]
        with _Mp4Writer(muxed, chosen, root) as writer:
            for number, segment in enumerate(chosen, 1):
                writer.add(segment, begin=begin, end=math.inf if end is None else end)
                if tell is not None:
                    tell(number / (len(chosen) + 1))  # its index is moved to the front at last
        if writer.end <= begin:
            raise ExportError(f"{_describe(chosen)} holds nothing that can be played")
        write_index_first(muxed, moved)
        size = _force_to_disk(moved)
        moved.replace(out)
    except (av.error.FFmpegError, ValueError) as error:
        raise ExportError(f"{_describe(chosen)} cannot be written as MP4: {error}") from error
    finally:
        muxed.unlink(missing_ok=True)
        moved.unlink(missing_ok=True)
    return ExportInfo(writer.duration, size, begin, writer.end, writer.has_video, writer.has_audio)


def _describe(segments: Sequence[SegmentInfo]) -> str:
    return f"the recording from {format_time(segments[0].start)} to {format_time(segments[-1].end)}"


@dataclass(frozen=True, slots=True)
class _Placed:
    """A packet with the unix times of its decoding and presentation."""

    packet: Packet[Stream]
    decoded: float
    start: float
    is_video: bool

    @property
    def end(self) -> float:
        return self.start + (self.packet.duration or 0) / TICKS


def _open(segment: SegmentInfo, root: Path) -> InputContainer:
    return av.open(str(root / segment.path), format="mpegts")


def _read(segment: SegmentInfo, root: Path) -> Iterator[_Placed]:
    """The packets of a segment, with their time stamps led back to unix time."""
    epoch = session_epoch(segment.session)
    expected = segment.start - epoch  # tells which turn of the 33-bit time stamps it is in
    with _open(segment, root) as container:
        streams = [*container.streams.video[:1], *container.streams.audio[:1]]
        for packet in container.demux(streams):
            if packet.dts is None or packet.pts is None:
                continue
            decoded = packet.dts / TICKS
            turns = round((expected - decoded) / _WRAP) * _WRAP
            yield _Placed(
                packet,
                decoded=decoded + turns + epoch,
                start=packet.pts / TICKS + turns + epoch,
                is_video=packet.stream.type == "video",
            )


def _find_beginning(chosen: Sequence[SegmentInfo], root: Path, start: float) -> float:
    """The unix time of the last key frame at or before `start`, or of the first there is; without video, `start`."""
    found: float | None = None
    for segment in chosen:
        if found is not None and segment.start > start:
            break
        if not segment.has_video:
            continue
        for placed in _read(segment, root):
            if placed.is_video and placed.packet.is_keyframe and (found is None or placed.start <= start + _ROUNDING):
                found = placed.start
    return max(start, chosen[0].start) if found is None else found


class _Mp4Writer:
    """Muxes packets of segments into one file, on a timeline that begins at zero and has no gaps."""

    def __init__(self, path: Path, chosen: Sequence[SegmentInfo], root: Path) -> None:
        self._root = root
        self._formats: dict[bool, tuple[object, ...]] = {}  # of the video (True) and the sound (False)
        self._targets: dict[bool, Stream] = {}
        self._last_dts: dict[bool, int] = {}
        self._previous: SegmentInfo | None = None
        self._run_start = 0.0  # unix time at which the current stretch without gaps begins
        self._run_offset = 0.0  # seconds into the file at which that is
        self._awaits_key = False  # the stretch begins inside a group of pictures whose beginning is gone
        self._latest_picture = -math.inf  # unix time of the last picture, in order of showing, that was decoded in time
        self.duration = 0.0
        self.end = -math.inf  # unix time
        self._container: OutputContainer = av.open(str(path), "w", format="mp4")
        for is_video in (True, False):
            self._add_stream(chosen, is_video=is_video)

    @property
    def has_video(self) -> bool:
        return True in self._last_dts

    @property
    def has_audio(self) -> bool:
        return False in self._last_dts

    def __enter__(self) -> _Mp4Writer:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def add(self, segment: SegmentInfo, *, begin: float, end: float) -> None:
        """Write what lies between `begin` and `end` of a segment."""
        if self._previous is None or not follows(self._previous, segment):
            self._run_start = max(begin, segment.start)
            self._run_offset = self.duration
            self._awaits_key = segment.has_video and not segment.independent
        self._previous = segment
        for placed in _read(segment, self._root):
            if self._awaits_key:
                if not (placed.is_video and placed.packet.is_keyframe):
                    continue
                self._run_start, self._awaits_key = max(begin, placed.start), False
            if placed.start >= self._run_start - _ROUNDING and self._is_before(placed, end):
                self._write(placed)

    def _is_before(self, placed: _Placed, end: float) -> bool:
        """Whether a packet belongs before `end`: a picture too that is shown between two which do."""
        if not placed.is_video:
            return placed.start < end
        if placed.decoded < end:
            self._latest_picture = max(self._latest_picture, placed.start)
        return placed.decoded < end or placed.start < self._latest_picture

    def _write(self, placed: _Placed) -> None:
        packet = placed.packet
        target = self._targets.get(placed.is_video)
        if target is None:
            return
        self._check_format(placed)
        shift = self._run_offset - self._run_start
        dts = round((placed.decoded + shift) * TICKS)
        if placed.is_video in self._last_dts:
            dts = max(dts, self._last_dts[placed.is_video] + self._tick(target))
        self._last_dts[placed.is_video] = dts
        packet.pts, packet.dts = (
            max(round((placed.start + shift) * TICKS), dts),
            dts,
        )  # its ticks are those of MPEG-TS already
        packet.stream = target
        self.end = max(self.end, placed.end)
        self.duration = max(self.duration, placed.end + shift)
        self._container.mux(packet)

    @staticmethod
    def _tick(target: Stream) -> int:
        """The least that two packets are apart, so that they still are when MP4 counts the sound's time in samples."""
        rate = target.codec_context.sample_rate if isinstance(target.codec_context, av.AudioCodecContext) else TICKS
        return math.ceil(TICKS / (rate or TICKS))

    def _add_stream(self, chosen: Sequence[SegmentInfo], *, is_video: bool) -> None:
        for segment in chosen:
            if not (segment.has_video if is_video else segment.has_audio):
                continue
            with _open(segment, self._root) as container:
                for stream in (container.streams.video if is_video else container.streams.audio)[:1]:
                    if (found := _format_of(stream)) is not None:
                        self._targets[is_video] = self._container.add_stream_from_template(stream)
                        self._formats[is_video] = found
                        return

    def _check_format(self, placed: _Placed) -> None:
        found = _format_of(placed.packet.stream)
        wanted = self._formats[placed.is_video]
        if found is not None and found != wanted:
            raise ExportError(
                f"the recording changes its {'video' if placed.is_video else 'sound'} from {wanted} to {found} at "
                f"{format_time(placed.start)}; export the time before and after in two files"
            )


def _format_of(stream: Stream) -> tuple[object, ...] | None:
    """Codec and dimensions; None where a segment does not tell, since it begins inside a group of pictures."""
    context = stream.codec_context
    if isinstance(context, av.VideoCodecContext):
        return (context.name, context.width, context.height) if context.width else None
    if isinstance(context, av.AudioCodecContext):
        return (context.name, context.sample_rate, context.channels) if context.sample_rate else None
    return None


def _force_to_disk(path: Path) -> int:
    """Force a file to disk; returns its size in bytes."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        return os.fstat(file.fileno()).st_size
