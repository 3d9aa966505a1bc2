"""The core without I/O under a Hypothesis state machine: a server, a network and consumers that do what they please.

What must hold whatever happens: each record of a feed with history is handed over once; each alert is handed over once
or lies in a gap that was told; no gap is told in which nothing can have been missed; cursors never go back; buffers
keep their bounds. `FeedMachine` (test_feed.py) goes deeper into one feed's polls; this one has the whole session.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from aiortstream.live.bindings import AlertBinding, SceneBinding, TranscriptBinding
from aiortstream.live.broadcast import BroadcastFeed, alert_filter
from aiortstream.live.clock import ServerTime
from aiortstream.live.cursor import parse_cursor
from aiortstream.live.feed import HistoryFeed
from aiortstream.live.merger import Merger, span
from aiortstream.live.session import Session
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import FeedKey, WatchState, Window
from aiortstream.records import Alert, Gap, Scene, TranscriptSegment, UnknownEvent
from aiortstream.testing import VirtualClock
from aiortstream.wire.extras import ALERT_LOG, RESUME
from aiortstream.wire.frames import Hello
from aiortstream.wire.times import to_milliseconds

T = 1_720_000_000.0
SETTINGS = LiveSettings(max_buffer=20, max_keys=1000)
TRANSCRIPT = FeedKey("transcript", "rts-1")
SCENES = FeedKey("scene", "rts-1", "i1")
ALERTS = FeedKey("alert", "rts-1")
KEYS = (TRANSCRIPT, SCENES, ALERTS)


class SessionMachine(RuleBasedStateMachine):
    """One client with a watch of each kind; `now` is our clock, and the server's is `skew` ahead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = T
        self.served: dict[FeedKey, list[Any]] = {key: [] for key in KEYS}
        self.received: dict[FeedKey, list[Any]] = {key: [] for key in KEYS}
        self.gaps: list[Gap] = []
        self.fired: list[tuple[float, int]] = []  # when and which: alerts that were sent, or would have been
        self.outages: list[tuple[float, float]] = []
        self.down_since: float | None = None
        self.windows: dict[FeedKey, tuple[Window, list[Any]]] = {}
        self.number = 0  # of the newest frame on the connection
        self.sent: list[tuple[int, Any]] = []  # on the connection, whether it came or not: what resuming repeats
        self.held: list[tuple[int | None, Any]] = []  # frames that overtake others
        self.connections = 0
        self.positions: dict[FeedKey, float] = {}

    @initialize(resume=st.booleans(), log=st.booleans(), skew=st.sampled_from([0.0, 0.0, 130.0, -130.0]))
    def begin(self, resume: bool, log: bool, skew: float) -> None:
        self.resume, self.skew = resume, skew
        self.features = tuple(name for name, has in ((RESUME, resume), (ALERT_LOG, log)) if has)
        self.session = Session(SETTINGS)
        clock = VirtualClock(T)
        self.time = ServerTime(clock)
        if skew:
            self.time.offset, self.time.known = skew, True
        self.feeds: dict[FeedKey, Any] = {
            TRANSCRIPT: self.history(TRANSCRIPT, Merger(T + skew - 50, overlap=60.0, max_keys=1000)),
            SCENES: self.history(SCENES, Merger(T + skew - 50, overlap=60.0, max_keys=1000)),
        }
        self.connect(complete=False)
        for binding in (
            TranscriptBinding("rts-1"),
            SceneBinding("rts-1", "i1", "visual"),
            AlertBinding("rts-1", "i1", "e1", "", "a1"),
        ):
            self.session.bind(binding, self.name, self.now)
        wants = alert_filter("rts-1", None, None)
        alerts = BroadcastFeed(
            "alert",
            SETTINGS,
            wants,
            rtstream_id="rts-1",
            max_buffer=20,
            with_history=lambda buffer: self.history(
                ALERTS, Merger(T + skew - 50, overlap=60.0, max_keys=1000), buffer=buffer, gaps_in_band=True
            ),
        )
        self.feeds[ALERTS] = alerts
        for feed in self.feeds.values():
            self.session.add(feed, self.now)

    def history(self, key: FeedKey, merger: Merger[Any], **options: Any) -> HistoryFeed[Any]:
        return HistoryFeed(key, merger, SETTINGS, server_time=self.time, **options)

    def feed(self, key: FeedKey) -> Any:
        feed = self.feeds[key]
        return getattr(feed, "successor", None) or feed

    # --- the network --------------------------------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        return self.session.connection_id is not None

    def connect(self, *, complete: bool) -> None:
        """A connection opens: the old one goes on where that is offered, and complete or not."""
        goes_on = self.resume and self.connections > 0
        if not goes_on:
            self.connections += 1
            self.number = 0
            self.sent = []
        self.name = f"c{self.connections}"
        whole = goes_on and complete
        after = self.session.resume_point()
        if whole and after is not None:
            sequence = after.after
        else:
            sequence = self.number
        if self.down_since is not None:
            if not whole:
                self.outages.append((self.down_since, self.now))
            self.down_since = None
        self.plan = self.session.connected(
            Hello(self.name, self.features, sequence if self.resume else None, whole), self.now
        )
        for number, record in self.sent if whole else ():
            if number > sequence:
                self.session.event(record, self.now, self.session.epoch, number)

    @precondition(lambda self: self.is_up)
    @rule()
    def drop(self) -> None:
        self.release()
        self.down_since = min(self.session.last_frame_at or self.now, self.now)
        self.session.disconnected(self.session.epoch, self.now)

    @precondition(lambda self: not self.is_up)
    @rule(complete=st.booleans())
    def reconnect(self, complete: bool) -> None:
        self.connect(complete=complete)

    @precondition(lambda self: self.is_up)
    @rule()
    def rotate(self) -> None:
        """The connection is replaced before it is broken."""
        self.release()
        old = self.session.epoch
        self.connect(complete=True)
        self.bind_again(refuse=False)
        self.session.disconnected(old, self.now)

    @precondition(lambda self: self.is_up and self.plan)
    @rule(refuse=st.booleans())
    def bind_again(self, refuse: bool) -> None:
        plan, self.plan = self.plan, []
        for step in plan:
            due = self.session.due(step)
            if due is None:
                continue
            if refuse and step.key[0] == "transcript":
                self.session.not_rebound(step, self.now)
            else:
                self.session.rebound(step, f"a{self.now}" if step.key[0] == "alert" else None, self.now)

    # --- the server ---------------------------------------------------------------------------------------------------

    @rule(
        key=st.sampled_from(KEYS),
        lag=st.floats(0, 25),
        length=st.floats(0.5, 8),
        fate=st.sampled_from(["sent", "sent", "sent", "twice", "held", "lost"]),
    )
    def emit(self, key: FeedKey, lag: float, length: float, fate: str) -> None:
        record = self.record(key, lag, length)
        if record is None:
            return
        self.served[key].append(record)
        frame = self.as_frame(record)
        if key is ALERTS:
            self.fired.append((self.now, record.firing_id or 0))
        if fate == "lost" and key is ALERTS and not self.resume:
            fate = "sent"  # nobody can know of it on a connection that does not number its frames
        if not self.is_bound(key):
            return
        self.number += 1
        number = self.number if self.resume else None
        if self.resume:
            self.sent.append((self.number, frame))
        if not self.is_up:
            return
        if fate == "held":
            self.held.append((number, frame))
        elif fate != "lost":
            for _ in range(2 if fate == "twice" else 1):
                self.session.event(frame, self.now, self.session.epoch, number)
        self.release_if(fate)

    def record(self, key: FeedKey, lag: float, length: float) -> Any:
        end = round(self.now + self.skew - lag, 3)
        start = round(end - length, 3)
        if key is ALERTS:
            at = round(self.now + self.skew, 3)
            return Alert("x", at, "rts-1", firing_id=len(self.served[key]) + 1, fired_at=at, start=start, end=end)
        if any((r.start, r.end) == (start, end) for r in self.served[key]):
            return None
        if key is TRANSCRIPT:
            return TranscriptSegment(start, end, "x", "rts-1")
        return Scene(start, end, "x", "rts-1", "visual", "i1")

    def as_frame(self, record: Any) -> Any:
        """Frames carry whole milliseconds, pages seconds with what floats make of them."""
        if isinstance(record, Alert):
            return record
        shifted = {"start": to_milliseconds(record.start) / 1000, "end": to_milliseconds(record.end) / 1000}
        if isinstance(record, Scene):
            return Scene(shifted["start"], shifted["end"], record.text, "rts-1", "visual", "i1")
        return TranscriptSegment(shifted["start"], shifted["end"], record.text, "rts-1")

    def is_bound(self, key: FeedKey) -> bool:
        """Whether the server sends this to our connection: what was bound to an id that is gone goes nowhere."""
        if self.resume or self.connections == 1:
            return True
        if key is SCENES:
            return False
        return not self.plan and self.is_up and self.feed(key).state is not WatchState.POLLING

    def release_if(self, fate: str) -> None:
        if fate == "sent":
            self.release()

    def release(self) -> None:
        """Frames that were overtaken arrive."""
        held, self.held = self.held, []
        if self.is_up:
            for number, frame in held:
                self.session.event(frame, self.now, self.session.epoch, number)

    @rule(seconds=st.floats(0.1, 20))
    def time_passes(self, seconds: float) -> None:
        self.now = round(self.now + seconds, 3)

    # --- polls --------------------------------------------------------------------------------------------------------

    @rule(key=st.sampled_from(KEYS))
    def ask(self, key: FeedKey) -> None:
        feed = self.feed(key)
        if key in self.windows or not isinstance(feed, HistoryFeed) or feed.poll_due is None:
            return
        self.now = max(self.now, feed.poll_due)
        window = feed.next_window(self.now)
        if window is not None:
            inside = [r for r in self.served[key] if span(r)[1] > window.start and span(r)[0] < window.end]
            self.windows[key] = window, sorted(inside, key=lambda r: -span(r)[0])

    @rule(key=st.sampled_from(KEYS), fails=st.booleans())
    def answer(self, key: FeedKey, fails: bool) -> None:
        if key not in self.windows:
            return
        window, records = self.windows.pop(key)
        feed = self.feed(key)
        if fails:
            feed.poll_failed(self.now)
        elif len(records) > feed.max_buffer and window.end - window.start > 1.0:
            feed.poll_too_full(window, self.now)
        else:
            feed.poll_succeeded(window, records, self.now)

    # --- consumers ----------------------------------------------------------------------------------------------------

    @rule(key=st.sampled_from(KEYS), count=st.integers(1, 40))
    def consume(self, key: FeedKey, count: int) -> None:
        feed = self.feed(key)
        for _ in range(min(count, len(feed.buffer))):
            item = feed.pop(self.now)
            if isinstance(item, Gap):
                self.gaps.append(item)
            else:
                self.received[key].append(item)

    @rule(key=st.sampled_from((TRANSCRIPT, SCENES)))
    def restart(self, key: FeedKey) -> None:
        """Another process goes on from the cursor."""
        old = self.feeds[key]
        cursor = parse_cursor(str(old.cursor()), str(key))
        self.windows.pop(key, None)
        self.session.remove(old)
        self.feeds[key] = self.history(key, Merger.resume(cursor, overlap=60.0, max_keys=1000))
        self.positions.pop(key, None)
        self.session.add(self.feeds[key], self.now)

    # --- what must hold -----------------------------------------------------------------------------------------------

    @invariant()
    def nothing_twice(self) -> None:
        for key, records in self.received.items():
            names = [
                r.firing_id if key is ALERTS else (to_milliseconds(r.start), to_milliseconds(r.end)) for r in records
            ]
            assert len(names) == len(set(names)), key

    @invariant()
    def memory_is_bounded(self) -> None:
        for key in KEYS if hasattr(self, "feeds") and len(self.feeds) == 3 else ():
            # A poll may bring a buffer's worth at once, and another one's worth may wait from catching up; gaps add.
            assert len(self.feed(key).buffer) <= 3 * SETTINGS.max_buffer + 10

    @invariant()
    def positions_never_go_back(self) -> None:
        for key in (TRANSCRIPT, SCENES) if hasattr(self, "feeds") else ():
            position = self.feeds[key].statistics().position
            assert position >= self.positions.get(key, 0.0), key
            self.positions[key] = position

    def teardown(self) -> None:
        if not hasattr(self, "feeds") or len(self.feeds) < 3:
            return
        self.release()
        if not self.is_up:
            self.connect(complete=False)
        if self.plan:
            self.bind_again(refuse=False)
        # A frame that was lost shows by the number of the next one, so there has to be one.
        self.number += 1
        self.session.event(UnknownEvent(None, {}), self.now, self.session.epoch, self.number if self.resume else None)
        for _ in range(300):  # the network is well and the consumers are quick: everything arrives
            for key in KEYS:
                self.answer(key, fails=False)
                self.ask(key)
                self.consume(key, 1000)
            if not self.windows and self.is_settled():
                break
        for key in KEYS:
            self.check(key)
        self.check_no_gap_is_invented()

    def is_settled(self) -> bool:
        keys = [key for key in KEYS if isinstance(self.feed(key), HistoryFeed)]
        return all(len(self.feed(key).buffer) == 0 and not self.missing(key) for key in keys)

    def missing(self, key: FeedKey) -> set[Any]:
        def name(record: Any) -> Any:
            return record.firing_id if key is ALERTS else (record.start, record.end)

        wanted = [r for r in self.served[key] if span(r)[1] > T + self.skew - 50]
        return {name(r) for r in wanted} - {name(r) for r in self.received[key]}

    def check(self, key: FeedKey) -> None:
        missing = self.missing(key)
        if isinstance(self.feed(key), HistoryFeed):
            assert not missing, (key, missing, self.feed(key).statistics())
            return
        told = [(gap.start, gap.end or self.now) for gap in self.gaps]
        for at, number in self.fired:
            if number in missing:
                assert any(start <= at <= end for start, end in told), (number, at, told)

    def check_no_gap_is_invented(self) -> None:
        for gap in self.gaps:
            if gap.cause == "disconnected":
                end = gap.end or self.now
                assert any(start <= end and gap.start <= stop for start, stop in self.outages), (gap, self.outages)


RUN = settings(
    max_examples=2000,
    stateful_step_count=20,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)


@pytest.mark.timeout(240)
def test_whatever_happens_each_record_comes_once_or_its_gap_is_told() -> None:
    run_state_machine_as_test(SessionMachine, settings=RUN)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_the_same_for_long() -> None:
    run_state_machine_as_test(SessionMachine, settings=settings(RUN, max_examples=100_000, stateful_step_count=50))
