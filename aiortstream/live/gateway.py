"""What the streaming core asks of the REST API. The client gives it an implementation over its transport."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import aiohttp

    from aiortstream.live.bindings import AlertBinding
    from aiortstream.live.feed import Window
    from aiortstream.records import Scene, TranscriptSegment


class Gateway(Protocol):
    """Errors are those of the client's tree; each call has a deadline of its own."""

    async def open_websocket(self) -> aiohttp.ClientWebSocketResponse[Literal[False]]:
        """Ask for a fresh URL and open it. Text frames come as bytes."""

    async def transcripts(
        self, rtstream_id: str, engine: str | None, window: Window, limit: int | None
    ) -> Sequence[TranscriptSegment]:
        """All final segments that touch `window`, in any order; WindowTooFullError for more than `limit`."""

    async def scenes(self, rtstream_id: str, index_id: str, window: Window, limit: int | None) -> Sequence[Scene]:
        """All scenes of an index that touch `window`, in any order; WindowTooFullError for more than `limit`."""

    async def restart_transcript(self, rtstream_id: str, engine: str | None, connection_id: str) -> None:
        """Start a transcript again, with another connection to send it to."""

    async def replace_alert(self, alert: AlertBinding, connection_id: str) -> str:
        """Create the alert again for another connection and disable the old one; the new alert's id."""
