"""A media file read as FLV tags: remuxed, not encoded, and looped with timestamps that go on rising."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import av.error

from .flv import FlvTag, FlvTagReader
from .looping import read_packets

_MUXING = {"flush_packets": "1", "flvflags": "no_duration_filesize", "avoid_negative_ts": "make_zero"}


class PublishError(Exception):
    """The file cannot be published; the message says why."""


def read_tags(path: Path, *, loop: bool) -> Iterator[FlvTag]:
    """Read a media file as FLV tags in decoding order, from time zero; when looping, for ever.

    Raises `PublishError` for a file that is missing, unreadable, or holds codecs that FLV cannot carry.
    """
    sink = FlvTagReader()
    try:
        with av.open(str(path)) as source, av.open(sink, "w", format="flv", options=_MUXING) as out:
            streams = [*source.streams.video[:1], *source.streams.audio[:1]]
            if not streams:
                raise PublishError(f"cannot publish {path}: it holds neither video nor sound")
            targets = {stream.index: out.add_stream_from_template(stream) for stream in streams}
            for packet in read_packets(source, streams, loop=loop):
                packet.stream = targets[packet.stream.index]
                out.mux(packet)
                yield from sink.take()
        yield from sink.take()
    except (av.error.FFmpegError, ValueError) as error:
        raise PublishError(f"cannot publish {path}: {error}") from error
