"""A TCP proxy that does what networks do: resets, black holes, stalls, slowness, refusal, and cuts in the middle.

It knows bytes only, so it stands in front of anything: a server of the wire protocol, an RTMP source, a webhook's
receiver. What it holds back is bounded: a side that is not forwarded to is not read from.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self, TypeAlias

from aiortstream.errors import InvalidArgumentError

Direction: TypeAlias = Literal["to_server", "to_client", "both"]

_CHUNK = 64 * 1024  # bytes read at once
_SLICES = 20  # a second, that slow bytes go in
_NO_LINGER = struct.pack("ii", 1, 0)  # closing with this sends a reset


@dataclass(slots=True, eq=False)
class _Way:
    """One direction, of all connections."""

    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    bytes_per_second: float | None = None
    cut_after: int | None = None
    forwarded: int = 0

    def __post_init__(self) -> None:
        self.flowing.set()


class TcpProxy:
    """Forwards `port` of this machine to `(upstream_host, upstream_port)`; its faults are switched on and off.

    Where a fault has a direction, `to_server` is what clients send, `to_client` what the server does. `faults` counts
    the resets, cuts and refusals that have happened, `accepted` the connections.
    """

    def __init__(self, upstream_host: str, upstream_port: int, *, port: int = 0) -> None:
        self.upstream = upstream_host, upstream_port
        self.accepted = 0
        self.faults: Counter[str] = Counter()
        self._port = port
        self._server: asyncio.Server | None = None
        self._refusing = False
        self._to_server, self._to_client = _Way(), _Way()
        self._pairs: set[_Pair] = set()
        self._serving: set[asyncio.Task[None]] = set()  # one for each connection

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
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

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

    @property
    def bytes_to_server(self) -> int:
        """How many bytes of clients have been forwarded."""
        return self._to_server.forwarded

    @property
    def bytes_to_client(self) -> int:
        """How many bytes of the server have been forwarded."""
        return self._to_client.forwarded

    # --- faults -------------------------------------------------------------------------------------------------------

    def reset(self) -> int:
        """Reset every connection, on both sides; how many there were."""
        pairs = list(self._pairs)
        for pair in pairs:
            pair.reset()
        self.faults["reset"] += len(pairs)
        return len(pairs)

    def stall(self, direction: Direction = "both") -> None:
        """Forward nothing, and accept connections all the same: a black hole, until `resume`."""
        for way in self._ways(direction):
            way.flowing.clear()

    def resume(self, direction: Direction = "both") -> None:
        """Forward again, what was held back first, at full speed."""
        for way in self._ways(direction):
            way.bytes_per_second = None
            way.flowing.set()

    def slow(self, bytes_per_second: float | None, direction: Direction = "both") -> None:
        """Forward that many bytes a second of each connection; None is as many as come.

        Raises InvalidArgumentError for a rate that is none.
        """
        if bytes_per_second is not None and bytes_per_second <= 0:
            raise InvalidArgumentError(f"bytes_per_second: expected more than 0, or None, got {bytes_per_second!r}")
        for way in self._ways(direction):
            way.bytes_per_second = bytes_per_second

    def refuse(self, refusing: bool = True) -> None:
        """Reset new connections at once, until it is called with False."""
        self._refusing = refusing

    def cut_after(self, count: int, direction: Direction = "to_client") -> None:
        """Reset the connection that brings the `count`-th byte from now on, in the middle of what is sent.

        The bytes before it still arrive, or lie in buffers that the reset discards. Raises InvalidArgumentError.
        """
        if count < 1:
            raise InvalidArgumentError(f"count: expected a number of bytes, 1 or more, got {count!r}")
        for way in self._ways(direction):
            way.cut_after = count

    def _ways(self, direction: Direction) -> list[_Way]:
        ways = {"to_server": [self._to_server], "to_client": [self._to_client]}
        return ways.get(direction, [self._to_server, self._to_client])

    # --- forwarding ---------------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            if self._refusing:
                self.faults["refused"] += 1
                _reset(writer)
            else:
                await self._connect(reader, writer)
        except (OSError, asyncio.CancelledError):
            _reset(writer)  # the server is not there, or the proxy closes
        finally:
            self._serving.discard(task)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(*self.upstream, limit=_CHUNK)
        pair = _Pair(writer, upstream_writer)
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as tasks:
                pair.tasks = [
                    tasks.create_task(self._forward(reader, upstream_writer, self._to_server, pair)),
                    tasks.create_task(self._forward(upstream_reader, writer, self._to_client, pair)),
                ]
        except asyncio.CancelledError:
            pair.reset()
            raise
        finally:
            self._pairs.discard(pair)
            for each in (writer, upstream_writer):
                each.close()

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: _Way, pair: _Pair
    ) -> None:
        try:
            while data := await reader.read(_CHUNK):
                await way.flowing.wait()
                cut = way.cut_after is not None and len(data) >= way.cut_after
                if way.cut_after is not None:
                    data = data[: way.cut_after]
                    way.cut_after = None if cut else way.cut_after - len(data)
                await self._write(writer, data, way)
                if cut:
                    self.faults["cut"] += 1
                    pair.reset()
                    return
            await way.flowing.wait()
            if writer.can_write_eof():
                writer.write_eof()
        except OSError:
            pair.reset()  # one side is gone: so is the other

    async def _write(self, writer: asyncio.StreamWriter, data: bytes, way: _Way) -> None:
        while data:
            rate = way.bytes_per_second
            part = data if rate is None else data[: max(1, int(rate / _SLICES))]
            data = data[len(part) :]
            writer.write(part)
            await writer.drain()
            way.forwarded += len(part)
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
