"""Media files that people hand in: opened with care, and made into the MP4 files that videos are.

What players and MPEG-TS know is copied; anything else is encoded, to H.264 and AAC. All of it blocks and takes a while:
call it on a thread, which `stop` ends.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from .faststart import write_index_first

COPIED_VIDEO = frozenset({"h264", "hevc"})
COPIED_AUDIO = frozenset({"aac", "mp3"})

# Demuxers that read one file of media, and none of those that are scripts over other files (concat, hls, sdp): such a
# file could have this machine's own files read into a video.
_FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,flv,mpegts,mpeg,avi,asf,ogg,wav,mp3,aac,flac,ac3,eac3,amr,aiff,caf,h264,hevc"
)
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
_X264 = {"preset": "veryfast", "crf": "23"}
_FINE = Fraction(1, 90_000)  # seconds: a time base that holds any frame rate


class MediaError(Exception):
    """A file is not media that this server can keep; the message says why."""


class Stopped(Exception):  # noqa: N818 - the name says what happened
    """The work was to end."""


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A written file: `duration` in seconds, and what it holds."""

    duration: float
    has_video: bool
    has_audio: bool


@contextlib.contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Open one file of media for reading, and nothing it may point to. Raises `MediaError`."""
    try:
        container = av.open(str(path), options=_OPTIONS)
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(f"it is not a video or a sound of a known format ({_reason(error)})") from error
    with container:
        yield container


def wanted_streams(container: InputContainer) -> list[Stream]:
    """Its largest video, cover pictures aside, and its first sound."""
    videos = [video for video in container.streams.video if not video.disposition & Disposition.attached_pic]
    video = max(videos, key=lambda each: each.width * each.height, default=None)
    audio = next(iter(container.streams.audio), None)
    return [stream for stream in (video, audio) if stream is not None]


def write_mp4(source: Path, out: Path, *, stop: threading.Event) -> FileInfo:
    """Make `source` into an MP4 file with its index first, which appears under its name only when it is whole.

    Raises `MediaError` for what is no media, `Stopped`, `OSError`.
    """
    muxed, moved = out.with_name(out.name + ".mux.part"), out.with_name(out.name + ".part")
    try:
        with open_media(source) as container:
            info = _convert(container, muxed, stop)
        write_index_first(muxed, moved)
        with moved.open("rb+") as file:
            os.fsync(file.fileno())
        moved.replace(out)
    except OSError as error:
        if isinstance(error, av.error.FFmpegError):
            raise MediaError(f"it cannot be read to its end ({_reason(error)})") from error
        raise
    except (av.error.FFmpegError, ValueError) as error:
        raise MediaError(f"it cannot be read to its end ({_reason(error)})") from error
    finally:
        muxed.unlink(missing_ok=True)
        moved.unlink(missing_ok=True)
    return info


class _Track:
    """One stream on its way into a file. `end` is in seconds from the file's beginning."""

    def __init__(self, source: Stream, out: OutputContainer, origin: float) -> None:
        self.source = source
        self.end = 0.0
        self._out = out
        self._origin = origin
        self._copied = source.codec_context.name in (COPIED_VIDEO if source.type == "video" else COPIED_AUDIO)
        self._last_dts: int | None = None  # as written; the next is larger
        self._target = out.add_stream_from_template(source) if self._copied else _encoder(source, out)

    def take(self, packet: Packet[Stream]) -> None:
        """Write a packet; what is empty flushes what is held back."""
        if self._copied:
            if packet.dts is not None and packet.pts is not None:
                self._write_copy(packet)
            return
        with contextlib.suppress(av.error.InvalidDataError):  # a broken packet costs itself
            for frame in packet.decode():
                if isinstance(frame, VideoFrame | AudioFrame):
                    self._encode(frame)

    def finish(self) -> None:
        """Write what the encoder holds back."""
        if not self._copied:
            self._mux(self._target.codec_context.encode(None))  # type: ignore[attr-defined] # of both its kinds

    def _write_copy(self, packet: Packet[Stream]) -> None:
        shift = round(self._origin / packet.time_base)
        assert packet.pts is not None
        assert packet.dts is not None
        packet.pts -= shift
        packet.dts -= shift
        if self._last_dts is not None:
            packet.dts = max(packet.dts, self._last_dts + 1)
            packet.pts = max(packet.pts, packet.dts)
        self._last_dts = packet.dts
        self._note_end(packet)
        packet.stream = self._target
        self._out.mux(packet)

    def _encode(self, frame: VideoFrame | AudioFrame) -> None:
        if frame.pts is None or frame.time_base is None:
            return
        frame.pts -= round(self._origin / frame.time_base)
        context = self._target.codec_context
        if isinstance(frame, VideoFrame) and isinstance(context, VideoCodecContext):
            shown = frame.reformat(context.width, context.height, "yuv420p")
            shown.pts, shown.time_base = round(frame.pts * frame.time_base / _FINE), _FINE
            if self._last_dts is None or shown.pts > self._last_dts:
                self._last_dts = shown.pts
                self._mux(context.encode(shown))
        elif isinstance(frame, AudioFrame) and isinstance(context, AudioCodecContext):
            self._mux(context.encode(frame))

    def _mux(self, packets: list[Packet[Stream]]) -> None:
        for packet in packets:
            packet.stream = self._target
            self._note_end(packet)
            self._out.mux(packet)

    def _note_end(self, packet: Packet[Stream]) -> None:
        if packet.pts is not None:
            self.end = max(self.end, float((packet.pts + (packet.duration or 0)) * packet.time_base))


def _convert(container: InputContainer, out: Path, stop: threading.Event) -> FileInfo:
    sources = wanted_streams(container)
    if not sources:
        raise MediaError("it holds neither a video nor a sound")
    starts = [float(each.start_time * each.time_base) for each in sources if each.start_time and each.time_base]
    with av.open(str(out), "w", format="mp4") as target:
        tracks = {each.index: _Track(each, target, min(starts, default=0.0)) for each in sources}
        for packet in container.demux(sources):
            if stop.is_set():
                raise Stopped
            tracks[packet.stream.index].take(packet)
        for track in tracks.values():
            track.finish()
    written = {track.source.type: track.end for track in tracks.values() if track.end > 0}
    if not written:
        raise MediaError("it holds nothing that can be played")
    return FileInfo(max(written.values()), "video" in written, "audio" in written)


def _encoder(source: Stream, out: OutputContainer) -> Stream:
    context = source.codec_context
    if isinstance(context, VideoCodecContext):
        if "libx264" not in av.codecs_available:
            raise MediaError(f"its video is {context.name}, and this libav encodes no H.264: convert it first")
        video = out.add_stream("libx264", rate=Fraction(context.framerate or 25), options=_X264)
        video.width, video.height = math.ceil(context.width / 2) * 2, math.ceil(context.height / 2) * 2
        video.pix_fmt, video.codec_context.time_base = "yuv420p", _FINE
        return video
    if not isinstance(context, AudioCodecContext):
        raise MediaError(f"it holds a stream of {context.name}, which is neither video nor sound")
    layout = "mono" if context.channels == 1 else "stereo"
    return out.add_stream("aac", rate=context.sample_rate, layout=layout)


def _reason(error: Exception) -> str:
    """What libav says, without the path of the file, which is no client's business."""
    return error.strerror if isinstance(error, OSError) and error.strerror else "damaged or incomplete"
