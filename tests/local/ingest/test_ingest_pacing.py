"""Playing media at the speed of time."""

from __future__ import annotations

import threading

from media_clips import START, VirtualTime

from aiortstream.local.ingest.pacing import Pacer, SystemClock


def test_each_packet_waits_for_its_moment() -> None:
    clock = VirtualTime()
    pacer, stop = Pacer(clock), threading.Event()
    assert pacer.wait(7.0, stop) == START
    assert pacer.wait(7.5, stop) == START + 0.5
    assert clock.now() == START + 0.5
    clock.time += 0.3  # work took a while: the next is due sooner
    assert pacer.wait(8.0, stop) == START + 1.0
    assert clock.now() == START + 1.0


def test_a_packet_out_of_order_does_not_wait() -> None:
    clock = VirtualTime()
    pacer, stop = Pacer(clock), threading.Event()
    pacer.wait(7.0, stop)
    assert pacer.wait(6.9, stop) == START - 0.1
    assert clock.now() == START


def test_a_long_stall_is_not_made_up_for() -> None:
    clock = VirtualTime()
    pacer, stop = Pacer(clock), threading.Event()
    pacer.wait(0.0, stop)
    clock.time += 60.0
    assert pacer.wait(0.5, stop) == START + 60.0
    assert pacer.wait(1.0, stop) == START + 60.5


def test_the_system_clock_stops_waiting_when_told_to() -> None:
    stop = threading.Event()
    stop.set()
    assert SystemClock().wait(stop, 60.0)
    assert SystemClock().now() > START
