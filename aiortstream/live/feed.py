"""The state machine of one watch of a feed that has a history: transcripts, and the scenes of one index.

No I/O and no clock: whoever drives it tells it the time (`now`, unix seconds) and what happened, and reads off
`poll_due` when to fetch next. Three states:

    CATCHING_UP   history is being fetched up to the present; live frames wait in `_pending`
    LIVE          live frames go straight to the consumer; a poll now and then finds what the socket lost
    POLLING       nothing arrives by itself: the socket is away, nothing is bound to it, or the consumer was too slow;
                  a frame that comes all the same is a hint to poll at once

A stretch in which records could have been missed is a gap. It opens when live delivery ends and is closed by the poll
that has fetched what was missed; only where the server refuses that history does the consumer see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from aiortstream.errors import DataLost
from aiortstream.live.buffer import Buffer
from aiortstream.live.clock import ServerTime
from aiortstream.live.cursor import Cursor
from aiortstream.live.gaps import GapLog
from aiortstream.live.hooks import SILENT, Hooks, Outcome, StateChanged
from aiortstream.live.merger import Merger, key_of, span
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import FeedKey, WatchState, WatchStatistics, Window
from aiortstream.records import Alert, Gap, GapCause, PartialTranscript, Scene, TranscriptSegment

R = TypeVar("R", bound=TranscriptSegment | Scene | Alert)

_LIVE = WatchState.LIVE  # a look-up in an enumeration costs as much as a call
FIRST_WINDOW = 3600.0  # seconds of history asked for at once; doubled while little comes, halved when it is too much
SHORTEST_WINDOW = 1.0
LONGEST_WINDOW = 32 * 86_400.0
_UNREADABLE_KEPT = 1000  # records that could not be read: so that each is told of once
CLOCK_SKEW = 60.0  # seconds by which the server's clock may be ahead of ours: polls reach that far beyond the present


class HistoryFeed(Generic[R]):
    """One watch's view of one feed. See the module's docstring for its states."""

    __slots__ = (
        "__weakref__",
        "_again",
        "_audit_interval",
        "_bound",
        "_delivered",
        "_epoch",
        "_failures",
        "_from_now",
        "_gaps",
        "_gaps_in_band",
        "_handed",
        "_history_end",
        "_hooks",
        "_idle_interval",
        "_merger",
        "_outcome",
        "_partials",
        "_pending",
        "_pending_lost",
        "_poll_epoch",
        "_poll_failures",
        "_poll_void",
        "_polling",
        "_polls",
        "_resume_at",
        "_server_time",
        "_settings",
        "_skew",
        "_unreadable",
        "_unsettled",
        "_unsettled_since",
        "_wants",
        "_window_length",
        "buffer",
        "engine",
        "key",
        "max_buffer",
        "on_missed",
        "on_poll_due",
        "poll_due",
        "reason",
        "state",
        "wants_to_know",
    )

    successor = None  # no other feed takes its place

    def __init__(
        self,
        key: FeedKey,
        merger: Merger[R],
        settings: LiveSettings,
        *,
        history_end: float | None = None,
        gaps_in_band: bool = False,
        partials: bool = False,
        engine: str | None = None,
        max_buffer: int | None = None,
        wants: Callable[[R], bool] | None = None,
        from_now: bool = False,
        server_time: ServerTime | None = None,
        hooks: Hooks = SILENT,
        buffer: Buffer[Any] | None = None,
    ) -> None:
        self.key = key
        self.engine = engine
        self.max_buffer = max_buffer or settings.max_buffer
        if buffer is None:  # and not where it is false: an empty one is
            buffer = Buffer(self.max_buffer, settings.max_buffer_bytes)
        self.buffer: Buffer[R | Gap | PartialTranscript] = buffer
        self.state = WatchState.NEW
        self.reason = "not opened yet"
        self.poll_due: float | None = None  # unix seconds; None: no poll is wanted (or one is under way)
        self.on_poll_due: Callable[[], None] = lambda: None  # told when `poll_due` has become sooner
        self.wants_to_know = False  # whether a poll waits for room: who takes an item then calls `taken`
        self.on_missed: Callable[[float], None] = lambda _: (
            None
        )  # told when a poll has brought what a live socket had not
        self._wants = wants
        self._from_now = from_now  # it begins at the present, whatever that is by the server's clock
        self._server_time = server_time
        self._skew = 0.0  # seconds by which the server's clock is ahead of ours, as taken into account so far
        self._hooks = hooks
        self._merger = merger
        self._settings = settings
        self._history_end = history_end  # for `follow=False`: the moment of opening; reading ends there
        self._gaps_in_band = gaps_in_band
        self._partials = partials
        self._bound = False  # whether frames of this feed are expected on the present connection
        self._epoch = 0  # counts changes of `_bound`
        self._polling = False  # a poll is under way
        self._poll_epoch = 0  # `_epoch` when that poll began: one begun before binding does not prove completeness
        self._poll_void = False  # the feed was rewound meanwhile: what that poll brings would leave a hole behind it
        self._again: float | None = None  # when another poll was wanted while one was under way
        self._resume_at: float | None = None  # start of the next window of a history that is read in several
        # When the first window of such a reading was asked for that late records may still have come into: the present,
        # once it is reached, is known no further than that.
        self._unsettled_since: float | None = None
        self._pending: list[R] = []  # frames that came while CATCHING_UP, bounded like the buffer
        self._pending_lost = False  # more came than fit: another poll has to find them
        self._window_length = FIRST_WINDOW
        self._idle_interval = settings.poll_interval
        self._failures = 0  # in a row
        self._audit_interval = settings.audit_interval  # shorter for a while after an audit has found something
        self._unreadable: dict[int, None] = {}  # hashes of records that could not be read and have been told of
        self._gaps = GapLog(key, hooks)
        self._outcome: Outcome | None = None
        self._unsettled = False  # it was bound to a connection that has ended, and what becomes of it is not known yet
        self._handed = merger.position  # where the consumer is: the end of the newest record handed over
        self._delivered = self._polls = self._poll_failures = 0

    # --- what the consumer does ---------------------------------------------------------------------------------------

    def open(self, now: float, *, bound: bool) -> None:
        """Begin: fetch history up to the present, and follow from there."""
        self._set_bound(bound)
        self._heed_server_time()
        if bound and self._from_now and self._history_end is None:
            # What is made from now on comes by frame: there is no history to wait for.
            self._become(WatchState.LIVE, "frames arrive on the websocket")
            self._want_poll(now + self._settings.audit_interval)
        else:
            self._become(WatchState.CATCHING_UP, "fetching history")
            self._want_poll(now)

    def pop(self, now: float) -> R | Gap | PartialTranscript:
        """The next item (LookupError: none yet). What it returns counts as handed over: the cursor moves."""
        try:
            return self.take()
        finally:
            self.taken(now)

    def take(self) -> R | Gap | PartialTranscript:
        """`pop` for those who look at the clock only if `wants_to_know`, and then call `taken`."""
        item = self.buffer.pop()
        kind = item.__class__
        if kind is TranscriptSegment or kind is Scene:
            end: float = item.end  # type: ignore[assignment] # it is one of the two
            self._delivered += 1
        elif kind is Alert:
            end = span(item)[1]  # type: ignore[arg-type] # it is one
            self._delivered += 1
        elif isinstance(item, Gap):
            self._handed = max(self._handed, item.end or item.start)
            if not self._gaps_in_band:
                raise DataLost(item)
            return item
        else:
            return item
        if end > self._handed:
            self._handed = end
        return item

    def taken(self, now: float) -> None:
        """There may be room now for what a poll brings."""
        if not self._polling and self.poll_due is None and self.buffer.is_low:
            self._want_poll(now)

    def cursor(self) -> Cursor:
        """Where the consumer is."""
        waiting = [item for item in self.buffer if isinstance(item, TranscriptSegment | Scene | Alert)]
        return self._merger.cursor(str(self.key), waiting)

    def statistics(self) -> WatchStatistics:
        """A picture of this moment."""
        return WatchStatistics(
            state=self.state,
            reason=self.reason,
            delivered=self._delivered,
            duplicates=self._merger.duplicates,
            buffered=len(self.buffer),
            buffered_bytes=self.buffer.bytes,
            position=max(self._handed, self._merger.position),
            polls=self._polls,
            poll_failures=self._poll_failures,
            gaps=self._gaps.count,
            recovered=self._gaps.recovered,
            open_gap=self._gaps.open_now(),
            last_gap=self._gaps.last,
            outcome=self._outcome,
        )

    # --- what the websocket brings ------------------------------------------------------------------------------------

    def frame(self, record: R | PartialTranscript, now: float) -> None:
        """A record of this feed came by the websocket."""
        if record.__class__ is PartialTranscript:
            if self._partials and self.state is _LIVE and self.buffer.has_room:
                self.buffer.put(record)
            return
        if self._wants is not None and not self._wants(record):  # type: ignore[arg-type] # nor is it here
            return
        if self.state is _LIVE:
            if not self.buffer.has_room:
                self._demote(now)
            elif self._merger.accept(record):  # type: ignore[arg-type]
                self.buffer.put(record)
            else:
                self._tell_doubt()
        else:
            self._frame_aside(record, now)  # type: ignore[arg-type]

    def _frame_aside(self, record: R, now: float) -> None:
        if self.state is WatchState.CATCHING_UP and self._bound:
            if len(self._pending) < self.max_buffer:
                self._pending.append(record)
            else:
                self._pending_lost = True
        else:
            self.hint(now)

    def hint(self, now: float, *, ended: float | None = None) -> None:
        """Something happened that may concern this feed: look at once.

        A full consumer is not hurried, and neither is a server whose last answer was a failure. `ended`: when the
        record did that has come just now: made after the watch began, it is wanted even if it tells of a moment before.
        """
        if ended is not None and self._from_now:
            self._merger.want_from(ended)
        if self.state is not WatchState.NEW and self.buffer.is_low and (self._polling or not self._failures):
            self._idle_interval = self._settings.poll_interval
            self._want_poll(now)

    def bound(self, now: float) -> None:
        """From now on frames of this feed are expected: fetch up to the present, then go live."""
        if self._bound or self.buffer.ended:
            return
        self._set_bound(True)
        if self.state is WatchState.POLLING:
            if self._unsettled:
                self._settle("REBOUND")
            self._become(WatchState.CATCHING_UP, "fetching what was missed before going live")
            self._want_poll(now)

    def unbound(self, since: float, now: float, reason: str, cause: GapCause = "disconnected") -> None:
        """No frame can be expected any more. `since`: the last moment at which the connection was known to be well."""
        if not self._bound:
            return
        self._unsettled = True
        self._set_bound(False)
        self._pending.clear()
        self._pending_lost = False
        if self.state in (WatchState.LIVE, WatchState.CATCHING_UP):
            if self.state is WatchState.LIVE:
                self._gaps.open(since + self._skew, cause)
            self._become(WatchState.POLLING, reason)
            self._want_poll(now)

    def left_to_polls(self) -> None:
        """Nothing will bind it to the present connection."""
        if self._unsettled:
            self._settle("POLLING")

    # --- what polls bring ---------------------------------------------------------------------------------------------

    def next_window(self, now: float) -> Window | None:
        """The stretch to fetch now, or None where the consumer has to make room first. Marks a poll as under way."""
        self.poll_due = None
        if self.buffer.ended:
            return None
        if not self.buffer.is_low:
            self.wants_to_know = True
            return None
        self._polling, self._poll_epoch, self._poll_void = True, self._epoch, False
        return self.window(now)

    def window(self, now: float) -> Window:
        """The stretch that a poll would fetch now."""
        self._heed_server_time()
        now += self._skew
        start = self._merger.fetch_from if self._resume_at is None else self._resume_at
        stop = now + CLOCK_SKEW if self._history_end is None else self._history_end + self._skew
        if self._merger.until is not None:
            stop = min(stop, self._merger.until)
        stop = max(stop, start + SHORTEST_WINDOW)
        end = min(stop, start + self._window_length)
        settled = now - self._settings.overlap
        if end < min(now, stop) and start < settled:
            # What is younger may still get late records: it is read last, and in one go where that is possible.
            end = min(end, max(settled, start + SHORTEST_WINDOW))
        return Window(start, end, to_present=end >= min(now, stop), asked_at=now)

    def poll_succeeded(
        self, window: Window, records: Sequence[R], now: float, *, unreadable: Sequence[bytes] = ()
    ) -> None:
        """The records of `window` have come, all of them, in any order; `unreadable` ones as they were."""
        if self._poll_void:
            self.poll_abandoned(now)
            return
        self._heed_server_time()  # the answer may have been the first to tell it
        self._poll_over(now)
        self._polls += 1
        self._failures = 0
        wanted = records if self._wants is None else [record for record in records if self._wants(record)]
        fresh = self._merger.accept_history(wanted)
        self.buffer.extend(fresh)
        self._tell_doubt()
        self._tell_unreadable(window, unreadable)
        if fresh and (self._gaps.is_open or self.state is WatchState.LIVE):
            self._gaps.found(len(fresh))
            if not self._gaps.is_open:
                self.on_missed(now)
        if len(records) * 4 < self.max_buffer:
            self._window_length = min(LONGEST_WINDOW, self._window_length * 2)
        self._advance(window, bool(fresh), now)

    def poll_too_full(self, window: Window, now: float) -> None:
        """`window` holds too many records for one fetch: ask for a shorter one."""
        self._poll_over(now)
        self._window_length = max(SHORTEST_WINDOW, (window.end - window.start) / 2)
        self._want_poll(now)

    def poll_failed(self, now: float, retry_after: float | None = None, *, jitter: float = 0.0) -> None:
        """The poll failed for a reason that may pass: it is tried again, later each time, and `jitter` s after that."""
        self._polling, self._again = False, None
        self._poll_failures += 1
        self._failures += 1
        delay = min(self._settings.max_poll_interval, self._settings.poll_interval * 2 ** min(self._failures - 1, 6))
        self._want_poll(now + max(delay, retry_after or 0.0) + jitter)

    def poll_refused(self, window: Window, now: float) -> None:
        """The server will not give that stretch of history: it is lost, the consumer is told, and reading goes on."""
        if self._poll_void:
            self.poll_abandoned(now)
            return
        if self.state is WatchState.LIVE:
            self.poll_failed(now)  # an audit only: the frames themselves have not been lost
            return
        self._poll_over(now)
        lost_to = min(window.end, now + self._skew)
        self.buffer.put(self._gaps.lost(window.start, lost_to, "history_unavailable"))
        self._settle("UNRECOVERABLE")
        self._merger.floor = max(self._merger.floor, lost_to)
        self._advance(window, False, now)

    def poll_abandoned(self, now: float) -> None:
        """The poll was given up before it was answered: it is due again."""
        self._poll_over(now)
        self._want_poll(now)

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more will come: the consumer gets what is buffered, then the end or `error`."""
        self.poll_due = None
        self.buffer.end(error)
        self._become(WatchState.ENDED, "closed" if error is None else str(error))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _become(self, state: WatchState, reason: str) -> None:
        if self.state is WatchState.ENDED:  # a poll may still be answered after the end
            return
        if self._hooks.wanted and (self.state, self.reason) != (state, reason):
            self._hooks.tell(StateChanged(str(self.key), state, reason))
        self.state, self.reason = state, reason

    def _heed_server_time(self) -> None:
        if self._server_time is None or self._server_time.offset == self._skew:
            return
        moved = self._server_time.offset - self._skew
        self._skew = self._server_time.offset
        if self._from_now and not self._polls and not self._delivered:
            self._merger.shift(moved)
            self._handed += moved

    def _settle(self, outcome: Outcome) -> None:
        self._outcome, self._unsettled = outcome, False

    def _set_bound(self, bound: bool) -> None:
        self._bound = bound
        self._epoch += 1

    def _poll_over(self, now: float) -> None:
        self._polling = False
        again, self._again = self._again, None
        if again is not None:
            self._want_poll(max(again, now))

    def _want_poll(self, at: float) -> None:
        if self.buffer.ended:
            return
        if self._polling:
            self._again = at if self._again is None else min(at, self._again)
            return
        if self.poll_due is None or at < self.poll_due:
            self.poll_due = at
            self.wants_to_know = False
            self.on_poll_due()

    def _advance(self, window: Window, found: bool, now: float) -> None:
        if window.end > window.asked_at - self._settings.overlap and self._unsettled_since is None:
            self._unsettled_since = window.asked_at
        if window.to_present:
            self._resume_at = None
            proven = min(window.end, window.asked_at, now + self._skew) - self._settings.overlap
            self._merger.covered(min(proven, self._unsettled_since or proven))
            self._unsettled_since = None
            self._reached_present(found, now)
            return
        # Whether servers select by start, by end or by both is not known: windows overlap, so that none falls between.
        self._resume_at = window.end - min(self._settings.overlap, (window.end - window.start) / 4)
        self._merger.covered(min(self._resume_at, self._unsettled_since or self._resume_at))
        self._want_poll(now)

    def _reached_present(self, found: bool, now: float) -> None:
        if self._history_end is not None:
            self.end()
            return
        until = self._merger.until
        if until is not None and now + self._skew >= until + self._settings.settle:
            self.end()
            return
        if not self._bound:
            self._keep_polling(found, now)
        elif self.state is WatchState.POLLING or self._poll_epoch != self._epoch:
            # Demoted for a slow consumer, or bound after this poll began: one more poll while frames are kept aside.
            self._become(WatchState.CATCHING_UP, "fetching what was missed before going live")
            self._want_poll(now)
        else:
            self._go_live(found, now)
        if until is not None:
            self._want_poll(max(now, until + self._settings.settle - self._skew))

    def _go_live(self, found: bool, now: float) -> None:
        pending, self._pending = self._pending, []
        for record in sorted(pending, key=key_of):
            if self._merger.accept(record):
                self.buffer.put(record)
        self._tell_doubt()
        if self._pending_lost:
            self._pending_lost = False
            self._want_poll(now)
            return
        self._gaps.close(now + self._skew)
        if self.state is WatchState.LIVE and found:
            self._audit_interval = self._settings.poll_interval  # what the socket does not bring comes by polling
        else:
            self._audit_interval = min(self._settings.audit_interval, 1.5 * self._audit_interval)
        self._become(WatchState.LIVE, "frames arrive on the websocket")
        self._want_poll(now + self._audit_interval)

    def _keep_polling(self, found: bool, now: float) -> None:
        self._gaps.close(now + self._skew)
        if self.state is not WatchState.POLLING:
            self._become(WatchState.POLLING, "nothing sends this feed to the websocket of this client")
        if found:
            self._idle_interval = self._settings.poll_interval
        else:
            self._idle_interval = min(self._settings.max_poll_interval, self._idle_interval * 1.5)
        self._want_poll(now + self._idle_interval)

    def _demote(self, now: float) -> None:
        """The consumer is too slow: drop what waits for it, not its place, and fetch it again when there is room."""
        waiting = self.buffer.clear()
        self._merger.rewind([item for item in waiting if isinstance(item, TranscriptSegment | Scene | Alert)])
        self._resume_at = None
        self._poll_void = True
        self.buffer.extend(item for item in waiting if isinstance(item, Gap))
        self._gaps.open(self._handed, "slow_consumer")
        self._become(WatchState.POLLING, "the consumer is slower than the stream: fetching from where it is")
        self._want_poll(now)

    def _tell_doubt(self) -> None:
        """Records older than all that is remembered came: nobody can tell whether they were handed over."""
        doubt = self._merger.take_doubt()
        if doubt is not None:
            self.buffer.put(self._gaps.lost(*doubt, "history_unavailable"))

    def _tell_unreadable(self, window: Window, records: Sequence[bytes]) -> None:
        """A record that does not fit the protocol is somewhere in this window: it is told of once."""
        for raw in records:
            if hash(raw) not in self._unreadable:
                self._unreadable[hash(raw)] = None
                if len(self._unreadable) > _UNREADABLE_KEPT:
                    del self._unreadable[next(iter(self._unreadable))]
                self.buffer.put(self._gaps.lost(window.start, window.end, "decode_failure"))
