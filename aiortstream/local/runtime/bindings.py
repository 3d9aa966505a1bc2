"""Which websocket connections are told of what.

A topic is the id of a stream (its transcript), of an index (its scenes) or of an alert (its firings). Connections are
gone after a restart, so nothing of this is stored. Those that have gone meanwhile are passed over by whoever sends.
"""

from __future__ import annotations

MAX_CONNECTIONS = 1000  # of a topic, as many as a server takes at all; the longest bound gives way


class Bindings:
    """Connections by topic, in the order they were bound."""

    def __init__(self) -> None:
        self._topics: dict[str, dict[str, None]] = {}

    def bind(self, topic: str, connection_id: str | None) -> None:
        """Tell a connection of a topic from now on; None or an empty id binds nothing."""
        if not connection_id:
            return
        bound = self._topics.setdefault(topic, {})
        bound.pop(connection_id, None)
        bound[connection_id] = None
        if len(bound) > MAX_CONNECTIONS:
            del bound[next(iter(bound))]

    def of(self, topic: str) -> tuple[str, ...]:
        """The connections bound to a topic."""
        return tuple(self._topics.get(topic, ()))
