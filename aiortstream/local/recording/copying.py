"""Packets of files written into other files by stream copy: what reels and videos as HLS have in common."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

TARGET_SECONDS = 4.0  # of a segment: the next key frame after it begins another
LEAD = 1.0  # seconds that time stamps in segments begin at, so that none is negative


@dataclass(frozen=True, slots=True)
class Placed:
    """A packet, with its times in seconds from the beginning of what it is part of."""

    packet: Packet[Stream]
    decoded: float
    shown: float

    @property
    def is_video(self) -> bool:
        return self.packet.stream.type == "video"

    @property
    def is_key(self) -> bool:
        return self.is_video and self.packet.is_keyframe

    @property
    def end(self) -> float:
        return self.shown + float((self.packet.duration or 0) * self.packet.time_base)


def playlist_head(longest: float) -> list[str]:
    """The lines before the first segment of a playlist on demand; `longest`: seconds of the longest segment."""
    return [
        "#EXTM3U",
        "#EXT-X-VERSION:6",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f"#EXT-X-TARGETDURATION:{math.ceil(longest)}",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-INDEPENDENT-SEGMENTS",
    ]


def add_streams(target: OutputContainer, model: Sequence[Stream]) -> dict[str, Stream]:
    """Streams like those of `model`, by type."""
    return {str(stream.type): target.add_stream_from_template(stream) for stream in model}


def mux(
    target: OutputContainer, targets: dict[str, Stream], last_dts: dict[str, int], placed: Placed, begun: float
) -> None:
    """Write a packet `begun` seconds later than its cut has it, always after the one before of its track."""
    packet, kind = placed.packet, placed.packet.stream.type
    tick = packet.time_base
    dts = math.floor((begun + placed.decoded) / tick)
    if kind in last_dts:
        dts = max(dts, last_dts[kind] + 1)
    last_dts[kind] = dts
    packet.pts, packet.dts = max(math.floor((begun + placed.shown) / tick), dts), dts
    packet.stream = targets[kind]
    target.mux(packet)
