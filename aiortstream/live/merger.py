"""Which records of one feed are new, and from where history has to be fetched. No I/O, and no clock of its own.

A feed is one stream's transcript, or one index of it. Its records reach a watch by the websocket, by polls, or by
both, late and out of order; the merger lets each through once. Positions are unix seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Generic, TypeVar

from aiortstream.live.cursor import Cursor, Key
from aiortstream.records import Alert, Timed
from aiortstream.wire.times import to_milliseconds

R = TypeVar("R", bound=Timed | Alert)

_MOST_KEYS = 10  # times `max_keys`


def key_of(record: Timed | Alert) -> Key:
    """What makes a record the same record within its feed, whatever unit the wire carried it in."""
    if isinstance(record, Alert):
        return record.firing_id or 0, to_milliseconds(span(record)[1])
    return round(record.start * 1000), round(record.end * 1000)  # as `to_milliseconds` does, without two calls


def span(record: Timed | Alert) -> tuple[float, float]:
    """Where a record stands in its feed: an alert at the moment at which it was logged."""
    if isinstance(record, Alert):
        at = record.timestamp if record.fired_at is None else record.fired_at
        return at, at
    return record.start, record.end


class Merger(Generic[R]):
    """Lets each record of a feed through once.

    `floor`: records that ended before it are not wanted. `overlap`: how late a record may appear. `max_keys`: how many
    records are remembered, and up to ten times as many while polls may still bring them again. One that is older than
    what had to be forgotten is refused, since nobody can tell whether it is new: see `take_doubt`.
    """

    __slots__ = (
        "_doubt",
        "_dropped",
        "_forget_at",
        "_forgotten_before",
        "_keys",
        "_lot",
        "_max_keys",
        "_overlap",
        "_position",
        "_proven",
        "duplicates",
        "floor",
        "too_old",
        "until",
    )

    def __init__(self, floor: float, *, overlap: float, max_keys: int, until: float | None = None) -> None:
        self.floor = floor
        self.until = until
        self.duplicates = 0
        self.too_old = 0
        self._overlap = overlap
        self._max_keys = max_keys
        self._lot = max(1, max_keys // 8)  # forgotten at once: the first of a dictionary costs more to find than many
        self._forget_at = max_keys
        self._keys: dict[Key, None] = {}  # in order of arrival
        self._forgotten_before: int | None = None  # ms: the latest end of a key that had to be forgotten
        self._dropped: set[Key] = set()  # accepted once, never handed over, and wanted again however old they are
        self._proven = floor  # the furthest that `fetch_from` has been: what ended before is known, by the invariant
        self._doubt: tuple[float, float] | None = None
        # Invariant: every record that ended before `position - overlap` has been accepted, or is not wanted. Only
        # polls move it: that a frame has come says nothing of the frames before it, since the socket may lose some.
        self._position = floor

    @classmethod
    def resume(cls, cursor: Cursor, *, overlap: float, max_keys: int, until: float | None = None) -> Merger[R]:
        """A merger that goes on where a kept cursor was: it wants what the cursor had not seen."""
        merger = cls(cursor.position - overlap, overlap=overlap, max_keys=max_keys, until=until)
        merger._position = cursor.position
        merger._keys = dict.fromkeys(cursor.keys)
        return merger

    @property
    def position(self) -> float:
        """The moment up to which polls have fetched what there was."""
        return self._position

    @property
    def fetch_from(self) -> float:
        """Where the next poll has to start in order to find what may be late."""
        return self._position - self._overlap

    def accept(self, record: R) -> bool:
        """Whether this record is wanted and new; if so it is remembered."""
        if self.until is not None and span(record)[0] >= self.until:
            return False
        if record.__class__ is Alert:
            key = key_of(record)
        else:  # what `key_of` does, without the call: each event comes through here
            key = round(record.start * 1000), round(record.end * 1000)  # type: ignore[operator] # of alerts alone
        if key in self._keys:
            self.duplicates += 1
            return False
        if key in self._dropped:
            self._dropped.remove(key)
        elif self._forgotten_before is not None and key[1] <= self._forgotten_before:
            self.too_old += 1
            self._refuse(record)
            return False
        self._keys[key] = None
        if len(self._keys) > self._forget_at:
            self._forget()
        return True

    def accept_history(self, records: Iterable[R]) -> list[R]:
        """The records of a poll that are wanted and new, oldest first, whatever order the server uses."""
        ordered = sorted(records, key=key_of)
        return [record for record in ordered if span(record)[1] > self.floor and self.accept(record)]

    def take_doubt(self) -> tuple[float, float] | None:
        """The stretch, from and to, of refused records that may have been new; polls that come do not ask for it."""
        doubt, self._doubt = self._doubt, None
        if doubt is not None:
            self.floor = max(self.floor, doubt[1])
        return doubt

    def want_from(self, ended: float) -> None:
        """A record that ended at `ended` is wanted, where polls will look for it at all."""
        if ended > self.fetch_from:
            self.floor = min(self.floor, math.nextafter(ended, 0.0))

    def shift(self, seconds: float) -> None:
        """What was taken for the present was not: the feed begins `seconds` later."""
        self.floor += seconds
        self._position += seconds
        self._proven += seconds

    def covered(self, until: float) -> None:
        """History has been fetched up to `until` (already less the overlap for what may still appear)."""
        self._position = max(self._position, until)
        self._proven = max(self._proven, self.fetch_from)
        if self._dropped:
            known = to_milliseconds(self.fetch_from)
            self._dropped = {key for key in self._dropped if key[1] >= known}

    def rewind(self, dropped: Sequence[R]) -> None:
        """Want `dropped` again: they were accepted but never handed over."""
        self._position = self._position_before(dropped)
        for record in dropped:
            key = key_of(record)
            self._keys.pop(key, None)
            self._dropped.add(key)
            self.floor = min(self.floor, math.nextafter(span(record)[1], 0.0))

    def cursor(self, feed: str, unhanded: Sequence[R]) -> Cursor:
        """A cursor that has seen all that was accepted, except for what is not handed over yet."""
        position = self._position_before(unhanded)
        since = to_milliseconds(position - self._overlap)
        waiting = {key_of(record) for record in unhanded}
        keys = tuple(key for key in self._keys if key[1] >= since and key not in waiting)
        return Cursor(feed, position, keys)

    def _forget(self) -> None:
        """Forget the records that came first, but for those that the next poll may bring again while there is room."""
        needed = to_milliseconds(self.fetch_from)
        most = _MOST_KEYS * self._max_keys
        for key in list(islice(self._keys, self._lot)):
            if key[1] >= needed and len(self._keys) <= most:
                break
            del self._keys[key]
            self._forgotten_before = max(key[1], self._forgotten_before or 0)
        self._forget_at = max(self._max_keys, len(self._keys) + self._lot - 1)

    def _refuse(self, record: R) -> None:
        start, end = span(record)
        if end > self._proven:
            first, last = self._doubt or (start, end)
            self._doubt = min(first, start), max(last, end)

    def _position_before(self, records: Sequence[R]) -> float:
        """A position from which a poll finds `records` again."""
        if not records:
            return self._position
        return min(self._position, min(span(record)[0] for record in records) + self._overlap - 1.0)
