"""The hub: frames to the connections named, and connections that end for a reason."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.test_utils import TestServer
from core_fakes import DEADLINE, T0, until

from aiortstream.local.deliver.connections import Ending, Link
from aiortstream.local.deliver.hub import HubFull, WebsocketHub
from aiortstream.local.deliver.limits import HubLimits
from aiortstream.records import TranscriptSegment

pytestmark = pytest.mark.timeout(30)


def spoken(text: str) -> TranscriptSegment:
    return TranscriptSegment(T0, T0 + 1, text, "rts-1")


@asynccontextmanager
async def open_hub(**limits: Any) -> AsyncIterator[tuple[WebsocketHub, TestServer, aiohttp.ClientSession]]:
    hub = WebsocketHub(visual="scene_index", limits=HubLimits(**limits))

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await hub.serve(request)
        except HubFull as full:
            return web.Response(status=503, text=str(full))

    app = web.Application()
    app.router.add_get("/ws", handle)
    server = TestServer(app)
    await server.start_server(shutdown_timeout=1.0)
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(DEADLINE)) as http:
            yield hub, server, http
    finally:
        hub.close()
        await server.close()


async def greeted(socket: aiohttp.ClientWebSocketResponse) -> str:
    hello = await socket.receive_json(timeout=DEADLINE)
    connection_id = hello["connection_id"]
    assert isinstance(connection_id, str)
    assert connection_id
    return connection_id


async def emptied(hub: WebsocketHub) -> None:
    async def is_empty() -> bool:
        return not len(hub)

    await until(is_empty)


async def test_the_first_frame_carries_the_id_and_records_follow_in_order() -> None:
    async with open_hub() as (hub, server, http), http.ws_connect(server.make_url("/ws")) as socket:
        connection_id = await greeted(socket)
        for number in range(3):
            hub.publish([connection_id], spoken(str(number)))
        frames = [json.loads((await socket.receive(DEADLINE)).data) for _ in range(3)]
        assert [frame["data"]["text"] for frame in frames] == ["0", "1", "2"]
        assert frames[0]["channel"] == "transcript"


async def test_frames_go_to_those_named_and_to_nobody_else() -> None:
    async with open_hub() as (hub, server, http):
        async with http.ws_connect(server.make_url("/ws")) as one, http.ws_connect(server.make_url("/ws")) as other:
            first, second = await greeted(one), await greeted(other)
            assert first != second
            hub.publish([first, "gone", first + "x"], spoken("for one"))
            hub.publish([first, second], spoken("for both"))
            hub.publish([], spoken("for none"))
            assert (await other.receive_json(timeout=DEADLINE))["data"]["text"] == "for both"
            assert (await one.receive_json(timeout=DEADLINE))["data"]["text"] == "for one"
        await emptied(hub)
        hub.publish([first, second], spoken("to nobody"))
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("websocket")]


async def test_a_connection_that_falls_behind_is_closed_and_not_thinned() -> None:
    async with open_hub(frames=3) as (hub, server, http), http.ws_connect(server.make_url("/ws")) as socket:
        connection_id = await greeted(socket)
        for number in range(5):  # without a pause: nothing can be sent meanwhile
            hub.publish([connection_id], spoken(str(number)))
        received = [await socket.receive(DEADLINE)]
        while received[-1].type is WSMsgType.TEXT:
            received.append(await socket.receive(DEADLINE))
        *frames, closed = received
        assert [json.loads(frame.data)["data"]["text"] for frame in frames] == ["0", "1", "2"][: len(frames)]
        assert (closed.type, closed.data) == (WSMsgType.CLOSE, WSCloseCode.TRY_AGAIN_LATER)
        assert closed.extra == "too far behind: connect again and fetch what was missed"
        await emptied(hub)


async def test_a_consumer_that_keeps_up_is_never_behind() -> None:
    async with open_hub(frames=3) as (hub, server, http), http.ws_connect(server.make_url("/ws")) as socket:
        connection_id = await greeted(socket)
        for number in range(20):
            hub.publish([connection_id], spoken(str(number)))
            assert (await socket.receive_json(timeout=DEADLINE))["data"]["text"] == str(number)


async def test_the_first_reason_for_an_end_counts() -> None:
    link = Link()
    link.end(Ending(WSCloseCode.TRY_AGAIN_LATER, "first"))
    link.end(Ending(WSCloseCode.GOING_AWAY, "later"))
    assert (await link.ended).code == WSCloseCode.TRY_AGAIN_LATER


async def test_closing_says_going_away_and_takes_no_more() -> None:
    async with open_hub() as (hub, server, http), http.ws_connect(server.make_url("/ws")) as socket:
        await greeted(socket)
        hub.close()
        closed = await socket.receive(DEADLINE)
        assert (closed.type, closed.data) == (WSMsgType.CLOSE, WSCloseCode.GOING_AWAY)
        await emptied(hub)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(server.make_url("/ws"))
        assert refused.value.status == 503


async def test_so_many_connections_and_no_more() -> None:
    async with open_hub(connections=1) as (hub, server, http):
        async with http.ws_connect(server.make_url("/ws")) as socket:
            await greeted(socket)
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await http.ws_connect(server.make_url("/ws"))
            assert refused.value.status == 503
        await emptied(hub)
        async with http.ws_connect(server.make_url("/ws")) as socket:
            await greeted(socket)


async def test_a_client_that_leaves_is_forgotten_and_one_that_talks_is_not_minded() -> None:
    async with open_hub() as (hub, server, http):
        async with http.ws_connect(server.make_url("/ws")) as socket:
            connection_id = await greeted(socket)
            await socket.send_str("hello?")
            await socket.send_bytes(b"\x00")
            await socket.ping()
            hub.publish([connection_id], spoken("still here"))
            assert (await socket.receive_json(timeout=DEADLINE))["data"]["text"] == "still here"
        await emptied(hub)


async def test_a_connection_that_breaks_off_is_forgotten() -> None:
    async with open_hub() as (hub, server, http):
        socket = await http.ws_connect(server.make_url("/ws"))
        await greeted(socket)
        connection = socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()
        await emptied(hub)
        await socket.close()


async def test_a_peer_that_answers_no_ping_is_gone() -> None:
    async with (
        open_hub(heartbeat=0.05) as (hub, server, http),
        http.ws_connect(server.make_url("/ws"), autoping=False) as socket,
    ):
        await greeted(socket)
        assert (await socket.receive(DEADLINE)).type is WSMsgType.PING
        await emptied(hub)
