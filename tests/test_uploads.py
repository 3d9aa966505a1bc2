"""Uploading files to a real server in this process, which keeps what it is sent as the hosted service does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import BodyPartReader, web
from aiohttp.test_utils import TestServer

from aiortstream import (
    AsyncClient,
    ConnectionFailedError,
    InvalidRequestError,
    JobTimeoutError,
    JobUpdate,
    ProtocolError,
    RequestTimeoutError,
    VideodbError,
)
from aiortstream.posting import post_file

KEY = "sk-uploads"
DEADLINE = 10.0
CONTENT = bytes(range(256)) * 8192
VIDEO = {"id": "m-1", "collection_id": "c-1", "name": "clip", "length": 4}
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Service:
    """`answer` is what the upload URL does; tests may replace it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.posted: list[tuple[str | None, str | None, bytes]] = []  # field, file name, content
        self.headers: list[dict[str, str]] = []
        self.answer: Answer = self.keep
        self.reached = asyncio.Event()
        self.envelope: dict[str, Any] = {"success": True, "data": VIDEO}
        app = web.Application(client_max_size=2**30)
        app.router.add_get("/collection/{id}/upload_url", self.upload_url)
        app.router.add_post("/collection/{id}/upload", self.upload)
        app.router.add_post("/presigned", self.presigned)
        self.server = TestServer(app)

    async def upload_url(self, request: web.Request) -> web.Response:
        self.calls.append(("GET", request.path_qs, None))
        url = str(self.server.make_url("/presigned?signature=Zk39"))
        return web.json_response({"success": True, "data": {"upload_url": url, "video_id": "m-1"}})

    async def upload(self, request: web.Request) -> web.Response:
        self.calls.append(("POST", request.path_qs, await request.json()))
        return web.json_response(self.envelope)

    async def presigned(self, request: web.Request) -> web.StreamResponse:
        return await self.answer(request)

    async def keep(self, request: web.Request) -> web.Response:
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            self.posted.append((part.name, part.filename, await part.read()))
        return web.Response(status=204)

    async def never(self, request: web.Request) -> web.Response:
        self.reached.set()
        await asyncio.Event().wait()
        raise AssertionError


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    made = Service()
    await made.server.start_server(shutdown_timeout=0.1)
    yield made
    await made.server.close()


@pytest.fixture
async def client(service: Service) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(KEY, base_url=str(service.server.make_url("")), max_retries=0) as opened:
        yield opened


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Larger than any buffer on the way."""
    path = tmp_path / "clip.mp4"
    path.write_bytes(CONTENT)
    return path


async def test_a_file_goes_to_the_url_it_is_given_and_then_becomes_a_video(
    client: AsyncClient, service: Service, clip: Path
) -> None:
    video = await client.collection("c-1").upload(clip)
    assert (video.id, video.length) == ("m-1", 4.0)
    assert service.posted == [("file", "clip", CONTENT)]
    assert "x-access-token" not in service.headers[0]  # the URL is the permission, whoever's it is
    assert int(service.headers[0]["content-length"]) > len(CONTENT)  # presigned ones take nothing chunked
    (asked, made) = service.calls
    assert asked == ("GET", "/collection/c-1/upload_url?name=clip", None)
    assert made[1] == "/collection/c-1/upload"
    assert made[2]["url"].endswith("/presigned?signature=Zk39")
    assert made[2]["name"] == "clip"


async def test_a_name_of_ones_own(client: AsyncClient, service: Service, clip: Path) -> None:
    await client.upload(str(clip), name="Größe")
    assert service.calls[0][1].startswith("/collection/default/upload_url?name=Gr")
    assert service.calls[1][2]["name"] == "Größe"


async def test_with_a_callback_nothing_is_waited_for(client: AsyncClient, service: Service, clip: Path) -> None:
    job = {"output_url": str(service.server.make_url("/async-response/1"))}
    service.envelope = {"success": True, "status": "processing", "request_type": "async", "data": job}
    assert await client.upload(clip, callback_url="https://me.test/done") is None
    assert service.calls[-1][2]["callback_url"] == "https://me.test/done"


def refuse(status: int, text: str) -> Answer:
    async def answer(request: web.Request) -> web.StreamResponse:
        await request.read()
        return web.Response(status=status, text=text)

    return answer


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (refuse(413, '{"success": false, "message": "file: too large"}'), InvalidRequestError, "file: too large"),
        (refuse(403, "<Error><Code>AccessDenied</Code></Error>"), VideodbError, "AccessDenied"),
        (refuse(302, ""), ProtocolError, "a redirect"),
    ],
)
async def test_a_file_that_is_refused_becomes_no_video(
    client: AsyncClient, service: Service, clip: Path, answer: Answer, error: type[Exception], says: str
) -> None:
    service.answer = answer
    with pytest.raises(error, match=says) as refused:
        await client.upload(clip)
    assert "Zk39" not in str(refused.value)
    assert [method for method, *_ in service.calls] == ["GET"]


async def test_a_connection_that_breaks(client: AsyncClient, service: Service, clip: Path) -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    service.answer = hang_up
    with pytest.raises(ConnectionFailedError) as broken:
        await client.upload(clip)
    assert "Zk39" not in repr(broken.value)


async def test_a_server_that_takes_nothing_more_is_given_up(client: AsyncClient, service: Service, clip: Path) -> None:
    service.answer = service.never
    session = client._context.transport._http()
    url = str(service.server.make_url("/presigned?signature=Zk39"))
    with pytest.raises(RequestTimeoutError, match=r"nothing of the file has left for 0\.05 s"):
        await post_file(session, url, clip, "clip", KEY, idle=0.05)


async def test_cancelling_while_the_file_is_sent_leaves_nothing(
    client: AsyncClient, service: Service, clip: Path
) -> None:
    service.answer = service.never
    task = asyncio.create_task(client.upload(clip))
    async with asyncio.timeout(DEADLINE):
        await service.reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [method for method, *_ in service.calls] == ["GET"]
    service.answer = service.keep
    await client.upload(clip)  # the client goes on


async def test_how_much_of_a_file_has_left_is_told(service: Service, client: AsyncClient, clip: Path) -> None:
    told: list[JobUpdate] = []
    job = client.collection("c-1").upload(clip, on_progress=told.append)
    assert [update async for update in job] == told
    assert {update.status for update in told} == {"sending", "done"}
    sent = [update.percentage for update in told if update.status == "sending"]
    assert sent
    assert sent == sorted(set(sent), key=lambda each: each or 0.0)  # each once
    assert all(each is not None and 0 <= each <= 100 for each in sent)
    assert told[-1] == JobUpdate("done", 100.0)
    assert len(service.posted) == 1


async def test_a_file_goes_on_leaving_when_a_deadline_passes(service: Service, client: AsyncClient, clip: Path) -> None:
    release = asyncio.Event()

    async def hold(request: web.Request) -> web.StreamResponse:
        service.reached.set()
        await release.wait()
        return await service.keep(request)

    service.answer = hold
    job = client.collection("c-1").upload(clip, timeout=0.2)
    with pytest.raises(JobTimeoutError) as caught:
        await job
    await asyncio.wait_for(service.reached.wait(), DEADLINE)
    release.set()
    caught.value.job.timeout = DEADLINE
    assert (await caught.value.job).id == "m-1"
    assert len(service.posted) == 1
