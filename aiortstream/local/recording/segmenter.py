"""Writes packets into segments by stream copy: MPEG-TS files that begin at key frames and abut exactly.

A segment is written under a temporary name, forced to disk and renamed; only then is it announced. A crash therefore
loses at most the segment being written (`max_duration` and a little), and leaves a temporary file that `recover`
deletes. Its name says what its row does not: `<session>/<start>.ts`, in microseconds since 1970, with a `c` (continued)
after the start where it does not begin at a key frame.

Time stamps inside are unix time less the session's epoch, on MPEG-TS's own 90 kHz: all files of a session are on one
timeline, and `session_epoch` leads from any of them back to unix time.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

_log = logging.getLogger(__name__)

# What MPEG-TS carries and players of it know. G.711 and VP8, for instance, would be written but never played.
RECORDABLE_VIDEO = frozenset({"h264", "hevc", "mpeg2video", "mpeg4"})
RECORDABLE_AUDIO = frozenset({"aac", "aac_latm", "mp3", "mp2", "ac3", "eac3", "opus"})

TICKS = 90_000  # of MPEG-TS time stamps in a second
_TIME_BASE = Fraction(1, TICKS)

_PARTIAL = ".part"
_CONTINUED = "c"
_LEAD = (
    1  # seconds that written time stamps begin at, so that none is negative; whole, so that it is exact in any ticks
)
_STALLED = 2.0  # seconds over max_duration after which sound alone cuts, since no video comes


class UnrecordableError(Exception):
    """None of the streams can be written to MPEG-TS; the message names their codecs."""


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """A finished segment. `path` is relative to the stream's directory; `start` and `end` are unix seconds on the
    stream's clock, exact to the packets: the next of the same session starts at this `end`. `session` changes at each
    reconnect and discontinuity. `bytes` is the size of the file."""

    path: Path
    start: float
    end: float
    bytes: int
    session: str
    has_video: bool
    has_audio: bool

    @property
    def independent(self) -> bool:
        """Whether it can be decoded without the one before."""
        return not self.path.stem.endswith(_CONTINUED)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start


@dataclass(slots=True)
class _Track:
    source: Stream
    is_video: bool
    tick: float  # of the source's time stamps, in seconds
    last_dts: int | None = None  # as written, in 1/TICKS; the next is written larger
    last_step: int = 0  # 1/TICKS between the latest two packets: how long a packet of no stated duration lasts


@dataclass(slots=True)
class _OpenSegment:
    container: OutputContainer
    targets: dict[int, Stream]
    epoch: int  # unix seconds of its time stamp zero
    partial: Path
    path: Path  # relative
    start: float  # unix seconds of the presentation of its first packet
    cut_base: float  # unix seconds of the decoding of its first packet
    end: float  # unix seconds at which what it holds has been presented
    has_video: bool = False
    has_audio: bool = False


class Segmenter:
    """Records one stream into `directory`; driven by the thread that reads the stream, which runs `on_segment` too.

    `on_segment` must not block; what it raises is logged, and the recording goes on.

    A segment is cut at the first key frame after `target_duration` seconds, or where none comes, at any frame after
    `max_duration`. Sound alone is cut at `target_duration`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        target_duration: float = 2.0,
        max_duration: float = 6.0,
        on_segment: Callable[[SegmentInfo], None],
    ) -> None:
        if not 0 < target_duration <= max_duration:
            raise ValueError(f"expected 0 < target_duration <= max_duration, got {target_duration} and {max_duration}")
        self._directory = directory
        self._target = target_duration
        self._max = max_duration
        self._on_segment = on_segment
        self._tracks: dict[int, _Track] = {}  # by stream index; empty outside a session
        self._session: str | None = None  # None until the first packet that a recording can begin with
        self._segment: _OpenSegment | None = None

    def begin(self, streams: Sequence[Stream]) -> list[str]:
        """Begin a session on the streams of an open source; returns the codecs left out, in words.

        Raises `UnrecordableError` when nothing remains.
        """
        self.end()
        recordable = [stream for stream in streams if _is_recordable(stream)]
        left_out = [f"{s.type} codec {_codec_name(s)}" for s in streams if s not in recordable]
        if not recordable:
            raise UnrecordableError(f"cannot record {', '.join(left_out)} in MPEG-TS")
        self._tracks = {
            stream.index: _Track(stream, stream.type == "video", float(stream.time_base or 0)) for stream in recordable
        }
        return left_out

    def add(self, packet: Packet[Stream], offset: float) -> None:
        """Write a packet whose unix time is its media time plus `offset`; the packet is left as it was.

        Raises `OSError` (libav's errors among them) when it cannot be written: call `abandon` then.
        """
        track = self._tracks.get(packet.stream.index)
        if track is None or packet.dts is None or packet.pts is None:
            return
        start, decoded = packet.pts * track.tick + offset, packet.dts * track.tick + offset
        if not self._open_or_cut(packet, track, start, decoded):
            return
        segment = self._segment
        assert segment is not None
        self._write(packet, track, segment, start, decoded)
        lasts = packet.duration * track.tick if packet.duration else track.last_step / TICKS
        segment.end = max(segment.end, start + lasts)
        if track.is_video:
            segment.has_video = True
        else:
            segment.has_audio = True

    def end(self) -> None:
        """Finish the segment and the session; may be called at any time."""
        segment = self._segment
        self._tracks, self._session = {}, None
        if segment is not None:
            self._finish(segment, segment.end)

    def abandon(self) -> None:
        """End the session without its last segment, after an error of writing."""
        segment, self._segment = self._segment, None
        self._tracks, self._session = {}, None
        if segment is not None:
            with contextlib.suppress(OSError):
                segment.container.close()
            with contextlib.suppress(OSError):
                segment.partial.unlink(missing_ok=True)

    @property
    def _has_video(self) -> bool:
        return any(track.is_video for track in self._tracks.values())

    def _open_or_cut(self, packet: Packet[Stream], track: _Track, start: float, decoded: float) -> bool:
        """See to it that a segment is open for the packet; False while none can begin."""
        is_key = track.is_video and packet.is_keyframe
        segment = self._segment
        if segment is None:
            if self._has_video and not is_key:
                return False
            self._session = str(_microseconds(start))
            self._open(start, decoded, independent=True)
        elif self._is_cut(track, is_key, decoded - segment.cut_base):
            self._finish(segment, start)
            self._open(start, decoded, independent=is_key or not self._has_video)
        return True

    def _is_cut(self, track: _Track, is_key: bool, elapsed: float) -> bool:
        if is_key or not self._has_video:
            return elapsed >= self._target - 1e-3  # a tick of rounding must not cost a whole group of pictures
        return elapsed >= (self._max if track.is_video else self._max + _STALLED)

    def _open(self, start: float, decoded: float, *, independent: bool) -> None:
        assert self._session is not None
        path = Path(self._session, f"{_microseconds(start)}{'' if independent else _CONTINUED}.ts")
        partial = self._directory / path.with_suffix(_PARTIAL)
        partial.parent.mkdir(parents=True, exist_ok=True)
        container = av.open(str(partial), "w", format="mpegts", options={"avoid_negative_ts": "disabled"})
        targets = {index: container.add_stream_from_template(track.source) for index, track in self._tracks.items()}
        self._segment = _OpenSegment(
            container, targets, session_epoch(self._session), partial, path, start, decoded, start
        )

    def _write(
        self, packet: Packet[Stream], track: _Track, segment: _OpenSegment, start: float, decoded: float
    ) -> None:
        """Mux the packet at its place in the session, and leave it as it was: others want it too."""
        kept = packet.pts, packet.dts, packet.duration, packet.time_base
        dts = round((decoded - segment.epoch) * TICKS)
        pts = round((start - segment.epoch) * TICKS)
        if track.last_dts is not None:
            dts = max(dts, track.last_dts + 1)
            track.last_step = dts - track.last_dts
        track.last_dts = dts
        packet.stream = segment.targets[track.source.index]
        packet.duration = round((packet.duration or 0) * track.tick * TICKS)
        packet.pts, packet.dts, packet.time_base = max(pts, dts), dts, _TIME_BASE
        try:
            segment.container.mux(packet)
        finally:
            packet.stream = track.source
            packet.pts, packet.dts, packet.duration, packet.time_base = kept

    def _finish(self, segment: _OpenSegment, end: float) -> None:
        """Close, force to disk, rename, announce: in this order."""
        self._segment = None
        segment.container.close()
        final = self._directory / segment.path
        size = _force_to_disk(segment.partial)
        segment.partial.rename(final)
        _force_to_disk(final.parent)
        info = SegmentInfo(
            path=segment.path,
            start=segment.start,
            end=end,
            bytes=size,
            session=segment.path.parts[0],
            has_video=segment.has_video,
            has_audio=segment.has_audio,
        )
        try:
            self._on_segment(info)
        except Exception:
            _log.exception("segment %s is on disk, but whoever records segments failed to take it", segment.path)


def session_epoch(session: str) -> int:
    """The unix time, in whole seconds, of time stamp zero in the files of a session."""
    return int(session) // 1_000_000 - _LEAD


def recover(directory: Path) -> int:
    """Delete what a crash left half-written below a stream's directory; returns how many files it was.

    To be called before recording. Finished segments are left alone, those without a row included.
    """
    leftovers = list(directory.rglob(f"*{_PARTIAL}")) if directory.is_dir() else []
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # only if nothing else is in it
            leftover.parent.rmdir()
    return len(leftovers)


def _is_recordable(stream: Stream) -> bool:
    return _codec_name(stream) in (RECORDABLE_VIDEO if stream.type == "video" else RECORDABLE_AUDIO)


def _codec_name(stream: Stream) -> str:
    """The codec, not its decoder, which for MP3 is called mp3float."""
    return stream.codec_context.codec.canonical_name


def _microseconds(time: float) -> int:
    return round(time * 1_000_000)


def _force_to_disk(path: Path) -> int:
    """Force a file or directory to disk; returns its size in bytes."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        return os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)
