"""A TCP proxy that does what networks do: resets, black holes, stalls, slowness, refusal, and cuts in the middle.

It knows bytes only, so it stands in front of anything: a server of the wire protocol, an RTMP source, a webhook's
receiver. What it holds back is bounded: a side that is not forwarded to is not read from.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from types import TracebackType
from typing import Self

_CHUNK = 64 * 1024  # bytes read at once
_NO_LINGER = struct.pack("ii", 1, 0)  # closing with this sends a reset


class TcpProxy:
    """Forwards `port` of this machine to `(upstream_host, upstream_port)`; its faults are switched on and off.

    `faults` counts the resets and cuts that have happened, `accepted` the connections.
    """

    def __init__(self, upstream_host: str, upstream_port: int, *, port: int = 0) -> None:
        self.upstream = upstream_host, upstream_port
        self.accepted = 0
        self.faults: Counter[str] = Counter()
        self._port = port
        self._server: asyncio.Server | None = None
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._refusing = False
        self._bytes_per_second: float | None = None
        self._cut_after: int | None = None
        self._pairs: set[_Pair] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Listen. Raises OSError where the port is taken."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, limit=_CHUNK)
        self._port = self._server.sockets[0].getsockname()[1]

    async def aclose(self) -> None:
        """Close everything. Cancelling it leaves connections to be closed by the event loop."""
        if self._server is not None:
            self._server.close()
            self._flowing.set()
            self.reset()
            await asyncio.gather(*(task for pair in self._pairs for task in pair.tasks), return_exceptions=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def url(self) -> str:
        """`http://127.0.0.1:port`."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def open_connections(self) -> int:
        """Connections that are forwarded now."""
        return len(self._pairs)

    # --- faults -------------------------------------------------------------------------------------------------------

    def reset(self) -> int:
        """Reset every connection, on both sides; how many there were."""
        pairs = list(self._pairs)
        for pair in pairs:
            pair.reset()
        self.faults["reset"] += len(pairs)
        return len(pairs)

    def stall(self) -> None:
        """Forward nothing, in neither direction, and accept connections all the same: a black hole, until `resume`."""
        self._flowing.clear()

    def resume(self) -> None:
        """Forward again, what was held back first, at full speed."""
        self._bytes_per_second = None
        self._flowing.set()

    def slow(self, bytes_per_second: float | None) -> None:
        """Forward that many bytes a second of each direction of each connection; None is as many as come."""
        self._bytes_per_second = bytes_per_second

    def refuse(self, refusing: bool = True) -> None:
        """Reset new connections at once, until it is called with False."""
        self._refusing = refusing

    def cut_after(self, count: int) -> None:
        """Reset the connection that brings the server's `count`-th byte from now on, in the middle of what it sends."""
        self._cut_after = count

    # --- forwarding ---------------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        if self._refusing:
            _reset(writer)
            self.faults["refused"] += 1
            return
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection(*self.upstream, limit=_CHUNK)
        except OSError:
            _reset(writer)
            return
        pair = _Pair(writer, upstream_writer)
        pair.tasks = [
            asyncio.create_task(self._forward(reader, upstream_writer, pair, from_server=False)),
            asyncio.create_task(self._forward(upstream_reader, writer, pair, from_server=True)),
        ]
        self._pairs.add(pair)
        try:
            for outcome in await asyncio.gather(*pair.tasks, return_exceptions=True):
                if isinstance(outcome, Exception):
                    raise outcome
        finally:
            self._pairs.discard(pair)
            for each in (writer, upstream_writer):
                each.close()

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pair: _Pair, *, from_server: bool
    ) -> None:
        try:
            while data := await reader.read(_CHUNK):
                await self._flowing.wait()
                if from_server and self._cut_after is not None:
                    data, cut = data[: self._cut_after], len(data) >= self._cut_after
                    self._cut_after = None if cut else self._cut_after - len(data)
                    if cut:
                        writer.write(data)
                        self.faults["cut"] += 1
                        pair.reset()
                        return
                await self._write(writer, data)
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            pair.reset()  # one side is gone: so is the other

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        while data:
            rate = self._bytes_per_second
            part = data if rate is None else data[: max(1, int(rate / 20))]
            data = data[len(part) :]
            writer.write(part)
            await writer.drain()
            if rate is not None:
                await asyncio.sleep(len(part) / rate)


class _Pair:
    """One forwarded connection."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.tasks: list[asyncio.Task[None]] = []
        self._writers = client, server

    def reset(self) -> None:
        """End both sides with a reset, whatever is held back."""
        for writer in self._writers:
            _reset(writer)
        for task in self.tasks:
            task.cancel()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    writer.transport.abort()
