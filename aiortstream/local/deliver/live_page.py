"""What happens on all streams, for the server's own page: server-sent events to a bounded number of browsers.

A page is shown the newest and never holds anything up: where one reads too slowly, its oldest events are dropped and it
is told how many. Nothing is encoded while nobody looks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from aiortstream.records import Alert, CaptureSessionEvent, PartialTranscript, Scene, TranscriptSegment

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiortstream.local.ports import Published, Publisher

VIEWERS = 20
WAITING = 200  # events for one viewer
KEEPALIVE = 15.0  # seconds between two signs of life while nothing happens


class TooManyViewers(Exception):  # noqa: N818 - the name says what happened
    """No further page is served; the message says how many there are."""


class Viewer:
    """One page that looks."""

    def __init__(self) -> None:
        self._events: deque[bytes] = deque(maxlen=WAITING)
        self._dropped = 0
        self._news = asyncio.Event()
        self._ended = False

    def put(self, event: bytes) -> None:
        """Something has happened."""
        if len(self._events) == WAITING:
            self._dropped += 1
        self._events.append(event)
        self._news.set()

    def end(self) -> None:
        """The server is stopping."""
        self._ended = True
        self._news.set()

    async def next(self) -> bytes | None:
        """What to send next: all that waits, or a sign of life; None at the end. Cancelling it loses nothing."""
        try:
            async with asyncio.timeout(KEEPALIVE):
                await self._news.wait()
        except TimeoutError:
            return b": nothing new\n\n"
        if self._ended:
            return None
        self._news.clear()
        chunk = b"".join(self._events)
        self._events.clear()
        if self._dropped:
            chunk = _encode("dropped", {"count": self._dropped}) + chunk
            self._dropped = 0
        return chunk


class LivePage:
    """Stands before another publisher and shows its records to whoever looks."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._viewers: set[Viewer] = set()
        self._closed = False

    def publish(self, connection_ids: Iterable[str], record: Published) -> None:
        """Hand the record on, and show it. Event loop only; never waits."""
        self._publisher.publish(connection_ids, record)
        if self._viewers and not isinstance(record, CaptureSessionEvent):
            event = _encode(*_shown(record))
            for viewer in self._viewers:
                viewer.put(event)

    def enter(self) -> Viewer:
        """A page begins to look. Raises TooManyViewers."""
        if self._closed or len(self._viewers) >= VIEWERS:
            raise TooManyViewers(f"{len(self._viewers)} pages look already, which is all this server serves")
        viewer = Viewer()
        self._viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """It does not look any more. Twice is nothing."""
        self._viewers.discard(viewer)

    def close(self) -> None:
        """The server is stopping: nobody looks any more."""
        self._closed = True
        for viewer in self._viewers:
            viewer.end()


def _shown(record: TranscriptSegment | PartialTranscript | Scene | Alert) -> tuple[str, dict[str, Any]]:
    """The kind of an event, and what a page shows of it; times are unix seconds."""
    shown = {
        "rtstream_id": record.rtstream_id,
        "rtstream_name": record.rtstream_name,
        "start": record.start,
        "end": record.end,
        "text": record.text,
    }
    match record:
        case Alert():
            return "alert", shown | {"label": record.label, "confidence": record.confidence}
        case Scene():
            return "scene", shown | {"index_id": record.index_id, "of": record.kind}
        case _:
            return "transcript", shown


def _encode(kind: str, data: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode(data))
