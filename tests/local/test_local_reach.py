"""Which addresses a request may make the server connect to."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from aiortstream.errors import InvalidArgumentError
from aiortstream.local.reach import AddressRefused, Reach
from aiortstream.local.settings import ServerSettings

NEVER = (
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "fe80::1%eth0",
    "100.100.100.200",
    "168.63.129.16",
    "fd00:ec2::254",
    "224.0.0.1",
    "ff02::1",
    "0.0.0.0",
    "::",
    "::ffff:0.0.0.0",
)
PRIVATE = (
    "127.0.0.1",
    "127.8.8.8",
    "::1",
    "::ffff:127.0.0.1",
    "64:ff9b::7f00:1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "fd12::1",
)
PUBLIC = ("93.184.216.34", "2606:4700::1111", "64:ff9b::5db8:d822")


@pytest.mark.parametrize("host", NEVER)
def test_never_allowed(host: str) -> None:
    assert "never" in (Reach(private=True).refusal(host) or "")
    assert Reach(private=False).refusal(host) is not None


@pytest.mark.parametrize("host", PRIVATE)
def test_private_as_the_policy_says(host: str) -> None:
    assert Reach(private=True).refusal(host) is None
    assert "private_targets" in (Reach(private=False).refusal(host) or "")


@pytest.mark.parametrize("host", PUBLIC)
def test_public_always(host: str) -> None:
    assert Reach(private=False).refusal(host) is None


@pytest.mark.parametrize(
    ("settings", "private"),
    [
        (ServerSettings(), True),
        (ServerSettings(host="0.0.0.0", api_key="k"), False),
        (ServerSettings(host="0.0.0.0", api_key="k", private_targets=True), True),
        (ServerSettings(private_targets=False), False),
    ],
)
def test_the_default_follows_where_the_server_listens(settings: ServerSettings, private: bool) -> None:
    assert settings.reach == Reach(private=private)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2"])
def test_no_listening_outside_loopback_without_a_key(host: str) -> None:
    with pytest.raises(InvalidArgumentError, match="api_key"):
        ServerSettings(host=host)


class Rebinding(AbstractResolver):
    """Says loopback of every name."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)
        return [found]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def canary() -> AsyncIterator[tuple[int, list[bytes]]]:
    """A listening port, and what came to it."""
    came: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.readline())
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], came


HOSTS = ("127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost", "[::ffff:127.0.0.1]", "localhost.")


@pytest.mark.parametrize("host", HOSTS)
async def test_however_loopback_is_written_nothing_comes_to_it(host: str) -> None:
    async with canary() as (port, came), aiohttp.ClientSession(connector=Reach(private=False).connector()) as http:
        with pytest.raises((aiohttp.ClientConnectorError, aiohttp.InvalidURL)):
            await http.get(f"http://{host}:{port}/")
        assert came == []
        async with (
            aiohttp.ClientSession(connector=Reach().connector()) as allowed,
            allowed.get(f"http://127.0.0.1:{port}/") as answer,
        ):
            assert answer.status == 204
        assert len(came) == 1  # the canary sings


async def test_a_name_is_judged_by_the_address_that_is_connected_to() -> None:
    connector = aiohttp.TCPConnector(socket_factory=Reach(private=False).socket, resolver=Rebinding())
    async with canary() as (port, came), aiohttp.ClientSession(connector=connector) as http:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await http.get(f"http://receiver.example:{port}/")
        assert isinstance(caught.value.os_error, AddressRefused)
        assert came == []
