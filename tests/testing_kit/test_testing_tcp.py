"""The proxy on bytes: it forwards, and each of its faults does what it says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from aiortstream import AsyncClient, InvalidArgumentError
from aiortstream.testing import ScriptedServer, TcpProxy
from aiortstream.testing.tcp import Direction

DEADLINE = 5.0
BUFFERS = 32 * 1024 * 1024  # bytes: more than fits into the system's buffers


@asynccontextmanager
async def echoing() -> AsyncIterator[TcpProxy]:
    """A proxy in front of a server that sends back what it gets."""
    open_ones: set[asyncio.StreamWriter] = set()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            open_ones.discard(writer)
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    try:
        async with TcpProxy("127.0.0.1", server.sockets[0].getsockname()[1]) as proxy, asyncio.timeout(DEADLINE):
            yield proxy
    finally:
        server.close()
        for writer in list(open_ones):
            writer.transport.abort()
        await server.wait_closed()


@asynccontextmanager
async def connected(proxy: TcpProxy) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def test_it_forwards_both_ways_and_the_end_too() -> None:
    async with echoing() as proxy, connected(proxy) as (reader, writer):
        writer.write(b"x" * 300_000)
        assert await reader.readexactly(300_000) == b"x" * 300_000
        writer.write_eof()
        assert await reader.read() == b""
        assert (proxy.accepted, proxy.url) == (1, f"http://127.0.0.1:{proxy.port}")


async def test_a_reset_is_a_reset_on_both_sides() -> None:
    async with echoing() as proxy, connected(proxy) as (reader, writer), connected(proxy) as (other, second):
        writer.write(b"x")
        second.write(b"x")
        await reader.readexactly(1)
        await other.readexactly(1)
        assert proxy.reset() == 2
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        assert proxy.faults["reset"] == 2
        async with connected(proxy) as (again, writer):
            writer.write(b"y")
            assert await again.readexactly(1) == b"y"


async def test_a_black_hole_swallows_until_it_is_over() -> None:
    async with echoing() as proxy, connected(proxy) as (reader, writer):
        proxy.stall()
        writer.write(b"later")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.readexactly(1)
        async with connected(proxy):
            pass  # taken all the same
        proxy.resume()
        assert await reader.readexactly(5) == b"later"


async def test_a_connection_that_is_reset_in_a_black_hole_is_gone() -> None:
    async with echoing() as proxy, connected(proxy) as (reader, writer):
        writer.write(b"x")
        await reader.readexactly(1)
        proxy.stall()
        writer.write(b"lost")
        await asyncio.sleep(0.01)
        proxy.reset()
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)


async def test_slow_is_so_many_bytes_a_second() -> None:
    async with echoing() as proxy, connected(proxy) as (reader, writer):
        proxy.slow(10_000.0)
        began = asyncio.get_running_loop().time()
        writer.write(b"x" * 1000)
        await reader.readexactly(1000)
        assert asyncio.get_running_loop().time() - began >= 0.04
        proxy.slow(None)
        writer.write(b"x" * 1_000_000)
        await reader.readexactly(1_000_000)


async def test_whoever_is_refused_is_refused_at_once() -> None:
    async with echoing() as proxy:
        proxy.refuse()
        async with connected(proxy) as (reader, _):
            with pytest.raises(ConnectionResetError):
                await reader.readexactly(1)
        assert proxy.faults["refused"] == 1
        proxy.refuse(False)
        async with connected(proxy) as (reader, writer):
            writer.write(b"x")
            assert await reader.readexactly(1) == b"x"


async def test_a_cut_comes_in_the_middle() -> None:
    async with echoing() as proxy, connected(proxy) as (reader, writer):
        proxy.cut_after(1500)
        writer.write(b"x" * 1000)
        await reader.readexactly(1000)
        writer.write(b"y" * 1000)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(501)
        assert proxy.faults["cut"] == 1


async def test_a_server_that_is_not_there_is_a_reset() -> None:
    async with TcpProxy("127.0.0.1", 1) as proxy, connected(proxy) as (reader, _):
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)


@pytest.mark.parametrize(("direction", "arrives"), [("to_server", False), ("to_client", True)])
async def test_a_black_hole_may_be_one_way(direction: Direction, arrives: bool) -> None:
    async with echoing() as proxy, connected(proxy) as (reader, writer):
        writer.write(b"x")
        await reader.readexactly(1)
        proxy.stall(direction)
        writer.write(b"yy")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await reader.readexactly(2)
        assert (proxy.bytes_to_server == 3) == arrives
        proxy.resume("to_client" if direction == "to_server" else "to_server")  # the other one: nothing changes
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await reader.readexactly(2)
        proxy.resume(direction)
        assert await reader.readexactly(2) == b"yy"
        assert (proxy.bytes_to_server, proxy.bytes_to_client) == (3, 3)


async def test_one_way_may_be_slow() -> None:
    async with echoing() as proxy, connected(proxy) as (reader, writer):
        proxy.slow(1000.0, "to_client")
        writer.write(b"x" * 10_000)
        await reader.readexactly(50)
        assert proxy.bytes_to_server == 10_000
        assert proxy.bytes_to_client < 1000
        proxy.resume()
        await reader.readexactly(9950)


async def test_a_cut_may_be_in_what_the_client_sends() -> None:
    async with echoing() as proxy, connected(proxy) as (reader, writer):
        proxy.cut_after(3, "to_server")
        writer.write(b"x" * 10)
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await reader.readexactly(10)
        assert (proxy.bytes_to_server, proxy.faults["cut"]) == (3, 1)


async def sent_in_half_a_second(writer: asyncio.StreamWriter) -> int:
    """How many bytes were taken, of as many as there is room for."""
    sent = 0

    async def send() -> None:
        nonlocal sent
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(send(), 0.5)
    return sent


async def test_what_is_held_back_is_bounded() -> None:
    async with echoing() as proxy, connected(proxy) as (_, writer):
        proxy.stall()
        assert await sent_in_half_a_second(writer) < BUFFERS
        assert proxy.bytes_to_server == 0


async def test_what_the_other_side_does_not_take_is_bounded() -> None:
    async with echoing() as proxy, connected(proxy) as (_, writer):
        # What comes back is not read here, so the server stops reading too.
        writer.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert isinstance(writer.transport, asyncio.Transport)
        writer.transport.pause_reading()
        await sent_in_half_a_second(writer)
        assert proxy.bytes_to_client < BUFFERS


async def test_it_closes_while_something_is_held_back() -> None:
    async with echoing() as proxy, connected(proxy) as (reader, writer):
        writer.write(b"x")
        await reader.readexactly(1)
        proxy.stall()
        writer.write(b"held back")
        await proxy.aclose()
        assert proxy.open_connections == 0
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)


async def test_a_client_goes_on_when_the_network_does() -> None:
    async with (
        asyncio.timeout(DEADLINE),
        ScriptedServer() as server,
        TcpProxy("127.0.0.1", int(server.url.rsplit(":", 1)[1])) as proxy,
        AsyncClient("key", base_url=proxy.url, max_retries=0) as client,
    ):
        assert await client.list_events() == []
        proxy.stall("to_client")
        event = asyncio.create_task(client.create_event("A person", "person"))
        while not server.world.events:  # noqa: ASYNC110 - the request arrives, and its answer does not
            await asyncio.sleep(0.005)
        assert not event.done()
        proxy.resume()
        assert [each.event_id for each in await client.list_events()] == [await event]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda proxy: proxy.slow(0.0), "bytes_per_second: expected more than 0"),
        (lambda proxy: proxy.cut_after(0), "count: expected a number of bytes"),
    ],
)
async def test_what_makes_no_sense_is_refused(wrong: Callable[[TcpProxy], None], message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        wrong(TcpProxy("127.0.0.1", 1))
