"""Pictures of videos and the removal of their files, over HTTP, with the client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import aiohttp
import numpy as np
import pytest
from media_clips import COLOURS, sample
from PIL import Image
from shell_parts import KEY, Shell, open_shell
from shell_videos import add_video
from video_parts import understand_beeps

from aiortstream import AsyncClient, InvalidRequestError, NotFoundError, Video
from aiortstream.local.recording.files import MediaError
from aiortstream.local.recording.stills import write_still


@pytest.fixture
async def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shell]:
    async with open_shell(tmp_path) as opened:
        understand_beeps(opened.core.models, monkeypatch)
        yield opened


@pytest.fixture
async def client(shell: Shell) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(KEY, base_url=shell.base) as opened:
        yield opened


@pytest.fixture
async def video(shell: Shell, client: AsyncClient) -> Video:
    return await client.get_video(await add_video(shell, sample("clip")))


async def fetched(url: str | None) -> Image.Image:
    assert url is not None
    async with aiohttp.ClientSession() as browser, browser.get(url) as response:  # which sends no key
        assert (response.status, response.content_type) == (200, "image/jpeg")
        return Image.open(BytesIO(await response.read()))


def colour_of(image: Image.Image) -> int:
    """Which of the clip's colours it is: that of the second."""
    shown = np.asarray(image.convert("RGB"), int).reshape(-1, 3).mean(axis=0)
    return min(range(len(COLOURS)), key=lambda number: float(np.abs(shown - COLOURS[number]).sum()))


async def test_a_picture_is_of_its_second(video: Video, shell: Shell) -> None:
    for time in (0.0, 0.5, 1.2, 2.98, 3.5, video.length):
        made = await video.generate_thumbnail(time)
        assert colour_of(await fetched(made.url)) == min(int(time), 3), time
        assert (made.id.startswith("img-"), made.collection_id) == (True, video.collection_id)
    assert [image.name for image in await video.get_thumbnails()] == [
        f"Clip at {time:g} s" for time in (0, 0.5, 1.2, 2.98, 3.5, int(video.length * 1000) / 1000)
    ]
    url = await video.generate_thumbnail()
    assert colour_of(await fetched(url)) == 1
    assert len(await video.get_thumbnails()) == 7
    files = list((shell.core.data_dir / "thumbnails").rglob("*"))
    assert all(path.is_dir() or path.suffix == ".jpg" for path in files)
    await video.delete()
    assert list((shell.core.data_dir / "thumbnails").iterdir()) == []
    async with aiohttp.ClientSession() as browser, browser.get(url) as response:
        assert response.status == 404


async def test_asking_at_once_makes_one(video: Video) -> None:
    made = await asyncio.gather(*(video.generate_thumbnail(1.0) for _ in range(5)))
    assert len({image.id for image in made}) == len(await video.get_thumbnails()) == 1


async def test_pictures_that_cannot_be(shell: Shell, client: AsyncClient, video: Video) -> None:
    with pytest.raises(InvalidRequestError, match=r"time: expected seconds from 0 to \d"):
        await video.generate_thumbnail(video.length + 1)
    status, said = (await shell.post(f"/video/{video.id}/thumbnail", {})).refusal
    assert (status, said) == (400, "time: it is required, and the body has none")
    sound = client.video(await add_video(shell, sample("sound")))
    with pytest.raises(InvalidRequestError, match="is sound alone"):
        await sound.generate_thumbnail()
    assert await sound.get_thumbnails() == []
    with pytest.raises(NotFoundError):
        await client.video("m-none").generate_thumbnail(1.0)


def test_a_large_picture_is_made_smaller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiortstream.local.recording.stills.LARGEST_SIDE", 80)
    write_still(sample("clip"), 1.0, tmp_path / "still.jpg")
    with Image.open(tmp_path / "still.jpg") as image:
        assert image.size == (80, 60)


def test_what_is_no_video_leaves_no_picture(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    for file in (tmp_path / "text.mp4", sample("sound")):
        with pytest.raises(MediaError):
            write_still(file, 1.0, tmp_path / "still.jpg")
    assert [path.name for path in tmp_path.iterdir()] == ["text.mp4"]


async def test_the_file_goes_and_what_is_said_stays(video: Video, client: AsyncClient) -> None:
    await video.index_spoken_words()
    made = await video.generate_thumbnail(1.0)
    await video.remove_storage()
    await video.remove_storage()  # doing it twice is doing it once
    async with aiohttp.ClientSession() as browser:
        for url in (made.url, video.stream_url):
            assert url is not None
            async with browser.get(url) as response:
                assert response.status == 404
    with pytest.raises(NotFoundError, match="gone"):
        await video.generate_thumbnail(1.0)
    assert len(await client.search("the gate"))
    assert await video.get_transcript_text()
    with pytest.raises(NotFoundError):
        await client.video("m-none").remove_storage()


async def test_no_collection_is_public_here(client: AsyncClient) -> None:
    coll = await client.create_collection("Yard", "Behind the house")
    with pytest.raises(InvalidRequestError, match="this server has no public collections"):
        await coll.make_public()
    assert coll.is_public is False
    await coll.make_private()
    assert (await coll.refresh()).name == "Yard"
