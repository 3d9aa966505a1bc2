"""The REST side of a `ScriptedServer`, in the wire's own shapes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from email.utils import formatdate
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from aiortstream.records import Alert, IndexKind, Scene, TranscriptSegment
from aiortstream.testing.world import ScriptedAlert, ScriptedIndex, ScriptedStream, World
from aiortstream.wire import rest
from aiortstream.wire.envelope import success
from aiortstream.wire.extras import ALERT_LOG
from aiortstream.wire.pages import index_kind

R = TypeVar("R", bound=TranscriptSegment | Scene | Alert)
B = TypeVar("B", bound=msgspec.Struct)
_Handler = Callable[[web.Request], Awaitable[web.Response]]


class _Refused(Exception):  # noqa: N818 - the name says what happened
    """The request is answered with this status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Answers:
    """Every route of the wire that a client of live streams uses."""

    def __init__(
        self,
        world: World,
        features: tuple[str, ...],
        clock: Callable[[], float],
        *,
        second_start_rebinds: bool,
        newest_first: bool,
    ) -> None:
        self._clock = clock
        self.requests: list[str] = []
        self._world = world
        self._features = features
        self._second_start_rebinds = second_start_rebinds
        self._newest_first = newest_first

    def add_to(self, app: web.Application) -> None:
        """Make the application answer."""
        stream, index = "/rtstream/{stream}", "/rtstream/{stream}/index/{index}"
        routes: list[tuple[str, str, Callable[[web.Request], Awaitable[Any]]]] = [
            ("GET", "/collection/{collection}/websocket", self._websocket_url),
            ("GET", "/collection/{collection}", self._collection),
            ("POST", "/rtstream", self._connect),
            ("GET", "/rtstream", self._list),
            ("POST", "/rtstream/event", self._create_event),
            ("GET", "/rtstream/event", self._list_events),
            ("GET", stream, self._get),
            ("PATCH", f"{stream}/status", self._set_status),
            ("POST", f"{stream}/transcription", self._transcription),
            ("GET", f"{stream}/transcription", self._transcript),
            ("GET", f"{stream}/transcription/status", self._transcription_status),
            ("POST", f"{stream}/index/scene", self._create_index),
            ("GET", f"{stream}/index/scene", self._list_indexes),
            ("GET", f"{stream}/index/scene/{{index}}", self._scenes),
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

    def add_stream(self, name: str, url: str) -> ScriptedStream:
        """A stream that is connected."""
        made = ScriptedStream(self._world.name("rts"), name, url)
        self._world.streams[made.id] = made
        return made

    def kind_of(self, index: ScriptedIndex) -> IndexKind:
        """What it is made from."""
        return index_kind(index.extraction_type)

    def _answering(self, handler: Callable[[web.Request], Awaitable[Any]]) -> _Handler:
        async def answer(request: web.Request) -> web.Response:
            self.requests.append(f"{request.method} {request.path}")
            date = {"Date": formatdate(self._clock(), usegmt=True)}  # clients take the server's time from it
            try:
                data = await handler(request)
            except _Refused as refused:
                body = msgspec.json.encode({"success": False, "message": str(refused)})
                return web.Response(status=refused.status, body=body, content_type="application/json", headers=date)
            return web.Response(body=success(data), content_type="application/json", headers=date)

        return answer

    # --- streams ------------------------------------------------------------------------------------------------------

    async def _websocket_url(self, request: web.Request) -> Any:
        # As presigned as the hosted one: whoever logs it gives a secret away.
        url = f"ws://{request.host}/ws?signature={self._world.name('secret')}"
        return rest.WebsocketAnswer(url, self._features or msgspec.UNSET)

    async def _collection(self, request: web.Request) -> Any:
        return rest.CollectionAnswer(request.match_info["collection"], "Default")

    async def _connect(self, request: web.Request) -> Any:
        body = await _body(request, rest.ConnectRequest)
        return self.add_stream(body.name or "camera", body.url).answer()

    async def _list(self, _request: web.Request) -> Any:
        found = [stream.answer() for stream in self._world.streams.values()]
        return rest.RTStreamsAnswer(found, len(found))

    async def _get(self, request: web.Request) -> Any:
        return self._stream(request).answer()

    async def _set_status(self, request: web.Request) -> Any:
        body = await _body(request, rest.ActionRequest)
        stream = self._stream(request)
        stream.status = "connected" if body.action == "start" else "stopped"
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
        records, more, page = self._page(request, self._stream(request).segments, lambda r: (r.start, r.end))
        found = [rest.TranscriptRecord(r.start, r.end, r.text) for r in records]
        return rest.TranscriptAnswer(found, more, page=page, page_size=len(found))

    # --- indexes ------------------------------------------------------------------------------------------------------

    async def _create_index(self, request: web.Request) -> Any:
        body, stream = await _body(request, rest.SceneIndexRequest), self._stream(request)
        index = ScriptedIndex(self._world.name("index"), stream.id, body.extraction_type or "time", body.prompt or "")
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
        records, more, _ = self._page(request, self._index(request).scenes, lambda r: (r.start, r.end))
        return rest.ScenesAnswer([rest.SceneRecord(r.start, r.end, r.text, r.text) for r in records], more)

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
        alert.enabled = body.action == "enable"
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
        records, more, _ = self._page(request, fired, lambda a: (a.fired_at or 0.0,) * 2, newest_first=False)
        return {"firings": [_firing(alert) for alert in records], "next_page": more}

    async def _search(self, request: web.Request) -> Any:
        body = await _body(request, rest.SearchRequest)
        words = body.query.lower()
        found = [
            {
                "rtstream_id": scene.rtstream_id,
                "start": scene.start,
                "end": scene.end,
                "text": scene.text,
                "rtstream_index_id": scene.index_id,
                "score": 1.0,
            }
            for index in self._world.indexes.values()
            for scene in index.scenes
            if words in scene.text.lower() and request.match_info.get("stream") in (None, scene.rtstream_id)
        ]
        return {"results": found}

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

    def _page(
        self,
        request: web.Request,
        records: Sequence[R],
        span: Callable[[R], tuple[float, float]],
        *,
        newest_first: bool | None = None,
    ) -> tuple[list[R], bool, int]:
        """One page of what touches the window, whether more follow, and its number."""
        query = request.query
        first = max(float(query.get("start", 0)), float(query.get("since", 0)))
        last = float(query.get("end", "inf"))
        inside = [record for record in records if span(record)[1] >= first and span(record)[0] <= last]
        reverse = self._newest_first if newest_first is None else newest_first
        inside.sort(key=span, reverse=reverse)
        page, size = int(query.get("page", 1)), int(query.get("page_size", 100))
        return inside[(page - 1) * size : page * size], len(inside) > page * size, page


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
    except msgspec.DecodeError as error:
        raise _Refused(400, str(error)) from None
