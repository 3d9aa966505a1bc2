"""Reading a file again and again as if it had no end."""

from __future__ import annotations

from fractions import Fraction
from itertools import islice, pairwise
from types import SimpleNamespace
from typing import Any

import av
import pytest
from media_clips import FRAME, sample

from aiortstream.local.ingest.looping import read_packets


def test_once_gives_every_packet_that_has_its_stamps() -> None:
    with av.open(str(sample("clip"))) as source:
        packets = list(read_packets(source, source.streams.video))
    assert len(packets) == 100
    assert all(packet.dts is not None for packet in packets)


@pytest.mark.parametrize("name", ["clip", "reordered", "sound"])
def test_a_loop_goes_on_where_it_ended(name: str) -> None:
    with av.open(str(sample(name))) as source:
        streams = [*source.streams.video, *source.streams.audio]
        packets = list(islice(read_packets(source, streams, loop=True), 1000))
    for stream in streams:
        stamps = [float((p.dts or 0) * p.time_base) for p in packets if p.stream is stream]
        assert stamps[-1] - stamps[0] > 9  # more than two passes of four seconds
        assert all(0 < later - earlier < 3 * FRAME for earlier, later in pairwise(stamps))


class OneMoment:
    """A container whose media takes no time, as a still picture."""

    def __init__(self) -> None:
        self.streams = [SimpleNamespace(index=0, time_base=Fraction(1, 25))]

    def demux(self, _: object) -> list[SimpleNamespace]:
        return [SimpleNamespace(pts=7, dts=7, duration=None, stream=self.streams[0])]


def test_media_that_takes_no_time_is_not_looped_for_ever() -> None:
    moment: Any = OneMoment()
    assert len(list(read_packets(moment, moment.streams, loop=True))) == 1
