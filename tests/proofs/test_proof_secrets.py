"""Over whole runs that go wrong in every way, nothing that is told to anybody carries a secret.

Three secrets: the API key, the query of the websocket's presigned URL, and the user and password in a source's URL.
Looked at are all log records of all loggers at DEBUG with the event loop's own debug mode on, all exceptions with what
they were raised from, all hook events, all warnings, and the reprs of all public objects.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from public_calls import CALLS, QUICK, World

from aiortstream import AsyncClient, InvalidArgumentError, LiveEvent, VideodbError
from aiortstream.testing import FaultGate, FaultPlan, ScriptedServer
from aiortstream.testing.faults import (
    Close,
    FrameBeforeHello,
    Garbage,
    GarbageFrame,
    LostAnswer,
    OversizedFrame,
    Refused,
    Reset,
    Status,
)
from aiortstream.transport import TransportSettings

KEY = "sk-Zk39vQ-key"
USER, PASSWORD = "Zk39vQ-user", "Zk39vQ-pa:ss"
SOURCE = f"rtsp://{USER}:{PASSWORD}@camera.invalid/front"
SIGNATURE = "Zk39vQ-signature"
WATCHWORD = "Zk39vQ"  # in each of them
DEADLINE = 20.0  # seconds


class Told(logging.Handler):
    """Everything that was told to anybody."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(threadName)s %(message)s"))
        self.records: list[str] = []
        self.texts: list[str] = []
        self.events: list[LiveEvent] = []
        self.errors = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(f"{self.format(record)} {record.args!r}")

    def hook(self, event: LiveEvent) -> None:
        self.events.append(event)
        self.texts += [repr(event), str(event)]
        error = getattr(event, "error", None)
        if error is not None:
            self.error(error)

    def error(self, error: BaseException | None) -> None:
        """An error, and all that a report of it would show."""
        if error is not None:
            self.errors += 1
            self.texts += traceback.format_exception(error)
        while error is not None:
            self.texts += [str(error), repr(error), repr(vars(error)), *getattr(error, "__notes__", ())]
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)

    def objects(self, *objects: object) -> None:
        self.texts += [f"{each!r} {each}" for each in objects]

    async def of(self, call: Any) -> None:
        """What a call says, whatever it says."""
        try:
            self.objects(await call)
        except (VideodbError, StopAsyncIteration) as error:
            self.error(error)

    def secrets(self, extra: str = WATCHWORD) -> list[str]:
        """What of it has a secret in it."""
        return [text for text in [*self.texts, *self.records] if WATCHWORD in text or extra in text]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[Told]:
    made = Told()
    for name in ("", *logging.root.manager.loggerDict):
        caplog.set_level(logging.DEBUG, logger=name)
    logging.getLogger().addHandler(made)
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            yield made
    finally:
        logging.getLogger().removeHandler(made)
    made.objects(*(warning.message for warning in seen))
    assert made.secrets() == []
    assert any(text.startswith("aiortstream") for text in made.records)


def look_at_everything() -> None:
    """The event loop tells of each step that it takes."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0


# --- a server that works, and everything between it and us that does not ----------------------------------------------


@pytest.mark.parametrize("features", [(), ("resume", "alert_log", "since")])
async def test_a_run_with_every_fault_tells_no_secret(told: Told, features: tuple[str, ...]) -> None:
    look_at_everything()
    live = replace(QUICK, hooks=(told.hook,), max_connection_age=0.2, connect_timeout=1.0, max_frame_bytes=100_000)
    async with (
        asyncio.timeout(DEADLINE),
        ScriptedServer(features=features) as server,
        FaultGate(server.url) as gate,
        AsyncClient(KEY, base_url=gate.url, live=live, max_retries=1) as client,
    ):
        world = World(server, client)
        await world.prepare()
        told.objects(await client.connect_rtstream(SOURCE, store=True))
        await world.rtstream.start_transcript()
        watches = [
            client.watch_events(),
            client.watch_alerts(),
            world.rtstream.watch_transcript(gaps="yield"),
            world.index.watch_scenes(),
        ]
        readers = [asyncio.create_task(read(told, watch)) for watch in watches]
        for fault in FAULTS:
            await through(told, world, gate, fault)
        gate.down()
        await told.of(client.connect_rtstream(SOURCE))
        gate.up()
        await server.restart()
        await told.of(client.connect_rtstream(SOURCE))
        told.objects(client, client.health(), live, *watches, *(watch.statistics() for watch in watches))
        told.objects(client.collection(), world.rtstream, world.index, watches[0].batch())
        await client.aclose()
        await asyncio.gather(*readers)
    assert told.errors > 20
    kinds = {type(event).__name__ for event in told.events}
    assert {"ConnectionOpened", "ConnectionLost", "ConnectionRetrying", "StateChanged"} <= kinds
    assert told.secrets("signature=") == []  # the scripted server's own


async def read(told: Told, watch: Any) -> None:
    """Read to the end, over every error."""
    while True:
        try:
            told.objects(await anext(watch))
        except StopAsyncIteration:
            return
        except VideodbError as error:
            told.error(error)


FAULTS: list[Callable[[FaultPlan], None]] = [
    *(
        lambda plan, code=code: plan.requests(Status(code), times=3)
        for code in (400, 401, 402, 403, 404, 429, 500, 503)
    ),
    lambda plan: plan.requests(Garbage(), times=3),
    lambda plan: plan.requests(Reset(), times=3),
    lambda plan: plan.requests(LostAnswer(), times=2),
    lambda plan: plan.requests(Status(403), path="*/websocket"),
    lambda plan: plan.handshakes(Refused()),
    lambda plan: plan.handshakes(Reset(), times=2),
    lambda plan: plan.handshakes(FrameBeforeHello()),
    lambda plan: plan.frames(GarbageFrame()),
    lambda plan: plan.frames(OversizedFrame(200_000)),
    lambda plan: plan.frames(Close(1011)),
    lambda plan: plan.frames(Reset()),
]


async def through(told: Told, world: World, gate: FaultGate, fault: Callable[[FaultPlan], None]) -> None:
    """Everything that a client does, once, through a fault."""
    fault(gate.faults)
    gate.drop_connections()
    await told.of(world.client.connect_rtstream(SOURCE))
    await told.of(world.rtstream.start_transcript())
    world.server.emit_transcript(world.rtstream.id, "something")
    world.server.emit_scene(world.index.rtstream_index_id, "something")
    world.server.emit_alert(world.alert_id, "something")
    await told.of(world.client.list_events())
    gate.faults.clear()


# --- a server that repeats all it knows in all it says ----------------------------------------------------------------


Answer = Callable[[web.Request, str], web.StreamResponse]


class Parrot:
    """Answers every request with the request, and with the websocket's URL, in the form that `answer` gives it."""

    def __init__(self) -> None:
        self.answer = refused(400)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/ws":
            return web.Response(status=403, text=str(request.rel_url), headers={"X-Echo": str(request.rel_url)})
        body = (await request.read()).decode()
        said = f"{dict(request.headers)} {body} ws://{USER}:{PASSWORD}@{request.host}/ws?token={SIGNATURE}&x=1 {SOURCE}"
        return self.answer(request, said)


def refused(status: int) -> Answer:
    def answer(request: web.Request, said: str) -> web.StreamResponse:
        return web.json_response({"success": False, "message": said, "error_code": KEY}, status=status)

    return answer


def raw(status: int) -> Answer:
    return lambda request, said: web.Response(status=status, text=f"<pre>{said}</pre>")


def cut(length: int) -> Answer:
    """Something that is not JSON, which an error quotes the beginning of: the cut may fall into a secret."""
    return lambda request, said: web.Response(text=f"{'-' * length}{KEY} {SOURCE} ws://h/ws?token={SIGNATURE}{said}")


def redirect(request: web.Request, said: str) -> web.StreamResponse:
    return web.Response(status=302, headers={"Location": SOURCE}, text=said)


def misshapen(request: web.Request, said: str) -> web.StreamResponse:
    return web.json_response({"success": True, "data": [said]})


def lost_job(request: web.Request, said: str) -> web.StreamResponse:
    data = {"output_url": f"http://127.0.0.1:9/job?token={SIGNATURE}"}
    return web.json_response({"success": True, "status": "processing", "data": data})


def failed_job(request: web.Request, said: str) -> web.StreamResponse:
    if "job" in request.path:
        return web.json_response({"success": False, "status": "failed", "message": said})
    data = {"output_url": f"http://{request.host}/job?token={SIGNATURE}"}
    return web.json_response({"success": True, "status": "processing", "data": data})


def broken_http(request: web.Request, said: str) -> web.StreamResponse:
    assert request.transport is not None
    assert isinstance(request.transport, asyncio.Transport)
    request.transport.write(f"HTTP/1.1 200 OK\r\nContent-Length: {SIGNATURE}\r\n\r\n{said}".encode())
    return web.Response(text=said)


ANSWERS: dict[str, Answer] = {
    **{f"refused with {status}": refused(status) for status in (400, 401, 402, 403, 404, 429, 500, 503)},
    "refused with 200": refused(200),
    **{f"raw with {status}": raw(status) for status in (200, 404, 502)},
    **{f"cut at {length}": cut(length) for length in range(120, 210, 3)},
    "redirect": redirect,
    "misshapen": misshapen,
    "lost job": lost_job,
    "failed job": failed_job,
    "broken HTTP": broken_http,
}
SOCKETS = {
    "refused": f"ws://{{host}}/ws?token={SIGNATURE}",
    "not there": f"ws://127.0.0.1:9/ws?token={SIGNATURE}",
    "no host": f"ws://{USER}:{PASSWORD}@[not a host/ws?token={SIGNATURE}",
    "no port": f"ws://{USER}:{PASSWORD}@h:99999/ws?token={SIGNATURE}",
    "no websocket": f"gopher://{USER}:{PASSWORD}@h/ws?token={SIGNATURE}",
    "no URL": f"?token={SIGNATURE}",
}


@asynccontextmanager
async def parrot() -> AsyncIterator[tuple[Parrot, str]]:
    made = Parrot()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield made, f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_server_that_repeats_every_secret_gets_none_into_what_we_say(told: Told) -> None:
    look_at_everything()
    live = replace(QUICK, hooks=(told.hook,), connect_timeout=0.5)
    async with (
        asyncio.timeout(DEADLINE),
        parrot() as (server, url),
        ScriptedServer() as other,
        AsyncClient(KEY, base_url=url, live=live, max_retries=0) as client,
    ):
        world = World(other, client)
        for name, answer in ANSWERS.items():
            server.answer = answer
            before = told.errors
            await told.of(client.connect_rtstream(SOURCE, ws_connection_id=None))
            assert told.errors > before, name
        for name in sorted(set(CALLS) - {"AsyncClient.open", "AsyncClient.aclose"}):
            await told.of(CALLS[name](world))
        assert told.errors > len(ANSWERS) + len(CALLS)


@pytest.mark.parametrize("features", [[], ["resume"]])
@pytest.mark.parametrize("socket", sorted(SOCKETS))
async def test_a_websocket_that_cannot_be_opened_is_told_of_without_its_url(
    told: Told, socket: str, features: list[str]
) -> None:
    live = replace(QUICK, hooks=(told.hook,), connect_timeout=0.5)
    async with (
        asyncio.timeout(DEADLINE),
        parrot() as (server, url),
        AsyncClient(KEY, base_url=url, live=live, max_retries=0) as client,
    ):

        def answer(request: web.Request, said: str) -> web.StreamResponse:
            data = {"websocket_url": SOCKETS[socket].replace("{host}", request.host), "features": features}
            return web.json_response({"success": True, "data": data})

        server.answer = answer
        watch = client.watch_events()
        async with watch:
            with suppress(TimeoutError):
                async with asyncio.timeout(0.2):
                    await told.of(anext(watch))
            await told.of(client.rtstream("rts-1").scene_index("i").create_alert("event", callback_url=""))
            health = client.health()
            assert isinstance(health.last_error, VideodbError)
            assert "core failed" not in str(health.last_error), "the streaming core goes on"
            told.error(health.last_error)
            told.objects(health, watch.statistics())


# --- what is wrong before anything is sent ----------------------------------------------------------------------------


async def test_arguments_that_are_refused_are_not_repeated(told: Told) -> None:
    logging.getLogger("aiortstream").debug("nothing else is logged here")
    async with AsyncClient(KEY, base_url="http://127.0.0.1:9") as client:
        for wrong in (SOURCE.encode(), [SOURCE], {"url": SOURCE}):
            with pytest.raises(InvalidArgumentError) as caught:
                await client.connect_rtstream(wrong)  # type: ignore[arg-type]
            told.error(caught.value)
    for url in (f"https://{USER}:{PASSWORD}@h/?key={KEY}", f"https://h/?key={KEY}", f"ftp://{USER}:{PASSWORD}@h"):
        with pytest.raises(InvalidArgumentError) as caught:
            AsyncClient(KEY, base_url=url)
        told.error(caught.value)
    told.objects(client, TransportSettings("http://h", KEY))
