"""Reading the packets of a container, and reading a file again and again as if it had no end."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import av
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream


def read_packets(
    container: InputContainer, streams: Sequence[Stream], *, loop: bool = False
) -> Iterator[Packet[Stream]]:
    """Packets that have both time stamps, in reading order; when looping, for ever, each pass where the last one ended.

    Others are left out: they begin some RTSP streams, and end every demuxing as flush signals.
    """
    if not loop:
        yield from _stamped_packets(container, streams)
        return
    by_index = {stream.index: stream for stream in streams}
    ticks = {index: tick_of(stream) for index, stream in by_index.items()}
    first, end = math.inf, -math.inf  # media seconds at which what a pass shows begins and ends, as in the file
    for packet in _stamped_packets(container, streams):
        begin = (packet.pts or 0) * ticks[packet.stream.index]
        first, end = min(first, begin), max(end, begin + (packet.duration or 0) * ticks[packet.stream.index])
        yield packet
    shift = length = end - first
    while length > 0:
        # Opened anew, since seeking would flush the decoders of the first opening, which another thread is using.
        with av.open(container.name, options=container.options) as again:
            for packet in _stamped_packets(again, [again.streams[stream.index] for stream in streams]):
                steps = round(shift / ticks[packet.stream.index])
                packet.dts = (packet.dts or 0) + steps
                packet.pts = (packet.pts or 0) + steps
                packet.stream = by_index[packet.stream.index]  # which outlives this pass
                yield packet
        shift += length


def tick_of(stream: Stream) -> float:
    """The unit of a stream's time stamps in seconds: as a float, since exact fractions cost more than the rest."""
    return float(stream.time_base) if stream.time_base is not None else 0.0


def _stamped_packets(container: InputContainer, streams: Sequence[Stream]) -> Iterator[Packet[Stream]]:
    return (packet for packet in container.demux(streams) if packet.dts is not None and packet.pts is not None)
