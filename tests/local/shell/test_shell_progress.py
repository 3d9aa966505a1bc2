"""How far a job is: told by the server as it works, and followed by the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import repeat
from pathlib import Path

import pytest
from core_fakes import DEADLINE
from media_clips import sample
from recordings import Recording
from shell_parts import KEY, Shell, open_shell
from shell_videos import add_video
from video_parts import understand_beeps

from aiortstream import AsyncClient, InvalidRequestError, JobUpdate
from aiortstream.local.ai.protocols import Utterance
from aiortstream.local.deliver.jobs import JobLimits
from aiortstream.local.media import AudioChunk
from aiortstream.local.progress import Progress, current, teller
from aiortstream.local.recording.export import export_mp4
from aiortstream.local.settings import ServerSettings


@pytest.fixture
async def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shell]:
    async with open_shell(tmp_path, ServerSettings(api_key=KEY)) as opened:
        understand_beeps(opened.core.models, monkeypatch)
        yield opened


@pytest.fixture
async def client(shell: Shell) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(KEY, base_url=shell.base) as opened:
        opened._context.transport._job_delays = lambda: repeat(0.01)
        yield opened


async def test_an_index_of_a_video_is_followed(
    shell: Shell, client: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = client.video(await add_video(shell, sample("clip")))
    shell.parts.jobs._limits = JobLimits(patience=0.0)
    models, heard = shell.core.models, asyncio.Semaphore(0)
    transcribe = models.transcribe

    async def slowly(speech: AudioChunk) -> Sequence[Utterance]:
        await heard.acquire()
        return await transcribe(speech)

    monkeypatch.setattr(models, "transcribe", slowly)
    seen: list[JobUpdate] = []
    async with asyncio.timeout(DEADLINE):
        async for update in video.index_spoken_words():
            if not seen or update != seen[-1]:
                seen.append(update)
                heard.release()
    told = [update.percentage for update in seen]
    assert told[0] is None
    assert told[-1] == 100
    between = [each for each in told[1:-1] if each is not None]
    assert len(between) >= 1
    assert all(0 < each < 100 for each in between)
    assert between == sorted(between)
    assert [update.status for update in seen] == ["processing"] * (len(seen) - 1) + ["done"]


async def test_a_language_that_is_not_known_is_refused(shell: Shell, client: AsyncClient) -> None:
    video = client.video(await add_video(shell, sample("clip")))
    for refused in (video.generate_transcript(language_code="hi"), video.index_spoken_words(language_code="fr_ca")):
        with pytest.raises(InvalidRequestError, match="language_code: expected en, which is all") as caught:
            await refused
        assert caught.value.status == 400
    assert await video.generate_transcript(language_code="en_uk")
    shell.core.models.languages = None  # as of a model behind an endpoint, which finds out by itself
    assert await video.generate_transcript(language_code="hi")


async def test_an_export_tells_of_each_segment(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "segments")
    for _ in range(3):
        await recording.record(sample("clip"))
    told: list[float] = []
    export_mp4(recording.segments, recording.root, tmp_path / "out.mp4", tell=told.append)
    assert len(told) == len(recording.segments) >= 3
    assert told == sorted(told)
    assert 0 < told[0] < told[-1] < 1


async def test_progress_belongs_to_one_job_and_never_goes_back() -> None:
    teller()(0.5)  # nobody follows it

    async def work() -> list[float | None]:
        progress = Progress()
        current.set(progress)
        told = [progress.percentage]
        first, second = teller(0.0, 0.5), teller(0.5)
        first(0.5)
        told.append(progress.percentage)
        await asyncio.to_thread(second, 0.5)
        first(0.1)
        told.append(progress.percentage)
        second(7.0)
        return [*told, progress.percentage]

    whole = [None, 25, 75, 100]
    assert await asyncio.gather(*(asyncio.create_task(work()) for _ in range(2))) == [whole, whole]
    assert current.get() is None
