"""The transport against a real HTTP server in the same process."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Literal

import aiohttp
import anyio
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from aiortstream import errors
from aiortstream.transport import Transport, TransportSettings
from aiortstream.wire.rest import ActionRequest, CollectionAnswer, EventRequest

KEY = "sk-very-secret"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def no_delays() -> Iterator[float]:
    while True:
        yield 0.0


class Scripted:
    """A server that answers each request with the next handler of a list, and keeps what it was sent."""

    def __init__(self) -> None:
        self.script: list[Handler] = []
        self.seen: list[tuple[str, str, bytes, dict[str, str]]] = []
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._answer)
        self.server = TestServer(app)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.path_qs, await request.read(), dict(request.headers)))
        return await self.script.pop(0)(request)

    def then(self, *handlers: Handler) -> None:
        self.script += handlers

    @property
    def url(self) -> str:
        return str(self.server.make_url("/"))


def answers(body: object, status: int = 200, **headers: str) -> Handler:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.Response(body=raw, status=status, headers={"x-request-id": "req-1", **headers})

    return handler


async def breaks(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


BROKEN_GET = [breaks, breaks]  # of one attempt: aiohttp itself repeats a GET at once when its connection breaks

GOOD = {"success": True, "data": {"id": "c-1", "name": "mine", "unknown": [1]}}


@pytest.fixture
async def peer() -> AsyncIterator[Scripted]:
    scripted = Scripted()
    await scripted.server.start_server()
    yield scripted
    await scripted.server.close()


@pytest.fixture
async def transport(peer: Scripted) -> AsyncIterator[Transport]:
    made = Transport(TransportSettings(peer.url, KEY, timeout=5.0), delays=no_delays, job_delays=no_delays)
    yield made
    await made.aclose()


async def test_a_request_is_what_the_official_client_sends(peer: Scripted, transport: Transport) -> None:
    peer.then(answers(GOOD))
    answer = await transport.get("collection/c-1", CollectionAnswer, params={"a": 1.25, "b": None, "c": "x y"})
    assert (answer.id, answer.name) == ("c-1", "mine")
    method, path, body, headers = peer.seen[0]
    assert (method, path, body) == ("GET", "/collection/c-1?a=1.25&c=x+y", b"")
    assert headers["x-access-token"] == KEY
    assert headers["Content-Type"] == "application/json"
    assert headers["x-videodb-client"].startswith("aiortstream/")


async def test_floats_travel_in_full(peer: Scripted, transport: Transport) -> None:
    peer.then(answers(GOOD))
    await transport.get("x", CollectionAnswer, params={"since": 1700000000.123456, "end": 1700000060.0})
    assert peer.seen[0][1] == "/x?since=1700000000.123456&end=1700000060"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequestError),
        (401, errors.AuthenticationError),
        (402, errors.PaymentRequiredError),
        (403, errors.AuthenticationError),
        (404, errors.NotFoundError),
        (500, errors.ServerError),
    ],
)
async def test_a_refusal_is_typed_and_says_who_said_what(
    peer: Scripted, transport: Transport, status: int, kind: type[errors.ResponseError]
) -> None:
    peer.then(answers({"success": False, "message": "no such thing", "error_code": "e1"}, status))
    with pytest.raises(kind) as caught:
        await transport.get("rtstream/x", CollectionAnswer)
    error = caught.value
    assert type(error) is kind
    assert (error.status, error.message, error.error_code) == (status, "no such thing", "e1")
    assert (error.request_id, error.method, error.path) == ("req-1", "GET", "/rtstream/x")
    assert str(error) == f"GET /rtstream/x: no such thing (HTTP {status}) [request req-1]"


async def test_success_false_with_200_is_a_refusal(peer: Scripted, transport: Transport) -> None:
    peer.then(answers({"success": False, "message": "No results found"}))
    with pytest.raises(errors.InvalidRequestError, match="No results found"):
        await transport.get("x", CollectionAnswer)


@pytest.mark.parametrize("body", [b"", b"not json", b"[]", b'{"success": true}', b'{"success":true,"data":{"id":[]}}'])
async def test_what_is_not_the_protocol_says_so(peer: Scripted, transport: Transport, body: bytes) -> None:
    peer.then(answers(body))
    with pytest.raises(errors.ProtocolError, match="GET x"):
        await transport.get("x", CollectionAnswer)


async def test_a_failure_that_is_not_json_keeps_its_text(peer: Scripted, transport: Transport) -> None:
    peer.then(*[answers(b"<h1>Bad gateway</h1>", 502)] * 3)
    with pytest.raises(errors.ServerError, match="Bad gateway") as caught:
        await transport.get("x", CollectionAnswer)
    assert caught.value.status == 502


async def test_reading_is_repeated_after_what_may_pass(peer: Scripted, transport: Transport) -> None:
    peer.then(answers(b"", 503), *BROKEN_GET, answers(GOOD))
    assert (await transport.get("x", CollectionAnswer)).id == "c-1"
    assert len(peer.seen) == 4


async def test_setting_a_state_is_repeated(peer: Scripted, transport: Transport) -> None:
    peer.then(answers(b"", 503), breaks, answers({"success": True, "message": "done"}))
    await transport.patch("x/status", body=ActionRequest("start"))
    assert [seen[2] for seen in peer.seen] == [b'{"action":"start"}'] * 3


@pytest.mark.parametrize("failure", [answers(b"{}", 503), breaks])
async def test_a_create_that_may_have_happened_is_not_repeated(
    peer: Scripted, transport: Transport, failure: Handler
) -> None:
    peer.then(failure, answers(GOOD))
    with pytest.raises((errors.ServerError, errors.ConnectionFailedError)):
        await transport.post("rtstream/event", CollectionAnswer, body=EventRequest("p", "l"))
    assert len(peer.seen) == 1


async def test_a_create_whose_connection_broke_says_that_its_state_is_unknown(
    peer: Scripted, transport: Transport
) -> None:
    peer.then(breaks, breaks, answers(b"", 502))
    body = EventRequest("p", "l")
    with pytest.raises(errors.UnansweredError, match=r"whether it was done is unknown$") as broken:
        await transport.post("unlisted", CollectionAnswer, body=body)
    assert isinstance(broken.value, errors.ConnectionFailedError)
    assert broken.value.check is None
    with pytest.raises(errors.UnansweredError, match=r"whether it was done is unknown: list_events\(\) tells$"):
        await transport.post("rtstream/event", CollectionAnswer, body=body)
    with pytest.raises(errors.UnansweredByServerError) as caught:
        await transport.post("rtstream/event", CollectionAnswer, body=body)
    assert (caught.value.status, caught.value.check) == (502, "list_events()")
    assert isinstance(caught.value, errors.ServerError)
    assert caught.value.__notes__ == ["whether it was done is unknown: list_events() tells"]


async def test_a_create_that_never_left_is_repeated_and_then_says_that_it_cannot_connect() -> None:
    spare = TestServer(web.Application())
    await spare.start_server()
    url = str(spare.make_url("/"))
    await spare.close()
    attempts = []

    def delays() -> Iterator[float]:
        while True:
            attempts.append(1)
            yield 0.0

    transport = Transport(TransportSettings(url, KEY, timeout=5.0, max_retries=2), delays=delays)
    with pytest.raises(errors.ConnectionFailedError, match="cannot connect"):
        await transport.post("x", CollectionAnswer, body=EventRequest("p", "l"))
    assert len(attempts) == 2
    await transport.aclose()


async def test_retry_after_is_honoured_and_told(peer: Scripted, transport: Transport) -> None:
    peer.then(answers({"message": "slow down"}, 429, **{"Retry-After": "0"}), answers(GOOD))
    assert (await transport.get("x", CollectionAnswer)).id == "c-1"
    peer.then(answers({"success": False, "message": "slow down"}, 429, **{"Retry-After": "3600"}))
    with pytest.raises(errors.RateLimitedError) as caught:
        await transport.get("x", CollectionAnswer)
    assert caught.value.retry_after == 3600.0


async def test_a_deadline_holds_for_a_server_that_says_nothing(peer: Scripted) -> None:
    release = asyncio.Event()

    async def silent(_: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.Response()

    peer.then(silent)
    transport = Transport(TransportSettings(peer.url, KEY, timeout=0.05), delays=no_delays)
    with pytest.raises(errors.RequestTimeoutError, match=r"no answer in time$"):
        await transport.get("x", CollectionAnswer)
    peer.then(silent)
    with pytest.raises(errors.RequestTimeoutError, match="no answer in time; whether it was done is unknown"):
        await transport.post("x", CollectionAnswer, body=EventRequest("p", "l"))
    release.set()
    await transport.aclose()


async def test_a_job_is_followed_to_its_end(peer: Scripted, transport: Transport) -> None:
    job = {"success": True, "status": "processing", "data": {"output_url": f"{peer.url}async-response/7"}}
    peer.then(
        answers(job),
        answers({"success": True, "status": "in progress", "data": {"percentage": 50}}),
        answers(b"", 503),
        answers({"success": True, "status": "done", "response": {"success": True, "data": {"id": "m-1"}}}),
    )
    answer = await transport.post("x/export", CollectionAnswer, body=msgspec.Raw(b"{}"))
    assert answer.id == "m-1"
    assert [seen[1] for seen in peer.seen[1:]] == ["/async-response/7"] * 3
    assert all(seen[3]["x-access-token"] == KEY for seen in peer.seen)


async def test_a_job_elsewhere_does_not_get_the_key(peer: Scripted, transport: Transport) -> None:
    other = Scripted()
    await other.server.start_server()
    job = {"success": True, "status": "processing", "data": {"output_url": f"{other.url}async-response/7"}}
    peer.then(answers(job))
    other.then(answers({"success": True, "data": {"id": "m-1"}}))
    assert (await transport.post("x", CollectionAnswer, body=msgspec.Raw(b"{}"))).id == "m-1"
    assert "x-access-token" not in other.seen[0][3]
    await other.server.close()


@pytest.mark.parametrize("url", ["/relative", "", None, "http://[::1", "file:///etc/passwd", "http://h:99999999/"])
async def test_a_job_without_an_address_is_outside_the_protocol(
    peer: Scripted, transport: Transport, url: str | None
) -> None:
    peer.then(answers({"success": True, "status": "processing", "data": {"output_url": url}}))
    with pytest.raises(errors.ProtocolError, match="output_url"):
        await transport.post("x", CollectionAnswer, body=msgspec.Raw(b"{}"))


def job_at(peer: Scripted) -> Handler:
    return answers({"success": True, "status": "processing", "data": {"output_url": f"{peer.url}async-response/7"}})


async def test_a_broken_look_at_a_job_is_repeated(peer: Scripted, transport: Transport) -> None:
    peer.then(job_at(peer), *BROKEN_GET, answers({"success": True, "data": {"id": "m-1"}}))
    assert (await transport.post("x/export", CollectionAnswer, body=msgspec.Raw(b"{}"))).id == "m-1"


async def test_a_job_that_is_lost_sight_of_says_what_may_have_become_of_it(
    peer: Scripted, transport: Transport
) -> None:
    peer.then(job_at(peer), *BROKEN_GET * 3)
    with pytest.raises(
        errors.ConnectionFailedError, match=r"POST x/export: lost sight .* whether it was done is unknown"
    ):
        await transport.post("x/export", CollectionAnswer, body=msgspec.Raw(b"{}"))


async def test_a_job_that_failed_is_told_as_its_operation(peer: Scripted, transport: Transport) -> None:
    failed = {"success": True, "status": "failed", "response": {"success": False, "message": "no credits"}}
    peer.then(job_at(peer), answers(failed))
    with pytest.raises(errors.InvalidRequestError, match="POST /x/export: no credits"):
        await transport.post("x/export", CollectionAnswer, body=msgspec.Raw(b"{}"))


async def test_a_job_has_a_deadline_of_its_own(peer: Scripted) -> None:
    settings = TransportSettings(peer.url, KEY, job_timeout=10.0)
    transport = Transport(settings, delays=no_delays, job_delays=lambda: iter([0.0, 11.0]))
    peer.then(job_at(peer), answers({"success": True, "status": "processing", "data": {}}))
    with pytest.raises(errors.RequestTimeoutError, match="still processing after 10 s"):
        await transport.post("x/export", CollectionAnswer, body=msgspec.Raw(b"{}"))
    await transport.aclose()


@pytest.mark.parametrize("body", [b"", b'{"success": true, "data": {}}'])
async def test_redirects_are_not_followed(peer: Scripted, transport: Transport, body: bytes) -> None:
    peer.then(answers(body, 302, Location="http://elsewhere.invalid/"))
    with pytest.raises(errors.ProtocolError, match="redirect"):
        await transport.get("x", CollectionAnswer)


async def test_a_body_without_end_is_refused(
    peer: Scripted, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiortstream.transport.MAX_BODY", 1000)
    peer.then(answers(b"x" * 2000))
    with pytest.raises(errors.ProtocolError, match="more than 1000 bytes"):
        await transport.get("x", CollectionAnswer)


async def test_no_error_and_no_log_carries_the_key(
    peer: Scripted, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    peer.then(answers(b"", 401), *BROKEN_GET * 3, answers(b"nonsense"))
    told = []
    for _ in range(3):
        with pytest.raises(errors.VideodbError) as caught:
            await transport.get("x", CollectionAnswer)
        error: BaseException | None = caught.value
        while error is not None:
            told.append(f"{error!r} {error}")
            error = error.__cause__
    with pytest.raises(errors.ConnectionFailedError) as refused:
        await transport.websocket(f"ws://127.0.0.1:9/ws?ticket={KEY}", heartbeat=1.0, max_msg_size=1000, timeout=5.0)
    told.append(repr(refused.value) + str(refused.value) + repr(refused.value.__cause__))
    told += [record.getMessage() for record in caplog.records]
    assert told
    assert not any(KEY in text for text in told)


async def test_a_server_that_echoes_the_key_does_not_get_it_into_errors(peer: Scripted, transport: Transport) -> None:
    echo = {"success": False, "message": f"bad header {KEY}", "error_code": KEY}
    peer.then(answers(echo, 400), answers(f"<pre>{KEY}</pre>".encode()), answers(f"<pre>{KEY}</pre>".encode(), 404))
    for kind in (errors.InvalidRequestError, errors.ProtocolError, errors.NotFoundError):
        with pytest.raises(kind) as caught:
            await transport.get("x", CollectionAnswer)
        assert KEY not in f"{caught.value} {vars(caught.value)}"
        assert "[key]" in str(caught.value)


async def test_what_is_tried_again_is_logged(
    peer: Scripted, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="aiortstream")
    peer.then(answers(b"", 503), *BROKEN_GET, answers(GOOD))
    await transport.get("x", CollectionAnswer)
    first, second = (record.getMessage() for record in caplog.records if record.name == "aiortstream.transport")
    assert first == "GET x: HTTP 503; again in 0.00 s"
    assert second.startswith("GET x: the connection broke (")


async def test_no_attempt_is_waited_for_beyond_the_deadline(peer: Scripted) -> None:
    settings = TransportSettings(peer.url, KEY, timeout=5.0)
    transport = Transport(settings, delays=lambda: iter([60.0]))  # a fresh one for every request
    peer.then(answers(b"", 503), *BROKEN_GET)
    with pytest.raises(errors.ServerError):
        await transport.get("x", CollectionAnswer)
    with pytest.raises(errors.ConnectionFailedError):
        await transport.get("x", CollectionAnswer)
    assert len(peer.seen) == 3
    await transport.aclose()


async def test_searching_is_repeated_although_it_is_a_post(peer: Scripted, transport: Transport) -> None:
    peer.then(answers(b"", 502), answers(GOOD))
    await transport.search("x/search", CollectionAnswer, body=EventRequest("p", "l"))
    assert [seen[0] for seen in peer.seen] == ["POST", "POST"]


async def test_a_session_of_the_caller_s_is_used_as_it_is_and_left_open(peer: Scripted) -> None:
    async with aiohttp.ClientSession(raise_for_status=True, headers={"x-proxy": "yes"}) as session:
        transport = Transport(TransportSettings(peer.url, KEY), session=session)
        peer.then(answers({"success": False, "message": "no such thing"}, 404))
        with pytest.raises(errors.NotFoundError, match="no such thing"):
            await transport.get("x", CollectionAnswer)
        await transport.aclose()
        assert not session.closed
    assert peer.seen[0][3]["x-proxy"] == "yes"


async def test_many_requests_share_the_session(peer: Scripted, transport: Transport) -> None:
    peer.then(*[answers(GOOD)] * 50)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(transport.get("x", CollectionAnswer)) for _ in range(50)]
    assert {task.result().id for task in tasks} == {"c-1"}


async def test_cancelling_by_a_scope_of_anyio_leaves_the_transport_usable(peer: Scripted, transport: Transport) -> None:
    arrived, release = asyncio.Event(), asyncio.Event()

    async def waits(_: web.Request) -> web.StreamResponse:
        arrived.set()
        await release.wait()
        return web.Response()

    peer.then(waits, answers(GOOD))
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(transport.get, "x", CollectionAnswer)
            await arrived.wait()
            scope.cancel()
    assert scope.cancelled_caught
    release.set()
    assert (await transport.get("x", CollectionAnswer)).id == "c-1"


# --- websockets -------------------------------------------------------------------------------------------------------


async def open_socket(
    transport: Transport, url: str, timeout: float = 5.0
) -> aiohttp.ClientWebSocketResponse[Literal[False]]:
    return await transport.websocket(url, heartbeat=10.0, max_msg_size=1000, timeout=timeout)


async def test_a_websocket_gives_text_as_bytes(peer: Scripted, transport: Transport) -> None:
    async def greets(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str("hello")
        await socket.close()
        return socket

    peer.then(greets)
    socket = await open_socket(transport, f"{peer.url}ws?ticket=t")
    message = await socket.receive()
    assert message.data == b"hello"
    await socket.close()
    assert peer.seen[0][1] == "/ws?ticket=t"
    assert "x-access-token" not in peer.seen[0][3]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, errors.AuthenticationError), (403, errors.AuthenticationError), (404, errors.ServerError)],
)
async def test_a_refused_websocket(
    peer: Scripted, transport: Transport, status: int, kind: type[errors.ResponseError]
) -> None:
    peer.then(answers(b"", status))
    with pytest.raises(kind, match="the websocket was refused") as caught:
        await open_socket(transport, f"{peer.url}ws?ticket=t-secret")
    assert caught.value.status == status
    assert "t-secret" not in str(caught.value)


async def test_a_websocket_that_is_not_answered_in_time(peer: Scripted, transport: Transport) -> None:
    release = asyncio.Event()

    async def silent(_: web.Request) -> web.StreamResponse:
        await release.wait()
        return web.Response()

    peer.then(silent)
    with pytest.raises(errors.ConnectionFailedError, match=r"within 0\.05 s"):
        await open_socket(transport, f"{peer.url}ws", timeout=0.05)
    release.set()


@pytest.mark.parametrize("url", ["not a url", "ws://[::1", "http://"])
async def test_a_websocket_at_no_address(transport: Transport, url: str) -> None:
    with pytest.raises(errors.ConnectionFailedError, match="no websocket at"):
        await open_socket(transport, url)


async def test_cancelling_leaves_the_transport_usable(peer: Scripted, transport: Transport) -> None:
    arrived, release = asyncio.Event(), asyncio.Event()

    async def waits(_: web.Request) -> web.StreamResponse:
        arrived.set()
        await release.wait()
        return web.Response()

    peer.then(waits, answers(GOOD))
    task = asyncio.create_task(transport.get("x", CollectionAnswer))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    assert (await transport.get("x", CollectionAnswer)).id == "c-1"
