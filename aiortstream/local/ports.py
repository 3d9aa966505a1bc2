"""What the core of the server (store, services, pipelines) needs from the parts around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiortstream.local.ai.protocols import Describer, Embedder, Judge, Summariser, Transcriber
    from aiortstream.local.media import AudioChunk
    from aiortstream.records import Alert, CaptureSessionEvent, PartialTranscript, Scene, TranscriptSegment


Published: TypeAlias = "TranscriptSegment | PartialTranscript | Scene | Alert | CaptureSessionEvent"
"""What websockets are sent."""


class Publisher(Protocol):
    """Sends records to websockets."""

    def publish(self, connection_ids: Iterable[str], record: Published) -> None:
        """Send `record` to those of the connections that are open. Event loop only; never waits."""


class OutboxWaker(Protocol):
    """Sends what stands in the outbox."""

    def wake(self) -> None:
        """Look into the outbox soon: a row has been committed. Event loop only; never waits."""


class Urls(Protocol):
    """Absolute URLs into this server; times are unix seconds."""

    def manifest(self, rtstream_id: str, start: float, end: float) -> str:
        """The HLS playlist of a recorded window."""

    def video(self, video_id: str) -> str:
        """The HLS playlist of a video."""

    def thumbnail(self, video_id: str, number: int) -> str:
        """A picture of a video, by the millisecond that it shows."""

    def reel(self, reel_id: str) -> str:
        """The HLS playlist of a reel."""

    def upload(self, upload_id: str) -> str:
        """Where one file is posted to."""

    def upload_id(self, url: str) -> str | None:
        """Which upload a URL of this server names; None for any other URL."""

    def player(self, stream_url: str, *, mp4: bool = True, title: str | None = None) -> str:
        """A page that plays `stream_url`; `mp4`: whether there is the same as MP4."""


class Endpointer(Protocol):
    """Cuts one stream's sound into stretches of speech. Computes: call it on a worker thread, one call at a time."""

    def feed(self, chunk: AudioChunk) -> list[AudioChunk]:
        """Take the next chunk; the stretches it completes, in order."""

    def flush(self) -> list[AudioChunk]:
        """End the sound here: the stretch that was going on, if any."""


class Models(Protocol):
    """The models of this server. Each method may raise `BackendMissing`; the names are the wire's, None the default."""

    def transcriber(self, engine: str | None = None) -> Transcriber:
        """Speech to text."""

    def endpointer(self) -> Endpointer:
        """A fresh endpointer, for one stream."""

    def describer(self, model_name: str | None = None) -> Describer:
        """Pictures to text."""

    def summariser(self, model_name: str | None = None) -> Summariser:
        """Text to shorter text."""

    def embedder(self) -> Embedder:
        """Text to vectors."""

    def judge(self) -> Judge:
        """Events against records."""

    async def warm(self, *, speech: bool = False, vision: bool = False, text: bool = False) -> None:
        """Load the default models of these purposes now. Raises `ModelError` as they do."""
