"""Reading the packets of a container, and reading a file again and again as if it had no end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream


def read_packets(
    container: InputContainer, streams: Sequence[Stream], *, loop: bool = False
) -> Iterator[Packet[Stream]]:
    """Packets that have both time stamps, in reading order; when looping, for ever, each pass where the last one ended.

    Others are left out: they begin some RTSP streams, and end every demuxing as flush signals.
    """
    shift = 0.0  # seconds added to the time stamps of this pass
    while True:
        first, end = math.inf, -math.inf  # media seconds at which what this pass shows begins and ends, as in the file
        for packet in container.demux(streams):
            if packet.dts is None or packet.pts is None:
                continue
            begin = float(packet.pts * packet.time_base)
            first, end = min(first, begin), max(end, begin + float((packet.duration or 0) * packet.time_base))
            if shift:
                ticks = round(shift / packet.time_base)
                packet.dts += ticks
                packet.pts += ticks
            yield packet
        if not loop or end <= first:
            return
        shift += end - first
        container.seek(round(first * 1_000_000))
