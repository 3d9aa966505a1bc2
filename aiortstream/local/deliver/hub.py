"""Live frames to websockets.

`publish` is called where a record is made, on the event loop, and never waits: it encodes once and appends to the
backlog of each connection named. One writer task per socket empties it. A consumer that falls behind the bound of its
backlog is cut off with close code 1013 rather than thinned out in silence: it can come back and get what it missed,
which it could not know of otherwise.

A client that asks for numbered frames (`wire.extras`) can go on with its connection on another socket. The connection
is kept for a while after its socket has gone, with what was sent lately and what comes meanwhile. Only a client that
says goodbye, by closing with 1000, 1001 or no code, has it forgotten at once: one that means to come back closes with
another code, or breaks off. A client that does not ask sees just the frames of the hosted wire.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec
from aiohttp import ClientConnectionResetError, WSCloseCode, WSMsgType, web

from aiortstream.local.deliver.away import Away
from aiortstream.local.deliver.backlog import Outgoing
from aiortstream.local.deliver.connections import Connection, Ending, Greeting, Link, Resume
from aiortstream.local.deliver.limits import HubLimits
from aiortstream.local.ids import connection_id
from aiortstream.records import Alert
from aiortstream.wire.extras import ALERT_LOG, RESUME, SINCE
from aiortstream.wire.frames import encode_frame, encode_hello

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiortstream.local.deliver.away import Timer
    from aiortstream.local.ports import Published
    from aiortstream.wire.frames import AudioChannel, VisualChannel

logger = logging.getLogger("aiortstream.local.websocket")

FEATURES = (RESUME, ALERT_LOG, SINCE)
"""What this server offers beyond the hosted wire."""

LARGEST_MESSAGE = 65_536  # bytes taken from a client, which has nothing to say in this protocol
CLOSE_TIMEOUT = 1.0  # seconds a peer gets to answer the closing handshake: stopping the server waits for it
_GOODBYES = frozenset({0, WSCloseCode.OK, WSCloseCode.GOING_AWAY})  # 0: a close without a code
_BURST = 100  # frames written before others get their turn: a long backlog may never have to wait for its socket


class HubFull(Exception):  # noqa: N818 - the name says what happened
    """No further connection is taken; the message says how many there are."""


class WebsocketHub:
    """All connections; `len` counts sockets. `visual` and `audio` name channels of scenes, on which clients disagree.

    `timer` is the running event loop unless another is given.
    """

    def __init__(
        self,
        *,
        visual: VisualChannel,
        audio: AudioChannel = "audio_index",
        limits: HubLimits | None = None,
        timer: Timer | None = None,
    ) -> None:
        self._visual: VisualChannel = visual
        self._audio: AudioChannel = audio
        self._limits = limits or HubLimits()
        self._timer: Timer = timer or asyncio.get_running_loop()
        self._links: set[Link] = set()  # of every socket, from its handshake to its end
        self._connections: dict[str, Connection] = {}  # those that a link has the hold on, and those that are away
        self._away = Away(self._limits, self._timer, self._forget)
        self._closing = False

    def __len__(self) -> int:
        return len(self._links)

    def connection_ids(self) -> tuple[str, ...]:
        """Of the clients that are connected, or have been until just now."""
        return tuple(self._connections)

    def publish(self, connection_ids: Iterable[str], record: Published) -> None:
        """Send `record` to the connections named; those that are gone are passed over. Event loop only, never waits."""
        present = [self._connections[each] for each in connection_ids if each in self._connections]
        if not present:
            return
        now = self._timer.time()
        numbered = plain = Outgoing(encode_frame(record, visual=self._visual, audio=self._audio), now)
        if isinstance(record, Alert) and record.firing_id is not None:
            hosted = msgspec.structs.replace(record, firing_id=None, fired_at=None)
            plain = Outgoing(encode_frame(hosted, visual=self._visual, audio=self._audio), now)
        for connection in present:
            frame = numbered if connection.backlog.numbered else plain
            if connection.link is None:
                self._away.put(connection, frame)
            elif not connection.put(frame):
                self._cut_off(connection.link, connection)

    async def serve(
        self, request: web.Request, *, numbered: bool = False, resume: Resume | None = None
    ) -> web.WebSocketResponse:
        """Own the socket of `request` from the handshake to its end. Raises HubFull before the handshake.

        `numbered` has its frames numbered, as they always are where it resumes. Cancelling it closes the socket.
        """
        self._check_room(resume)
        link = Link()
        self._links.add(link)
        try:
            socket = web.WebSocketResponse(
                timeout=CLOSE_TIMEOUT,
                heartbeat=self._limits.heartbeat,
                max_msg_size=LARGEST_MESSAGE,
                compress=False,
            )
            await socket.prepare(request)
            await self._run(socket, link, self._attach(link, resume, numbered=numbered), request)
        finally:
            self._links.discard(link)
        return socket

    def close(self) -> None:
        """End every socket, going away, keep no connection, and take no more. The handlers then finish."""
        self._closing = True
        for link in self._links:
            link.end(Ending(WSCloseCode.GOING_AWAY, "the server is stopping"))
        self._away.close()

    def _check_room(self, resume: Resume | None) -> None:
        most = self._limits.connections
        known = None if resume is None else self._connections.get(resume.connection_id)
        if known is not None and known.link is not None:
            most *= 2  # it takes the place of another socket, which may be too dead to have gone yet
        if self._closing or len(self._links) >= most:
            raise HubFull(f"{len(self._links)} websockets are open, which is all this server takes")

    def _attach(self, link: Link, resume: Resume | None, *, numbered: bool) -> Greeting:
        known = None if resume is None else self._connections.get(resume.connection_id)
        if resume is None:
            connection, after = Connection(connection_id(), self._limits, numbered=numbered), None
        elif known is None:
            connection = Connection(resume.connection_id, self._limits, numbered=True, last=resume.after)
            after = None
        else:
            connection, after = known, resume.after
            self._away.remove(known)
        self._connections[connection.id] = connection
        return connection.hold(link, after)

    def _detach(self, link: Link, *, keep: bool) -> None:
        """The socket sends nothing more; its connection is kept for another if `keep`. Twice is nothing."""
        connection = link.connection
        if connection is None or connection.link is not link:
            return
        connection.link = None
        if keep and connection.backlog.numbered and not self._closing:
            self._away.add(connection)
        else:
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        self._connections.pop(connection.id, None)

    def _cut_off(self, link: Link, connection: Connection) -> None:
        logger.warning("connection %s is %d frames behind and is closed", connection.id, connection.backlog.behind)
        link.end(Ending(WSCloseCode.TRY_AGAIN_LATER, "too far behind: connect again and fetch what was missed"))
        self._detach(link, keep=True)

    async def _run(self, socket: web.WebSocketResponse, link: Link, greeting: Greeting, request: web.Request) -> None:
        name = f"websocket {greeting.connection_id}"
        writer = asyncio.create_task(_write(socket, link, greeting), name=f"{name} writer")
        reader = asyncio.create_task(_read(socket), name=f"{name} reader")
        try:
            await asyncio.wait((writer, reader, link.ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._detach(link, keep=not _said_goodbye(reader))
            # The reader goes on until the handshake of the close is over: the close needs it.
            await _finish(writer)
            try:
                await _close(socket, link, request)
            finally:
                await _finish(reader)


async def _write(socket: web.WebSocketResponse, link: Link, greeting: Greeting) -> None:
    features = () if greeting.sequence is None else FEATURES
    hello = encode_hello(greeting.connection_id, features, sequence=greeting.sequence, complete=greeting.complete)
    await socket.send_frame(hello, WSMsgType.TEXT)
    while True:
        for _ in range(_BURST):
            await socket.send_frame(await link.next_frame(), WSMsgType.TEXT)
        await asyncio.sleep(0)


async def _read(socket: web.WebSocketResponse) -> int | None:
    """Read until the peer ends it: the code that it closed with, None if it did not close.

    Reading is what answers pings and notices a peer that is gone.
    """
    while True:
        message = await socket.receive()
        if message.type is WSMsgType.CLOSE:
            return int(message.data)
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            return None


def _said_goodbye(reader: asyncio.Task[int | None]) -> bool:
    done = reader.done() and not reader.cancelled() and reader.exception() is None
    return done and reader.result() in _GOODBYES


async def _close(socket: web.WebSocketResponse, link: Link, request: web.Request) -> None:
    ending = Ending(WSCloseCode.OK, "")
    if link.ended.done():
        ending = link.ended.result()
    link.ended.cancel()
    try:
        async with asyncio.timeout(2 * CLOSE_TIMEOUT):
            await socket.close(code=ending.code, message=ending.reason.encode(), drain=False)
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()  # the peer reads nothing at all, so no close frame reaches it either


async def _finish(task: asyncio.Task[object]) -> None:
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
