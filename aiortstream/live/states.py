"""What a watch watches, what it is doing, and what it says of itself."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from aiortstream.live.hooks import Outcome
    from aiortstream.records import Gap

ANY_STREAM = "*"


class WatchState(enum.StrEnum):
    """What a watch is doing."""

    NEW = "new"
    CATCHING_UP = "catching_up"
    LIVE = "live"
    POLLING = "polling"
    WAITING = "waiting"
    ENDED = "ended"


class FeedKey(NamedTuple):
    """Which feed: a stream's transcript, one of its indexes, or the alerts of a stream, an index or of all.

    A tuple, so that each event is routed by one that is made and compared without a call.
    """

    kind: Literal["transcript", "scene", "alert"]
    rtstream_id: str
    """`ANY_STREAM` for the alerts of all."""
    index_id: str | None = None

    def __str__(self) -> str:
        return ":".join(part for part in (self.kind, self.rtstream_id, self.index_id) if part)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of history to fetch, unix seconds. `to_present`: its end is the present (and a little more)."""

    start: float
    end: float
    to_present: bool
    asked_at: float = math.inf
    """When it was asked for, by the server's clock: an answer that took long says nothing of what came meanwhile."""


@dataclass(frozen=True, slots=True)
class WatchStatistics:
    """What a watch has done and where it stands. Counts are since it was opened."""

    state: WatchState
    reason: str
    """Why it is in that state, in words."""
    delivered: int
    """Records handed to the consumer."""
    duplicates: int
    """Records that came again and were dropped."""
    buffered: int
    """Records waiting for the consumer."""
    buffered_bytes: int
    """An estimate of the memory they hold."""
    position: float
    """Unix seconds: the end of the newest record handed over, or how far polls found nothing newer."""
    polls: int
    """Polls that were answered."""
    poll_failures: int
    """Polls that failed and were tried again."""
    gaps: int
    """Stretches in which records could have been missed."""
    recovered: int
    """Records that only a poll brought while the watch was, or should have been, live."""
    open_gap: Gap | None
    """The stretch that is not healed yet."""
    last_gap: Gap | None = None
    """The newest stretch that is over: healed, with the number of records that were recovered, or lost."""
    outcome: Outcome | None = None
    """What became of it when the connection last changed; None before that."""


class WindowTooFullError(Exception):
    """A window holds more records than were asked for at once: ask for a shorter one."""
