"""The REST side of a `ScriptedServer`, in the wire's own shapes."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from aiortstream.records import Alert, IndexKind, Scene, TranscriptSegment
from aiortstream.testing.paging import PageQuery, Policies, whole
from aiortstream.testing.world import DEFAULT, ScriptedAlert, ScriptedIndex, ScriptedStream, World
from aiortstream.wire import rest
from aiortstream.wire.envelope import failure, success
from aiortstream.wire.extras import ALERT_LOG, SINCE
from aiortstream.wire.pages import index_kind
from aiortstream.wire.times import to_naive_iso
from aiortstream.wire.videos import CreateCollectionRequest

B = TypeVar("B", bound=msgspec.Struct)
_Handler = Callable[[web.Request], Awaitable[web.Response]]
_LOGGED = 10_000  # requests
_STREAMS_A_PAGE = 10
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """One request that was answered."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    """Decoded; None where there was none, or it was no JSON."""
    status: int
    """Of the answer."""
    at: float
    """Unix seconds, by the server's clock."""


class _Refused(Exception):  # noqa: N818 - the name says what happened
    """The request is answered with this status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def code(self) -> str:
        """What programs tell it by."""
        return "not_found" if self.status == 404 else "bad_request"


class Answers:
    """Every route of the wire that a client of live streams uses."""

    def __init__(
        self,
        world: World,
        features: tuple[str, ...],
        now: Callable[[], float],
        policies: Policies,
        *,
        second_start_rebinds: bool,
        start_of_running_refused: bool,
    ) -> None:
        self.log: deque[LoggedRequest] = deque(maxlen=_LOGGED)
        self._now = now
        self._world = world
        self._features = features
        self._policies = policies
        self._second_start_rebinds = second_start_rebinds
        self._start_of_running_refused = start_of_running_refused

    def add_to(self, app: web.Application) -> None:
        """Make the application answer."""
        stream, index = "/rtstream/{stream}", "/rtstream/{stream}/index/{index}"
        routes: list[tuple[str, str, Callable[[web.Request], Awaitable[Any]]]] = [
            ("GET", "/collection", self._list_collections),
            ("POST", "/collection", self._create_collection),
            ("GET", "/collection/{collection}/websocket", self._websocket_url),
            ("GET", "/collection/{collection}", self._collection),
            ("POST", "/rtstream", self._connect),
            ("GET", "/rtstream", self._list),
            ("POST", "/rtstream/event", self._create_event),
            ("GET", "/rtstream/event", self._list_events),
            ("GET", stream, self._get),
            ("PATCH", stream, self._update),
            ("GET", f"{stream}/stream", self._playback),
            ("PATCH", f"{stream}/status", self._set_status),
            ("POST", f"{stream}/transcription", self._transcription),
            ("GET", f"{stream}/transcription", self._transcript),
            ("GET", f"{stream}/transcription/status", self._transcription_status),
            ("POST", f"{stream}/index/scene", self._create_index),
            ("GET", f"{stream}/index/scene", self._list_indexes),
            ("GET", f"{stream}/index/scene/{{index}}", self._scenes),
            ("PATCH", f"{stream}/index/scene/{{index}}", self._set_prompt),
            ("PATCH", f"{stream}/index/scene/{{index}}/status", self._set_index),
            ("GET", index, self._get_index),
            ("POST", f"{index}/alert", self._create_alert),
            ("GET", f"{index}/alert", self._list_alerts),
            ("PATCH", f"{index}/alert/{{alert}}/status", self._set_alert),
            ("GET", "/alert/log", self._alert_log),
            ("POST", "/rtstream/collection/{collection}/search", self._search),
            ("POST", f"{stream}/search", self._search),
        ]
        for method, path, handler in routes:
            for form in (path, path + "/"):
                app.router.add_route(method, form, self._answering(handler))
        app.router.add_route("*", "/{rest:.*}", self._answering(self._nothing))

    def add_stream(self, name: str, url: str) -> ScriptedStream:
        """A stream that is connected."""
        made = ScriptedStream(self._world.name("rts"), name, url, to_naive_iso(self._now()))
        self._world.streams[made.id] = made
        return made

    def kind_of(self, index: ScriptedIndex) -> IndexKind:
        """What it is made from."""
        return index_kind(index.extraction_type)

    def _answering(self, handler: Callable[[web.Request], Awaitable[Any]]) -> _Handler:
        async def answer(request: web.Request) -> web.Response:
            status, body = 200, b""
            try:
                data = await handler(request)
                status = 201 if isinstance(data, rest.RTStreamAnswer) and request.method == "POST" else 200
                body = success(data)
            except _Refused as refused:
                status, body = refused.status, failure(str(refused), refused.code)
            self._note(request, await request.read(), status)
            date = {"Date": formatdate(self._now(), usegmt=True)}  # clients take the server's time from it
            return web.Response(status=status, body=body, content_type="application/json", headers=date)

        return answer

    def _note(self, request: web.Request, raw: bytes, status: int) -> None:
        try:
            body = msgspec.json.decode(raw) if raw else None
        except ValueError:
            body = None
        self.log.append(
            LoggedRequest(request.method, request.path, dict(request.query), body, status, round(self._now(), 3))
        )

    async def _nothing(self, request: web.Request) -> Any:
        raise _Refused(404, f"the scripted server does not have {request.method} {request.path}")

    # --- collections --------------------------------------------------------------------------------------------------

    async def _list_collections(self, _request: web.Request) -> Any:
        return rest.CollectionsAnswer(list(self._world.collections.values()), DEFAULT)

    async def _create_collection(self, request: web.Request) -> Any:
        body = await _body(request, CreateCollectionRequest)
        made = rest.CollectionAnswer(self._world.name("c"), body.name, body.description, bool(body.is_public))
        self._world.collections[made.id] = made
        return made

    async def _collection(self, request: web.Request) -> Any:
        collection_id = request.match_info["collection"]
        found = self._world.collections.get(collection_id)
        if found is None:
            raise _Refused(404, f"no collection {collection_id!r}")
        return found

    async def _websocket_url(self, request: web.Request) -> Any:
        await self._collection(request)
        # As presigned as the hosted one: whoever logs it gives a secret away.
        url = f"ws://{request.host}/ws?signature={self._world.name('secret')}"
        return rest.WebsocketAnswer(url, self._features or msgspec.UNSET)

    # --- streams ------------------------------------------------------------------------------------------------------

    async def _connect(self, request: web.Request) -> Any:
        body = await _body(request, rest.ConnectRequest)
        made = self.add_stream(body.name or "camera", body.url)
        made.collection_id = body.collection_id or DEFAULT
        made.media_types = list(body.media_types or made.media_types)
        made.sample_rate = body.sample_rate or made.sample_rate
        made.store = bool(body.store)
        made.transcribing = bool(body.enable_transcript)
        if made.transcribing and body.ws_connection_id:
            made.connections.add(body.ws_connection_id)
        return made.answer()

    async def _list(self, request: web.Request) -> Any:
        query = request.query
        status, name = query.get("status"), query.get("name", "").lower()
        found = [
            stream.answer()
            for stream in reversed(self._world.streams.values())
            if status in (None, "", stream.status) and name in stream.name.lower()
        ]
        if query.get("ordering") == "created_at":
            found.reverse()
        try:
            first, most = whole(query, "offset", 0, least=0), whole(query, "limit", _STREAMS_A_PAGE, least=0)
        except ValueError as error:
            raise _Refused(400, str(error)) from None
        return rest.RTStreamsAnswer(found[first : first + most], len(found))

    async def _get(self, request: web.Request) -> Any:
        return self._stream(request).answer()

    async def _update(self, request: web.Request) -> Any:
        body, stream = await _body(request, rest.UpdateStreamRequest), self._stream(request)
        stream.name = body.name or stream.name
        stream.sample_rate = body.sample_rate or stream.sample_rate
        return stream.answer()

    async def _playback(self, request: web.Request) -> Any:
        stream, query = self._stream(request), self._query(request)
        if not (0.0 < query.start < query.end < float("inf")):
            raise _Refused(400, "start, end: expected unix seconds, both of them")
        name = f"{int(query.start) * _MICROSECONDS}-{-int(-query.end // 1) * _MICROSECONDS}.m3u8"
        url = f"{request.url.origin()}/manifests/{stream.id}/{name}"
        return rest.StreamAnswer(url, f"{request.url.origin()}/player?url={url}")

    async def _set_status(self, request: web.Request) -> Any:
        body = await _body(request, rest.ActionRequest)
        stream = self._stream(request)
        wanted = "connected" if body.action == "start" else "stopped"
        if wanted == stream.status == "connected" and self._start_of_running_refused:
            raise _Refused(400, "Stream is already running")
        stream.status = wanted
        return stream.answer()

    # --- transcripts --------------------------------------------------------------------------------------------------

    async def _transcription(self, request: web.Request) -> Any:
        body, stream = await _body(request, rest.TranscriptionRequest), self._stream(request)
        if body.action == "stop":
            stream.transcribing = False
            stream.connections.clear()
        else:
            if body.ws_connection_id and (self._second_start_rebinds or not stream.transcribing):
                stream.connections.add(str(body.ws_connection_id))
            stream.transcribing = True
        return await self._transcription_status(request)

    async def _transcription_status(self, request: web.Request) -> Any:
        return rest.TranscriptionStatusAnswer("running" if self._stream(request).transcribing else "stopped")

    async def _transcript(self, request: web.Request) -> Any:
        query, segments = self._query(request), self._stream(request).segments
        records, more, count = query.select(segments, _span, self._policies)
        found = [rest.TranscriptRecord(r.start, r.end, r.text) for r in records]
        return rest.TranscriptAnswer(found, more, count, query.page, query.page_size)

    # --- indexes ------------------------------------------------------------------------------------------------------

    async def _create_index(self, request: web.Request) -> Any:
        body, stream = await _body(request, rest.SceneIndexRequest), self._stream(request)
        index = ScriptedIndex(
            self._world.name("index"),
            stream.id,
            body.extraction_type or "time",
            body.prompt or "",
            body.name,
            body.extraction_config or {},
        )
        if body.ws_connection_id:
            index.connections.add(str(body.ws_connection_id))
        self._world.indexes[index.id] = index
        return index.answer()

    async def _list_indexes(self, request: web.Request) -> Any:
        stream = self._stream(request)
        return rest.SceneIndexesAnswer([i.answer() for i in self._world.indexes.values() if i.rtstream_id == stream.id])

    async def _get_index(self, request: web.Request) -> Any:
        return self._index(request).answer()

    async def _scenes(self, request: web.Request) -> Any:
        # The hosted service knows no `since` here: a client that relies on it is to find out.
        query = self._query(request, since=SINCE in self._features)
        records, more, _ = query.select(self._index(request).scenes, _span, self._policies)
        return rest.ScenesAnswer([rest.SceneRecord(r.start, r.end, r.text, r.text) for r in records], more)

    async def _set_prompt(self, request: web.Request) -> Any:
        index = self._index(request)
        index.prompt = (await _body(request, rest.PromptRequest)).prompt
        return index.answer()

    async def _set_index(self, request: web.Request) -> Any:
        body, index = await _body(request, rest.ActionRequest), self._index(request)
        index.status = "running" if body.action == "start" else "stopped"
        return {}

    # --- events and alerts --------------------------------------------------------------------------------------------

    async def _create_event(self, request: web.Request) -> Any:
        body = await _body(request, rest.EventRequest)
        event = rest.EventAnswer(self._world.name("event"), body.event_prompt, body.label)
        self._world.events[event.event_id] = event
        return rest.EventIdAnswer(event.event_id)

    async def _list_events(self, _request: web.Request) -> Any:
        return rest.EventsAnswer(list(self._world.events.values()))

    async def _create_alert(self, request: web.Request) -> Any:
        body, index = await _body(request, rest.AlertRequest), self._index(request)
        event = self._world.events.get(body.event_id)
        if event is None:
            raise _Refused(404, f"no event {body.event_id!r}")
        made = ScriptedAlert(
            self._world.name("alert"),
            index.id,
            index.rtstream_id,
            event.event_id,
            event.label or "",
            body.callback_url or "",
        )
        if body.ws_connection_id:
            made.connections.add(str(body.ws_connection_id))
        self._world.alerts[made.id] = made
        return rest.AlertIdAnswer(made.id)

    async def _list_alerts(self, request: web.Request) -> Any:
        return rest.AlertsAnswer([alert.answer() for alert in self._world.alerts_on(self._index(request).id)])

    async def _set_alert(self, request: web.Request) -> Any:
        body = await _body(request, rest.AlertStatusRequest)
        alert = self._world.alerts.get(request.match_info["alert"])
        if alert is None:
            raise _Refused(404, f"no alert {request.match_info['alert']!r}")
        said = body.action or body.status
        if not said:
            raise _Refused(400, "action: expected enable or disable")
        alert.enabled = said in ("enable", "enabled")
        return {}

    async def _alert_log(self, request: web.Request) -> Any:
        if ALERT_LOG not in self._features:
            raise _Refused(404, "this server keeps no log of alerts")
        stream, index = request.query.get("rtstream_id"), request.query.get("index_id")
        fired = [
            alert
            for alert in self._world.fired
            if stream in (None, alert.rtstream_id) and index in (None, alert.index_id)
        ]
        records, more, _ = self._query(request).select(fired, _logged_at, Policies(newest_first=False))
        return rest.AlertLogAnswer([_firing(alert) for alert in records], more)

    async def _search(self, request: web.Request) -> Any:
        body = await _body(request, rest.SearchRequest)
        words, stream_id = body.query.lower(), request.match_info.get("stream")
        if stream_id is not None:
            self._stream(request)
        found = [
            _hit(scene, index, self._world.streams[scene.rtstream_id])
            for index in self._world.indexes.values()
            if stream_id in (None, index.rtstream_id) and (body.scene_index_id or index.id) == index.id
            for scene in index.scenes
            if words in scene.text.lower()
        ]
        return rest.SearchAnswer(found[: body.result_threshold or None])

    # --- inside -------------------------------------------------------------------------------------------------------

    def _stream(self, request: web.Request) -> ScriptedStream:
        stream = self._world.streams.get(request.match_info["stream"])
        if stream is None:
            raise _Refused(404, f"no stream {request.match_info['stream']!r}")
        return stream

    def _index(self, request: web.Request) -> ScriptedIndex:
        index = self._world.indexes.get(request.match_info["index"])
        if index is None or index.rtstream_id != request.match_info["stream"]:
            raise _Refused(404, f"no index {request.match_info['index']!r}")
        return index

    def _query(self, request: web.Request, *, since: bool = True) -> PageQuery:
        asked = {name: value for name, value in request.query.items() if since or name != "since"}
        try:
            return PageQuery.read(asked)
        except ValueError as error:
            raise _Refused(400, str(error)) from None


def _span(record: TranscriptSegment | Scene) -> tuple[float, float]:
    return record.start, record.end


def _logged_at(alert: Alert) -> tuple[float, float]:
    at = alert.timestamp if alert.fired_at is None else alert.fired_at
    return at, at


def _hit(scene: Scene, index: ScriptedIndex, stream: ScriptedStream) -> rest.SearchRecord:
    return rest.SearchRecord(
        scene.start,
        scene.end,
        scene.text,
        score=1.0,
        scene_index_id=index.id,
        scene_index_name=index.name,
        rtstream_id=stream.id,
        rtstream_name=stream.name,
    )


def _firing(alert: Alert) -> rest.FiringRecord:
    return rest.FiringRecord(
        firing_id=alert.firing_id or 0,
        fired_at=alert.fired_at or alert.timestamp,
        label=alert.label,
        timestamp=alert.timestamp,
        rtstream_id=alert.rtstream_id or "",
        index_id=alert.index_id or "",
        alert_id=alert.alert_id or "",
        event_id=alert.event_id or "",
        start=alert.timestamp if alert.start is None else alert.start,
        end=alert.timestamp if alert.end is None else alert.end,
        rtstream_name=alert.rtstream_name,
        explanation=alert.text,
    )


async def _body(request: web.Request, shape: type[B]) -> B:
    try:
        return msgspec.json.decode(await request.read(), type=shape)
    except ValueError as error:  # DecodeError and UnicodeDecodeError are ValueErrors
        raise _Refused(400, str(error)) from None
