"""Connections whose socket has gone and that may be resumed: kept for a while, so many and so large and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortstream.local.deliver.backlog import Outgoing
    from aiortstream.local.deliver.connections import Connection
    from aiortstream.local.deliver.limits import HubLimits


class Handle(Protocol):
    """A call that is to come."""

    def cancel(self) -> None:
        """It shall not come."""


class Timer(Protocol):
    """What is needed of an event loop: a monotonic time in seconds, and calls at a time."""

    def time(self) -> float:
        """Now."""

    def call_at(self, when: float, callback: Callable[[], object], /) -> Handle:
        """Call `callback` at that time."""


class Away:
    """They give way in the order in which they went. `forget` is told of each that does, synchronously."""

    def __init__(self, limits: HubLimits, timer: Timer, forget: Callable[[Connection], None]) -> None:
        self._limits = limits
        self._timer = timer
        self._forget = forget
        self._until: dict[str, float] = {}  # when each is given up, soonest first
        self._connections: dict[str, Connection] = {}  # the same ids, in the same order
        self._bytes = 0  # that the backlogs of _connections hold
        self._alarm: Handle | None = None  # set while there is a connection

    def __len__(self) -> int:
        return len(self._connections)

    @property
    def bytes(self) -> int:
        """What they keep, each frame counted for each of them."""
        return self._bytes

    def add(self, connection: Connection) -> None:
        """Keep one whose socket has just gone."""
        self._connections[connection.id] = connection
        self._until[connection.id] = self._timer.time() + self._limits.kept_seconds
        self._bytes += connection.backlog.bytes
        self._give_way()
        self._set_alarm()

    def remove(self, connection: Connection) -> None:
        """It has a socket again; one that is not here is left alone."""
        if self._connections.pop(connection.id, None) is not None:
            del self._until[connection.id]
            self._bytes -= connection.backlog.bytes
            self._set_alarm()

    def put(self, connection: Connection, frame: Outgoing) -> None:
        """Append a frame to one of these; one that has given way meanwhile is passed over."""
        if connection.id in self._connections:
            before = connection.backlog.bytes
            connection.backlog.put(frame)
            self._bytes += connection.backlog.bytes - before
            self._give_way()

    def close(self) -> None:
        """Forget all of them."""
        while self._connections:
            self._drop_first()
        self._set_alarm()

    def _give_way(self) -> None:
        while len(self._connections) > self._limits.away or self._bytes > self._limits.away_bytes:
            self._drop_first()

    def _drop_first(self) -> None:
        first = self._connections.pop(next(iter(self._connections)))
        del self._until[first.id]
        self._bytes -= first.backlog.bytes
        self._forget(first)

    def _set_alarm(self) -> None:
        if self._alarm is None and self._until:
            self._alarm = self._timer.call_at(next(iter(self._until.values())), self._expire)
        elif self._alarm is not None and not self._until:
            self._alarm.cancel()
            self._alarm = None

    def _expire(self) -> None:
        self._alarm = None
        now = self._timer.time()
        while self._until and next(iter(self._until.values())) <= now:
            self._drop_first()
        self._set_alarm()
