"""What arrives by the websocket alone and has no history to fetch: alerts, and the stream of all events.

At most once, and honest about it: every stretch in which something may have been missed is handed over as a `Gap` once
it is over, and shows in `statistics()` while it lasts. One that will not end by itself, since an alert could not be
bound to the new connection, is handed over at once, with no end. A connection that is resumed with all that was sent
meanwhile leaves no gap. Where the server keeps a log of alerts, a watch of alerts becomes a feed with history.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from itertools import islice
from typing import Any, Literal

from msgspec.structs import replace

from aiortstream.live.buffer import Buffer
from aiortstream.live.feed import HistoryFeed
from aiortstream.live.hooks import SILENT, GapClosed, GapOpened, Hooks, Outcome, StateChanged
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import ANY_STREAM, WatchState, WatchStatistics
from aiortstream.records import Alert, DecodeFailure, Event, Gap, GapCause

_SEEN_KEPT = 1000  # alerts: what comes again comes soon after


class BroadcastFeed:
    """One watch's view of events that are never repeated. `wants` selects them."""

    __slots__ = (
        "__weakref__",
        "_complete",
        "_connected",
        "_delivered",
        "_duplicates",
        "_gap",
        "_gaps",
        "_hooks",
        "_last_gap",
        "_opened_at",
        "_outcome",
        "_overflowed",
        "_position",
        "_seen",
        "_since",
        "_told",
        "_wants",
        "_with_history",
        "buffer",
        "index_id",
        "kind",
        "reason",
        "rtstream_id",
        "state",
        "successor",
    )

    wants_to_know = True  # when an item is taken: it counts as watched up to then

    def __init__(
        self,
        kind: Literal["alert", "event"],
        settings: LiveSettings,
        wants: Callable[[Event], bool],
        *,
        rtstream_id: str | None = None,
        index_id: str | None = None,
        max_buffer: int | None = None,
        since: float | None = None,
        with_history: Callable[[Buffer[Any]], HistoryFeed[Alert]] | None = None,
        hooks: Hooks = SILENT,
    ) -> None:
        self.kind = kind
        self.successor: HistoryFeed[Alert] | None = None  # what it has become, where the server keeps a log
        self._since = since  # where history was asked for that has not been told to be unavailable
        self._opened_at = 0.0
        self._with_history = with_history
        self._hooks = hooks
        self._seen: dict[Hashable, None] = {}  # alerts that were handed over, bounded
        self._duplicates = 0
        self._last_gap: Gap | None = None
        self._outcome: Outcome | None = None
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
        self._position = self._opened_at = now
        if connected:
            self.connected(now, complete=not missing)
        elif missing:
            self.missing(now)
        else:
            self._settle_state()

    def pop(self, now: float) -> Event | Gap:
        """The next item; LookupError where there is none yet."""
        item = self.take()
        self.taken(now)
        return item

    def take(self) -> Event | Gap:
        """`pop`, to be followed by `taken`."""
        item = self.buffer.pop()
        if not isinstance(item, Gap):
            self._delivered += 1
        return item

    def taken(self, now: float) -> None:
        """An item was handed over just now."""
        self._position = now
        if self._overflowed and self.buffer.is_low:
            self._overflowed = False
            self._close_gap_if_over(now)
            self._settle_state()

    def with_history(self) -> HistoryFeed[Alert] | None:
        """The feed that takes its place where the server keeps a log of alerts; None if it watches all events."""
        if self._with_history is None or self.successor is not None:
            return None
        self.successor = self._with_history(self.buffer)
        return self.successor

    def lost(self, since: float, now: float) -> None:
        """The server has counted a frame that has not come, between two that have."""
        if not self._overflowed:
            self._gaps += 1
            self._last_gap = self._gap_of(since, now, "lost_frame")
            self.buffer.put(self._last_gap)

    def ended_for_good(self, rtstream_id: str, index_id: str, now: float) -> None:
        """The scenes of that index do not come to this connection, nor to a later one: they are to be polled for."""
        if not self._overflowed:
            self._gaps += 1
            self._last_gap = Gap("scene", now, None, "not_bound", True, rtstream_id, index_id)
            self.buffer.put(self._last_gap)

    def frame(self, event: Event, now: float, key: Hashable = None) -> None:
        """An event came by the websocket. `key`, of an alert: what makes it the same alert if it comes again."""
        unreadable = self._may_have_been_wanted(event)
        if self._overflowed or not (unreadable or self._wants(event)):
            return
        if not self.buffer.has_room:
            self._overflowed = True
            self._open_gap(now, "slow_consumer")
            self._settle_state()
        elif unreadable:
            self._gaps += 1
            self._last_gap = self._gap_of(now, now, "decode_failure")
            self.buffer.put(self._last_gap)
        elif key is not None and key in self._seen:
            self._duplicates += 1
        else:
            if key is not None:
                self._remember(key)
            self.buffer.put(event)

    def connected(self, now: float, *, complete: bool = True, resumed: bool = False) -> None:
        """From now on events arrive: those of all that this client had bound, unless not `complete`.

        `resumed`: those that were sent meanwhile as well, so nothing has been missed.
        """
        if self._since is not None:
            self._tell_unavailable(self._since)
        was_connected, self._connected, self._complete = self._connected, True, complete
        if resumed and complete and not self._overflowed and self._gap is not None and not self._told:
            self._forget_gap(now)
        if not was_connected:
            self._outcome = "REBOUND" if complete else "UNRECOVERABLE"
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
            duplicates=self._duplicates,
            buffered=len(self.buffer),
            buffered_bytes=self.buffer.bytes,
            position=self._position,
            polls=0,
            poll_failures=0,
            gaps=self._gaps,
            recovered=0,
            open_gap=self._gap,
            last_gap=self._last_gap,
            outcome=self._outcome,
        )

    def _tell_unavailable(self, since: float) -> None:
        """The server is known by now, and keeps no log: what was before the watch was opened cannot be had."""
        self._since = None
        self._gaps += 1
        self._last_gap = self._gap_of(since, max(since, self._opened_at), "history_unavailable")
        self.buffer.put(self._last_gap)

    def _remember(self, key: Hashable) -> None:
        self._seen[key] = None
        if len(self._seen) > 2 * _SEEN_KEPT:
            # Many at once: the first of a dictionary costs more to find than many.
            for seen in list(islice(self._seen, _SEEN_KEPT)):
                del self._seen[seen]

    def _gap_of(self, start: float, end: float | None, cause: GapCause) -> Gap:
        return Gap(self.kind, start, end, cause, False, self.rtstream_id, self.index_id)

    def _settle_state(self) -> None:
        if self.buffer.ended:
            return
        before = self.state, self.reason
        self._find_state()
        if self._hooks.wanted and before != (self.state, self.reason):
            self._hooks.tell(StateChanged(self.name, self.state, self.reason))

    @property
    def name(self) -> str:
        """What it watches, for people."""
        return ":".join(part for part in (self.kind, self.rtstream_id or ANY_STREAM, self.index_id) if part)

    def _find_state(self) -> None:
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
            self._gap = self._gap_of(since, None, cause)
            if self._hooks.wanted:
                self._hooks.tell(GapOpened(self.name, self._gap))

    def _tell_open_gap(self) -> None:
        if self._gap is not None and not self._told:
            self._told = True
            self.buffer.put(replace(self._gap, cause="not_bound"))

    def _close_gap_if_over(self, now: float) -> None:
        if self._gap is not None and self._connected and self._complete and not self._overflowed:
            gap, self._gap, self._told = self._gap, None, False
            self._last_gap = replace(gap, end=max(now, gap.start))
            self.buffer.put(self._last_gap)
            if self._hooks.wanted:
                self._hooks.tell(GapClosed(self.name, self._last_gap, healed=False))

    def _forget_gap(self, now: float) -> None:
        """Nothing was missed after all: what was sent meanwhile comes now."""
        gap, self._gap = self._gap, None
        if gap is not None:
            self._last_gap = replace(gap, end=max(now, gap.start), recoverable=True)
            if self._hooks.wanted:
                self._hooks.tell(GapClosed(self.name, self._last_gap, healed=True))


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
