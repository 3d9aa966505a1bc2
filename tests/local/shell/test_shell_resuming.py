"""Connections that go on from socket to socket: nothing lost, nothing twice, nothing kept for ever."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import WSCloseCode, WSMsgType
from core_fakes import DEADLINE, T0, until
from shell_parts import KEY, Shell, open_shell

from aiortstream.local.deliver.backlog import Outgoing
from aiortstream.local.deliver.connections import Connection, Link
from aiortstream.local.deliver.hub import FEATURES, WebsocketHub
from aiortstream.local.deliver.limits import HubLimits
from aiortstream.local.ids import connection_id, is_connection_id
from aiortstream.local.settings import ServerSettings
from aiortstream.records import Alert, Scene, TranscriptSegment
from aiortstream.wire.extras import NUMBERED, RESUMED_ELSEWHERE, resume_query

pytestmark = pytest.mark.timeout(30)

LIMITS = HubLimits(kept_seconds=120.0)


class Client:
    """A client that asks for numbers and tells what it was sent."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, hello: dict[str, Any]) -> None:
        self.socket = socket
        self.hello = hello
        self.id: str = hello["connection_id"]
        self.last: int = hello["sequence"]
        self.complete: bool = hello["complete"]

    async def next(self) -> str:
        """The text of the next frame, which must have the next number."""
        frame = await self.socket.receive_json(timeout=DEADLINE)
        self.last += 1
        assert frame["sequence"] == self.last
        text: str = frame["data"]["text"]
        return text

    async def read(self, count: int) -> list[str]:
        return [await self.next() for _ in range(count)]

    async def closed(self) -> tuple[int, str]:
        """The close code, and the reason, that follow; frames before them are passed over."""
        while (message := await self.socket.receive(DEADLINE)).type is WSMsgType.TEXT:
            pass
        assert message.type is WSMsgType.CLOSE
        return message.data, message.extra or ""

    def break_off(self) -> None:
        """Be gone without a word."""
        connection = self.socket._response.connection
        assert connection is not None
        assert connection.transport is not None
        connection.transport.abort()
        self.socket._response.close()  # gives the session its place back


class World:
    """A server, and clients that come and go."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.hub: WebsocketHub = shell.parts.hub
        self.http = shell.http
        self._sockets: list[aiohttp.ClientWebSocketResponse] = []

    async def open(self, query: dict[str, str]) -> aiohttp.ClientWebSocketResponse:
        url = (await self.shell.get("/collection/default/websocket")).data["websocket_url"]
        socket = await self.http.ws_connect(f"{url}&{urlencode(query)}" if query else url)
        self._sockets.append(socket)
        return socket

    async def refused(self, query: dict[str, str]) -> tuple[int, str]:
        url = (await self.shell.get("/collection/default/websocket")).data["websocket_url"]
        return (await self.shell.get(f"{url.replace('ws:', 'http:')}&{urlencode(query)}")).refusal

    async def client(self, resume: Client | str | None = None, after: int | None = None) -> Client:
        """A client; `resume` goes on with another, after the last frame that this one received."""
        query = NUMBERED
        if isinstance(resume, Client):
            query = resume_query(resume.id, resume.last if after is None else after)
        elif resume is not None:
            query = resume_query(resume, after or 0)
        socket = await self.open(query)
        return Client(socket, await socket.receive_json(timeout=DEADLINE))

    def say(self, client: Client | str, texts: Iterable[object]) -> None:
        for text in texts:
            segment = TranscriptSegment(T0, T0 + 1, str(text), "rts-1")
            self.hub.publish([client if isinstance(client, str) else client.id], segment)

    async def sockets(self, count: int) -> None:
        """Wait until the server has as many."""

        async def reached() -> bool:
            return len(self.hub) == count

        await until(reached)

    async def close(self) -> None:
        for socket in self._sockets:
            await socket.close()


@asynccontextmanager
async def open_world(data_dir: Path, limits: HubLimits = LIMITS) -> AsyncIterator[World]:
    async with open_shell(data_dir, ServerSettings(api_key=KEY, hub=limits)) as shell:
        world = World(shell)
        yield world
        await world.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as opened:
        yield opened


# --- what is announced, and what is not -------------------------------------------------------------------------------


async def test_the_server_says_what_it_offers_and_begins_to_count(world: World) -> None:
    answer = (await world.shell.get("/collection/default/websocket")).data
    assert answer["features"] == ["resume", "alert_log", "since"] == list(FEATURES)
    client = await world.client()
    assert client.hello == {
        "connection_id": client.id,
        "features": list(FEATURES),
        "sequence": 0,
        "complete": False,
    }
    assert is_connection_id(client.id)
    world.say(client, "ab")
    assert await client.read(2) == ["a", "b"]


async def test_a_client_that_does_not_ask_sees_the_hosted_wire_byte_for_byte(world: World) -> None:
    socket = await world.open({})
    hello = await socket.receive_str(timeout=DEADLINE)
    identifier = json.loads(hello)["connection_id"]
    assert hello == f'{{"connection_id":"{identifier}"}}'
    numbered = await world.client()
    records = (
        TranscriptSegment(T0, T0 + 1, "hello", "rts-1", "Front"),
        Scene(T0, T0 + 1, "a door", "rts-1", "visual", "i1", "Front"),
        Alert("door", T0, "rts-1", "Front", "it opens", 0.5, alert_id="a1", firing_id=7, fired_at=T0 + 3),
    )
    for record in records:
        world.hub.publish([identifier, numbered.id], record)
    assert [await socket.receive_str(timeout=DEADLINE) for _ in records] == [
        '{"channel":"transcript","rtstream_id":"rts-1","rtstream_name":"Front","data":{"text":"hello",'
        '"start":1700000000000,"end":1700000001000,"is_final":true}}',
        '{"channel":"scene_index","rtstream_id":"rts-1","rtstream_name":"Front","data":{"text":"a door",'
        '"start":1700000000000,"end":1700000001000,"index_id":"i1"}}',
        '{"channel":"alert","rtstream_id":"rts-1","rtstream_name":"Front","data":{"event_label":"door",'
        '"label":"door","text":"it opens","triggered":true,"timestamp":1700000000000,"confidence":0.5,'
        '"alert_id":"a1"}}',
    ]
    assert await numbered.read(2) == ["hello", "a door"]
    alert = await numbered.socket.receive_json(timeout=DEADLINE)
    assert alert["sequence"] == 3
    assert (alert["data"]["firing_id"], alert["data"]["fired_at"]) == (7, 1700000003000)


async def test_a_client_that_does_not_ask_leaves_nothing_behind(world: World) -> None:
    socket = await world.open({})
    identifier = (await socket.receive_json(timeout=DEADLINE))["connection_id"]
    connection = socket._response.connection
    assert connection is not None
    assert connection.transport is not None
    connection.transport.abort()
    await world.sockets(0)
    assert world.hub.connection_ids() == ()
    back = await world.client(identifier)
    assert (back.id, back.last, back.complete) == (identifier, 0, False)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"resume": "nonsense", "after": "1"}, "resume: expected the connection_id of an earlier first frame"),
        ({"resume": "A" * 24, "after": "1"}, "resume: expected"),
        ({"resume": "0" * 25, "after": "1"}, "resume: expected"),
        ({"resume": "0" * 24 + "\n", "after": "1"}, "resume: expected"),
        ({"resume": "0" * 24}, "after: expected with resume"),
        ({"resume": "0" * 24, "after": ""}, "after: expected with resume"),
        ({"resume": "0" * 24, "after": "-1"}, "after: expected a whole number from 0"),
        ({"resume": "0" * 24, "after": "1.5"}, "after: expected a whole number"),
        ({"resume": "0" * 24, "after": "1e300"}, "after: expected a whole number"),
        ({"resume": "0" * 24, "after": "last"}, "after: expected a whole number"),
        ({"after": "3"}, "after: expected together with resume"),
        ({"numbered": "yes"}, "numbered: expected a whole number from 0 to 1"),
    ],
)
async def test_what_cannot_be_resumed_is_refused_in_words(world: World, query: dict[str, str], said: str) -> None:
    status, message = await world.refused(query)
    assert status == 400
    assert said in message
    assert len(world.hub) == 0


# --- going on ---------------------------------------------------------------------------------------------------------


async def test_a_socket_that_breaks_loses_nothing_and_repeats_nothing(world: World) -> None:
    client = await world.client()
    world.say(client, range(5))
    assert await client.read(3) == ["0", "1", "2"]
    client.break_off()
    await world.sockets(0)
    world.say(client, range(5, 8))
    world.shell.timer.advance(119.0)
    back = await world.client(client)
    assert (back.id, back.last, back.complete) == (client.id, 3, True)
    world.say(client, range(8, 10))
    assert await back.read(7) == [str(number) for number in range(3, 10)]
    assert world.shell.timer.pending == []
    world.shell.timer.advance(1000)
    world.say(client, ["still"])
    assert await back.read(1) == ["still"]


async def test_nothing_to_send_again_is_complete_too(world: World) -> None:
    client = await world.client()
    client.break_off()
    await world.sockets(0)
    back = await world.client(client)
    assert (back.id, back.last, back.complete) == (client.id, 0, True)


async def test_what_was_received_after_all_is_not_sent_again(world: World) -> None:
    """The client says where it is: what the server believes it had sent does not count."""
    client = await world.client()
    world.say(client, range(6))
    await client.read(6)
    client.break_off()
    await world.sockets(0)
    back = await world.client(client, after=4)
    assert await back.read(2) == ["4", "5"]


async def test_after_the_window_the_id_is_given_again_and_says_that_something_is_missing(world: World) -> None:
    client = await world.client()
    world.say(client, range(3))
    await client.read(3)
    client.break_off()
    await world.sockets(0)
    assert world.hub.connection_ids() == (client.id,)
    world.shell.timer.advance(120.0)
    assert world.hub.connection_ids() == ()
    world.say(client, ["to nobody"])
    back = await world.client(client)
    assert (back.id, back.last, back.complete) == (client.id, 3, False)
    world.say(client, ["after it"])
    assert await back.read(1) == ["after it"]
    assert back.last == 4


async def test_an_id_that_was_never_known_is_taken(world: World) -> None:
    identifier = connection_id()
    back = await world.client(identifier, after=2**40)
    assert (back.id, back.last, back.complete) == (identifier, 2**40, False)
    world.say(identifier, ["here"])
    assert await back.read(1) == ["here"]


async def test_more_than_is_kept_comes_as_far_as_it_is_kept(tmp_path: Path) -> None:
    async with open_world(tmp_path, HubLimits(kept_frames=4)) as world:
        client = await world.client()
        client.break_off()
        await world.sockets(0)
        world.say(client, range(10))
        back = await world.client(client)
        assert (back.id, back.last, back.complete) == (client.id, 6, False)
        assert await back.read(4) == ["6", "7", "8", "9"]


async def test_frames_that_were_sent_long_ago_are_not_kept(world: World) -> None:
    client = await world.client()
    world.say(client, ["old"])
    await client.read(1)
    world.shell.timer.advance(121.0)
    world.say(client, ["new"])
    await client.read(1)
    connection = world.hub._connections[client.id]
    assert connection.backlog.bytes < 200
    client.break_off()
    await world.sockets(0)
    assert not (await world.client(client, after=0)).complete


async def test_a_client_that_says_goodbye_is_forgotten_at_once_and_one_that_means_to_come_back_is_not(
    world: World,
) -> None:
    for code, kept in ((1000, False), (1001, False), (4000, True), (1011, True)):
        client = await world.client()
        await client.socket.close(code=code)
        await world.sockets(0)
        assert (client.id in world.hub.connection_ids()) is kept, code
        assert (await world.client(client)).complete is kept, code
        await world.close()
        await world.sockets(0)


async def test_a_close_without_a_code_is_a_goodbye(world: World) -> None:
    client = await world.client()
    await client.socket.send_frame(b"", WSMsgType.CLOSE)
    await client.socket.receive(DEADLINE)
    await world.sockets(0)
    assert world.hub.connection_ids() == ()


async def test_a_consumer_that_was_cut_off_gets_the_rest(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with open_world(tmp_path, HubLimits(frames=3)) as world:
        client = await world.client()
        world.say(client, range(20))  # without a pause: nothing can be sent meanwhile
        assert await client.closed() == (
            WSCloseCode.TRY_AGAIN_LATER,
            "too far behind: connect again and fetch what was missed",
        )
        back = await world.client(client, after=0)
        assert (back.id, back.complete) == (client.id, True)
        world.say(client, range(20, 23))  # as many as a consumer may be behind, besides those that it gets again
        assert await back.read(23) == [str(number) for number in range(23)]
        told = [record.getMessage() for record in caplog.records if record.name == "aiortstream.local.websocket"]
        assert told == [f"connection {client.id} is 4 frames behind and is closed"]  # once, whatever comes after it


# --- taking over ------------------------------------------------------------------------------------------------------


async def test_a_second_socket_takes_over_from_the_first_between_two_frames(world: World) -> None:
    client = await world.client()
    world.say(client, range(4))
    first = await client.read(2)
    successor = await world.client(client)
    world.say(client, range(4, 8))
    assert await client.closed() == (RESUMED_ELSEWHERE, "the connection goes on through another socket")
    assert (successor.last, successor.complete) == (2, True)
    assert first + await successor.read(6) == [str(number) for number in range(8)]
    await world.sockets(1)
    await client.socket.close()
    assert world.hub.connection_ids() == (client.id,)
    assert world.shell.timer.pending == []


async def test_taking_over_again_and_again_while_all_read_loses_and_reorders_nothing(world: World) -> None:
    client = await world.client()
    got: dict[int, str] = {}

    async def drain(reader: Client) -> None:
        while (message := await reader.socket.receive(DEADLINE)).type is WSMsgType.TEXT:
            frame = json.loads(message.data)
            assert frame["sequence"] == reader.last + 1
            reader.last = frame["sequence"]
            assert got.setdefault(reader.last, frame["data"]["text"]) == frame["data"]["text"]
        assert message.data in (RESUMED_ELSEWHERE, WSCloseCode.OK)

    async with asyncio.TaskGroup() as tasks:
        for turn in range(30):
            tasks.create_task(drain(client))
            world.say(client, range(turn * 10, turn * 10 + 5))
            successor = await world.client(client)
            assert successor.complete
            world.say(client, range(turn * 10 + 5, turn * 10 + 10))
            client = successor
        while client.last < 300:
            await client.next()
            got[client.last] = str(client.last - 1)
        await client.socket.close()
    assert got == {number + 1: str(number) for number in range(300)}


async def test_a_socket_that_is_superseded_takes_no_frame_even_if_it_was_woken() -> None:
    connection = Connection("c", LIMITS, numbered=True)
    first, second = Link(), Link()
    connection.hold(first, None)
    waiting = asyncio.create_task(first.next_frame())
    await asyncio.sleep(0)
    for name in (b"1", b"2"):
        assert connection.put(Outgoing(b'{"n":%b}' % name, 0.0))
    connection.hold(second, 0)
    for _ in range(3):
        await asyncio.sleep(0)  # the turn of the first, which was woken before
    assert await second.next_frame() == b'{"n":1,"sequence":1}'
    assert await second.next_frame() == b'{"n":2,"sequence":2}'
    assert not waiting.done()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_plain_connection_can_be_gone_on_with_and_is_numbered_from_then_on(world: World) -> None:
    socket = await world.open({})
    identifier = (await socket.receive_json(timeout=DEADLINE))["connection_id"]
    world.say(identifier, "ab")
    assert [(await socket.receive_json(timeout=DEADLINE))["data"]["text"] for _ in "ab"] == ["a", "b"]
    successor = await world.client(identifier, after=0)
    assert (successor.id, successor.last, successor.complete) == (identifier, 2, False)
    world.say(identifier, "c")
    assert await successor.read(1) == ["c"]
    assert (await socket.receive(DEADLINE)).data == RESUMED_ELSEWHERE


async def test_a_full_server_lets_a_connection_go_on_and_takes_no_further(tmp_path: Path) -> None:
    async with open_world(tmp_path, HubLimits(connections=1)) as world:
        client = await world.client()
        for query in (NUMBERED, {}, resume_query(connection_id(), 0)):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await world.open(query)
            assert refused.value.status == 503
        successor = await world.client(client)
        assert successor.complete
        assert (await client.closed())[0] == RESUMED_ELSEWHERE
        await world.sockets(1)


async def test_a_server_that_stops_keeps_nothing(world: World) -> None:
    away, client = await world.client(), await world.client()
    away.break_off()
    await world.sockets(1)
    assert set(world.hub.connection_ids()) == {away.id, client.id}
    world.hub.close()
    assert (await client.closed())[0] == WSCloseCode.GOING_AWAY
    await world.sockets(0)
    assert world.hub.connection_ids() == ()
    assert world.shell.timer.pending == []


# --- for ever ---------------------------------------------------------------------------------------------------------


async def test_a_thousand_resumes_leave_nothing_behind(world: World) -> None:
    client = await world.client()
    for turn in range(1000):
        world.say(client, [turn])
        if turn % 3 == 0:
            client.break_off()
            successor = await world.client(client)  # whether the server has noticed by then or not
        else:
            successor = await world.client(client)
            await client.socket.close()
        assert successor.complete
        assert await successor.next() == str(turn)
        client = successor
    await world.sockets(1)
    hub = world.hub
    assert hub.connection_ids() == (client.id,)
    assert (len(hub._links), len(hub._connections), len(hub._away), hub._away.bytes) == (1, 1, 0, 0)
    assert world.shell.timer.pending == []
    tasks = [task.get_name() for task in asyncio.all_tasks() if task.get_name().startswith("websocket")]
    assert sorted(tasks) == [f"websocket {client.id} reader", f"websocket {client.id} writer"]
    gc.collect()
    assert sum(isinstance(thing, Link) for thing in gc.get_objects()) == 1
    assert sum(isinstance(thing, Connection) for thing in gc.get_objects()) == 1
