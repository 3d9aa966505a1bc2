"""What a `ScriptedServer` knows: streams, their transcripts and indexes, events and alerts, and what was emitted."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from aiortstream.records import Alert, Scene, TranscriptSegment
from aiortstream.wire import rest

DEFAULT = "default"  # the collection that every account has


@dataclass(slots=True)
class ScriptedIndex:
    """One index of a stream."""

    id: str
    rtstream_id: str
    extraction_type: str
    prompt: str
    name: str | None = None
    extraction_config: dict[str, Any] = field(default_factory=dict)
    status: str = "running"
    connections: set[str] = field(default_factory=set)
    scenes: list[Scene] = field(default_factory=list)

    def answer(self) -> rest.SceneIndexAnswer:
        """As the wire has it: the values of the configuration are strings there."""
        config = {key: str(value) for key, value in self.extraction_config.items()}
        return rest.SceneIndexAnswer(self.id, self.extraction_type, config, self.prompt, self.name, self.status)


@dataclass(slots=True)
class ScriptedAlert:
    """One alert on an index."""

    id: str
    index_id: str
    rtstream_id: str
    event_id: str
    label: str
    callback_url: str
    connections: set[str] = field(default_factory=set)
    enabled: bool = True

    def answer(self) -> rest.AlertAnswer:
        """As the wire has it."""
        status = "enabled" if self.enabled else "disabled"
        return rest.AlertAnswer(self.id, self.event_id, None, self.label, self.callback_url, status)


@dataclass(slots=True)
class ScriptedStream:
    """One stream and its transcript."""

    id: str
    name: str
    url: str
    created_at: str
    """Naive ISO 8601, as the wire has it."""
    collection_id: str = DEFAULT
    media_types: list[str] = field(default_factory=lambda: ["audio", "video"])
    sample_rate: int = 30
    store: bool = False
    status: str = "connected"
    transcribing: bool = False
    connections: set[str] = field(default_factory=set)
    segments: list[TranscriptSegment] = field(default_factory=list)

    def answer(self) -> rest.RTStreamAnswer:
        """As the wire has it."""
        return rest.RTStreamAnswer(
            self.id,
            self.name,
            self.collection_id,
            self.created_at,
            self.sample_rate,
            self.status,
            self.media_types,
            self.store,
        )


class World:
    """All of it, in memory."""

    def __init__(self) -> None:
        self.collections: dict[str, rest.CollectionAnswer] = {DEFAULT: rest.CollectionAnswer(DEFAULT, "Default")}
        self.streams: dict[str, ScriptedStream] = {}
        self.indexes: dict[str, ScriptedIndex] = {}
        self.events: dict[str, rest.EventAnswer] = {}
        self.alerts: dict[str, ScriptedAlert] = {}
        self.fired: list[Alert] = []
        self.emitted: list[TranscriptSegment | Scene | Alert] = []
        self._numbers = itertools.count(1)

    def name(self, kind: str) -> str:
        """An id that nothing else has."""
        return f"{kind}-{next(self._numbers)}"

    def alerts_on(self, index_id: str) -> list[ScriptedAlert]:
        """All alerts of an index."""
        return [alert for alert in self.alerts.values() if alert.index_id == index_id]

    def unbind(self, connection_id: str) -> None:
        """That connection is gone."""
        for bound in (
            *(stream.connections for stream in self.streams.values()),
            *(index.connections for index in self.indexes.values()),
            *(alert.connections for alert in self.alerts.values()),
        ):
            bound.discard(connection_id)
