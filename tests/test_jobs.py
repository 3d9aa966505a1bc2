"""Jobs: awaited, followed, given up and taken up again."""

from __future__ import annotations

import asyncio
from itertools import repeat
from typing import Any

import pytest
from conftest import MockedRest

from aiortstream import (
    AsyncClient,
    ConnectionFailedError,
    InvalidArgumentError,
    InvalidRequestError,
    Job,
    JobTimeoutError,
    JobUpdate,
    ProtocolError,
    RequestTimeoutError,
    RTStreamExportResult,
)

EXPORT, LOOK = "/rtstream/rts-1/export", "/async-response/7"
URL = f"https://api.test{LOOK}"
RESULT = {"video_id": "m-1", "name": "Door", "duration": 4.5}


@pytest.fixture(autouse=True)
async def no_delays(client: AsyncClient) -> None:
    client._context.transport._job_delays = lambda: repeat(0.0)


def begins(rest: MockedRest) -> None:
    rest.answer("POST", EXPORT, {"output_url": URL}, status_of_job="processing")


def goes_on(rest: MockedRest, percentage: float | None = None) -> None:
    data = {"output_url": URL} | ({} if percentage is None else {"percentage": percentage})
    rest.answer("GET", LOOK, data, status_of_job="processing")


def ends(rest: MockedRest, **response: Any) -> None:
    rest.answer("GET", LOOK, status_of_job="done", response={"success": True, "data": RESULT} | response)


def export(client: AsyncClient, **options: Any) -> Job[RTStreamExportResult]:
    return client.rtstream("rts-1").export("Door", **options)


async def test_awaiting_a_job_is_awaiting_its_result(client: AsyncClient, rest: MockedRest) -> None:
    begins(rest)
    goes_on(rest, 50)
    ends(rest)
    job = export(client)
    assert (job.done(), job.last, rest.requests) == (False, None, [])
    assert (await job).video_id == "m-1"
    assert (await job).duration == 4.5  # it is kept
    assert [path for _, path, _, _ in rest.requests] == [EXPORT, LOOK, LOOK]
    assert (job.done(), job.last) == (True, JobUpdate("done", 100.0))


async def test_what_is_answered_at_once_is_one_update(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", EXPORT, RESULT)
    job = export(client)
    assert [update async for update in job] == [JobUpdate("done", 100.0)]
    assert (await job).name == "Door"
    assert len(rest.requests) == 1


async def test_a_job_is_followed_update_by_update(client: AsyncClient, rest: MockedRest) -> None:
    begins(rest)
    goes_on(rest, 25)
    goes_on(rest, 1000)  # nonsense is not handed on
    ends(rest)
    told: list[JobUpdate] = []
    job = export(client, on_progress=told.append)
    seen = [update async for update in job]
    assert [(update.status, update["percentage"]) for update in seen] == [
        ("processing", None),
        ("processing", 25.0),
        ("processing", None),
        ("done", 100.0),
    ]
    assert told == seen
    assert [update async for update in job] == seen[-1:]  # who comes later is told the end
    assert len(rest.requests) == 4


async def test_a_job_can_be_left_and_awaited(client: AsyncClient, rest: MockedRest) -> None:
    begins(rest)
    goes_on(rest)
    ends(rest)
    job = export(client)
    async for update in job:
        assert update.status == "processing"
        break
    assert (await job).video_id == "m-1"


async def test_many_may_wait_for_one_job(client: AsyncClient, rest: MockedRest) -> None:
    begins(rest)
    goes_on(rest, 50)
    ends(rest)
    told: list[JobUpdate] = []
    job = export(client, on_progress=told.append)

    async def follow() -> list[str]:
        return [update.status async for update in job]

    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(job._wait()) for _ in range(3)]
        following = [group.create_task(follow()) for _ in range(3)]
    assert {task.result().video_id for task in waiting} == {"m-1"}
    assert all(task.result()[-1] == "done" for task in following)
    assert len(rest.requests) == len(told) == 3  # nothing was asked or told twice


async def test_a_job_can_be_made_a_task(client: AsyncClient, rest: MockedRest) -> None:
    for _ in range(3):
        rest.answer("POST", EXPORT, RESULT)
    task = asyncio.create_task(export(client))
    assert (await task).video_id == "m-1"
    async with asyncio.timeout(5):
        first, second = await asyncio.gather(export(client), asyncio.wait_for(export(client), 5))
    assert (first, second) == (task.result(), task.result())


async def test_a_callback_may_be_a_coroutine_and_its_error_reaches_who_waits(
    client: AsyncClient, rest: MockedRest
) -> None:
    begins(rest)
    goes_on(rest, 50)
    ends(rest)
    told: list[float | None] = []

    async def note(update: JobUpdate) -> None:
        await asyncio.sleep(0)
        told.append(update.percentage)
        if update.percentage == 50:
            raise LookupError("no such bar")

    job = export(client, on_progress=note)
    with pytest.raises(LookupError, match="no such bar"):
        await job
    assert (await job).video_id == "m-1"  # the job itself has not failed
    assert told == [None, 50.0, 100.0]


async def test_a_deadline_keeps_the_job(client: AsyncClient, rest: MockedRest) -> None:
    begins(rest)
    client._context.transport._job_delays = lambda: iter([0.0, 60.0, 0.0])
    goes_on(rest)
    ends(rest)
    job = export(client, timeout=0.05)
    with pytest.raises(JobTimeoutError, match=r"export of rts-1: still processing after 0\.05 s") as caught:
        await job
    assert isinstance(caught.value, RequestTimeoutError)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.job is job
    assert not job.done()
    job.timeout = 5.0
    assert (await caught.value.job).video_id == "m-1"
    assert [path for _, path, _, _ in rest.requests].count(EXPORT) == 1


async def test_a_deadline_before_the_first_answer_keeps_the_request(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    transport, answered, asked = client._context.transport, asyncio.Event(), 0

    async def begin(*_: object, **__: object) -> Any:
        nonlocal asked
        asked += 1
        await answered.wait()
        raise InvalidRequestError("No recordings available")

    monkeypatch.setattr(transport, "begin", begin)
    job = export(client, timeout=0.01)
    for _ in range(2):
        with pytest.raises(JobTimeoutError):
            await job
    answered.set()
    for _ in range(2):
        with pytest.raises(InvalidRequestError, match="No recordings"):
            await job
    assert (asked, job.done()) == (1, True)


async def test_closing_the_client_ends_a_request_that_nobody_waits_for(rest: MockedRest) -> None:
    client = AsyncClient("key", base_url="https://api.test")
    await client.open()
    ended = asyncio.Event()

    async def begin(*_: object, **__: object) -> Any:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    client._context.transport.begin = begin  # type: ignore[method-assign]
    job = client.rtstream("rts-1").export(timeout=0.01)
    with pytest.raises(JobTimeoutError):
        await job
    await client.aclose()
    assert ended.is_set()
    with pytest.raises(Exception, match="closed"):
        await job


async def test_cancelling_stops_waiting_and_leaves_the_job(client: AsyncClient, rest: MockedRest) -> None:
    begins(rest)
    client._context.transport._job_delays = lambda: iter([60.0, 0.0])
    ends(rest)
    job, begun = export(client), asyncio.Event()
    job._on_progress = lambda _: begun.set()
    task = asyncio.create_task(job._wait())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert (await job).video_id == "m-1"
    assert [path for _, path, _, _ in rest.requests] == [EXPORT, LOOK]


async def test_a_job_cancelled_before_the_first_answer_is_lost(
    client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def begin(*_: object, **__: object) -> Any:
        asked.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(client._context.transport, "begin", begin)
    job = export(client)
    task = asyncio.create_task(job._wait())
    await asked.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert client._context.transport._tasks == set()
    with pytest.raises(ConnectionFailedError, match="cancelled before the server had answered"):
        await job


async def test_a_look_that_fails_does_not_lose_the_job(client: AsyncClient, rest: MockedRest) -> None:
    begins(rest)
    job = export(client)
    with pytest.raises(ConnectionFailedError, match="lost sight of it"):
        await job  # nothing answers the look
    assert not job.done()
    ends(rest)
    assert (await job).video_id == "m-1"


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        ({"success": False, "message": "no credits"}, InvalidRequestError),
        ({"success": True, "data": {"video": 1}}, ProtocolError),
    ],
)
async def test_a_job_that_fails_has_failed_for_good(
    client: AsyncClient, rest: MockedRest, response: dict[str, Any], kind: type[Exception]
) -> None:
    begins(rest)
    ends(rest, **response)
    told: list[JobUpdate] = []
    job = export(client, on_progress=told.append)
    for _ in range(2):
        with pytest.raises(kind):
            await job
    with pytest.raises(kind):
        _ = [update async for update in job]
    assert job.done()
    assert [update.status for update in told] == ["processing"]
    assert len(rest.requests) == 2


async def test_options_that_are_wrong(client: AsyncClient) -> None:
    with pytest.raises(InvalidArgumentError, match="timeout: expected a number of seconds above 0"):
        export(client, timeout=0)
    with pytest.raises(InvalidArgumentError, match="on_progress: expected a function that takes an update, got str"):
        export(client, on_progress="print")


async def test_a_job_that_is_forgotten_says_so(client: AsyncClient) -> None:
    export(client).close()  # on purpose
    job = [export(client)]
    with pytest.warns(RuntimeWarning, match=r"export of rts-1.*never awaited"):
        job.clear()


async def test_what_is_known_needs_no_request(client: AsyncClient, rest: MockedRest) -> None:
    told: list[JobUpdate] = []
    video = client.video("m-1")
    video.stream_url = "https://s/1"
    assert await video.generate_stream(on_progress=told.append) == "https://s/1"
    assert (told, rest.requests) == ([JobUpdate("done", 100.0)], [])
