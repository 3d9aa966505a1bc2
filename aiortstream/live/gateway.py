"""What the streaming core asks of the REST API. The client gives it an implementation over its transport."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    import aiohttp

    from aiortstream.live.bindings import AlertBinding
    from aiortstream.live.states import Window
    from aiortstream.records import Alert, Scene, TranscriptSegment

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Resume:
    """A connection to go on with."""

    connection_id: str
    after: int
    """The number of the last frame that came on it."""


@dataclass(frozen=True, slots=True)
class History(Generic[R_co]):
    """The records of a stretch of time."""

    records: Sequence[R_co]
    unreadable: Sequence[bytes] = ()
    """Records that do not fit the protocol, as they came: they are told of, and do not stand in the way of others."""


class Gateway(Protocol):
    """Errors are those of the client's tree; each call has a deadline of its own."""

    async def websocket_url(self, resume: Resume | None) -> str:
        """A fresh URL, which goes on with `resume` where the server offers that."""

    async def open_websocket(self, url: str) -> aiohttp.ClientWebSocketResponse[Literal[False]]:
        """Open it. Text frames come as bytes."""

    async def transcripts(
        self, rtstream_id: str, engine: str | None, window: Window, limit: int | None
    ) -> History[TranscriptSegment]:
        """All final segments that touch `window`, in any order; WindowTooFullError for more than `limit`."""

    async def scenes(self, rtstream_id: str, index_id: str, window: Window, limit: int | None) -> History[Scene]:
        """All scenes of an index that touch `window`, in any order; WindowTooFullError for more than `limit`."""

    async def alert_log(
        self, rtstream_id: str | None, index_id: str | None, window: Window, limit: int | None
    ) -> History[Alert]:
        """All alerts that were logged within `window`; only for a server that keeps such a log."""

    async def restart_transcript(self, rtstream_id: str, engine: str | None, connection_id: str) -> None:
        """Start a transcript again, with another connection to send it to."""

    async def replace_alert(self, alert: AlertBinding, connection_id: str) -> str:
        """Create the alert again for another connection and disable the old one; the new alert's id."""
