"""A websocket server that does what a test says, the REST side beside it, and how to wait for what they bring about."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from aiortstream.errors import ConnectionFailedError
from aiortstream.live.bindings import AlertBinding
from aiortstream.live.clock import Clock, SystemClock
from aiortstream.live.gateway import History, Resume
from aiortstream.live.hub import LiveHub
from aiortstream.live.settings import LiveSettings
from aiortstream.live.states import Window
from aiortstream.records import Alert, Scene, TranscriptSegment
from aiortstream.wire.frames import encode_frame, encode_hello

T0 = float(int(time.time()))  # the moment at which records are: `ClockFromT0` begins soon after it
DEADLINE = 5.0  # seconds for anything that has to happen
MAX_FRAME = 10_000  # bytes
QUICK = LiveSettings(
    connect_timeout=2.0,
    heartbeat=5.0,
    reconnect_delay=0.01,
    max_reconnect_delay=0.02,
    poll_interval=0.05,
    max_poll_interval=0.1,
    max_polls_per_second=1000.0,
)


def segment(start: float, text: str = "hello", stream: str = "rts-1") -> TranscriptSegment:
    return TranscriptSegment(start, start + 1, text, stream)


def scene(start: float, text: str = "a door", index: str | None = None) -> Scene:
    return Scene(start, start + 2, text, "rts-1", "visual", index)


def hint(stream: str = "rts-1") -> str:
    """A frame that cannot be read, but names its stream."""
    return f'{{"channel":"transcript","rtstream_id":"{stream}","data":{{"text":5}}}}'


@dataclass
class Server:
    """Both sides of the wire: what it sends, what it was asked, and what it refuses."""

    segments: list[TranscriptSegment] = field(default_factory=list)
    scenes_of: dict[str, list[Scene]] = field(default_factory=dict)
    before_hello: list[bytes] = field(default_factory=list)
    refuse: int = 0  # connections to close before their first frame
    mute: bool = False  # connections get no first frame
    max_frame: int = MAX_FRAME
    open_error: Exception | None = None
    history_error: Exception | None = None
    rebind_errors: list[Exception] = field(default_factory=list)  # one for each of the next attempts
    rebind_gate: asyncio.Event | None = None  # binding again is answered when it is set
    # What has happened.
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    accepted: int = 0
    restarted: list[tuple[str, str]] = field(default_factory=list)
    replaced: list[tuple[str, str]] = field(default_factory=list)
    polls: int = 0
    url: str = ""
    _opened: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(timeout=0.5)
        await socket.prepare(request)
        self.accepted += 1
        if self.refuse > 0:
            self.refuse -= 1
            await socket.close()
            return socket
        for raw in self.before_hello:
            await socket.send_str(raw.decode("utf-8", "replace"))
        if not self.mute:
            await socket.send_str(encode_hello(f"conn-{len(self.sockets) + 1}").decode())
        self.sockets.append(socket)
        async with self._opened:
            self._opened.notify_all()
        async for _ in socket:
            pass
        return socket

    async def epoch(self, number: int) -> web.WebSocketResponse:
        """The socket of the connection of that number, from 1, once it is open."""
        async with asyncio.timeout(DEADLINE), self._opened:
            await self._opened.wait_for(lambda: len(self.sockets) >= number)
        return self.sockets[number - 1]

    async def send(self, record: TranscriptSegment | Scene | Alert) -> None:
        await self.sockets[-1].send_str(encode_frame(record, visual="visual_index").decode())


@dataclass
class FakeGateway:
    """The REST side, in memory."""

    server: Server
    session: aiohttp.ClientSession

    async def websocket_url(self, resume: Resume | None) -> str:
        if self.server.open_error is not None:
            raise self.server.open_error
        return self.server.url

    async def open_websocket(self, url: str) -> Any:
        try:
            return await self.session.ws_connect(
                url,
                decode_text=False,
                max_msg_size=self.server.max_frame,
                timeout=aiohttp.ClientWSTimeout(ws_close=0.5),
            )
        except aiohttp.ClientError as error:
            raise ConnectionFailedError("no server") from error

    async def transcripts(
        self, rtstream_id: str, engine: str | None, window: Window, limit: int | None
    ) -> History[TranscriptSegment]:
        self._poll()
        return History([s for s in self.server.segments if s.end >= window.start and s.start <= window.end])

    async def scenes(self, rtstream_id: str, index_id: str, window: Window, limit: int | None) -> History[Scene]:
        self._poll()
        of_index = self.server.scenes_of.get(index_id, [])
        return History([s for s in of_index if s.end >= window.start and s.start <= window.end])

    async def alert_log(
        self, rtstream_id: str | None, index_id: str | None, window: Window, limit: int | None
    ) -> History[Alert]:
        raise NotImplementedError("this server keeps no log")

    def _poll(self) -> None:
        self.server.polls += 1
        if self.server.history_error is not None:
            raise self.server.history_error

    async def restart_transcript(self, rtstream_id: str, engine: str | None, connection_id: str) -> None:
        self.server.restarted.append((rtstream_id, connection_id))
        await self._rebind()

    async def replace_alert(self, alert: AlertBinding, connection_id: str) -> str:
        self.server.replaced.append((alert.newest_id, connection_id))
        await self._rebind()
        return f"{alert.newest_id}+"

    async def _rebind(self) -> None:
        if self.server.rebind_errors:
            raise self.server.rebind_errors.pop(0)
        if self.server.rebind_gate is not None:
            await self.server.rebind_gate.wait()


@asynccontextmanager
async def running_server() -> AsyncIterator[Server]:
    scripted = Server()
    app = web.Application()
    app.router.add_get("/ws", scripted.handle)
    runner = TestServer(app)
    await runner.start_server()
    scripted.url = str(runner.make_url("/ws"))
    try:
        yield scripted
    finally:
        for socket in scripted.sockets:
            await socket.close()
        await runner.close()


class ClockFromT0(SystemClock):
    """Twenty seconds after T0 when it is made, however long the tests before it took."""

    def __init__(self) -> None:
        super().__init__()
        self._origin = T0 + 20.0 - time.monotonic()


@asynccontextmanager
async def hub_of(
    server: Server, settings: LiveSettings = QUICK, *, clock: Clock | None = None
) -> AsyncIterator[LiveHub]:
    async with aiohttp.ClientSession() as session:
        made = LiveHub(FakeGateway(server, session), settings, clock=clock or ClockFromT0())
        try:
            yield made
        finally:
            await made.aclose()


async def until(condition: Callable[[], bool]) -> None:
    """Wait, with a deadline, for what other tasks bring about."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - of many kinds, and none of them has an event
            await asyncio.sleep(0.005)


async def take(watch: Any, count: int) -> list[Any]:
    async with asyncio.timeout(DEADLINE):
        return [await anext(watch) for _ in range(count)]
