"""Live frames to websockets.

`publish` is called where a record is made, on the event loop, and never waits: it encodes once and appends to the
buffer of each connection named. One writer task per socket empties its buffer. A consumer that falls behind the bound
of its buffer is cut off with close code 1013 rather than thinned out in silence: it can come back and fetch what it
missed, which it could not know of otherwise.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import ClientConnectionResetError, WSCloseCode, WSMsgType, web

from aiortstream.wire.frames import encode_frame, encode_hello

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiortstream.records import Alert, PartialTranscript, Scene, TranscriptSegment
    from aiortstream.wire.frames import VisualChannel

logger = logging.getLogger("aiortstream.local.websocket")

LARGEST_MESSAGE = 65_536  # bytes taken from a client, which has nothing to say in this protocol
CLOSE_TIMEOUT = 1.0  # seconds a peer gets to answer the closing handshake: stopping the server waits for it


@dataclass(frozen=True, slots=True, kw_only=True)
class HubLimits:
    """Bounds of the hub."""

    connections: int = 1000
    frames: int = 1000
    """Frames that one connection may be behind."""
    bytes: int = 8 * 1024 * 1024
    """The same in bytes."""
    heartbeat: float = 20.0
    """Seconds between pings; a peer that is silent for one and a half of it is gone."""


class HubFull(Exception):  # noqa: N818 - the name says what happened
    """No further connection is taken; the message says how many there are."""


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the server ends a connection."""

    code: int
    reason: str


class Connection:
    """What waits to be sent on one socket."""

    def __init__(self, limits: HubLimits) -> None:
        self.id = secrets.token_hex(12)
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._limits = limits
        self._frames: deque[bytes] = deque()
        self._bytes = 0  # the sum of the lengths in _frames
        self._waiting = asyncio.Event()  # set while _frames holds something

    def end(self, ending: Ending) -> None:
        """Have the socket closed; only the first reason counts."""
        if not self.ended.done():
            self.ended.set_result(ending)

    def put(self, frame: bytes) -> None:
        """Append a frame, or end the connection if its consumer is too far behind."""
        if self.ended.done():
            return
        if len(self._frames) >= self._limits.frames or self._bytes + len(frame) > self._limits.bytes:
            logger.warning("connection %s is %d frames behind and is closed", self.id, len(self._frames))
            self.end(Ending(WSCloseCode.TRY_AGAIN_LATER, "too far behind: connect again and fetch what was missed"))
            return
        self._frames.append(frame)
        self._bytes += len(frame)
        self._waiting.set()

    async def next_frame(self) -> bytes:
        """Take the oldest frame, waiting for one. Cancelling it loses none."""
        await self._waiting.wait()
        frame = self._frames.popleft()
        self._bytes -= len(frame)
        if not self._frames:
            self._waiting.clear()
        return frame


class WebsocketHub:
    """All open connections. `visual` names the channel of visual scenes, on which clients disagree."""

    def __init__(self, *, visual: VisualChannel, limits: HubLimits | None = None) -> None:
        self._visual = visual
        self._limits = limits or HubLimits()
        self._connections: dict[str, Connection] = {}
        self._closing = False

    def __len__(self) -> int:
        return len(self._connections)

    def publish(
        self, connection_ids: Iterable[str], record: TranscriptSegment | PartialTranscript | Scene | Alert
    ) -> None:
        """Send `record` to the connections named; those that are gone are passed over. Event loop only, never waits."""
        present = [self._connections[each] for each in connection_ids if each in self._connections]
        if present:
            frame = encode_frame(record, visual=self._visual)
            for connection in present:
                connection.put(frame)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Own the socket of `request` from the handshake to its end. Raises HubFull before the handshake.

        Cancelling it closes the socket.
        """
        if self._closing or len(self._connections) >= self._limits.connections:
            raise HubFull(f"{len(self._connections)} websockets are open, which is all this server takes")
        connection = Connection(self._limits)
        self._connections[connection.id] = connection
        try:
            socket = web.WebSocketResponse(
                timeout=CLOSE_TIMEOUT,
                heartbeat=self._limits.heartbeat,
                max_msg_size=LARGEST_MESSAGE,
                compress=False,
            )
            await socket.prepare(request)
            await self._run(socket, connection, request)
        finally:
            del self._connections[connection.id]
        return socket

    def close(self) -> None:
        """End every connection, going away, and take no more. The handlers, which own them, then finish."""
        self._closing = True
        for connection in self._connections.values():
            connection.end(Ending(WSCloseCode.GOING_AWAY, "the server is stopping"))

    async def _run(self, socket: web.WebSocketResponse, connection: Connection, request: web.Request) -> None:
        writer = asyncio.create_task(_write(socket, connection), name=f"websocket {connection.id} writer")
        reader = asyncio.create_task(_read(socket), name=f"websocket {connection.id} reader")
        try:
            await asyncio.wait((writer, reader, connection.ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # The reader goes on until the handshake of the close is over: the close needs it.
            await _finish(writer)
            try:
                await _close(socket, connection, request)
            finally:
                await _finish(reader)


async def _write(socket: web.WebSocketResponse, connection: Connection) -> None:
    await socket.send_frame(encode_hello(connection.id), WSMsgType.TEXT)
    while True:
        await socket.send_frame(await connection.next_frame(), WSMsgType.TEXT)


async def _read(socket: web.WebSocketResponse) -> None:
    """Read until the peer ends it. Reading is what answers pings and notices a peer that is gone."""
    while (await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
        pass


async def _close(socket: web.WebSocketResponse, connection: Connection, request: web.Request) -> None:
    ending = Ending(WSCloseCode.OK, "")
    if connection.ended.done():
        ending = connection.ended.result()
    connection.ended.cancel()
    try:
        async with asyncio.timeout(2 * CLOSE_TIMEOUT):
            await socket.close(code=ending.code, message=ending.reason.encode(), drain=False)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()  # the peer reads nothing at all, so no close frame reaches it either


async def _finish(task: asyncio.Task[None]) -> None:
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
    except ClientConnectionResetError:
        pass  # the peer went away while something was being sent
    except Exception:
        logger.exception("%s failed", task.get_name())
