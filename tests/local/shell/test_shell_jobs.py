"""Operations that outlive their request."""

from __future__ import annotations

import asyncio
import logging

import pytest
from shell_parts import VirtualClock

from aiortstream.local.deliver.jobs import Job, JobLimits, Jobs
from aiortstream.local.services.errors import BadRequest, NotFound, ServiceError, Unavailable
from aiortstream.wire.rest import Answer, EventIdAnswer

DONE = EventIdAnswer("e")
AT_ONCE = JobLimits(patience=0.0, jobs=2, kept=60.0)


async def answer() -> Answer:
    return DONE


async def after(gate: asyncio.Event, error: Exception | None = None) -> Answer:
    await gate.wait()
    if error is not None:
        raise error
    return DONE


async def begin(jobs: Jobs, gate: asyncio.Event, error: Exception | None = None) -> Job:
    job = await jobs.run(after(gate, error), "an operation")
    assert isinstance(job, Job)
    return job


async def finish(job: Job) -> None:
    await asyncio.wait((job.task,))
    await asyncio.sleep(0)  # its callbacks


async def test_what_is_quick_is_answered_and_takes_no_place() -> None:
    limits = JobLimits(patience=0.01, jobs=2)
    jobs, gate = Jobs(limits), asyncio.Event()
    job = await begin(jobs, gate)
    gate.set()
    await finish(job)
    for _ in range(3):
        assert await jobs.run(answer(), "quick") is DONE
    assert jobs.get(job.id) is job


async def test_what_fails_quickly_fails_in_the_request() -> None:
    jobs, gate = Jobs(), asyncio.Event()
    gate.set()
    with pytest.raises(BadRequest, match="no such colour"):
        await jobs.run(after(gate, BadRequest("no such colour")), "an operation")


async def test_what_is_slow_becomes_a_job_that_ends() -> None:
    jobs, gate = Jobs(AT_ONCE), asyncio.Event()
    job = await begin(jobs, gate)
    assert jobs.get(job.id) is job
    assert job.result() is None
    gate.set()
    await finish(job)
    assert jobs.get(job.id).result() is DONE


async def test_a_job_that_fails_tells_no_internals(caplog: pytest.LogCaptureFixture) -> None:
    jobs, gate = Jobs(AT_ONCE), asyncio.Event()
    refused = await begin(jobs, gate, BadRequest("nothing recorded"))
    broken = await begin(jobs, gate, RuntimeError("/secret/path"))
    gate.set()
    with caplog.at_level(logging.ERROR, "aiortstream.local.jobs"):
        await finish(refused)
        await finish(broken)
    with pytest.raises(BadRequest, match="nothing recorded"):
        refused.result()
    with pytest.raises(ServiceError) as raised:
        broken.result()
    assert raised.value.status == 500
    assert "secret" not in raised.value.message
    assert [record.exc_info is not None for record in caplog.records] == [True]  # the refusal is no defect


async def test_results_are_kept_for_a_while() -> None:
    clock = VirtualClock()
    jobs, gate = Jobs(AT_ONCE, clock), asyncio.Event()
    job = await begin(jobs, gate)
    clock.now += 1000
    assert jobs.get(job.id) is job  # under way, however old
    gate.set()
    await finish(job)
    clock.now += 60
    assert jobs.get(job.id) is job
    clock.now += 1
    with pytest.raises(NotFound, match="kept for 60 s"):
        jobs.get(job.id)


async def test_there_is_room_for_so_many() -> None:
    jobs, gate, never = Jobs(AT_ONCE), asyncio.Event(), asyncio.Event()
    first, second = await begin(jobs, gate), await begin(jobs, never)
    with pytest.raises(Unavailable, match="2 operations are under way"):
        await begin(jobs, never)
    gate.set()
    await finish(first)
    third = await begin(jobs, never)  # takes the place of the one that has ended
    with pytest.raises(NotFound):
        jobs.get(first.id)
    assert jobs.get(second.id) is second
    assert jobs.get(third.id) is third
    await jobs.aclose()


async def test_a_client_that_hangs_up_does_not_stop_it_and_closing_does() -> None:
    jobs, gate = Jobs(JobLimits(patience=60.0)), asyncio.Event()
    begun, ended = asyncio.Event(), asyncio.Event()

    async def operation() -> Answer:
        begun.set()
        try:
            return await after(gate)
        finally:
            ended.set()

    request = asyncio.create_task(jobs.run(operation(), "an operation"))
    await begun.wait()
    request.cancel()
    await asyncio.wait((request,))
    assert not ended.is_set()
    await jobs.aclose()
    assert ended.is_set()


async def test_a_job_that_closing_gave_up_says_so() -> None:
    jobs = Jobs(AT_ONCE)
    job = await begin(jobs, asyncio.Event())
    await jobs.aclose()
    with pytest.raises(Unavailable, match="stopping"):
        job.result()
