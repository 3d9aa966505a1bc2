"""Talking to an endpoint over a real socket: retries, deadlines, and a key that never shows."""

from __future__ import annotations

import asyncio
import email.utils
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web
from fake_endpoint import KEY, FakeEndpoint

from aiortstream.local.ai.executor import ModelBusy
from aiortstream.local.ai.openai import EndpointError, OpenAiEndpoint

DEADLINE = 10.0


class Answer(msgspec.Struct):
    value: int


@pytest.fixture
async def server() -> AsyncIterator[FakeEndpoint]:
    server = FakeEndpoint()
    await server.start()
    yield server
    await server.stop()


Client = Callable[..., OpenAiEndpoint]


@pytest.fixture
async def client(server: FakeEndpoint) -> AsyncIterator[Client]:
    made = list[OpenAiEndpoint]()

    def make(url: str | None = None, **options: Any) -> OpenAiEndpoint:
        defaults: dict[str, Any] = {"timeout": DEADLINE, "first_pause": 0.001}
        made.append(OpenAiEndpoint(url or server.url, KEY, **{**defaults, **options}))
        return made[-1]

    yield make
    for endpoint in made:
        await endpoint.aclose()


async def ask(endpoint: OpenAiEndpoint) -> Answer:
    return await endpoint.post("things", Answer, lambda: {"question": 1})


def text_of(error: BaseException | None) -> str:
    """An error with all its causes and contexts, as a traceback would show it."""
    texts = []
    while error is not None:
        texts.append(f"{error!r} {error}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return " ".join(texts)


async def test_a_body_goes_out_as_json_with_the_key_and_the_answer_is_typed(
    server: FakeEndpoint, client: Client
) -> None:
    server.json({"value": 7, "more": "ignored"})
    assert await ask(client()) == Answer(7)
    (request,) = server.received
    assert (request.path, request.body) == ("/v1/things", {"question": 1})
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    assert request.headers["Content-Type"] == "application/json"


async def test_a_slash_at_the_end_of_the_url_makes_no_difference(server: FakeEndpoint, client: Client) -> None:
    server.json({"value": 7})
    await ask(client(server.url + "/"))
    assert server.received[0].path == "/v1/things"


async def test_no_key_is_no_header(server: FakeEndpoint) -> None:
    server.json({"value": 7})
    endpoint = OpenAiEndpoint(server.url)
    await ask(endpoint)
    await endpoint.aclose()
    assert "Authorization" not in server.received[0].headers


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_overload_and_server_errors_are_tried_again(server: FakeEndpoint, client: Client, status: int) -> None:
    server.json({"error": {"message": "later"}}, status=status)
    server.json({"error": {"message": "later"}}, status=status)
    server.json({"value": 7})
    assert await ask(client()) == Answer(7)
    assert len(server.received) == 3


async def test_a_broken_connection_is_tried_again(server: FakeEndpoint, client: Client) -> None:
    server.drop()
    server.json({"value": 7})
    assert await ask(client()) == Answer(7)


async def test_tries_come_to_an_end_and_the_last_answer_is_told(server: FakeEndpoint, client: Client) -> None:
    server.json({"error": {"message": "model is loading"}}, status=503)
    with pytest.raises(EndpointError, match=r"model is loading \(HTTP 503\)") as caught:
        await ask(client(retries=2))
    assert caught.value.status == 503
    assert len(server.received) == 3


@pytest.mark.parametrize("status", [400, 401, 404, 422, 302])
async def test_other_answers_are_final(server: FakeEndpoint, client: Client, status: int) -> None:
    server.json({"error": {"message": "no such model"}}, status=status, headers={"Location": "http://127.0.0.1:9/x"})
    with pytest.raises(EndpointError, match=rf"no such model \(HTTP {status}\)") as caught:
        await ask(client())
    assert caught.value.status == status
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"error": "plain"}', "plain"),
        ('{"detail": [{"msg": "bad field"}]}', "bad field"),
        ('{"message": "hello"}', "hello"),
        ("<html>Bad\n gateway</html>", "<html>Bad gateway</html>"),
        ("", "Bad Request"),
        ("x" * 5000, "x" * 300 + "…"),
    ],
    ids=["string", "detail", "message", "html", "empty", "long"],
)
async def test_the_servers_own_words_are_found_in_every_dialect(
    server: FakeEndpoint, client: Client, body: str, said: str
) -> None:
    server.text(body, status=400)
    with pytest.raises(EndpointError) as caught:
        await ask(client())
    assert said in str(caught.value)
    assert len(str(caught.value)) < 450


async def test_retry_after_is_waited_for_rather_than_our_own_pause(server: FakeEndpoint, client: Client) -> None:
    server.json({"error": "slow down"}, status=429, headers={"Retry-After": "0"})
    server.json({"value": 7})
    # Our own pause would be longer than the deadline.
    assert await ask(client(first_pause=10_000.0)) == Answer(7)


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_retry_after_beyond_the_deadline_is_not_waited_for(
    server: FakeEndpoint, client: Client, form: str
) -> None:
    value = "3600" if form == "seconds" else email.utils.formatdate(time.time() + 3600, usegmt=True)
    server.json({"error": "slow down"}, status=429, headers={"Retry-After": value})
    with pytest.raises(EndpointError, match=r"slow down \(HTTP 429\)"):
        await ask(client())
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "body", ["", "not json", '{"value": "seven"}', "{}", "[1]"], ids=["empty", "text", "type", "missing", "list"]
)
async def test_an_answer_of_another_shape_is_an_error_and_not_tried_again(
    server: FakeEndpoint, client: Client, body: str
) -> None:
    server.text(body)
    with pytest.raises(EndpointError, match="answered in a shape that is not OpenAI's"):
        await ask(client())
    assert len(server.received) == 1


async def test_an_endless_answer_is_cut_off(server: FakeEndpoint, client: Client) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(1000):
            await response.write(b" " * 65536)
        return response

    server.answers.append(endless)
    with pytest.raises(EndpointError, match="more than 16 MiB"):
        await ask(client())


async def test_a_call_has_a_deadline(server: FakeEndpoint, client: Client) -> None:
    server.hang()
    with pytest.raises(EndpointError, match=r"gave no answer in 0\.\d s"):
        await ask(client(timeout=0.1))


async def test_nobody_listening_is_told(client: Client, unused_tcp_port: int) -> None:
    with pytest.raises(EndpointError, match=r"the endpoint 127\.0\.0\.1 \(/things\) cannot be reached") as caught:
        await ask(client(f"http://127.0.0.1:{unused_tcp_port}/v1", retries=1))
    assert caught.value.status is None


async def test_only_so_many_calls_run_and_wait(server: FakeEndpoint, client: Client) -> None:
    server.hang()
    endpoint = client(max_concurrency=2, max_waiting=1)
    calls = [asyncio.create_task(endpoint.post("things", dict, lambda: 1)) for _ in range(3)]
    await server.has_received(2)

    with pytest.raises(ModelBusy, match="1 calls already wait"):
        await ask(endpoint)

    assert len(server.received) == 2
    server.release.set()
    assert len(await asyncio.gather(*calls)) == 3


async def test_a_cancelled_call_frees_its_place(server: FakeEndpoint, client: Client) -> None:
    server.hang()
    endpoint = client(max_concurrency=1, max_waiting=0)
    call = asyncio.create_task(ask(endpoint))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    server.answers.clear()
    server.json({"value": 7})
    assert await ask(endpoint) == Answer(7)


async def test_a_closed_client_says_so(server: FakeEndpoint, client: Client) -> None:
    server.json({"value": 7})
    endpoint = client()
    await ask(endpoint)
    await endpoint.aclose()
    await endpoint.aclose()
    with pytest.raises(EndpointError, match="closed"):
        await ask(endpoint)


@pytest.mark.parametrize("url", ["ftp://host/v1", "localhost:8000", "", "/v1", "http://"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must be an http or https URL"):
        OpenAiEndpoint(url)


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(ValueError, match="must not carry a user or a password") as caught:
        OpenAiEndpoint("https://me:hunter2@host/v1")
    assert "hunter2" not in str(caught.value)


async def test_the_key_is_in_no_error_no_log_and_no_repr(
    server: FakeEndpoint, client: Client, caplog: pytest.LogCaptureFixture, unused_tcp_port: int
) -> None:
    caplog.set_level(logging.DEBUG)
    failures = [
        lambda: server.json({"error": {"message": f"Incorrect API key provided: {KEY}"}}, status=401),
        lambda: server.text(f"Bearer {KEY} refused", status=500),
        lambda: server.text(f'{{"value": "{KEY}"}}'),
        server.drop,
        server.hang,
    ]
    texts = [repr(client())]
    for fail in failures:
        server.answers.clear()
        fail()
        with pytest.raises(EndpointError) as caught:
            await ask(client(timeout=0.3, retries=1))
        texts.append(text_of(caught.value))
    with pytest.raises(EndpointError) as caught:
        await ask(client(f"http://127.0.0.1:{unused_tcp_port}", retries=0))
    texts += [text_of(caught.value), caplog.text]

    assert not [text for text in texts if KEY in text]
    assert "Incorrect API key provided: <key>" in texts[1]
