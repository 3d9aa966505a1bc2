"""What arrives by the websocket alone and has no history to fetch: alerts, and the stream of all events.

At most once, and honest about it: every stretch in which something may have been missed is handed over as a `Gap` once
it is over, and shows in `statistics()` while it lasts. One that will not end by itself, since an alert could not be
bound to the new connection, is handed over at once, with no end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from aiortstream.live.buffer import Buffer
from aiortstream.live.feed import WatchState, WatchStatistics
from aiortstream.live.settings import LiveSettings
from aiortstream.records import Alert, DecodeFailure, Event, Gap, GapCause


class BroadcastFeed:
    """One watch's view of events that are never repeated. `wants` selects them."""

    def __init__(
        self,
        kind: Literal["alert", "event"],
        settings: LiveSettings,
        wants: Callable[[Event], bool],
        *,
        rtstream_id: str | None = None,
        index_id: str | None = None,
        max_buffer: int | None = None,
    ) -> None:
        self.kind = kind
        self.rtstream_id = rtstream_id
        self.index_id = index_id
        self.buffer: Buffer[Event | Gap] = Buffer(max_buffer or settings.max_buffer, settings.max_buffer_bytes)
        self.state = WatchState.NEW
        self.reason = "not opened yet"
        self._wants = wants
        self._gap: Gap | None = None  # open: since `start`, events may have been missed
        self._overflowed = False  # the open gap is the consumer's: it ends when there is room again
        self._connected = False
        self._complete = True  # all that concerns this watch was bound to the present connection
        self._told = False  # the open gap has been handed over, without an end
        self._delivered = self._gaps = 0
        self._position = 0.0

    def open(self, now: float, *, connected: bool, missing: bool) -> None:
        """Begin. What happened before is not missed; `missing`: something that should come from now on does not yet."""
        self._position = now
        if connected:
            self.connected(now, complete=not missing)
        elif missing:
            self.missing(now)
        else:
            self._settle_state()

    def pop(self, now: float) -> Event | Gap:
        """The next item; LookupError where there is none yet."""
        item = self.buffer.pop()
        if not isinstance(item, Gap):
            self._delivered += 1
        self._position = now
        if self._overflowed and self.buffer.is_low:
            self._overflowed = False
            self._close_gap_if_over(now)
            self._settle_state()
        return item

    def frame(self, event: Event, now: float) -> None:
        """An event came by the websocket."""
        unreadable = self._may_have_been_wanted(event)
        if self._overflowed or not (unreadable or self._wants(event)):
            return
        if not self.buffer.has_room:
            self._overflowed = True
            self._open_gap(now, "slow_consumer")
            self._settle_state()
        elif unreadable:
            self._gaps += 1
            self.buffer.put(Gap(self.kind, now, now, "decode_failure", False, self.rtstream_id, self.index_id))
        else:
            self.buffer.put(event)

    def connected(self, now: float, *, complete: bool = True) -> None:
        """From now on events arrive: those of all that this client had bound, unless not `complete`."""
        self._connected, self._complete = True, complete
        if not complete:
            self._open_gap(now, "not_bound")
            self._tell_open_gap()
        self._close_gap_if_over(now)
        self._settle_state()

    def disconnected(self, since: float) -> None:
        """Nothing can arrive any more. `since`: the last moment at which the connection was known to be well."""
        if self._connected:
            self.missing(since)

    def missing(self, since: float) -> None:
        """Something that this watch should get does not come, until it is `connected`."""
        self._connected = False
        self._open_gap(since, "disconnected")
        self._settle_state()

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more will come."""
        self.buffer.end(error)
        self.state, self.reason = WatchState.ENDED, "closed" if error is None else str(error)

    def statistics(self) -> WatchStatistics:
        """A picture of this moment. There are no polls; nothing is ever recovered."""
        return WatchStatistics(
            state=self.state,
            reason=self.reason,
            delivered=self._delivered,
            duplicates=0,
            buffered=len(self.buffer),
            buffered_bytes=self.buffer.bytes,
            position=self._position,
            polls=0,
            poll_failures=0,
            gaps=self._gaps,
            recovered=0,
            open_gap=self._gap,
        )

    def _settle_state(self) -> None:
        if self.buffer.ended:
            return
        if self._overflowed:
            self.state, self.reason = WatchState.WAITING, "the consumer is too slow: waiting until it has room"
        elif not self._connected:
            self.state, self.reason = WatchState.WAITING, "waiting for the websocket"
        elif not self._complete:
            self.state = WatchState.WAITING
            self.reason = "an alert is not bound to the new connection: create it again, or disable it"
        else:
            self.state, self.reason = WatchState.LIVE, "events arrive on the websocket"

    def _may_have_been_wanted(self, event: Event) -> bool:
        """Whether a frame that could not be read may have been an alert for this watch."""
        return (
            self.kind == "alert"
            and isinstance(event, DecodeFailure)
            and event.channel in ("alert", None)
            and (self.rtstream_id is None or event.rtstream_id in (self.rtstream_id, None))
        )

    def _open_gap(self, since: float, cause: GapCause) -> None:
        if self._gap is None:
            self._gaps += 1
            self._gap = Gap(self.kind, since, None, cause, False, self.rtstream_id, self.index_id)

    def _tell_open_gap(self) -> None:
        if self._gap is not None and not self._told:
            self._told = True
            self.buffer.put(replace(self._gap, cause="not_bound"))

    def _close_gap_if_over(self, now: float) -> None:
        if self._gap is not None and self._connected and self._complete and not self._overflowed:
            gap, self._gap, self._told = self._gap, None, False
            self.buffer.put(
                Gap(gap.kind, gap.start, max(now, gap.start), gap.cause, False, gap.rtstream_id, gap.index_id)
            )


def alert_filter(rtstream_id: str | None, index_id: str | None, label: str | None) -> Callable[[Event], bool]:
    """Which alerts a watch wants. An alert that does not say its index is not held back by a wish for one."""

    def wants(event: Event) -> bool:
        return (
            isinstance(event, Alert)
            and (rtstream_id is None or event.rtstream_id in (rtstream_id, None))
            and (index_id is None or event.index_id in (index_id, None))
            and (label is None or event.label == label)
        )

    return wants
