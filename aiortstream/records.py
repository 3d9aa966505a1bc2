"""What a live stream yields: transcripts, scenes, alerts, and the gaps between them.

These are the types that watches hand out and that the wire's frames and pages are turned into. They know nothing of
the wire: times are unix seconds as `float`, whatever the wire carried, and `start_time` / `end_time` give an aware
`datetime`. They also answer the wire's and the seed's keys, so that `scene["start"]` ports unchanged.

`Event` is the union that `client.watch_events()` yields; `match` over it is exhaustive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

import msgspec

IndexKind = Literal["visual", "audio"]


class Keyed(msgspec.Struct, frozen=True, gc=False):
    """A record whose fields can also be read by key, under its own names and under the wire's.

    Values by key are `Any`, as they are in the dictionaries this replaces; attributes are typed.
    """

    aliases: ClassVar[Mapping[str, str]] = {}

    def __getitem__(self, key: str) -> Any:
        name = self.aliases.get(key, key)
        if name not in self.__struct_fields__:
            raise KeyError(key)
        return getattr(self, name)

    def __contains__(self, key: object) -> bool:
        return key in self.__struct_fields__ or key in self.aliases

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def keys(self) -> tuple[str, ...]:
        """The record's own field names, then the other names it answers to."""
        return (*self.__struct_fields__, *self.aliases)

    def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`, or `default`."""
        return self[key] if key in self else default


class Timed(Keyed, frozen=True, gc=False):
    """A record of a stretch of time, `start` to `end` in unix seconds."""

    start: float
    end: float

    @property
    def start_time(self) -> datetime:
        """`start` as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.start, UTC)

    @property
    def end_time(self) -> datetime:
        """`end` as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.end, UTC)


class SpokenWord(Timed, frozen=True, gc=False):
    """One word of a transcript."""

    word: str
    aliases = {"text": "word"}


class TranscriptSegment(Timed, frozen=True, gc=False):
    """A final piece of a live transcript. Its text does not change any more."""

    text: str
    rtstream_id: str
    rtstream_name: str | None = None
    words: tuple[SpokenWord, ...] = ()
    is_final: Literal[True] = True
    aliases = {"word_timestamps": "words"}


class PartialTranscript(Timed, frozen=True, gc=False):
    """A preliminary piece of a live transcript: a later one with the same start replaces it."""

    text: str
    rtstream_id: str
    rtstream_name: str | None = None
    is_final: Literal[False] = False


class Scene(Timed, frozen=True, gc=False):
    """What an index says of a window of a stream: a description of pictures, or a summary of speech."""

    text: str
    rtstream_id: str
    kind: IndexKind
    index_id: str | None = None
    """The index it belongs to; None where the wire did not say and more than one was possible."""
    rtstream_name: str | None = None
    metadata: Mapping[str, Any] | None = None
    aliases = {"description": "text", "rtstream_index_id": "index_id"}


class Alert(Keyed, frozen=True, gc=False):
    """An event was detected at `timestamp`, in the window `start` to `end`."""

    label: str
    timestamp: float
    rtstream_id: str | None = None
    rtstream_name: str | None = None
    text: str = ""
    confidence: float | None = None
    triggered: bool = True
    start: float | None = None
    end: float | None = None
    event_id: str | None = None
    alert_id: str | None = None
    index_id: str | None = None
    stream_url: str | None = None
    player_url: str | None = None
    firing_id: int | None = None
    """The number of this firing in the log of a server that keeps one (the embedded server does)."""
    fired_at: float | None = None
    """Unix seconds: when it was written to that log, some time after what it tells of."""
    aliases = {"event_label": "label", "explanation": "text"}

    @property
    def time(self) -> datetime:
        """`timestamp` as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.timestamp, UTC)


class CaptureSessionEvent(Keyed, frozen=True, gc=False):
    """A capture session changed: `event` is `capture_session.created`, `.active`, `.exported`, `.failed`, ..."""

    event: str
    capture_session_id: str
    status: str | None = None
    data: Mapping[str, Any] = {}


class UnknownEvent(Keyed, frozen=True, gc=False):
    """A frame of a channel that this version does not know, as it came."""

    channel: str | None
    payload: Mapping[str, Any]


class DecodeFailure(Keyed, frozen=True, gc=False):
    """A frame that does not fit the protocol: why, and its first bytes."""

    reason: str
    raw: bytes
    channel: str | None = None
    rtstream_id: str | None = None


GapCause = Literal["disconnected", "slow_consumer", "not_bound", "decode_failure", "lost_frame", "history_unavailable"]


class Gap(Keyed, frozen=True, gc=False):
    """A stretch of time in which a watch may have missed records: unix seconds, `end` None while it is open."""

    kind: Literal["transcript", "scene", "alert", "event"]
    start: float
    end: float | None
    cause: GapCause
    recoverable: bool
    rtstream_id: str | None = None
    index_id: str | None = None
    recovered: int = 0
    """How many records have been fetched again for this stretch."""

    def __str__(self) -> str:
        until = "now" if self.end is None else datetime.fromtimestamp(self.end, UTC).isoformat()
        since = datetime.fromtimestamp(self.start, UTC).isoformat()
        state = "can be fetched again" if self.recoverable else "cannot be fetched again"
        return f"{self.kind}s of {self.rtstream_id or 'any stream'} between {since} and {until} ({self.cause}), {state}"


Event = TranscriptSegment | PartialTranscript | Scene | Alert | CaptureSessionEvent | UnknownEvent | DecodeFailure
