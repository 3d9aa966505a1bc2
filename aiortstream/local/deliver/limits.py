"""Bounds of the websockets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HubLimits:
    """What one server takes and keeps for its websockets. Durations are seconds, sizes bytes."""

    connections: int = 1000
    """Sockets that are open."""
    frames: int = 1000
    """Frames that one connection may be behind; those that it gets again because it was resumed do not count."""
    bytes: int = 8 * 1024 * 1024
    """The same in bytes."""
    heartbeat: float = 20.0
    """Between pings; a peer that is silent for one and a half of it is gone."""
    kept_seconds: float = 120.0
    """For how long a frame that was sent is kept, so that it can be sent again, and for how long a connection is kept
    whose socket has gone. Longer than it takes to notice a dead peer, or there is nothing left to send again."""
    kept_frames: int = 30_000
    """Frames kept for one connection, sent or not: four hundred cameras say some two hundred things a second."""
    kept_bytes: int = 16 * 1024 * 1024
    """The same in bytes. A frame is one object, however many connections keep it."""
    away: int = 1000
    """Connections kept whose socket has gone; the one that has been away for longest gives way."""
    away_bytes: int = 128 * 1024 * 1024
    """What all of those keep together, a frame counted for each."""
