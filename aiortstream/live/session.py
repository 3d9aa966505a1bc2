"""Which event goes to which watch, and what a new connection means for each. No I/O and no clock of its own.

An epoch is one websocket connection, from its first frame to its end; the server gives each another connection id
(unless it lets one be resumed). What was bound to the old id does not come to the new one, so every epoch begins with
a plan of what to bind again, and watches are told what became of theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from aiortstream.live.bindings import AlertBinding, Binding, ConnectionChoice, SceneBinding, TranscriptBinding
from aiortstream.live.broadcast import BroadcastFeed
from aiortstream.live.feed import FeedKey, HistoryFeed
from aiortstream.live.rebinding import Bindings, Rebind, Rebindable
from aiortstream.live.settings import LiveSettings
from aiortstream.records import (
    DecodeFailure,
    Event,
    PartialTranscript,
    Scene,
    TranscriptSegment,
)

Feed: TypeAlias = "HistoryFeed[TranscriptSegment] | HistoryFeed[Scene]"


class Session:
    """Routing and bindings of one client, over all its connections."""

    def __init__(self, settings: LiveSettings) -> None:
        self.last_frame_at: float | None = None  # unix seconds
        self.decode_failures = 0
        self._bindings = Bindings(settings)
        self._feeds: dict[FeedKey, set[Feed]] = {}
        self._scenes_of: dict[str, set[FeedKey]] = {}  # stream -> its watched indexes
        self._broadcasts: set[BroadcastFeed] = set()

    @property
    def connection_id(self) -> str | None:
        """The id of the present connection; None while there is none."""
        return self._bindings.connection_id

    @property
    def epoch(self) -> int:
        """How many connections there have been."""
        return self._bindings.epoch

    # --- watches ------------------------------------------------------------------------------------------------------

    def add(self, feed: Feed | BroadcastFeed, now: float) -> None:
        """Open a watch's feed and route events to it."""
        if isinstance(feed, BroadcastFeed):
            self._broadcasts.add(feed)
            self._open_broadcast(feed, now)
            return
        self._feeds.setdefault(feed.key, set()).add(feed)
        if feed.key.kind == "scene":
            self._scenes_of.setdefault(feed.key.rtstream_id, set()).add(feed.key)
        feed.open(now, bound=self._bindings.has_feed(feed.key))

    def remove(self, feed: Feed | BroadcastFeed) -> None:
        """Route nothing more to it. Removing it twice is nothing."""
        if isinstance(feed, BroadcastFeed):
            self._broadcasts.discard(feed)
            return
        feeds = self._feeds.get(feed.key)
        if feeds is None:
            return
        feeds.discard(feed)
        if not feeds:
            del self._feeds[feed.key]
            indexes = self._scenes_of.get(feed.key.rtstream_id)
            if indexes is not None:
                indexes.discard(feed.key)
                if not indexes:
                    del self._scenes_of[feed.key.rtstream_id]

    def feeds(self) -> Iterable[Feed | BroadcastFeed]:
        """All feeds that are open, as a copy."""
        return [*(feed for feeds in self._feeds.values() for feed in feeds), *self._broadcasts]

    # --- connections --------------------------------------------------------------------------------------------------

    def connected(self, connection_id: str, now: float) -> list[Rebind]:
        """A connection is up; what it must be bound to again, each to be answered by `rebound` or `not_rebound`."""
        self.last_frame_at = now
        plan = self._bindings.begin(connection_id)
        self._tell_broadcasts(now)
        return plan

    def disconnected(self, now: float) -> None:
        """The connection is gone: every watch that relied on it polls, or has a gap, from when it was last heard."""
        if self.connection_id is None:
            return
        since = self.last_frame_at if self.last_frame_at is not None else now
        self._bindings.end()
        for feed in self.feeds():
            if isinstance(feed, BroadcastFeed):
                feed.disconnected(since)
            else:
                feed.unbound(since, now, "the websocket is away")

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
        self._tell_broadcasts(now)

    # --- events -------------------------------------------------------------------------------------------------------

    def event(self, event: Event, now: float) -> None:
        """Route one event: constant time, whatever the number of watches."""
        self.last_frame_at = now
        match event:
            case TranscriptSegment() | PartialTranscript():
                for feed in self._feeds.get(FeedKey("transcript", event.rtstream_id), ()):
                    feed.frame(event, now)  # type: ignore[arg-type] # a transcript's key holds transcript feeds only
            case Scene():
                self._scene(event, now)
            case DecodeFailure():
                self._bad_frame(event, now)
        for broadcast in self._broadcasts:
            broadcast.frame(event, now)

    def _scene(self, scene: Scene, now: float) -> None:
        index_id = scene.index_id or self._bindings.only_index(scene.rtstream_id, scene.kind)
        if index_id is not None:
            for feed in self._feeds.get(FeedKey("scene", scene.rtstream_id, index_id), ()):
                feed.frame(scene, now)  # type: ignore[arg-type] # an index's key holds scene feeds only
            return
        for key in self._scenes_of.get(scene.rtstream_id, ()):
            for feed in self._feeds[key]:
                feed.hint(now)

    def _bad_frame(self, failure: DecodeFailure, now: float) -> None:
        """What could not be read may have been a record: whoever it may have been for looks at once."""
        self.decode_failures += 1
        for key, feeds in self._feeds.items():
            if failure.rtstream_id in (None, key.rtstream_id):
                for feed in feeds:
                    feed.hint(now)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _tell_bound(self, binding: Binding, now: float) -> None:
        match binding:
            case TranscriptBinding():
                key = FeedKey("transcript", binding.rtstream_id)
            case SceneBinding():
                key = FeedKey("scene", binding.rtstream_id, binding.index_id)
            case AlertBinding():
                self._tell_broadcasts(now)
                return
        for feed in self._feeds.get(key, ()):
            feed.bound(now)

    def _bind_later(self, binding: Rebindable, now: float) -> list[Rebind]:
        """Bind to the present connection what an earlier one had; until then it is not heard."""
        if isinstance(binding, AlertBinding):
            silent = _Silent([binding])
            for broadcast in self._broadcasts:
                if silent.concerns(broadcast):
                    broadcast.missing(now)
            self._tell_broadcasts(now)
        return self._bindings.plan(binding)

    def _open_broadcast(self, feed: BroadcastFeed, now: float) -> None:
        outstanding = self._bindings.outstanding_alerts()
        if self.connection_id is not None and not outstanding:
            feed.open(now, connected=True, missing=_Silent(self._bindings.unreached_alerts()).concerns(feed))
        else:
            silent = _Silent([*outstanding, *self._bindings.unreached_alerts()])
            feed.open(now, connected=False, missing=silent.concerns(feed) or (feed.kind == "event" and self.epoch > 0))

    def _tell_broadcasts(self, now: float) -> None:
        """Once each alert has its place, or will not have one: tell watches whether they are whole."""
        if self.connection_id is not None and not self._bindings.outstanding_alerts():
            silent = _Silent(self._bindings.unreached_alerts())
            for broadcast in self._broadcasts:
                broadcast.connected(now, complete=not silent.concerns(broadcast))


class _Silent:
    """Alerts that are not heard at present. Whom they concern is asked for each watch, so it is a look-up."""

    def __init__(self, alerts: Iterable[AlertBinding]) -> None:
        self._indexes = {(alert.rtstream_id, alert.index_id) for alert in alerts}
        self._streams = {rtstream_id for rtstream_id, _ in self._indexes}

    def concerns(self, broadcast: BroadcastFeed) -> bool:
        """Whether one of them would have reached this watch."""
        if broadcast.rtstream_id is None:
            return bool(self._streams)
        if broadcast.index_id is None:
            return broadcast.rtstream_id in self._streams
        return (broadcast.rtstream_id, broadcast.index_id) in self._indexes
