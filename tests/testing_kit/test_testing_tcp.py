"""The proxy on bytes: it forwards, and each of its faults does what it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from aiortstream.testing import TcpProxy

DEADLINE = 5.0


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
