"""A server of the wire protocol in memory, for tests: light, instant, and it says what the test tells it to say.

By default it behaves like the hosted service: another connection id at each connect, frames only to the connection
that something was bound to, no history of alerts. `features` turns on what the embedded server has beyond that.

    async with ScriptedServer() as server, AsyncClient("key", base_url=server.url) as client:
        stream = server.add_stream("Front door")
        ...
        server.emit_transcript(stream, "hello")
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from aiohttp import WSMsgType, web

from aiortstream.records import Alert, PartialTranscript, Scene, TranscriptSegment
from aiortstream.testing.routes import Answers
from aiortstream.testing.world import World
from aiortstream.wire.extras import RESUME, RESUMED_ELSEWHERE
from aiortstream.wire.frames import encode_frame, encode_hello, number_frame

_FRAMES_KEPT = 100_000  # of one connection: a test that needs more wants a real server
_CLOSE_TIMEOUT = 0.5  # seconds a client has to answer a close


@dataclass(eq=False, slots=True)
class _Connection:
    """One connection id, and what was sent to it."""

    id: str
    frames: list[bytes] = field(default_factory=list)
    socket: web.WebSocketResponse | None = None
    request: web.Request | None = None
    waiting: deque[bytes] = field(default_factory=deque)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    numbered: bool = False

    def put(self, frame: bytes) -> None:
        """Send a frame, now or when it is resumed."""
        if len(self.frames) >= _FRAMES_KEPT:
            raise RuntimeError(f"{_FRAMES_KEPT} frames were sent on one connection of a scripted server")
        self.frames.append(frame)
        if self.socket is not None:
            self.waiting.append(number_frame(frame, len(self.frames)) if self.numbered else frame)
            self.news.set()


class ScriptedServer:
    """Listens on a port of loopback. `url` is for `AsyncClient(base_url=...)`; any key will do."""

    def __init__(
        self,
        *,
        features: Sequence[str] = (),
        second_start_rebinds: bool = True,
        frames_name_indexes: bool = False,
        newest_first: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """The policies on which nothing is known of the hosted service can be set either way.

        features: of `aiortstream.wire.extras`. second_start_rebinds: whether starting a transcript that runs sends it
        to the new connection. frames_name_indexes: whether frames of scenes say which index they are of. newest_first:
        the order of pages. clock: unix seconds, the times of what is emitted without any.
        """
        self.world = World()
        self.features = tuple(features)
        self.frames_name_indexes = frames_name_indexes
        self._clock = clock
        self._connections: dict[str, _Connection] = {}
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._opened = asyncio.Event()  # set when a websocket has opened; cleared by whoever waits
        self._answers = Answers(
            self.world, self.features, clock, second_start_rebinds=second_start_rebinds, newest_first=newest_first
        )

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/ws", self._websocket)
        self._answers.add_to(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_CLOSE_TIMEOUT)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def aclose(self) -> None:
        """Close every connection and stop. Cancelling it leaves connections to the event loop."""
        self.drop_connections()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def restart(self) -> None:
        """Stop and start on the same port: connections and what was bound to them are gone, all else is kept."""
        await self.aclose()
        for connection in self._connections.values():
            self.world.unbind(connection.id)
        self._connections.clear()
        await self.start()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def requests(self) -> list[str]:
        """What was asked, oldest first: method and path."""
        return self._answers.requests

    @property
    def emitted(self) -> list[TranscriptSegment | Scene | Alert]:
        """Every record there is, in the order in which it was emitted: the truth, for an `Oracle`."""
        return self.world.emitted

    @property
    def open_connections(self) -> int:
        """Websockets that are open."""
        return sum(connection.socket is not None for connection in self._connections.values())

    async def connected(self, count: int = 1) -> None:
        """Return once `count` websockets are open. Cancelling it is safe; put a deadline around it."""
        while self.open_connections < count:
            self._opened.clear()
            await self._opened.wait()

    def drop_connections(self) -> int:
        """Reset every websocket; how many there were."""
        dropped = [each for each in self._connections.values() if each.request is not None]
        for connection in dropped:
            if connection.request is not None and connection.request.transport is not None:
                connection.request.transport.abort()
        return len(dropped)

    # --- what happens -------------------------------------------------------------------------------------------------

    def add_stream(self, name: str = "camera", *, url: str = "rtsp://camera.invalid/live") -> str:
        """A stream that is connected; its id."""
        return self._answers.add_stream(name, url).id

    def emit_transcript(
        self,
        rtstream_id: str,
        text: str,
        *,
        start: float | None = None,
        end: float | None = None,
        frame: bool = True,
        history: bool = True,
    ) -> TranscriptSegment:
        """Something was said, from `start` to `end` in unix seconds, the last second if they are left out.

        frame: whether it is sent to the websocket it is bound to; history: whether polls find it.
        """
        stream = self.world.streams[rtstream_id]
        start, end = self._span(start, end)
        record = TranscriptSegment(start, end, text, rtstream_id, stream.name)
        if history:
            stream.segments.append(record)
        self.world.emitted.append(record)
        if frame:
            self._send(stream.connections, encode_frame(record, visual="scene_index"))
        return record

    def emit_partial(self, rtstream_id: str, text: str) -> None:
        """A preliminary piece of transcript, by frame alone."""
        stream = self.world.streams[rtstream_id]
        start, end = self._span(None, None)
        partial = PartialTranscript(start, end, text, rtstream_id, stream.name)
        self._send(stream.connections, encode_frame(partial, visual="scene_index"))

    def emit_scene(
        self,
        index_id: str,
        text: str,
        *,
        start: float | None = None,
        end: float | None = None,
        frame: bool = True,
        history: bool = True,
    ) -> Scene:
        """An index has described a stretch of its stream; see `emit_transcript`."""
        index = self.world.indexes[index_id]
        start, end = self._span(start, end)
        kind = self._answers.kind_of(index)
        name = self.world.streams[index.rtstream_id].name
        record = Scene(start, end, text, index.rtstream_id, kind, index_id, name)
        if history:
            index.scenes.append(record)
        self.world.emitted.append(record)
        if frame:
            named = index_id if self.frames_name_indexes else None
            sent = Scene(start, end, text, index.rtstream_id, kind, named, name)
            self._send(index.connections, encode_frame(sent, visual="scene_index"))
        return record

    def emit_alert(
        self, alert_id: str, text: str = "", *, start: float | None = None, end: float | None = None, frame: bool = True
    ) -> Alert:
        """An alert fires. Whether it is disabled is not asked: `client` calls decide what is bound."""
        alert = self.world.alerts[alert_id]
        start, end = self._span(start, end)
        logged = bool(self.features)
        record = Alert(
            label=alert.label,
            timestamp=round(self._clock(), 3),
            rtstream_id=alert.rtstream_id,
            rtstream_name=self.world.streams[alert.rtstream_id].name,
            text=text,
            start=start,
            end=end,
            event_id=alert.event_id,
            alert_id=alert_id,
            index_id=alert.index_id,
            firing_id=len(self.world.fired) + 1 if logged else None,
            fired_at=round(self._clock(), 3) if logged else None,
        )
        self.world.fired.append(record)
        self.world.emitted.append(record)
        if frame:
            self._send(alert.connections, encode_frame(record, visual="scene_index"))
        return record

    def send_raw(self, frame: str) -> None:
        """Send just this to every websocket, as no server should."""
        self._send(list(self._connections), frame.encode())

    def _span(self, start: float | None, end: float | None) -> tuple[float, float]:
        end = round(self._clock(), 3) if end is None else end
        return (end - 1.0 if start is None else start), end

    def _send(self, connection_ids: Sequence[str] | set[str], frame: bytes) -> None:
        for each in list(connection_ids):
            if each in self._connections:
                self._connections[each].put(frame)

    # --- websockets ---------------------------------------------------------------------------------------------------

    async def _websocket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(timeout=_CLOSE_TIMEOUT, compress=False)
        await socket.prepare(request)
        connection, hello = self._connect(request)
        previous, connection.socket, connection.request = connection.socket, socket, request
        if previous is not None:
            await previous.close(code=RESUMED_ELSEWHERE)
        await socket.send_str(hello.decode())
        self._opened.set()
        writer = asyncio.create_task(self._write(connection, socket))
        try:
            while (await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
                pass
        finally:
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            if connection.socket is socket:
                connection.socket = connection.request = None
                if RESUME not in self.features:
                    del self._connections[connection.id]
                    self.world.unbind(connection.id)
        return socket

    def _connect(self, request: web.Request) -> tuple[_Connection, bytes]:
        """The connection of this socket, new or gone on with, and its first frame."""
        resumed = request.query.get("resume") if RESUME in self.features else None
        numbered = resumed is not None or (RESUME in self.features and "numbered" in request.query)
        connection = self._connections.get(resumed or "")
        complete = connection is not None
        after = int(request.query.get("after", 0))
        if connection is None:
            connection = _Connection(resumed or self.world.name("conn"))
            connection.frames = [b"{}"] * (after if resumed else 0)
            self._connections[connection.id] = connection
        connection.numbered = numbered
        missed = enumerate(connection.frames[after:], after + 1) if numbered else ()
        connection.waiting = deque(number_frame(frame, number) for number, frame in missed)
        connection.news.set()
        if not numbered:
            return connection, encode_hello(connection.id, self.features)
        return connection, encode_hello(connection.id, self.features, sequence=after, complete=complete)

    async def _write(self, connection: _Connection, socket: web.WebSocketResponse) -> None:
        while connection.socket is socket:
            while connection.waiting and connection.socket is socket:
                await socket.send_str(connection.waiting.popleft().decode("utf-8", "surrogateescape"))
            connection.news.clear()
            if not connection.waiting:
                await connection.news.wait()
