"""The REST calls of the streaming core, over the client's transport."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote

from aiortstream.errors import NotFoundError, ProtocolError, VideodbError
from aiortstream.live.feed import Window, WindowTooFullError
from aiortstream.wire import rest
from aiortstream.wire.pages import index_kind, read_scene, read_segment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import aiohttp

    from aiortstream.live.bindings import AlertBinding
    from aiortstream.live.settings import LiveSettings
    from aiortstream.records import IndexKind, Scene, TranscriptSegment
    from aiortstream.transport import Transport

R = TypeVar("R")

TRANSCRIPT_PAGE = 1000  # the most the service gives
SCENE_PAGE = 500  # the service's most is not documented: if it gives less, `next_page` still says that more follows
_KINDS_KEPT = 10_000  # indexes whose kind is remembered
_PAGES_AT_MOST = 1000  # of one window: a server that says so often that more follows does not look at `page`

logger = logging.getLogger("aiortstream.live")


class RestGateway:
    """Fetches history, opens websockets and binds again, for one client."""

    def __init__(self, transport: Transport, settings: LiveSettings, *, collection_id: str = "default") -> None:
        self._transport = transport
        self._settings = settings
        self._collection_id = collection_id
        self._kinds: dict[str, IndexKind] = {}

    async def open_websocket(self) -> aiohttp.ClientWebSocketResponse[Literal[False]]:
        """Ask for a fresh URL and open it."""
        answer = await self._transport.get(
            f"collection/{quote(self._collection_id, safe='')}/websocket",
            rest.WebsocketAnswer,
            timeout=self._settings.connect_timeout,
        )
        return await self._transport.websocket(
            answer.websocket_url,
            heartbeat=self._settings.heartbeat,
            max_msg_size=self._settings.max_frame_bytes,
            timeout=self._settings.connect_timeout,
        )

    async def transcripts(
        self, rtstream_id: str, engine: str | None, window: Window, limit: int | None
    ) -> Sequence[TranscriptSegment]:
        """All final segments that touch `window`."""
        bounds: dict[str, Any] = {"since": window.start}
        if not window.to_present:
            bounds = {"start": window.start, "end": window.end}

        async def page(number: int) -> tuple[list[rest.TranscriptRecord], bool]:
            answer = await self._transport.get(
                f"rtstream/{quote(rtstream_id, safe='')}/transcription",
                rest.TranscriptAnswer,
                params={"engine": engine, "page": number, "page_size": TRANSCRIPT_PAGE, **bounds},
            )
            return answer.transcription_records, bool(answer.next_page)

        records = await _all_pages(page, limit)
        return [read_segment(record, rtstream_id) for record in records]

    async def scenes(self, rtstream_id: str, index_id: str, window: Window, limit: int | None) -> Sequence[Scene]:
        """All scenes of an index that touch `window`."""
        kind = await self._kind(rtstream_id, index_id)

        async def page(number: int) -> tuple[list[rest.SceneRecord], bool]:
            answer = await self._transport.get(
                f"rtstream/{quote(rtstream_id, safe='')}/index/scene/{quote(index_id, safe='')}",
                rest.ScenesAnswer,
                params={"page": number, "page_size": SCENE_PAGE, "start": window.start, "end": window.end},
            )
            return answer.scene_index_records, bool(answer.next_page)

        records = await _all_pages(page, limit)
        return [read_scene(record, rtstream_id, index_id, kind) for record in records]

    async def restart_transcript(self, rtstream_id: str, engine: str | None, connection_id: str) -> None:
        """Start a transcript again, for another connection."""
        body = rest.TranscriptionRequest(action="start", ws_connection_id=connection_id)
        if engine is not None:
            body.engine = engine
        await self._transport.post(
            f"rtstream/{quote(rtstream_id, safe='')}/transcription", rest.TranscriptionStatusAnswer, body=body
        )

    async def replace_alert(self, alert: AlertBinding, connection_id: str) -> str:
        """Create the alert again for another connection, then disable the old one.

        That the old one could not be disabled is no failure: it sends to a connection that is gone. A second attempt
        would create another alert.
        """
        path = f"rtstream/{quote(alert.rtstream_id, safe='')}/index/{quote(alert.index_id, safe='')}/alert"
        created = await self._transport.post(
            path,
            rest.AlertIdAnswer,
            body=rest.AlertRequest(
                event_id=alert.event_id, callback_url=alert.callback_url, ws_connection_id=connection_id
            ),
        )
        try:
            await self._transport.patch(
                f"{path}/{quote(alert.newest_id, safe='')}/status", body=rest.AlertStatusRequest(action="disable")
            )
        except NotFoundError:
            pass  # that is what was wanted
        except VideodbError as error:
            logger.warning("alert %s is replaced by %s and not disabled: %s", alert.newest_id, created.alert_id, error)
        return created.alert_id

    async def _kind(self, rtstream_id: str, index_id: str) -> IndexKind:
        kind = self._kinds.get(index_id)
        if kind is None:
            answer = await self._transport.get(
                f"rtstream/{quote(rtstream_id, safe='')}/index/{quote(index_id, safe='')}", rest.SceneIndexAnswer
            )
            kind = index_kind(answer.extraction_type)
            if len(self._kinds) >= _KINDS_KEPT:
                self._kinds.clear()
            self._kinds[index_id] = kind
        return kind


async def _all_pages(page: Callable[[int], Awaitable[tuple[list[R], bool]]], limit: int | None) -> list[R]:
    """Every page. A record that is inserted meanwhile shifts the others: some come twice then, none is missed."""
    records: list[R] = []
    number, more = 1, True
    while more:
        got, more = await page(number)
        records += got
        if limit is not None and len(records) > limit:
            raise WindowTooFullError
        if not got:
            break
        if number == _PAGES_AT_MOST:
            raise ProtocolError(f"after {number} pages of one stretch of time the server says that more follow")
        number += 1
    return records
