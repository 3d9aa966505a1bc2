"""Connections without a socket: kept for a while, so many, so large, and given up in the order in which they went."""

from __future__ import annotations

from typing import Any

from shell_parts import VirtualTimer

from aiortstream.local.deliver.away import Away
from aiortstream.local.deliver.backlog import Outgoing
from aiortstream.local.deliver.connections import Connection
from aiortstream.local.deliver.limits import HubLimits

FRAME = Outgoing(b'{"x":1}' + b" " * 93, 0.0)  # 100 bytes


class Kept:
    """A place for connections that are away, and those that were given up."""

    def __init__(self, **limits: Any) -> None:
        self.limits = HubLimits(**{"kept_seconds": 60.0, **limits})
        self.timer = VirtualTimer()
        self.given_up: list[str] = []
        self.away = Away(self.limits, self.timer, lambda connection: self.given_up.append(connection.id))

    def connection(self, name: str, frames: int = 0) -> Connection:
        made = Connection(name, self.limits, numbered=True)
        for _ in range(frames):
            made.backlog.put(FRAME)
        return made


def test_each_is_given_up_when_its_time_is_over() -> None:
    kept = Kept()
    kept.away.add(kept.connection("a", 1))
    kept.timer.advance(30)
    kept.away.add(kept.connection("b", 2))
    assert (len(kept.away), kept.away.bytes, kept.timer.pending) == (2, 300, [30.0])
    kept.timer.advance(29.9)
    assert kept.given_up == []
    kept.timer.advance(0.1)
    assert (kept.given_up, kept.away.bytes, kept.timer.pending) == (["a"], 200, [30.0])
    kept.timer.advance(30)
    assert (kept.given_up, len(kept.away), kept.away.bytes, kept.timer.pending) == (["a", "b"], 0, 0, [])


def test_one_that_comes_back_is_kept_no_longer_and_leaves_no_call_behind() -> None:
    kept = Kept()
    first, second = kept.connection("a", 1), kept.connection("b", 1)
    for connection in (first, second):
        kept.away.add(connection)
    kept.away.remove(first)
    kept.away.remove(first)
    assert (len(kept.away), kept.away.bytes) == (1, 100)
    kept.away.remove(second)
    assert kept.timer.pending == []
    kept.timer.advance(1000)
    assert kept.given_up == []
    kept.away.add(first)
    assert kept.timer.pending == [60.0]  # its time begins anew


def test_so_many_and_no_more() -> None:
    kept = Kept(away=2)
    for name in "abcd":
        kept.away.add(kept.connection(name))
    assert (kept.given_up, len(kept.away)) == (["a", "b"], 2)


def test_so_large_and_no_more_when_one_goes_and_when_it_is_told_something() -> None:
    kept = Kept(away_bytes=400)
    first, second, third = kept.connection("a", 1), kept.connection("b", 2), kept.connection("c", 2)
    for connection in (first, second, third):
        kept.away.add(connection)
    assert (kept.given_up, kept.away.bytes) == (["a"], 400)
    kept.away.put(third, FRAME)
    assert (kept.given_up, kept.away.bytes, third.backlog.bytes) == (["a", "b"], 300, 300)
    kept.away.put(second, FRAME)
    assert (kept.away.bytes, second.backlog.bytes) == (300, 200)  # it has given way: nothing is told to it


def test_one_that_keeps_more_than_all_may_gives_way_itself() -> None:
    kept = Kept(away_bytes=250)
    kept.away.add(kept.connection("a", 3))
    assert (kept.given_up, kept.away.bytes, kept.timer.pending) == (["a"], 0, [])
    kept.away.add(grows := kept.connection("b", 2))
    kept.away.put(grows, FRAME)
    assert (kept.given_up, len(kept.away), kept.away.bytes) == (["a", "b"], 0, 0)
    kept.timer.advance(60)  # the call that waited for it finds nothing
    assert kept.given_up == ["a", "b"]


def test_what_one_keeps_stays_within_its_own_bounds() -> None:
    kept = Kept(kept_frames=3)
    kept.away.add(connection := kept.connection("a"))
    for _ in range(10):
        kept.away.put(connection, FRAME)
    assert (kept.away.bytes, connection.backlog.last) == (300, 10)


def test_the_end_forgets_all() -> None:
    kept = Kept()
    for name in "ab":
        kept.away.add(kept.connection(name, 1))
    kept.away.close()
    assert (kept.given_up, len(kept.away), kept.away.bytes, kept.timer.pending) == (["a", "b"], 0, 0, [])
