"""Which event goes to which watch, and what a new connection means for each. No I/O and no clock of its own.

An epoch is one websocket connection, from its first frame to its end; the server gives each another connection id
(unless it lets one be resumed). What was bound to the old id does not come to the new one, so every epoch begins with
a plan of what to bind again, and watches are told what became of theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from aiortstream.live.bindings import AlertBinding, Binding, SceneBinding, TranscriptBinding
from aiortstream.live.broadcast import BroadcastFeed
from aiortstream.live.feed import FeedKey, HistoryFeed
from aiortstream.live.settings import LiveSettings
from aiortstream.records import (
    DecodeFailure,
    Event,
    PartialTranscript,
    Scene,
    TranscriptSegment,
)

Feed: TypeAlias = "HistoryFeed[TranscriptSegment] | HistoryFeed[Scene]"


@dataclass(frozen=True, slots=True)
class Rebind:
    """Do this again with the new connection's id; `epoch` tells whether it is still the newest when it is done."""

    binding: TranscriptBinding | AlertBinding
    epoch: int


class Session:
    """Routing and bindings of one client, over all its connections."""

    def __init__(self, settings: LiveSettings) -> None:
        self.connection_id: str | None = None  # of the present epoch; None while there is none
        self.epoch = 0
        self.last_frame_at: float | None = None  # unix seconds
        self.decode_failures = 0
        self._settings = settings
        self._feeds: dict[FeedKey, set[Feed]] = {}
        self._scenes_of: dict[str, set[FeedKey]] = {}  # stream -> its watched indexes
        self._broadcasts: set[BroadcastFeed] = set()
        # What is bound to the present connection; emptied when it ends.
        self._bound_transcripts: dict[str, TranscriptBinding] = {}
        self._bound_scenes: dict[tuple[str, str], SceneBinding] = {}
        self._bound_alerts: dict[str, AlertBinding] = {}
        # What has to be bound again to the next connection.
        self._lost: list[TranscriptBinding | AlertBinding] = []
        self._outstanding: set[TranscriptBinding | AlertBinding] = set()

    # --- watches ------------------------------------------------------------------------------------------------------

    def add(self, feed: Feed | BroadcastFeed, now: float) -> None:
        """Open a watch's feed and route events to it."""
        if isinstance(feed, BroadcastFeed):
            self._broadcasts.add(feed)
            feed.open(now, connected=self.connection_id is not None and not self._outstanding)
            return
        self._feeds.setdefault(feed.key, set()).add(feed)
        if feed.key.kind == "scene":
            self._scenes_of.setdefault(feed.key.rtstream_id, set()).add(feed.key)
        feed.open(now, bound=self._is_bound(feed.key))

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
        self.epoch += 1
        self.connection_id = connection_id
        self.last_frame_at = now
        lost, self._lost = self._lost, []
        self._outstanding = set(lost)
        if not lost:
            self._tell_broadcasts(now)
        return [Rebind(binding, self.epoch) for binding in lost]

    def disconnected(self, now: float) -> None:
        """The connection is gone: every watch that relied on it polls, or has a gap, from when it was last heard."""
        if self.connection_id is None:
            return
        since = self.last_frame_at if self.last_frame_at is not None else now
        self.connection_id = None
        self._lost = [*self._outstanding]
        if self._settings.rebind_transcripts:
            self._lost += self._bound_transcripts.values()
        if self._settings.rebind_alerts:
            self._lost += self._bound_alerts.values()
        self._outstanding = set()
        self._bound_transcripts.clear()
        self._bound_scenes.clear()
        self._bound_alerts.clear()
        for feed in self.feeds():
            if isinstance(feed, BroadcastFeed):
                feed.disconnected(since)
            else:
                feed.unbound(since, now, "the websocket is away")

    def bind(self, binding: Binding, connection_id: str | None, now: float) -> None:
        """The server has been told to send this to `connection_id`; nothing is noted if that is not our present one."""
        if connection_id is None or connection_id != self.connection_id:
            return
        match binding:
            case TranscriptBinding():
                self._bound_transcripts[binding.rtstream_id] = binding
                self._tell_bound(FeedKey("transcript", binding.rtstream_id), now)
            case SceneBinding():
                self._bound_scenes[binding.rtstream_id, binding.index_id] = binding
                self._tell_bound(FeedKey("scene", binding.rtstream_id, binding.index_id), now)
            case AlertBinding():
                self._bound_alerts[binding.alert_id] = binding

    def unbind_transcript(self, rtstream_id: str, now: float) -> None:
        """The transcript was stopped: no frame of it can be expected, and it is not to be started again by us."""
        self._lost = [b for b in self._lost if not _is_transcript_of(b, rtstream_id)]
        if self._bound_transcripts.pop(rtstream_id, None) is not None:
            for feed in self._feeds.get(FeedKey("transcript", rtstream_id), ()):
                feed.unbound(now, now, "the transcript was stopped", "not_bound")

    def unbind_alert(self, alert_id: str) -> None:
        """The alert was disabled: it is not to be created again."""
        self._bound_alerts.pop(alert_id, None)
        self._lost = [b for b in self._lost if not (isinstance(b, AlertBinding) and b.alert_id == alert_id)]

    def rebound(self, done: Rebind, alert_id: str | None, now: float) -> None:
        """A step of the plan has succeeded; `alert_id` is that of a replacement alert."""
        if done.epoch != self.epoch or self.connection_id is None:
            return
        self._outstanding.discard(done.binding)
        binding = done.binding
        if isinstance(binding, AlertBinding) and alert_id is not None:
            binding = replace(binding, alert_id=alert_id)
        self.bind(binding, self.connection_id, now)
        self._tell_broadcasts(now)

    def not_rebound(self, failed: Rebind, now: float) -> None:
        """A step of the plan will not succeed: its watches stay as they are."""
        if failed.epoch == self.epoch:
            self._outstanding.discard(failed.binding)
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
        index_id = scene.index_id or self._only_index(scene)
        if index_id is not None:
            for feed in self._feeds.get(FeedKey("scene", scene.rtstream_id, index_id), ()):
                feed.frame(scene, now)  # type: ignore[arg-type] # an index's key holds scene feeds only
            return
        for key in self._scenes_of.get(scene.rtstream_id, ()):
            for feed in self._feeds[key]:
                feed.hint(now)

    def _only_index(self, scene: Scene) -> str | None:
        """The index of a frame that does not say it, if only one of its stream and kind is bound to us."""
        found = [
            binding.index_id
            for binding in self._bound_scenes.values()
            if binding.rtstream_id == scene.rtstream_id and binding.kind == scene.kind
        ]
        return found[0] if len(found) == 1 else None

    def _bad_frame(self, failure: DecodeFailure, now: float) -> None:
        """What could not be read may have been a record: whoever it may have been for looks at once."""
        self.decode_failures += 1
        for key, feeds in self._feeds.items():
            if failure.rtstream_id in (None, key.rtstream_id):
                for feed in feeds:
                    feed.hint(now)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _is_bound(self, key: FeedKey) -> bool:
        if key.kind == "transcript":
            return key.rtstream_id in self._bound_transcripts
        return (key.rtstream_id, key.index_id) in self._bound_scenes

    def _tell_bound(self, key: FeedKey, now: float) -> None:
        for feed in self._feeds.get(key, ()):
            feed.bound(now)

    def _tell_broadcasts(self, now: float) -> None:
        if self.connection_id is not None and not any(isinstance(b, AlertBinding) for b in self._outstanding):
            for broadcast in self._broadcasts:
                broadcast.connected(now)


def _is_transcript_of(binding: Binding, rtstream_id: str) -> bool:
    return isinstance(binding, TranscriptBinding) and binding.rtstream_id == rtstream_id
