"""Which event goes to which watch, and what a new connection means for each. No I/O and no clock of its own.

An epoch is one websocket connection, from its first frame to its end; the server gives each another connection id,
unless it lets one be resumed. What was bound to the old id does not come to the new one, so every epoch begins with
a plan of what to bind again, and watches are told what became of theirs. While a connection is replaced before it
ends there are two epochs, and what either brings is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from aiortstream.live.bindings import AlertBinding, Binding, ConnectionChoice, SceneBinding, TranscriptBinding
from aiortstream.live.broadcast import BroadcastFeed
from aiortstream.live.feed import HistoryFeed
from aiortstream.live.gateway import Resume
from aiortstream.live.numbering import Numbering
from aiortstream.live.rebinding import Bindings, Rebind, Rebindable
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import ANY_STREAM, FeedKey
from aiortstream.records import (
    Alert,
    DecodeFailure,
    Event,
    PartialTranscript,
    Scene,
    TranscriptSegment,
)
from aiortstream.wire.extras import ALERT_LOG
from aiortstream.wire.frames import Hello
from aiortstream.wire.times import to_milliseconds

Feed: TypeAlias = "HistoryFeed[TranscriptSegment] | HistoryFeed[Scene] | HistoryFeed[Alert]"


class Session:
    """Routing and bindings of one client, over all its connections."""

    def __init__(self, settings: LiveSettings) -> None:
        self.last_frame_at: float | None = None  # unix seconds
        self.decode_failures = 0
        self.lost_frames = 0  # that the server had counted and that did not come
        self.features: tuple[str, ...] = ()  # of the newest connection
        self.on_upgraded: Callable[[HistoryFeed[Alert]], None] = lambda _: None
        self._bindings = Bindings(settings)
        self._feeds: dict[FeedKey, set[Feed]] = {}
        self._scenes_of: dict[str, set[FeedKey]] = {}  # stream -> its watched indexes
        self._alerts_of: dict[str, set[FeedKey]] = {}  # stream, or any -> watched logs of alerts
        self._broadcasts: set[BroadcastFeed] = set()
        self._alert_broadcasts: dict[str | None, set[BroadcastFeed]] = {}  # those of alerts, by stream; None: of all
        self._event_broadcasts: set[BroadcastFeed] = set()  # those of all events
        self._numbering: Numbering | None = None  # of the newest connection, where the server numbers its frames
        self._retiring_epoch: int | None = None  # of a connection that is replaced and still read
        self._missed_at: float | None = None  # when a poll last brought what should have come by frame

    @property
    def connection_id(self) -> str | None:
        """The id of the present connection; None while there is none."""
        return self._bindings.connection_id

    @property
    def epoch(self) -> int:
        """How many connections there have been."""
        return self._bindings.epoch

    @property
    def is_settled(self) -> bool:
        """Whether nothing waits to be bound to the present connection."""
        return self._bindings.is_settled

    @property
    def is_deaf(self) -> bool:
        """Whether polls have brought what should have come by frame, and no frame has come since."""
        return self._missed_at is not None and (self.last_frame_at is None or self.last_frame_at < self._missed_at)

    # --- watches ------------------------------------------------------------------------------------------------------

    def add(self, feed: Feed | BroadcastFeed, now: float) -> None:
        """Open a watch's feed and route events to it."""
        if not isinstance(feed, BroadcastFeed):
            self._add_history(feed, now)
            return
        successor = feed.with_history() if ALERT_LOG in self.features else None
        if successor is not None:
            self.on_upgraded(successor)
            self._add_history(successor, now)
            return
        self._broadcasts.add(feed)
        self._group(feed).add(feed)
        self._open_broadcast(feed, now)

    def remove(self, feed: Feed | BroadcastFeed) -> None:
        """Route nothing more to it. Removing it twice is nothing."""
        if isinstance(feed, BroadcastFeed):
            self._remove_broadcast(feed)
            if feed.successor is not None:
                self.remove(feed.successor)
            return
        feeds = self._feeds.get(feed.key)
        if feeds is None:
            return
        feeds.discard(feed)
        if not feeds:
            del self._feeds[feed.key]
            keys = self._keys_beside(feed.key)
            if keys is not None:
                of_stream = keys.get(feed.key.rtstream_id, set())
                of_stream.discard(feed.key)
                if not of_stream:
                    keys.pop(feed.key.rtstream_id, None)

    def feeds(self) -> Iterable[Feed | BroadcastFeed]:
        """All feeds that are open, as a copy."""
        return [*self._histories(), *self._broadcasts]

    def feeds_of(self, key: FeedKey) -> Iterable[Feed]:
        """All feeds of that key."""
        return self._feeds.get(key, ())

    # --- connections --------------------------------------------------------------------------------------------------

    def resume_point(self) -> Resume | None:
        """What the next connection may go on with."""
        numbers = self._numbering
        return None if numbers is None else Resume(numbers.connection_id, numbers.last)

    def connected(self, hello: Hello, now: float) -> list[Rebind]:
        """A connection is up; what it must be bound to again, each to be answered by `rebound` or `not_rebound`."""
        self.last_frame_at = now
        self.features = hello.features
        replaced = self.epoch if self.connection_id is not None else None
        numbers = self._numbering
        if numbers is not None and numbers.connection_id == hello.connection_id:
            whole = hello.complete
            if not whole:
                numbers.restart(hello.sequence or 0)
            plan = self._bindings.begin(hello.connection_id)
        else:
            whole = False
            self._numbering = Numbering(hello.connection_id, hello.sequence) if hello.sequence is not None else None
            plan = self._bindings.begin(hello.connection_id)
            self._retiring_epoch = replaced
        if ALERT_LOG in hello.features:
            self._upgrade(now)
        self._settle_histories(now, now, "nothing sends this feed to the present connection")
        self._tell_broadcasts(now, resumed=whole)
        return plan

    def disconnected(self, epoch: int, now: float) -> None:
        """A connection is gone: every watch that relied on it polls, or has a gap, from when it was last heard."""
        if epoch == self._retiring_epoch:
            self._retiring_epoch = None
            self._bindings.retired()
            self._settle_histories(now, now, "its connection was replaced, and nothing binds it to another")
            self._look_at_all(now)
        if self.connection_id is None or epoch != self.epoch:
            return
        since = self.last_frame_at if self.last_frame_at is not None else now
        self._retiring_epoch = None
        self._bindings.end()
        for feed in self._histories():
            feed.unbound(since, now, "the websocket is away")
        for broadcast in self._broadcasts:
            broadcast.disconnected(since)

    def bind(self, binding: Binding, connection: ConnectionChoice, now: float) -> list[Rebind]:
        """The server has been told to send this to `connection`; nothing is noted if that was never ours.

        If that connection of ours has ended meanwhile, or none could be had (OWN), what to do at once is returned.
        """
        outcome = self._bindings.bind(binding, connection)
        if outcome == "now":
            self._tell_bound(binding, now)
        elif outcome == "later" and not isinstance(binding, SceneBinding):
            return self._bind_later(binding, now)
        return []

    def unbind_transcript(self, rtstream_id: str, now: float) -> None:
        """The transcript was stopped: no frame of it can be expected, and it is not to be started again by us."""
        if self._bindings.stop_transcript(rtstream_id):
            for feed in self._feeds.get(FeedKey("transcript", rtstream_id), ()):
                feed.unbound(now, now, "the transcript was stopped", "not_bound")

    def newest_alert(self, alert_id: str) -> str:
        """The alert that stands for `alert_id` by now: a new connection takes new alerts."""
        return self._bindings.newest_alert(alert_id)

    def alert_disabled(self, alert_id: str, now: float) -> None:
        """The alert was disabled: it is not to be created again, until it is enabled."""
        self._bindings.disable_alert(alert_id)
        self._tell_broadcasts(now)

    def alert_enabled(self, alert_id: str, now: float) -> list[Rebind]:
        """The alert was enabled again; what to do if its connection has ended meanwhile."""
        binding = self._bindings.enable_alert(alert_id)
        return [] if binding is None else self._bind_later(binding, now)

    def due(self, rebind: Rebind) -> tuple[Rebindable, str] | None:
        """What to bind now, and to which connection; None if that is no longer wanted, or the epoch is over."""
        return self._bindings.due(rebind)

    def rebound(self, done: Rebind, replacement: str | None, now: float) -> None:
        """A step of the plan has succeeded; `replacement` is the new id of an alert."""
        binding = self._bindings.rebound(done, replacement)
        if binding is not None:
            self._tell_bound(binding, now)

    def not_rebound(self, failed: Rebind, now: float) -> None:
        """A step of the plan will not succeed: transcripts are polled, and an alert is not heard any more."""
        self._bindings.not_rebound(failed)
        self._settle_histories(now, now, "it could not be bound to the present connection")
        self._tell_broadcasts(now)

    def creating_index(self, rtstream_id: str, connection: str | None, change: int) -> None:
        """An index is being created for `connection` (+1), or is known by now (-1)."""
        if connection is not None and connection == self.connection_id:
            self._bindings.creating_index(rtstream_id, change)

    def take_lost_scenes(self, now: float) -> list[SceneBinding]:
        """Indexes whose scenes no longer come by frame, each once; watches of all events are told by a gap."""
        lost = self._bindings.take_lost_scenes() if self.connection_id is not None else []
        for scene in lost:
            for broadcast in self._event_broadcasts:
                broadcast.ended_for_good(scene.rtstream_id, scene.index_id, now)
        return lost

    # --- events -------------------------------------------------------------------------------------------------------

    def event(self, event: Event, now: float, epoch: int, sequence: int | None = None) -> None:
        """Route one event: constant time, whatever the number of watches."""
        before, self.last_frame_at = self.last_frame_at, now
        if sequence is not None and self._numbering is not None and epoch != self._retiring_epoch:
            skipped = self._numbering.skipped(sequence)
            if skipped is None:
                return  # it has come before
            if skipped:
                self._lost(skipped, now if before is None else before, now)
        kind = event.__class__  # looked at one by one: matching by pattern costs three times as much
        if kind is TranscriptSegment or kind is PartialTranscript:
            self._route(("transcript", event.rtstream_id, None), event, now)  # type: ignore[union-attr, arg-type]
        elif kind is Scene:
            self._scene(event, now)  # type: ignore[arg-type]
        elif kind is Alert:
            self._alert(event, now)  # type: ignore[arg-type]
        elif kind is DecodeFailure:
            self._bad_frame(event, now)  # type: ignore[arg-type]
        for broadcast in self._event_broadcasts:
            broadcast.frame(event, now)

    def missed(self, now: float) -> None:
        """A poll has brought what should have come by frame."""
        self._missed_at = now

    def _route(
        self, key: tuple[str, str, str | None], record: TranscriptSegment | PartialTranscript | Scene, now: float
    ) -> None:
        for feed in self._feeds.get(key, ()):  # type: ignore[call-overload] # the tuple equals a FeedKey
            feed.frame(record, now)

    def _scene(self, scene: Scene, now: float) -> None:
        index_id = scene.index_id or self._bindings.only_index(scene.rtstream_id, scene.kind)
        if index_id is not None:
            self._route(("scene", scene.rtstream_id, index_id), scene, now)
            return
        for key in self._scenes_of.get(scene.rtstream_id, ()):
            for feed in self._feeds[key]:
                feed.hint(now, ended=scene.end)

    def _alert(self, alert: Alert, now: float) -> None:
        stream = alert.rtstream_id
        for key in self._alert_keys(stream):
            if alert.index_id is None or key.index_id in (None, alert.index_id):
                for feed in self._feeds[key]:
                    if alert.firing_id is None or alert.fired_at is None:
                        feed.hint(now)  # not a record of the log: look there for it
                    else:
                        feed.frame(alert, now)  # type: ignore[arg-type] # an alert's key holds feeds of alerts only
        if self._alert_broadcasts:
            identity = self._identity(alert)
            for group in self._alert_broadcasts if stream is None else (stream, None):
                for broadcast in self._alert_broadcasts.get(group, ()):
                    broadcast.frame(alert, now, identity)

    def _identity(self, alert: Alert) -> Hashable:
        """What makes an alert the same if it comes again, from the alert that has replaced another too."""
        if alert.firing_id is not None:
            return alert.firing_id
        at = alert.timestamp if alert.start is None else alert.start
        source = None if alert.alert_id is None else self._bindings.root_of(alert.alert_id)
        end = None if alert.end is None else to_milliseconds(alert.end)
        return alert.rtstream_id, alert.index_id, source, alert.label, to_milliseconds(at), end

    def _bad_frame(self, failure: DecodeFailure, now: float) -> None:
        """What could not be read may have been a record: whoever it may have been for looks at once."""
        self.decode_failures += 1
        for key, feeds in self._feeds.items():
            if failure.rtstream_id is None or key.rtstream_id in (failure.rtstream_id, ANY_STREAM):
                for feed in feeds:
                    feed.hint(now)
        for group in self._alert_broadcasts.values():
            for broadcast in group:
                broadcast.frame(failure, now)

    def _lost(self, count: int, since: float, now: float) -> None:
        """The server has counted frames that have not come, after the one before."""
        self.lost_frames += count
        self._look_at_all(now)
        for broadcast in self._broadcasts:
            broadcast.lost(since, now)

    def _look_at_all(self, now: float) -> None:
        for feed in self._histories():
            feed.hint(now)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _histories(self) -> list[Feed]:
        return [feed for feeds in self._feeds.values() for feed in feeds]

    def _group(self, broadcast: BroadcastFeed) -> set[BroadcastFeed]:
        if broadcast.kind == "event":
            return self._event_broadcasts
        return self._alert_broadcasts.setdefault(broadcast.rtstream_id, set())

    def _keys_beside(self, key: FeedKey) -> dict[str, set[FeedKey]] | None:
        return {"scene": self._scenes_of, "alert": self._alerts_of}.get(key.kind)

    def _alert_keys(self, stream: str | None) -> Iterable[FeedKey]:
        if not self._alerts_of:
            return ()
        groups = self._alerts_of if stream is None else (stream, ANY_STREAM)
        return [key for group in groups for key in self._alerts_of.get(group, ())]

    def _add_history(self, feed: Feed, now: float) -> None:
        self._feeds.setdefault(feed.key, set()).add(feed)
        keys = self._keys_beside(feed.key)
        if keys is not None:
            keys.setdefault(feed.key.rtstream_id, set()).add(feed.key)
        if feed.key.kind != "alert":  # a log has alerts too that were never to come by frame
            feed.on_missed = self.missed
        feed.open(now, bound=self._is_bound(feed.key))

    def _upgrade(self, now: float) -> None:
        """The server keeps a log of alerts: whoever watches alerts has a history from now on."""
        for broadcast in [b for b in self._broadcasts if b.kind == "alert"]:
            successor = broadcast.with_history()
            if successor is not None:
                self._remove_broadcast(broadcast)
                self.on_upgraded(successor)
                self._add_history(successor, now)

    def _remove_broadcast(self, broadcast: BroadcastFeed) -> None:
        self._broadcasts.discard(broadcast)
        group = self._group(broadcast)
        group.discard(broadcast)
        if not group and broadcast.kind == "alert":
            del self._alert_broadcasts[broadcast.rtstream_id]

    def _is_bound(self, key: FeedKey, heard: _Heard | None = None) -> bool:
        """Whether frames of this feed come to the present connection."""
        if key.kind != "alert":
            return self._bindings.has_feed(key)
        stream = None if key.rtstream_id == ANY_STREAM else key.rtstream_id
        heard = heard or self._heard()
        return self.connection_id is not None and heard.whole(stream, key.index_id)

    def _heard(self) -> _Heard:
        """Which alerts the present connection brings: made once for many watches, since there may be many alerts."""
        return _Heard(_Alerts(self._bindings.bound_alerts()), _Alerts(self._silent_alerts()))

    def _silent_alerts(self) -> list[AlertBinding]:
        return [*self._bindings.outstanding_alerts(), *self._bindings.unreached_alerts()]

    def _settle_histories(self, since: float, now: float, reason: str) -> None:
        """Tell each feed with history whether the present connection brings it."""
        heard = self._heard()
        for feed in self._histories():
            if self._is_bound(feed.key, heard):
                feed.bound(now)
            else:
                feed.unbound(since, now, reason, "not_bound")
                if not self._bindings.is_awaited(feed.key):
                    feed.left_to_polls()

    def _tell_bound(self, binding: Binding, now: float) -> None:
        match binding:
            case TranscriptBinding():
                key = FeedKey("transcript", binding.rtstream_id)
            case SceneBinding():
                key = FeedKey("scene", binding.rtstream_id, binding.index_id)
            case AlertBinding():
                self._settle_alerts(now)
                self._tell_broadcasts(now)
                return
        for feed in self._feeds.get(key, ()):
            feed.bound(now)

    def _settle_alerts(self, now: float) -> None:
        if not self._alerts_of:
            return
        heard = self._heard()
        for keys in list(self._alerts_of.values()):
            for key in keys:
                bound = self._is_bound(key, heard)
                for feed in self._feeds[key]:
                    if bound:
                        feed.bound(now)
                    else:
                        feed.unbound(now, now, "an alert is not bound to the present connection", "not_bound")

    def _bind_later(self, binding: Rebindable, now: float) -> list[Rebind]:
        """Bind to the present connection what an earlier one had; until then it is not heard."""
        if isinstance(binding, AlertBinding):
            silent = _Alerts([binding])
            for broadcast in self._broadcasts:
                if silent.concern(broadcast.rtstream_id, broadcast.index_id):
                    broadcast.missing(now)
            self._settle_alerts(now)
            self._tell_broadcasts(now)
        return self._bindings.plan(binding)

    def _open_broadcast(self, feed: BroadcastFeed, now: float) -> None:
        outstanding = self._bindings.outstanding_alerts()
        if self.connection_id is not None and not outstanding:
            silent = _Alerts(self._bindings.unreached_alerts())
            feed.open(now, connected=True, missing=silent.concern(feed.rtstream_id, feed.index_id))
        else:
            missing = _Alerts(self._silent_alerts()).concern(feed.rtstream_id, feed.index_id)
            feed.open(now, connected=False, missing=missing or (feed.kind == "event" and self.epoch > 0))

    def _tell_broadcasts(self, now: float, *, resumed: bool = False) -> None:
        """Once each alert has its place, or will not have one: tell watches whether they are whole."""
        if self.connection_id is not None and not self._bindings.outstanding_alerts():
            silent = _Alerts(self._bindings.unreached_alerts())
            for broadcast in self._broadcasts:
                complete = not silent.concern(broadcast.rtstream_id, broadcast.index_id)
                broadcast.connected(now, complete=complete, resumed=resumed)


@dataclass(frozen=True, slots=True)
class _Heard:
    """The alerts that the present connection brings, and those that nobody hears."""

    bound: _Alerts
    silent: _Alerts

    def whole(self, rtstream_id: str | None, index_id: str | None) -> bool:
        """Whether a watch of this stream and index hears something, and all that it should."""
        return self.bound.concern(rtstream_id, index_id) and not self.silent.concern(rtstream_id, index_id)


class _Alerts:
    """A set of alerts. Whom they concern is asked for each watch, so it is a look-up."""

    def __init__(self, alerts: Iterable[AlertBinding]) -> None:
        self._indexes = {(alert.rtstream_id, alert.index_id) for alert in alerts}
        self._streams = {rtstream_id for rtstream_id, _ in self._indexes}

    def concern(self, rtstream_id: str | None, index_id: str | None) -> bool:
        """Whether one of them would reach a watch of this stream (None: of all) and index (None: of all)."""
        if rtstream_id is None:
            return bool(self._streams)
        if index_id is None:
            return rtstream_id in self._streams
        return (rtstream_id, index_id) in self._indexes
