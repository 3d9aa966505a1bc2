"""What this client has bound to its connections, and what of it has to be bound again. No I/O, no clock, no watches.

A binding is in one place at a time:

    bound        the present connection gets it
    outstanding  an earlier connection got it: it has to be bound to the present one, or to the next
    unreached    an alert that an earlier connection got and that is not bound again: it fires, and nobody here hears it
    parked       an alert that was disabled: left alone until it is enabled

Two things soften the end of a connection. Where the server lets its id be resumed, what was bound to it is bound again
by that alone. And a connection that is replaced before it ends (`retiring`) still brings what is not bound to the new
one yet, and its scenes, which nothing can bind again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from aiortstream.live.bindings import OWN, AlertBinding, Binding, ConnectionChoice, SceneBinding, TranscriptBinding
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import FeedKey
from aiortstream.records import IndexKind

Rebindable: TypeAlias = TranscriptBinding | AlertBinding
BindingKey: TypeAlias = tuple[Literal["transcript", "alert"], str]  # the stream of a transcript, or the alert

_ROOTS_KEPT = 10_000
_ENDED_KEPT = 64  # connection ids: a request may be answered some connections after it was sent


@dataclass(frozen=True, slots=True)
class Rebind:
    """Something is to be bound to the connection of `epoch`; `Bindings.due` tells what it is by then."""

    key: BindingKey
    epoch: int


@dataclass(frozen=True, slots=True)
class _Bound:
    """What one connection gets."""

    connection_id: str | None = None
    transcripts: dict[str, TranscriptBinding] = field(default_factory=dict)
    scenes: dict[str, dict[str, IndexKind]] = field(default_factory=dict)
    alerts: dict[str, AlertBinding] = field(default_factory=dict)


class Bindings:
    """The bindings of one client, over all its connections."""

    def __init__(self, settings: LiveSettings) -> None:
        self.connection_id: str | None = None  # of the present epoch; None while there is none
        self.epoch = 0
        self._settings = settings
        self._ended_ids: deque[str] = deque(maxlen=_ENDED_KEPT)  # of our connections that are over
        self._transcripts: dict[str, TranscriptBinding] = {}
        self._scenes: dict[str, dict[str, IndexKind]] = {}  # stream -> index -> what it is made from
        self._alerts: dict[str, AlertBinding] = {}
        self._outstanding: dict[BindingKey, Rebindable] = {}
        self._unreached: dict[str, AlertBinding] = {}
        self._parked: dict[str, tuple[AlertBinding, str | None]] = {}  # with the connection that it is bound to
        self._roots: dict[str, str] = {}  # replacement -> the alert that its maker knows, the oldest forgotten
        self._creating: dict[str, int] = {}  # stream -> indexes that are being created, or may have been
        self._lost_scenes: list[SceneBinding] = []  # not told of yet
        self._ended = _Bound()  # what the newest connection that has ended had: bound again if its id is resumed
        self._retiring = _Bound()  # what a connection that is replaced, and still read, brings

    # --- connections --------------------------------------------------------------------------------------------------

    def begin(self, connection_id: str) -> list[Rebind]:
        """A connection is up; what it must be bound to again.

        Under the id of the last one, it has all that this one had. While there is one, that one is `retiring`.
        """
        self.epoch += 1
        if self.connection_id != connection_id:
            self._creating.clear()
            if self.connection_id is not None:
                retiring = self._bound()
                self.end()
                self._retiring = retiring
            self.connection_id = connection_id
            if connection_id == self._ended.connection_id:
                self._restore(self._ended)
            elif self._retiring.connection_id is None:
                self._lose_scenes(self._ended)
        return [Rebind(key, self.epoch) for key in self._outstanding]

    def retired(self) -> None:
        """The connection that was replaced is gone."""
        self._lose_scenes(self._retiring)
        self._retiring = _Bound()

    def take_lost_scenes(self) -> list[SceneBinding]:
        """Indexes that were bound to a connection that is gone for good, each once."""
        lost, self._lost_scenes = self._lost_scenes, []
        return lost

    def _lose_scenes(self, bound: _Bound) -> None:
        for stream, kinds in bound.scenes.items():
            self._lost_scenes += [SceneBinding(stream, index_id, kind) for index_id, kind in kinds.items()]

    def creating_index(self, rtstream_id: str, change: int) -> None:
        """An index of this stream is being created for the present connection (+1), or is known by now (-1)."""
        count = self._creating.get(rtstream_id, 0) + change
        if count > 0:
            self._creating[rtstream_id] = count
        else:
            self._creating.pop(rtstream_id, None)

    def end(self) -> None:
        """It is gone, and with it what was bound to it."""
        self._ended, self._retiring = self._bound(), _Bound()
        if self.connection_id is not None:
            self._ended_ids.append(self.connection_id)
        self.connection_id = None
        for transcript in self._transcripts.values():
            self._lose(transcript)
        for alert in self._alerts.values():
            self._lose(alert)
        self._transcripts.clear()
        self._scenes.clear()
        self._alerts.clear()

    # --- what is bound, and what is not any more ----------------------------------------------------------------------

    def bind(self, binding: Binding, connection: ConnectionChoice) -> Literal["now", "later", "never"]:
        """Note that the server sends this to `connection`; OWN: that it should be ours, which could not be had.

        `later`: that was our connection and has ended meanwhile, or it is OWN, so it has to be bound to the next.
        `never`: it was not ours, or nothing can bind it again.
        """
        if connection is not None and connection == self.connection_id:
            self._bind(binding)
            return "now"
        if isinstance(binding, SceneBinding) or not (connection is OWN or connection in self._ended_ids):
            return "never"
        self._lose(binding)
        return "later"

    def plan(self, binding: Rebindable) -> list[Rebind]:
        """The step that binds this to the present connection, if there is one and the settings allow it."""
        key = _key(binding)
        return [Rebind(key, self.epoch)] if self.connection_id is not None and key in self._outstanding else []

    def stop_transcript(self, rtstream_id: str) -> bool:
        """Forget a transcript; whether it was bound to the present connection."""
        self._outstanding.pop(("transcript", rtstream_id), None)
        self._ended.transcripts.pop(rtstream_id, None)
        self._retiring.transcripts.pop(rtstream_id, None)
        return self._transcripts.pop(rtstream_id, None) is not None

    def disable_alert(self, alert_id: str) -> None:
        """Leave an alert alone until it is enabled."""
        lost = self._outstanding.pop(("alert", alert_id), None) or self._unreached.pop(alert_id, None)
        was_bound = self._ended.alerts.pop(alert_id, None)
        if isinstance(lost, AlertBinding):
            self._parked[alert_id] = lost, None if was_bound is None else self._ended.connection_id
        elif alert_id in self._alerts:
            self._parked[alert_id] = self._alerts.pop(alert_id), self.connection_id

    def enable_alert(self, alert_id: str) -> AlertBinding | None:
        """Take an alert up again; it is returned if it has to be bound again, and is outstanding or unreached then."""
        binding, connection_id = self._parked.pop(alert_id, (None, None))
        if binding is None:
            return None
        if connection_id is not None and connection_id == self.connection_id:
            self._bind(binding)
            return None
        self._lose(binding)
        return binding

    # --- binding again ------------------------------------------------------------------------------------------------

    def due(self, rebind: Rebind) -> tuple[Rebindable, str] | None:
        """What to bind now, and to which connection; None if that is no longer wanted, or the epoch is over."""
        binding = self._outstanding.get(rebind.key)
        if binding is None or self.connection_id is None or rebind.epoch != self.epoch:
            return None
        return binding, self.connection_id

    def rebound(self, done: Rebind, replacement: str | None) -> Rebindable | None:
        """A step has succeeded; `replacement` is an alert's new id. Returns what the present connection gets by it."""
        binding = self._outstanding.get(done.key)
        if binding is None:  # stopped or disabled while we asked
            return None
        if isinstance(binding, AlertBinding) and replacement is not None:
            binding = replace(binding, replacement=replacement)
            self._roots[replacement] = binding.alert_id
            if len(self._roots) > _ROOTS_KEPT:
                del self._roots[next(iter(self._roots))]
        if self.connection_id is None or done.epoch != self.epoch:
            self._outstanding[done.key] = binding  # the new alert is there all the same: the next replaces that one
            return None
        del self._outstanding[done.key]
        self._bind(binding)
        return binding

    def not_rebound(self, failed: Rebind) -> None:
        """A step will not succeed."""
        if failed.epoch == self.epoch:
            binding = self._outstanding.pop(failed.key, None)
            if isinstance(binding, AlertBinding):
                self._unreached[binding.alert_id] = binding

    # --- questions ----------------------------------------------------------------------------------------------------

    def has_feed(self, key: FeedKey) -> bool:
        """Whether the present connection gets this feed."""
        if key.kind == "transcript":
            return key.rtstream_id in self._transcripts or (
                key.rtstream_id in self._retiring.transcripts and ("transcript", key.rtstream_id) in self._outstanding
            )
        return any(key.index_id in scenes.get(key.rtstream_id, {}) for scenes in (self._scenes, self._retiring.scenes))

    def is_awaited(self, key: FeedKey) -> bool:
        """Whether this feed waits to be bound to the present connection."""
        return key.kind == "transcript" and ("transcript", key.rtstream_id) in self._outstanding

    @property
    def is_settled(self) -> bool:
        """Whether nothing waits to be bound to the present connection."""
        return not self._outstanding

    def only_index(self, rtstream_id: str, kind: IndexKind) -> str | None:
        """The one index of this stream and kind that the present connection gets; None if there are more, or none.

        One that is being created, or may have been, counts as well.
        """
        if rtstream_id in self._creating:
            return None
        bound = self._retiring.scenes.get(rtstream_id, {}) | self._scenes.get(rtstream_id, {})
        found = [index_id for index_id, bound_kind in bound.items() if bound_kind == kind]
        return found[0] if len(found) == 1 else None

    def newest_alert(self, alert_id: str) -> str:
        """The alert that stands for `alert_id` by now: a new connection takes new alerts."""
        parked, _ = self._parked.get(alert_id, (None, None))
        lost = self._outstanding.get(("alert", alert_id))
        for binding in (self._alerts.get(alert_id), self._unreached.get(alert_id), parked, lost):
            if isinstance(binding, AlertBinding):
                return binding.newest_id
        return alert_id

    def root_of(self, alert_id: str) -> str:
        """The alert that `alert_id` stands for, itself or one that it has replaced."""
        return self._roots.get(alert_id, alert_id)

    def bound_alerts(self) -> Iterable[AlertBinding]:
        """Alerts that the present connection gets, or the retiring one still does."""
        return [*self._alerts.values(), *self._retiring.alerts.values()]

    def outstanding_alerts(self) -> list[AlertBinding]:
        """Alerts that are to be heard again."""
        return [binding for binding in self._outstanding.values() if isinstance(binding, AlertBinding)]

    def unreached_alerts(self) -> Iterable[AlertBinding]:
        """Alerts that are not."""
        return self._unreached.values()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _bind(self, binding: Binding) -> None:
        match binding:
            case TranscriptBinding():
                self._outstanding.pop(("transcript", binding.rtstream_id), None)
                self._transcripts[binding.rtstream_id] = binding
            case SceneBinding():
                self._scenes.setdefault(binding.rtstream_id, {})[binding.index_id] = binding.kind
            case AlertBinding():
                self._alerts[binding.alert_id] = binding
                # Whoever creates an alert anew makes up for one that is not heard any more.
                self._unreached = {i: a for i, a in self._unreached.items() if _purpose(a) != _purpose(binding)}

    def _bound(self) -> _Bound:
        scenes = {stream: dict(kinds) for stream, kinds in self._scenes.items()}
        return _Bound(self.connection_id, dict(self._transcripts), scenes, dict(self._alerts))

    def _restore(self, bound: _Bound) -> None:
        """What `bound` had comes again, but for what was stopped or disabled meanwhile."""
        for transcript in bound.transcripts.values():
            self._bind(transcript)
        for alert_id in bound.alerts:
            lost = self._outstanding.pop(("alert", alert_id), None) or self._unreached.pop(alert_id, None)
            if isinstance(lost, AlertBinding):  # perhaps replaced meanwhile
                self._bind(lost)
        for stream, kinds in bound.scenes.items():
            self._scenes.setdefault(stream, {}).update(kinds)

    def _lose(self, binding: Rebindable) -> None:
        is_alert = isinstance(binding, AlertBinding)
        if self._settings.rebind_alerts if is_alert else self._settings.rebind_transcripts:
            self._outstanding[_key(binding)] = binding
        elif isinstance(binding, AlertBinding):
            self._unreached[binding.alert_id] = binding


def _key(binding: Rebindable) -> BindingKey:
    if isinstance(binding, TranscriptBinding):
        return "transcript", binding.rtstream_id
    return "alert", binding.alert_id


def _purpose(alert: AlertBinding) -> tuple[str, str, str]:
    return alert.rtstream_id, alert.index_id, alert.event_id
