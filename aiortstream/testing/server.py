"""A server of the wire protocol in memory, for tests: light, instant, and it says what the test tells it to say.

By default it behaves like the hosted service: another connection id at each connect, frames only to the connection
that something was bound to, no history of alerts. `features` turns on what the embedded server has beyond that.

    async with ScriptedServer() as server, AsyncClient("key", base_url=server.url) as client:
        stream = server.add_stream("Front door")
        ...
        server.emit_transcript(stream, "hello")

What is emitted has the time of the server's clock, unless it is given one: the record ends now and began a second ago,
a millisecond later than the one before it in the same feed at the least, since its times are what tells a record from
another.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeVar

from aiohttp import WSMsgType, web
from msgspec.structs import replace

from aiortstream.errors import InvalidArgumentError
from aiortstream.live.clock import Clock, SystemClock
from aiortstream.records import Alert, PartialTranscript, Scene, TranscriptSegment
from aiortstream.testing.paging import Policies, SelectedBy
from aiortstream.testing.routes import Answers, LoggedRequest
from aiortstream.testing.world import ScriptedAlert, ScriptedIndex, ScriptedStream, World
from aiortstream.wire.extras import ALERT_LOG, RESUME, RESUMED_ELSEWHERE
from aiortstream.wire.frames import encode_frame, encode_hello, number_frame

K = TypeVar("K", ScriptedStream, ScriptedIndex, ScriptedAlert)

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


class _Telling(SystemClock):
    """A function that tells the time; waiting is the machine's."""

    def __init__(self, tell: Callable[[], float]) -> None:
        self._tell = tell

    def time(self) -> float:
        return self._tell()


class ScriptedServer:
    """Listens on a port of loopback. `url` is for `AsyncClient(base_url=...)`; any key will do."""

    def __init__(
        self,
        *,
        features: Sequence[str] = (),
        second_start_rebinds: bool = True,
        frames_name_indexes: bool = False,
        newest_first: bool = True,
        since_inclusive: bool = True,
        selected_by: SelectedBy = "overlap",
        start_of_running_refused: bool = True,
        clock: Clock | Callable[[], float] | None = None,
    ) -> None:
        """The policies on which little is known of the hosted service can be set either way.

        features: of `aiortstream.wire.extras`. second_start_rebinds: whether starting a transcript that runs sends it
        to the new connection. frames_name_indexes: whether frames say which index they are of, those of alerts which
        alert too; a server with `alert_log` says so of alerts. newest_first: the order of pages. since_inclusive:
        whether a record that ends at `since` itself is among those since then. selected_by: whether a record belongs to
        a window that it touches, starts in, or ends in. start_of_running_refused: whether starting a stream that runs
        is refused with 400, as has been seen of the hosted service. clock: the times of what is emitted without any,
        and of the answers; by default the machine's. Where it is a mere function, `late` counts the machine's seconds.
        """
        self.world = World()
        self.features = tuple(features)
        self.frames_name_indexes = frames_name_indexes
        self._clock = _Telling(clock) if callable(clock) else clock or SystemClock()
        self._connections: dict[str, _Connection] = {}
        self._runner: web.AppRunner | None = None
        self._port = 0
        self._opened = asyncio.Event()  # set when a websocket has opened; cleared by whoever waits
        self._closing = asyncio.Event()  # what is to come late comes no more
        self._late: set[asyncio.Task[None]] = set()  # one for each record that is to come late
        self._newest: dict[object, float] = {}  # of each feed: the newest end that was chosen here
        self._firings = itertools.count(1)
        self._answers = Answers(
            self.world,
            self.features,
            self._clock.time,
            Policies(newest_first, since_inclusive, selected_by),
            second_start_rebinds=second_start_rebinds,
            start_of_running_refused=start_of_running_refused,
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
        """Close every connection and stop; what is still to come late does not come.

        Cancelling it leaves connections to the event loop; call it again to be sure.
        """
        self._closing.set()
        await asyncio.gather(*self._late)
        await self._stop()

    async def _stop(self) -> None:
        self.drop_connections()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def restart(self) -> None:
        """Stop and start on the same port: connections, and what was sent on them, are gone. History is kept.

        What was bound to them is gone too, unless the server has the feature `resume`, which promises otherwise.
        """
        await self._stop()
        if RESUME not in self.features:
            for connection in self._connections.values():
                self.world.unbind(connection.id)
        self._connections.clear()
        await self.start()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def log(self) -> list[LoggedRequest]:
        """What was asked and how it was answered, oldest first: the newest ten thousand requests."""
        return list(self._answers.log)

    @property
    def requests(self) -> list[str]:
        """The same, as method and path."""
        return [f"{each.method} {each.path}" for each in self._answers.log]

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
        late: float = 0.0,
    ) -> TranscriptSegment:
        """Something was said, from `start` to `end` in unix seconds, the last second if they are left out.

        frame: whether it is sent to the websocket it is bound to. history: whether polls find it. late: seconds after
        which it appears, in both and in `emitted`. Raises InvalidArgumentError for times that make no sense and for a
        stream there is not.
        """
        stream = _known(self.world.streams, rtstream_id, "stream")
        start, end = self._span(("transcript", rtstream_id), start, end)
        record = TranscriptSegment(start, end, text, rtstream_id, stream.name)

        def appear() -> None:
            if history:
                stream.segments.append(record)
            self._appear(record, stream.connections if frame else ())

        self._after(late, appear)
        return record

    def emit_partial(
        self, rtstream_id: str, text: str, *, start: float | None = None, end: float | None = None
    ) -> None:
        """A preliminary piece of transcript, by frame alone; give it the `start` of the one it replaces."""
        stream = _known(self.world.streams, rtstream_id, "stream")
        start, end = self._span(("partial", rtstream_id), start, end)
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
        late: float = 0.0,
    ) -> Scene:
        """An index has described a stretch of its stream; see `emit_transcript`."""
        index = _known(self.world.indexes, index_id, "index")
        start, end = self._span(("scene", index_id), start, end)
        kind = self._answers.kind_of(index)
        name = self.world.streams[index.rtstream_id].name
        record = Scene(start, end, text, index.rtstream_id, kind, index_id, name)

        def appear() -> None:
            if history:
                index.scenes.append(record)
            self._appear(record, index.connections if frame else ())

        self._after(late, appear)
        return record

    def emit_alert(
        self,
        alert_id: str,
        text: str = "",
        *,
        start: float | None = None,
        end: float | None = None,
        frame: bool = True,
        history: bool = True,
        late: float = 0.0,
    ) -> Alert:
        """Just this alert fires, whether it is enabled or not; see `emit_transcript`. `history`: of a log of alerts.

        A client replaces its alerts after a reconnect, and the old ones reach nobody: `detect` fires those there are.
        """
        alert = _known(self.world.alerts, alert_id, "alert")
        return self._fire([alert], text, start, end, frame=frame, history=history, late=late)[0]

    def detect(
        self,
        index_id: str,
        label: str,
        text: str = "",
        *,
        start: float | None = None,
        end: float | None = None,
        frame: bool = True,
        history: bool = True,
        late: float = 0.0,
    ) -> list[Alert]:
        """What events of this label look for is seen by an index: each alert for it that is enabled now fires.

        All at one moment; see `emit_alert`. The list is empty where none is enabled.
        """
        _known(self.world.indexes, index_id, "index")
        standing = [each for each in self.world.alerts_on(index_id) if each.enabled and each.label == label]
        return self._fire(standing, text, start, end, frame=frame, history=history, late=late)

    def send_raw(self, frame: str) -> None:
        """Send just this to every websocket, as no server should."""
        self._send(list(self._connections), frame.encode())

    def _fire(
        self,
        alerts: Sequence[ScriptedAlert],
        text: str,
        start: float | None,
        end: float | None,
        *,
        frame: bool,
        history: bool,
        late: float,
    ) -> list[Alert]:
        """One thing was seen: all of these fire at one moment."""
        if not alerts:
            return []
        start, end = self._span(("alert", alerts[0].rtstream_id), start, end)
        at = max(end, round(self._clock.time() + late, 3))
        logged = ALERT_LOG in self.features
        fired = [
            Alert(
                label=alert.label,
                timestamp=at,
                rtstream_id=alert.rtstream_id,
                rtstream_name=self.world.streams[alert.rtstream_id].name,
                text=text,
                start=start,
                end=end,
                event_id=alert.event_id,
                alert_id=alert.id,
                index_id=alert.index_id,
                firing_id=next(self._firings) if logged else None,
                fired_at=at if logged else None,
            )
            for alert in alerts
        ]

        def appear() -> None:
            for alert, record in zip(alerts, fired, strict=True):
                if history:
                    self.world.fired.append(record)
                self._appear(record, alert.connections if frame else ())

        self._after(late, appear)
        return fired

    def _span(self, feed: object, start: float | None, end: float | None) -> tuple[float, float]:
        if end is None:
            end = round(max(self._clock.time(), self._newest.get(feed, 0.0) + 0.001), 3)
            self._newest[feed] = end
        start = end - 1.0 if start is None else start
        if start > end:
            raise InvalidArgumentError(f"end: expected unix seconds from start ({start}) on, got {end}")
        return start, end

    def _after(self, late: float, appear: Callable[[], None]) -> None:
        if late < 0:
            raise InvalidArgumentError(f"late: expected seconds from 0 on, got {late!r}")
        if late == 0:
            appear()
            return
        task = asyncio.get_running_loop().create_task(self._appear_late(late, appear))
        self._late.add(task)
        task.add_done_callback(self._came_late)

    async def _appear_late(self, late: float, appear: Callable[[], None]) -> None:
        if not await self._clock.wait(self._closing, late):
            appear()

    def _came_late(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._late.discard(task)  # one that failed is kept for `aclose` to raise

    def _appear(self, record: TranscriptSegment | Scene | Alert, connection_ids: Sequence[str] | set[str]) -> None:
        self.world.emitted.append(record)
        if connection_ids:
            self._send(connection_ids, encode_frame(self._as_sent(record), visual="scene_index"))

    def _as_sent(self, record: TranscriptSegment | Scene | Alert) -> TranscriptSegment | Scene | Alert:
        """What the frame says of it: no frame that was ever documented names an index or an alert."""
        if self.frames_name_indexes or isinstance(record, TranscriptSegment):
            return record
        if isinstance(record, Scene):
            return replace(record, index_id=None)
        return record if record.firing_id is not None else replace(record, index_id=None, alert_id=None, event_id=None)

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


def _known(there: dict[str, K], id: str, kind: str) -> K:  # noqa: A002 - the wire's word
    found = there.get(id)
    if found is None:
        raise InvalidArgumentError(f"no {kind} {id!r}: expected one of {sorted(there)}")
    return found
