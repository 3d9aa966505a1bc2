"""How an ingest is doing, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class IngestState(StrEnum):
    """CONNECTING until the first packet of the first attempt, RETRYING between and during later ones; ENDED and STOPPED
    are final: the source came to its end, or we were cancelled."""

    CONNECTING = "connecting"
    LIVE = "live"
    RETRYING = "retrying"
    ENDED = "ended"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The video that comes in; `fps` is None where the source does not say."""

    codec: str
    width: int
    height: int
    fps: float | None


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """The sound that comes in, before resampling; `sample_rate` in samples per second."""

    codec: str
    sample_rate: int
    channels: int


@dataclass(frozen=True, slots=True)
class IngestStatus:
    """A moment of an ingest. Times are unix seconds.

    `reason` says in words, without credentials, why it is not live, or what it lacks though it is. `attempts` counts
    the openings since it was live last, the current one included. `packets` and `frames_dropped` count since the start;
    dropped are video packets that decoding had no time for.
    """

    state: IngestState
    reason: str | None
    since: float
    attempts: int
    last_packet_at: float | None
    packets: int
    frames_dropped: int
    video: VideoInfo | None
    audio: AudioInfo | None
