"""An operation that is slow, over HTTP: `processing`, then its own answer under `response`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from core_fakes import DEADLINE
from shell_parts import KEY, Shell, Told, open_shell

from aiortstream.local.deliver.jobs import JobLimits
from aiortstream.local.services.errors import BadRequest
from aiortstream.local.settings import ServerSettings
from aiortstream.wire.rest import ExportAnswer, ExportRequest

EXPORTED = ExportAnswer("m-1", "Front - Recording", "http://x/s", "http://x/p", 4.0)


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    limits = JobLimits(patience=0.0, jobs=1)
    async with open_shell(tmp_path, ServerSettings(api_key=KEY, jobs=limits)) as opened:
        yield opened


@pytest.fixture
def finish(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception | None], None]:
    """Ends the exports that have been begun on this server, which do not end before."""
    begun: list[asyncio.Future[ExportAnswer]] = []

    async def export(rtstream_id: str, request: ExportRequest) -> ExportAnswer:
        begun.append(asyncio.get_running_loop().create_future())
        return await begun[-1]

    def end(error: Exception | None) -> None:
        for each in begun:
            if error is None:
                each.set_result(EXPORTED)
            else:
                each.set_exception(error)
        begun.clear()

    monkeypatch.setattr(shell.parts.services.streams, "export", export)
    return end


async def begin(shell: Shell) -> str:
    told = await shell.post("/rtstream/rts-1/export", {})
    assert (told.status, told.body["status"], told.body["success"]) == (200, "processing", True)
    url: str = told.body["data"]["output_url"]
    assert url.startswith(f"{shell.base}/async-response/")  # absolute: clients ask it as it is
    return url


async def over(shell: Shell, url: str) -> Told:
    async with asyncio.timeout(DEADLINE):
        while (told := await shell.get(url)).body["status"] == "processing":
            assert told.body["data"]["output_url"] == url
    return told


async def test_a_slow_export_is_asked_for_until_it_is_there(
    shell: Shell, finish: Callable[[Exception | None], None]
) -> None:
    url = await begin(shell)
    assert (await shell.get(url)).body["status"] == "processing"
    finish(None)
    told = await over(shell, url)
    assert (told.status, told.body["status"]) == (200, "done")
    assert told.body["response"]["success"] is True
    assert told.body["response"]["data"]["video_id"] == "m-1"
    assert (await shell.get(url + "/")).body == told.body  # it may be fetched again


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (BadRequest("No recordings available"), "invalid_request", "No recordings available"),
        (RuntimeError("/var/secret"), "internal_error", "the operation failed; the server's log says why"),
    ],
)
async def test_a_slow_export_that_fails_says_so(
    shell: Shell, finish: Callable[[Exception | None], None], error: Exception, code: str, said: str
) -> None:
    url = await begin(shell)
    finish(error)
    told = await over(shell, url)
    assert told.body["status"] == "failed"
    assert told.body["response"] == {"success": False, "message": said, "error_code": code}


async def test_there_is_room_for_so_many_exports(shell: Shell, finish: Callable[[Exception | None], None]) -> None:
    url = await begin(shell)
    told = await shell.post("/rtstream/rts-1/export", {})
    assert told.refusal[0] == 503
    assert "try later" in told.refusal[1]
    finish(None)
    await over(shell, url)
    await begin(shell)
    assert (await shell.get(url)).refusal[0] == 404  # it gave its place to the next
