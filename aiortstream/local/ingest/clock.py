"""The clock of one stream: maps the source's media time to unix time. Pure: no I/O, and time is handed in.

Packets come late, never early: the smallest (arrival - media time) seen is the best estimate of when media time zero
was. A server sends its last seconds in a burst when it is joined, so the first packets are the latest of all. The clock
therefore holds packets back while arrival outruns real time, then fixes the offset for the whole session: everything
cut from the session (recording, frames, sound) agrees exactly, and is never re-stamped.

A session ends where the media time no longer means what it meant: at a reconnect, a jump of one track's time, or when
the estimate has drifted from the fixed offset. Unix time never runs backwards from one session to the next: what a new
session repeats of the old one is dropped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

JUMP_BACK = 0.5  # seconds one track may step back and still be reordered noise
JUMP_AHEAD = 5.0  # seconds one track may step ahead of the time that passed meanwhile
MAX_DRIFT = 2.0  # seconds between the estimate a session was fixed on and the current one
MAX_SHIFT = 0.5  # seconds a session is moved later rather than lose its beginning for a slight overlap
MAX_REPEAT = 30.0  # seconds a source can plausibly repeat; a larger overlap means that the wall clock was set back
MAX_SPREAD = 10.0  # seconds between the tracks of one session; further away is left over from before a jump
_BURST_STEP = 0.05  # seconds the estimate must improve by to count as a burst going on
_ROUNDING = 1e-6  # seconds; floats resolve a quarter of this at today's unix times
_MAX_HELD = 4000  # items held back at most
_MAX_DURATION = 10.0  # seconds; a longer item is a lie


@dataclass(frozen=True, slots=True)
class Session:
    """A stretch of media on one offset: unix time = media time + `offset`, in seconds; `number` rises by one."""

    number: int
    offset: float


@dataclass(frozen=True, slots=True)
class Stamped(Generic[T]):
    """An item with its session and the unix time, in seconds, of its decoding time."""

    item: T
    session: Session
    time: float


@dataclass(frozen=True, slots=True)
class _Arrival(Generic[T]):
    item: T
    media: float
    until: float


class StreamClock(Generic[T]):
    """Stamps the items of one stream, across its reconnects.

    `settle` is for how long (seconds) arrival must have kept to real time before the offset is fixed; 0 fixes it at the
    first item. `settle_limit` bounds the wait. `drift_window` is over how long (seconds) all items must come late to be
    called drift: longer than the source's bursts (an HLS segment). `not_before` is the unix time up to which an earlier
    clock of the same stream has handed out media.
    """

    def __init__(
        self,
        *,
        settle: float = 0.4,
        settle_limit: float = 5.0,
        drift_window: float = 10.0,
        not_before: float = -math.inf,
    ) -> None:
        self._settle = settle
        self._settle_limit = settle_limit
        self._drift_window = drift_window
        self._end = not_before  # unix time up to which items have been handed out; never falls
        self._number = 0  # of the latest session that was fixed
        self._reset()

    def _reset(self) -> None:
        self._session: Session | None = None  # None while settling
        self._held: list[_Arrival[T]] = []  # empty once settled
        self._tracks: dict[int, tuple[float, float]] = {}  # (media, wall) of each track's last item
        self._estimate = math.inf  # the smallest (arrival - media time) until the session was fixed
        self._first_wall = self._improved_wall = 0.0  # of the first item; when a burst was last seen going on
        self._improved_to = math.inf  # the estimate at that moment
        self._floor = -math.inf  # where the session before ended: what lies before is a repetition
        self._lateness = math.inf  # the smallest (arrival - media time) since _window_start
        self._window_start = math.inf

    @property
    def end(self) -> float:
        """Unix time up to which media has been handed out; `not_before` before the first."""
        return self._end

    def push(self, item: T, *, track: int, media: float, until: float, wall: float) -> list[Stamped[T]]:
        """Take one item in order of arrival; returns the items that can be stamped now, in the same order.

        `media` is its decoding time on the source's clock, `until` the media time at which its presentation ends,
        `wall` the unix time at which it arrived; all in seconds.
        """
        released: list[Stamped[T]] = []
        if self._is_straggler(track, media):
            return released
        if self._jumped(track, media, wall) or self._drifted(media, wall):
            released = self.interrupt()
        self._tracks[track] = (media, wall)
        arrival = _Arrival(item, media, min(until, media + _MAX_DURATION))
        if self._session is not None:
            return self._stamp([arrival], self._session)
        if not self._held:
            self._first_wall = self._improved_wall = wall
        self._held.append(arrival)
        self._improve(wall - media, wall)
        if self._is_settled(wall):
            released += self._fix()
        return released

    def interrupt(self) -> list[Stamped[T]]:
        """End the session, as at a lost connection; returns what was still held back."""
        released = self._fix() if self._held else []
        self._reset()
        return released

    def _is_straggler(self, track: int, media: float) -> bool:
        return track not in self._tracks and any(abs(media - other) > MAX_SPREAD for other, _ in self._tracks.values())

    def _jumped(self, track: int, media: float, wall: float) -> bool:
        if track not in self._tracks:
            return False
        last_media, last_wall = self._tracks[track]
        step = media - last_media
        return step < -JUMP_BACK or step - max(0.0, wall - last_wall) > JUMP_AHEAD

    def _drifted(self, media: float, wall: float) -> bool:
        if self._session is None:
            return False
        lateness = wall - media
        if lateness < self._estimate - MAX_DRIFT:
            return True
        if wall - self._window_start < self._drift_window:
            self._lateness = min(self._lateness, lateness)
            return False
        least, self._lateness, self._window_start = self._lateness, lateness, wall
        return self._estimate + MAX_DRIFT < least < math.inf

    def _improve(self, estimate: float, wall: float) -> None:
        self._estimate = min(self._estimate, estimate)
        if self._estimate < self._improved_to - _BURST_STEP:
            self._improved_to, self._improved_wall = self._estimate, wall

    def _is_settled(self, wall: float) -> bool:
        return (
            wall - self._improved_wall >= self._settle
            or wall - self._first_wall >= self._settle_limit
            or len(self._held) >= _MAX_HELD
        )

    def _fix(self) -> list[Stamped[T]]:
        held, self._held = self._held, []
        offset = self._estimate
        overlap = self._end - (min(arrival.media for arrival in held) + offset)
        if 0 < overlap <= MAX_SHIFT or overlap > MAX_REPEAT:
            offset += overlap
        self._number += 1
        self._session = Session(self._number, offset)
        self._floor = self._end
        self._window_start = max(wall for _, wall in self._tracks.values())
        return self._stamp(held, self._session)

    def _stamp(self, arrivals: list[_Arrival[T]], session: Session) -> list[Stamped[T]]:
        stamped: list[Stamped[T]] = []
        for arrival in arrivals:
            time = arrival.media + session.offset
            if time >= self._floor - _ROUNDING:
                self._end = max(self._end, arrival.until + session.offset)
                stamped.append(Stamped(arrival.item, session, time))
        return stamped
