"""Options of single calls: views of a client and of its handles."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from public_calls import QUICK

from aiortstream import (
    AsyncClient,
    CallEvent,
    ClientClosedError,
    InvalidArgumentError,
    RequestRetrying,
    RequestTimeoutError,
    ServerError,
    WatchState,
)
from aiortstream.options import CallOptions, call_options
from aiortstream.testing import FaultGate, ScriptedServer
from aiortstream.testing.faults import BlackHole, Status

EVENTS = list[CallEvent]


class Setting:
    """A client of a server behind a gate, and what it tells of its requests."""

    def __init__(self, server: ScriptedServer, gate: FaultGate, client: AsyncClient, events: EVENTS) -> None:
        self.server, self.gate, self.client, self.events = server, gate, client, events


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    events: EVENTS = []
    async with (
        ScriptedServer() as server,
        FaultGate(server.url) as gate,
        AsyncClient("key", base_url=gate.url, live=QUICK, hooks=[events.append], max_retries=0) as client,
    ):
        yield Setting(server, gate, client, events)


async def test_a_timeout_of_one_call(setting: Setting) -> None:
    stream = setting.client.rtstream(setting.server.add_stream())
    setting.gate.faults.requests(BlackHole(), times=2)
    with pytest.raises(RequestTimeoutError):
        await stream.with_options(timeout=0.05).refresh()
    with pytest.raises(RequestTimeoutError):  # in place of what the call has by itself
        await stream.with_options(timeout=0.05).export()
    await stream.refresh()


async def test_retries_of_one_call(setting: Setting) -> None:
    setting.gate.faults.requests(Status(503, retry_after=0.0), times=2)
    await setting.client.with_options(max_retries=2).get_collections()
    assert sum(isinstance(event, RequestRetrying) for event in setting.events) == 2
    setting.gate.faults.requests(Status(503))
    with pytest.raises(ServerError):
        await setting.client.with_options(max_retries=2).with_options(max_retries=0).get_collections()
    setting.gate.faults.requests(Status(503))
    with pytest.raises(ServerError):  # the client itself is as it was
        await setting.client.get_collections()


async def test_headers_go_with_the_calls_of_the_view_and_of_its_handles() -> None:
    sent: list[Mapping[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        sent.append(request.headers)
        data = {"id": "rts-1", "rtstream_index_id": "i", "output_url": f"{elsewhere.make_url('/job')}"}
        status = "processing" if request.path.endswith("export") else None
        return web.json_response({"success": True, "status": status, "data": data})

    async def answer_elsewhere(request: web.Request) -> web.Response:
        strangers.append(request.headers)
        return web.json_response({"success": True, "response": {"success": True, "data": {"video_id": "m-1"}}})

    strangers: list[Mapping[str, str]] = []
    app, other = web.Application(), web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    other.router.add_route("*", "/{tail:.*}", answer_elsewhere)
    async with (
        TestServer(app) as server,
        TestServer(other) as elsewhere,
        AsyncClient("key", base_url=str(server.make_url("/"))) as client,
    ):
        view = client.with_options(headers={"X-Tenant": "north", "X-Trace": "1"})
        stream = await view.with_options(headers={"x-trace": "2"}).get_rtstream("rts-1")
        index = await stream.index_visuals(prompt="?", ws_connection_id=None)
        await index.stop()
        await stream.export()
        assert len(sent) == 4
        for headers in sent:
            assert (headers["X-Tenant"], headers["x-trace"]) == ("north", "2")
            assert headers["x-access-token"] == "key"
        assert [("X-Tenant" in headers, "x-access-token" in headers) for headers in strangers] == [(False, False)]
        await client.get_rtstream("rts-1")
        assert "X-Tenant" not in sent[-1]


async def test_a_view_shares_watches_and_connections(setting: Setting) -> None:
    view = setting.client.with_options(timeout=3.0)
    stream = view.rtstream(setting.server.add_stream())
    async with stream.watch_transcript() as watch:
        setting.server.emit_transcript(stream.id, "hello")
        assert (await anext(watch)).text == "hello"
        assert len(setting.client.health().watches) == 1
        assert view.health().watches.keys() == setting.client.health().watches.keys()
    assert watch.state is WatchState.ENDED
    assert view._context.transport._http() is setting.client._context.transport._http()


async def test_a_copy_of_a_handle_knows_what_the_handle_knew(setting: Setting) -> None:
    stream = await setting.client.get_rtstream(setting.server.add_stream("Yard"))
    copy = stream.with_options(timeout=1.0)
    assert (copy.id, copy.name) == (stream.id, stream.name)
    await copy.stop()
    assert (copy.status, stream.status) == ("stopped", "connected")


async def test_a_view_lives_as_long_as_the_client() -> None:
    async with ScriptedServer() as server:
        client = AsyncClient("key", base_url=server.url)
        view = client.with_options(timeout=1.0)
        with pytest.raises(ClientClosedError):
            await view.list_events()
        assert await view.open() is view
        assert await client.list_events() == []
        with pytest.raises(InvalidArgumentError, match="a view of a client is not closed"):
            await view.aclose()
        with pytest.raises(InvalidArgumentError, match="a view of a client is not closed"):
            await view.__aenter__()
        del view
        gc.collect()  # warns of nothing: it has nothing of its own
        view = client.with_options(timeout=1.0)
        await client.aclose()
        with pytest.raises(ClientClosedError):
            await view.list_events()


BAD: list[tuple[dict[str, Any], str]] = [
    ({"timeout": 0}, "timeout: expected a number of seconds above 0"),
    ({"timeout": -1.0}, "timeout: expected a number of seconds above 0"),
    ({"timeout": float("inf")}, "timeout: expected"),
    ({"max_retries": -1}, "max_retries: expected a whole number from 0"),
    ({"max_retries": 1.5}, "max_retries: expected a whole number"),
    ({"headers": {"x y": "1"}}, "headers: expected the name of a header"),
    ({"headers": {"": "1"}}, "headers: expected the name of a header"),
    ({"headers": {1: "1"}}, "headers: expected the name of a header"),
    ({"headers": {"X-Access-Token": "1"}}, "headers: X-Access-Token is set by the client itself"),
    ({"headers": {"content-length": "1"}}, "headers: content-length is set by the client itself"),
    ({"headers": {"X": "secret\r\nY: 1"}}, "headers: expected printable ASCII as the value of X"),
    ({"headers": {"X": "geheimniß"}}, "headers: expected printable ASCII as the value of X"),
    ({"headers": {"X": 1}}, "headers: expected printable ASCII as the value of X"),
]


@pytest.mark.parametrize(("options", "said"), BAD)
def test_bad_options_are_refused_without_a_request(options: dict[str, Any], said: str) -> None:
    client = AsyncClient("key", base_url="http://127.0.0.1:9")
    for seen in (client, client.rtstream("r"), client.collection(), client.video("m-1")):
        with pytest.raises(InvalidArgumentError, match=said) as caught:
            seen.with_options(**options)
        assert "secret" not in str(caught.value)


def test_options_upon_options() -> None:
    first = call_options(1.0, None, {"A": "1", "B": "1"})
    assert first.then(call_options(None, 3, {"b": "2"})) == CallOptions(1.0, 3, {"A": "1", "b": "2"})
    assert first.then(CallOptions()) == first
    assert "1" not in repr(first.headers) or "A" not in repr(first)
