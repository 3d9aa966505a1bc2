"""The REST calls of the streaming core, over the client's transport."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote

from yarl import URL

from aiortstream.errors import NotFoundError, ProtocolError, VideodbError
from aiortstream.live.gateway import History
from aiortstream.live.states import Window, WindowTooFullError
from aiortstream.wire import rest
from aiortstream.wire.extras import NUMBERED, RESUME, SINCE, resume_query
from aiortstream.wire.pages import (
    AlertPage,
    RecordPage,
    ScenePage,
    TranscriptPage,
    decode_firing,
    decode_scene,
    decode_segment,
    index_kind,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    import aiohttp
    import msgspec

    from aiortstream.live.bindings import AlertBinding
    from aiortstream.live.gateway import Resume
    from aiortstream.live.settings import LiveSettings
    from aiortstream.records import Alert, IndexKind, Scene, TranscriptSegment
    from aiortstream.transport import Transport

R = TypeVar("R")

TRANSCRIPT_PAGE = 1000  # the most the service gives
LOG_PAGE = 1000
SCENE_PAGE = 500  # the service's most is not documented: if it gives less, `next_page` still says that more follows
_KINDS_KEPT = 10_000  # indexes whose kind is remembered
_PASSED_OVER_KEPT = 1000
_PAGES_AT_MOST = 1000  # of one window: a server that says so often that more follows does not look at `page`

logger = logging.getLogger("aiortstream.live")


class RestGateway:
    """Fetches history, opens websockets and binds again, for one client."""

    def __init__(self, transport: Transport, settings: LiveSettings, *, collection_id: str = "default") -> None:
        self._transport = transport
        self._settings = settings
        self._collection_id = collection_id
        self._kinds: dict[str, IndexKind] = {}
        self._features: frozenset[str] = frozenset()  # what the server offers beyond the hosted wire, as it last said
        self._passed_over: dict[int, None] = {}  # hashes of records that could not be read and have been warned of
        self._doubtful: dict[str, _Doubt] = {}  # by alert: attempts to replace it that were not answered

    async def websocket_url(self, resume: Resume | None) -> str:
        """A fresh URL, which goes on with `resume` where the server offers that."""
        answer = await self._transport.get(
            f"collection/{quote(self._collection_id, safe='')}/websocket",
            rest.WebsocketAnswer,
            timeout=self._settings.connect_timeout,
        )
        self._features = frozenset(answer.features or ())
        if RESUME not in self._features:
            return answer.websocket_url
        extra = NUMBERED if resume is None else resume_query(resume.connection_id, resume.after)
        try:
            return str(URL(answer.websocket_url).update_query(extra))
        except ValueError:  # which quotes the URL, and that holds a credential
            raise ProtocolError("the server's answer has no URL of a websocket") from None

    async def open_websocket(self, url: str) -> aiohttp.ClientWebSocketResponse[Literal[False]]:
        """Open it."""
        return await self._transport.websocket(
            url,
            heartbeat=self._settings.heartbeat,
            max_msg_size=self._settings.max_frame_bytes,
            timeout=self._settings.connect_timeout,
        )

    async def transcripts(
        self, rtstream_id: str, engine: str | None, window: Window, limit: int | None
    ) -> History[TranscriptSegment]:
        """All final segments that touch `window`."""
        bounds: dict[str, Any] = {"since": window.start}
        if not window.to_present:
            bounds = {"start": window.start, "end": window.end}

        async def page(number: int) -> tuple[list[msgspec.Raw], bool]:
            answer = await self._transport.get(
                f"rtstream/{quote(rtstream_id, safe='')}/transcription",
                TranscriptPage,
                params={"engine": engine, "page": number, "page_size": _page_size(TRANSCRIPT_PAGE, limit), **bounds},
            )
            return answer.transcription_records, bool(answer.next_page)

        return self._read(await _all_pages(page, limit), lambda raw: decode_segment(raw, rtstream_id))

    async def scenes(self, rtstream_id: str, index_id: str, window: Window, limit: int | None) -> History[Scene]:
        """All scenes of an index that touch `window`."""
        source = _records_of(rtstream_id, index_id)
        kind = await self._kind(rtstream_id, index_id) if source is None else "visual"
        bounds = {"start": window.start, "end": window.end}
        if window.to_present and SINCE in self._features:
            bounds = {"since": window.start}

        async def page(number: int) -> tuple[list[msgspec.Raw], bool]:
            params = {"page": number, "page_size": _page_size(SCENE_PAGE, limit), **bounds}
            if source is not None:
                records = await self._transport.get(source, RecordPage, params=params)
                return records.records, bool(records.next_page)
            path = f"rtstream/{quote(rtstream_id, safe='')}/index/scene/{quote(index_id, safe='')}"
            answer = await self._transport.get(path, ScenePage, params=params)
            return answer.scene_index_records, bool(answer.next_page)

        return self._read(await _all_pages(page, limit), lambda raw: decode_scene(raw, rtstream_id, index_id, kind))

    async def alert_log(
        self, rtstream_id: str | None, index_id: str | None, window: Window, limit: int | None
    ) -> History[Alert]:
        """All alerts that were logged within `window`."""

        async def page(number: int) -> tuple[list[msgspec.Raw], bool]:
            answer = await self._transport.get(
                "alert/log",
                AlertPage,
                params={
                    "rtstream_id": rtstream_id,
                    "index_id": index_id,
                    "start": window.start,
                    "end": window.end,
                    "page": number,
                    "page_size": _page_size(LOG_PAGE, limit),
                },
            )
            return answer.firings, bool(answer.next_page)

        return self._read(await _all_pages(page, limit), decode_firing)

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

        That the old one could not be disabled is no failure: it sends to a connection that is gone. An attempt that was
        not answered may have created one all the same: the next attempt looks for it first.
        """
        indexes = "indexes" if _RECORD_PATHS.get(alert.index_id[:4]) == "indexes" else "index"
        path = f"rtstream/{quote(alert.rtstream_id, safe='')}/{indexes}/{quote(alert.index_id, safe='')}/alert"
        there = await self._alerts(path, alert.event_id)
        doubt = self._doubtful.pop(alert.alert_id, None)
        created: str | None = None
        if doubt is not None:
            for found in sorted(there - doubt.known):
                if doubt.connection_id == connection_id and created is None:
                    created = found
                else:
                    await self._disable(path, found)
        if created is None:
            try:
                answer = await self._transport.post(
                    path,
                    rest.AlertIdAnswer,
                    body=rest.AlertRequest(
                        event_id=alert.event_id, callback_url=alert.callback_url, ws_connection_id=connection_id
                    ),
                )
            except BaseException:
                self._doubtful[alert.alert_id] = _Doubt(frozenset(there), connection_id)
                raise
            created = answer.alert_id
        await self._disable(path, alert.newest_id)
        return created

    async def _alerts(self, path: str, event_id: str) -> set[str]:
        """The alerts of an index that look for this event."""
        answer = await self._transport.get(path, rest.AlertsAnswer)
        return {alert.alert_id for alert in answer.alerts if alert.event_id == event_id}

    async def _disable(self, path: str, alert_id: str) -> None:
        try:
            await self._transport.patch(
                f"{path}/{quote(alert_id, safe='')}/status", body=rest.AlertStatusRequest(action="disable")
            )
        except NotFoundError:
            pass  # that is what was wanted
        except VideodbError as error:
            logger.warning("alert %s has been replaced and could not be disabled: %s", alert_id, error)

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

    def _read(self, records: Sequence[msgspec.Raw], read: Callable[[msgspec.Raw], R]) -> History[R]:
        """The records that fit the protocol, and those that do not: each of these is warned of once."""
        good: list[R] = []
        bad: list[bytes] = []
        for raw in records:
            try:
                good.append(read(raw))
            except ProtocolError as error:
                bad.append(bytes(raw))
                if hash(bad[-1]) not in self._passed_over:
                    logger.warning("a record is passed over: %s", error)
                    self._passed_over[hash(bad[-1])] = None
                    if len(self._passed_over) > _PASSED_OVER_KEPT:
                        del self._passed_over[next(iter(self._passed_over))]
        return History(good, bad)


@dataclass(frozen=True, slots=True)
class _Doubt:
    """An alert may have been created: if so it is none of `known`."""

    known: frozenset[str]
    connection_id: str


_RECORD_PATHS = {"und-": "understand", "idx-": "indexes"}
"""What has records in place of scenes, by how its ids begin: those of scene indexes are bare hexadecimal digits."""


def _records_of(rtstream_id: str, index_id: str) -> str | None:
    """The path to the records of an understanding or of its index; None for an index of scenes."""
    word = _RECORD_PATHS.get(index_id[:4])
    return word and f"rtstream/{quote(rtstream_id, safe='')}/{word}/{quote(index_id, safe='')}/records"


def _page_size(most: int, limit: int | None) -> int:
    """One record more than fits tells that a window is too full: no need to fetch a thousand."""
    return most if limit is None else min(most, limit + 1)


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
