"""A websocket on which a client says what no server asks for: it stays open or is closed, nothing else happens."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType
from contract_parts import no_complaints, open_scenery
from core_fakes import T0

from aiortstream.records import Scene

SAID: dict[str, str | bytes] = {
    "words": "hello",
    "json": '{"action": "subscribe"}',
    "list": "[1, 2, 3]",
    "broken": '{"a":',
    "deep": "[" * 50_000,
    "nothing": "",
    "bytes": b"\x00\xff" * 500,
    "much": "x" * 100_000,
}


async def opened(socket: ClientWebSocketResponse) -> str:
    first = await socket.receive_json(timeout=10)
    return str(first["connection_id"])


@pytest.mark.parametrize("name", SAID)
async def test_what_a_client_says_is_of_no_account(name: str, tmp_path: Path) -> None:
    said = SAID[name]
    with no_complaints() as complaints:
        async with open_scenery(tmp_path) as scenery:
            shell = scenery.shell
            url = (await shell.get("/collection/default/websocket")).data["websocket_url"]
            async with shell.http.ws_connect(url) as socket:
                connection_id = await opened(socket)
                for _ in range(3):
                    await (socket.send_str(said) if isinstance(said, str) else socket.send_bytes(said))
                await socket.ping()
                shell.parts.hub.publish(
                    [connection_id], Scene(T0, T0 + 1, "A door", scenery.ids["rtstream_id"], "visual")
                )
                message = await socket.receive(timeout=10)
                assert message.type in (WSMsgType.TEXT, WSMsgType.CLOSE)
                if message.type is WSMsgType.TEXT:
                    assert message.json()["data"]["text"] == "A door"
            assert (await shell.get("/rtstream")).status == 200
    assert complaints == []


async def test_a_message_beyond_all_bounds_closes_its_own_socket_alone(tmp_path: Path) -> None:
    with no_complaints() as complaints:
        async with open_scenery(tmp_path) as scenery:
            shell = scenery.shell
            url = (await shell.get("/collection/default/websocket")).data["websocket_url"]
            async with shell.http.ws_connect(url) as other:
                await opened(other)
                url = (await shell.get("/collection/default/websocket")).data["websocket_url"]
                async with shell.http.ws_connect(url) as socket:
                    await opened(socket)
                    with suppress(ConnectionError):  # it may be closed before all of it is sent
                        await socket.send_str("x" * (16 * 1024 * 1024))
                    message = await socket.receive(timeout=10)
                    assert message.type in (WSMsgType.CLOSE, WSMsgType.CLOSED, WSMsgType.ERROR)
                await other.ping()
                assert not other.closed
                assert (await shell.get("/rtstream")).status == 200
    assert complaints == []
