"""A media file read as FLV tags: remuxed, not encoded, and looped with timestamps that go on rising."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import av.error
from av.container import OutputContainer

from .flv import FlvTag, FlvTagReader


class PublishError(Exception):
    """The file cannot be published; the message says why."""


def read_tags(path: Path, *, loop: bool) -> Iterator[FlvTag]:
    """Read a media file as FLV tags in decoding order; when looping, for ever.

    Raises `PublishError` for a file that is missing, unreadable, or holds codecs that FLV cannot carry.
    """
    sink = FlvTagReader()
    try:
        with av.open(
            sink, "w", format="flv", options={"flush_packets": "1", "flvflags": "no_duration_filesize"}
        ) as out:
            remuxer = _Remuxer(path, out)
            while True:
                for _ in remuxer.play():
                    yield from sink.take()
                if not loop:
                    break
        yield from sink.take()
    except (av.error.FFmpegError, ValueError) as error:
        raise PublishError(f"cannot publish {path}: {error}") from error


class _Remuxer:
    """Muxes a file again and again, each pass where the one before ended."""

    def __init__(self, path: Path, out: OutputContainer) -> None:
        self._path = path
        self._out = out
        self._end = 0.0  # how far the media muxed so far reaches, in seconds

    def play(self) -> Iterator[None]:
        """Mux one pass, and yield after each packet."""
        start = self._end
        with av.open(str(self._path)) as source:
            wanted = [*source.streams.video[:1], *source.streams.audio[:1]]
            if not self._out.streams:
                for stream in wanted:
                    self._out.add_stream_from_template(stream)
            targets = dict(zip((stream.index for stream in wanted), self._out.streams, strict=True))
            starts = [
                s.start_time * s.time_base for s in wanted if s.start_time is not None and s.time_base is not None
            ]
            origin = float(min(starts, default=0))
            for packet in source.demux(wanted):
                if packet.dts is None or packet.pts is None:
                    continue
                shift = round((start - origin) / packet.time_base)
                packet.dts += shift
                packet.pts += shift
                self._end = max(self._end, float((packet.pts + (packet.duration or 0)) * packet.time_base))
                packet.stream = targets[packet.stream.index]
                self._out.mux(packet)
                yield
        if self._end <= start:
            raise PublishError(f"cannot publish {self._path}: it holds neither video nor sound")
