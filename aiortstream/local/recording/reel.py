"""Stretches of videos, one after the other, as one thing to play. By stream copy: nothing is encoded.

Each stretch begins at the last key frame at or before its start, and ends at its end to within the frames that are
decoded out of order. A reel is an HLS playlist with a discontinuity between stretches; where all files are of one
format it is one MP4 file too, for players without HLS.

All of it blocks: call it on a thread, which `stop` ends.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
from av.audio.codeccontext import AudioCodecContext
from av.container import InputContainer, OutputContainer
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext

from .copying import LEAD, TARGET_SECONDS, Placed, add_streams, mux, playlist_head
from .faststart import write_index_first
from .files import MediaError, Stopped, open_media, wanted_streams

MP4, PLAYLIST = "reel.mp4", "reel.m3u8"
_SLACK = 2.0  # seconds that one track may lag behind the other in a file


@dataclass(frozen=True, slots=True)
class Cut:
    """A stretch of a file, in seconds from its beginning."""

    path: Path
    start: float
    end: float


def write_reel(cuts: Sequence[Cut], folder: Path, *, stop: threading.Event) -> None:
    """Write a reel into `folder`, which exists and is empty: `PLAYLIST` with its segments, and `MP4` where it can be.

    Raises `MediaError` where a file cannot be read or holds nothing there, `Stopped`, `OSError`.
    """
    try:
        _write_playlist(cuts, folder, stop)
        if len({_format_of(path) for path in {cut.path for cut in cuts}}) == 1:
            _write_mp4(cuts, folder / MP4, stop)
    except av.error.FFmpegError as error:
        raise MediaError(f"the reel cannot be written: {error.strerror}") from error


def _format_of(path: Path) -> tuple[object, ...]:
    with open_media(path) as container:
        return tuple(_describe(stream) for stream in wanted_streams(container))


def _describe(stream: Stream) -> tuple[object, ...]:
    context = stream.codec_context
    if isinstance(context, VideoCodecContext):
        return (context.name, context.width, context.height, context.extradata)
    if isinstance(context, AudioCodecContext):
        return (context.name, context.sample_rate, context.channels, context.extradata)
    return (context.name,)


def _read(container: InputContainer, cut: Cut, stop: threading.Event) -> Iterator[Placed]:
    """The packets of a cut. Raises `MediaError` if there are none."""
    streams = wanted_streams(container)
    leading = streams[0]  # the video, if there is one
    if leading.time_base is not None:
        container.seek(int(cut.start / leading.time_base), stream=leading)
    begin: float | None = None if leading.type == "video" else cut.start
    latest = -math.inf  # when the last picture, in order of showing, that is decoded before the end is shown
    for packet in container.demux(streams):
        if stop.is_set():
            raise Stopped
        if packet.dts is None or packet.pts is None:
            continue
        decoded, shown = float(packet.dts * packet.time_base), float(packet.pts * packet.time_base)
        is_video = packet.stream.type == "video"
        if begin is None and is_video and packet.is_keyframe:
            begin = shown
        if decoded > cut.end + _SLACK:
            break
        if begin is None or shown < begin - 0.001:
            continue
        if is_video and decoded < cut.end:
            latest = max(latest, shown)
        if shown < cut.end or (is_video and (decoded < cut.end or shown < latest)):
            yield Placed(packet, decoded - begin, shown - begin)


def _write_mp4(cuts: Sequence[Cut], out: Path, stop: threading.Event) -> None:
    muxed = out.with_name(out.name + ".mux.part")
    try:
        with av.open(str(muxed), "w", format="mp4") as target, open_media(cuts[0].path) as model:
            targets = add_streams(target, wanted_streams(model))
            last_dts: dict[str, int] = {}
            ended = 0.0  # seconds into the reel
            for cut in cuts:
                begun = ended
                with open_media(cut.path) as container:
                    for placed in _read(container, cut, stop):
                        ended = max(ended, begun + placed.end)
                        mux(target, targets, last_dts, placed, begun)
                if ended == begun:
                    raise _nothing(cut)
        write_index_first(muxed, out)
    finally:
        muxed.unlink(missing_ok=True)


class _Segments:
    """MPEG-TS files of one cut: each begins at a key frame, or anywhere where there are no pictures."""

    def __init__(self, folder: Path, first: int, model: InputContainer) -> None:
        self.written: list[tuple[str, float]] = []  # names and seconds
        self._folder = folder
        self._first = first
        self._model = wanted_streams(model)
        self._has_video = any(stream.type == "video" for stream in self._model)
        self._open: OutputContainer | None = None
        self._targets: dict[str, Stream] = {}
        self._last_dts: dict[str, int] = {}
        self._start = 0.0  # of the segment being written, seconds into the cut
        self._end = 0.0

    def add(self, placed: Placed) -> None:
        """Write a packet, into another segment if it is time."""
        may_begin = placed.is_key or not self._has_video
        if self._open is None or (may_begin and placed.shown - self._start >= TARGET_SECONDS):
            self.close(placed.shown)
            name = f"{self._first + len(self.written)}.ts"
            self._open = av.open(str(self._folder / name), "w", format="mpegts")
            self._targets = add_streams(self._open, self._model)
            self._start = placed.shown
        self._end = max(self._end, placed.end)
        mux(self._open, self._targets, self._last_dts, placed, LEAD)

    def close(self, end: float | None = None) -> None:
        """End the segment being written, if any; at `end`, where another begins there."""
        if self._open is not None:
            self._open.close()
            self._open = None
            name = f"{self._first + len(self.written)}.ts"
            self.written.append((name, (self._end if end is None else end) - self._start))


def _write_playlist(cuts: Sequence[Cut], folder: Path, stop: threading.Event) -> None:
    parts: list[list[tuple[str, float]]] = []
    for cut in cuts:
        with open_media(cut.path) as container:
            segments = _Segments(folder, sum(map(len, parts)), container)
            try:
                for placed in _read(container, cut, stop):
                    segments.add(placed)
            finally:
                segments.close()
        if not segments.written:
            raise _nothing(cut)
        parts.append(segments.written)
    longest = max(seconds for part in parts for _, seconds in part)
    lines = playlist_head(longest)
    for number, part in enumerate(parts):
        lines += ["#EXT-X-DISCONTINUITY"] if number else []
        for name, seconds in part:
            lines += [f"#EXTINF:{seconds:.6f},", name]
    (folder / PLAYLIST).write_text("\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n")


def _nothing(cut: Cut) -> MediaError:
    return MediaError(f"nothing is shown or heard from {cut.start:g} s to {cut.end:g} s")
