"""A media file played in real time as a genuine live source: an RTMP server on loopback.

For the demo, tests and examples:

    with LivePublisher(Path("sample.mp4")) as publisher:
        print(publisher.url)        # rtmp://127.0.0.1:41935/live/sample

Any RTMP player may pull it, any number at a time, and leave and come back: the file plays on meanwhile, as a camera
would. It is remuxed, not encoded. Everything runs in one thread with an event loop of its own, so that neither a busy
nor a blocked loop of the program disturbs the pace.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from .chunks import RtmpProtocolError
from .flv import FlvTag
from .flv_source import PublishError, read_tags
from .rtmp import PlayRequest, RtmpPlaySession

_log = logging.getLogger(__name__)

_PLAYER_BACKLOG = 8 * 1024 * 1024  # bytes a player may be behind before it is disconnected
_GROUP_LIMIT = 16 * 1024 * 1024  # bytes of one group of pictures kept for players that join inside it
_FLUSH_TIMEOUT = 1.0  # seconds to send the last bytes to a player at the end
_STOP_TIMEOUT = 5.0  # seconds


class _Broadcast:
    """What has to be sent to a player that joins now, and the players there are."""

    def __init__(self) -> None:
        self._headers: dict[int, FlvTag] = {}  # the latest of each kind, in the order they first came
        self._group: list[FlvTag] = []  # since the last key frame; empty before the first and after passing the limit
        self._group_bytes = 0
        self._players: dict[RtmpPlaySession, asyncio.StreamWriter] = {}

    def join(self, session: RtmpPlaySession, writer: asyncio.StreamWriter) -> None:
        for tag in [*self._headers.values(), *self._group]:
            session.send(tag)
        self._players[session] = writer

    def leave(self, session: RtmpPlaySession) -> None:
        self._players.pop(session, None)

    def send(self, tag: FlvTag) -> None:
        self._remember(tag)
        for session, writer in list(self._players.items()):
            session.send(tag)
            writer.write(session.take())
            if writer.transport.get_write_buffer_size() > _PLAYER_BACKLOG:
                _log.warning("a player is too slow and was disconnected")
                self.leave(session)
                writer.transport.abort()

    def _remember(self, tag: FlvTag) -> None:
        if tag.is_header:
            self._headers[tag.kind] = tag
            return
        if tag.is_key_frame:
            self._group, self._group_bytes = [tag], len(tag.body)
        elif self._group:
            self._group.append(tag)
            self._group_bytes += len(tag.body)
            if self._group_bytes > _GROUP_LIMIT:
                self._group = []


class LivePublisher:
    """Plays `path` in real time at `url` until stopped; with `loop=False`, once: then its players are disconnected.

    `port=0` takes a free one. Use it as a context manager, plain or asynchronous, or call `start` and `stop`; it can be
    started again after a stop, and keeps its port. Raises `PublishError` at the start for a file that cannot be
    published, `OSError` for a port that cannot be had.
    """

    def __init__(
        self, path: Path, *, loop: bool = True, host: str = "127.0.0.1", port: int = 0, name: str = "live/sample"
    ) -> None:
        self._path = path
        self._loops = loop
        self._host = host
        self._port = port
        self._name = name
        self._thread: threading.Thread | None = None  # set from start to stop, running or not
        self._loop: asyncio.AbstractEventLoop | None = None  # set while the thread serves
        self._stopping: asyncio.Event | None = None  # set together with _loop
        self._ready = threading.Event()
        self._failure: Exception | None = None

    @property
    def url(self) -> str:
        """Where it can be pulled; the port is known from the start on."""
        return f"rtmp://{self._host}:{self._port}/{self._name}"

    def start(self) -> None:
        """Bind, begin to play and return; blocks for as long as opening the file takes."""
        if self._thread is not None:
            raise RuntimeError("this publisher is running already")
        tags = read_tags(self._path, loop=self._loops)
        first = next(tags)  # opens the file, so that a bad one fails here and not in the thread
        listener = socket.create_server((self._host, self._port))
        self._port = listener.getsockname()[1]
        self._failure = None
        self._ready.clear()
        self._thread = threading.Thread(target=self._run, args=(listener, first, tags), name="publisher", daemon=True)
        self._thread.start()
        self._ready.wait(_STOP_TIMEOUT)

    def stop(self) -> None:
        """Disconnect the players, free the port and join the thread.

        Raises what made it end early, if something did.
        """
        thread, loop, stopping = self._thread, self._loop, self._stopping
        if thread is None:
            return
        if loop is not None and stopping is not None:
            with contextlib.suppress(RuntimeError):  # it has just ended by itself
                loop.call_soon_threadsafe(stopping.set)
        thread.join(_STOP_TIMEOUT)
        if thread.is_alive():
            raise PublishError(f"the publisher of {self._path} did not stop within {_STOP_TIMEOUT:g} s")
        self._thread = None
        if self._failure is not None:
            raise self._failure

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def _run(self, listener: socket.socket, first: FlvTag, tags: Iterator[FlvTag]) -> None:
        try:
            asyncio.run(self._serve(listener, first, tags))
        except Exception as error:  # handed to whoever calls stop
            self._failure = error
        finally:
            self._loop = self._stopping = None
            self._ready.set()

    async def _serve(self, listener: socket.socket, first: FlvTag, tags: Iterator[FlvTag]) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        broadcast = _Broadcast()
        connections = _Connections(self._name, broadcast)
        server = await asyncio.start_server(connections.serve, sock=listener)
        playing = asyncio.create_task(self._play(first, tags, broadcast))
        stopping = asyncio.create_task(self._stopping.wait())
        self._ready.set()
        try:
            await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.close()
            stopping.cancel()
            playing.cancel()
            await connections.close()
            (outcome, _) = await asyncio.gather(playing, stopping, return_exceptions=True)
        if isinstance(outcome, Exception):
            raise outcome

    async def _play(self, first: FlvTag, tags: Iterator[FlvTag], broadcast: _Broadcast) -> None:
        start = time.monotonic()
        broadcast.send(first)
        for tag in tags:
            await asyncio.sleep(max(0.0, start + tag.timestamp / 1000 - time.monotonic()))
            broadcast.send(tag)


class _Connections:
    """The sockets of the players, each served by its own task, all ended by `close`."""

    def __init__(self, path: str, broadcast: _Broadcast) -> None:
        self._path = path
        self._broadcast = broadcast
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open[task] = writer
        session = RtmpPlaySession()
        try:
            await self._converse(session, reader, writer)
        except RtmpProtocolError as error:
            _log.warning("closed a connection: %s", error)
        except OSError:
            pass  # the player went away
        finally:
            self._broadcast.leave(session)
            writer.close()
            del self._open[task]

    async def close(self) -> None:
        """End all: first by sending what is still buffered, then, for a player that does not read, without."""
        for end in (asyncio.StreamWriter.close, lambda writer: writer.transport.abort()):
            if not self._open:
                return
            for writer in self._open.values():
                end(writer)
            await asyncio.wait(self._open, timeout=_FLUSH_TIMEOUT)

    async def _converse(
        self, session: RtmpPlaySession, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            for request in session.receive(data):
                self._answer(session, request, writer)
            writer.write(session.take())

    def _answer(self, session: RtmpPlaySession, request: PlayRequest, writer: asyncio.StreamWriter) -> None:
        if request.path != self._path:
            session.refuse(request.path)
            return
        session.accept(request.path)
        self._broadcast.join(session, writer)
