"""Videos beneath HTTP: what is going on at the same time, and what is cancelled, leaves nothing half-made."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from core_fakes import DEADLINE, Core, open_core
from media_clips import sample
from video_parts import left_behind, understand_beeps

from aiortstream.local.ai.protocols import Utterance
from aiortstream.local.media import AudioChunk
from aiortstream.local.reach import Reach
from aiortstream.local.recording.files import Stopped, write_mp4
from aiortstream.local.recording.reel import PLAYLIST, Cut
from aiortstream.local.services import uploads
from aiortstream.local.services.errors import BadRequest, NotFound, Unavailable
from aiortstream.local.services.reels import ReelStore, Shot
from aiortstream.local.services.uploads import UploadLimits, UploadService
from aiortstream.local.store import collections
from aiortstream.wire.videos import (
    UploadRequest,
    VideoIndexRequest,
    VideoSearchRequest,
    VideoSearchV2Request,
)

INDEX, FORCED = VideoIndexRequest(), VideoIndexRequest(force=True)


@pytest.fixture
async def core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Core]:
    async with open_core(tmp_path) as opened:
        understand_beeps(opened.models, monkeypatch)
        yield opened


async def blocks(*content: bytes) -> AsyncIterator[bytes]:
    for each in content:
        yield each


async def add(core: Core, name: str = "clip") -> str:
    """A video made of a sample."""
    url = (await core.services.uploads.url("default")).upload_url
    content = sample(name).read_bytes()
    await core.services.uploads.receive(url.rpartition("/")[2], blocks(content))
    return (await core.services.uploads.take("default", UploadRequest(url))).id


class Held:
    """Stands before something, and lets it go when it is told to."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go = threading.Event()

    def __call__(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def held(*arguments: Any, **options: Any) -> Any:
            self.reached.set()
            assert self.go.wait(DEADLINE)
            return work(*arguments, **options)

        return held

    async def is_reached(self) -> None:
        assert await asyncio.to_thread(self.reached.wait, DEADLINE)


# --- uploads ----------------------------------------------------------------------------------------------------------


async def test_an_upload_that_is_cancelled_leaves_nothing(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()
    monkeypatch.setattr(uploads, "write_mp4", held(write_mp4))
    task = asyncio.create_task(add(core))
    await held.is_reached()
    task.cancel()
    held.go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert left_behind(core.data_dir) == []
    assert (await core.services.videos.list(None)).videos == []


async def test_a_collection_that_is_deleted_meanwhile_gets_no_video(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = collections.CollectionRow("c-1", "Yard", "", False, 0.0)
    await core.db.run(lambda conn: collections.add(conn, row))
    url = (await core.services.uploads.url("c-1")).upload_url
    await core.services.uploads.receive(url.rpartition("/")[2], blocks(sample("clip").read_bytes()))
    held = Held()
    monkeypatch.setattr(uploads, "write_mp4", held(write_mp4))
    task = asyncio.create_task(core.services.uploads.take("c-1", UploadRequest(url)))
    await held.is_reached()
    await core.services.collections.delete("c-1")
    held.go.set()
    with pytest.raises(NotFound, match="no collection 'c-1'"):
        await task
    assert left_behind(core.data_dir) == []


async def test_a_disk_that_is_full_is_told(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(uploads, "write_mp4", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        await add(core)
    monkeypatch.setattr(uploads, "_create", full)
    with pytest.raises(Unavailable, match="No space left on device"):
        await add(core)
    assert left_behind(core.data_dir) == []


async def test_a_sender_that_falls_silent_is_given_up(core: Core, tmp_path: Path) -> None:
    async def stalls() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    service = UploadService(
        core.db, core.services.uploads._urls, core.services.videos, tmp_path, UploadLimits(idle=0.01)
    )
    with pytest.raises(BadRequest, match=r"nothing of it has come for 0\.01 s"):
        await service.receive("a" * 24, stalls())
    assert left_behind(tmp_path) == []


async def test_a_redirect_to_a_metadata_address_is_not_followed(core: Core) -> None:
    async def leads_astray(request: web.Request) -> web.Response:
        raise web.HTTPFound("http://169.254.169.254/latest/meta-data/")

    app = web.Application()
    app.router.add_get("/x.mp4", leads_astray)
    async with TestServer(app) as elsewhere:
        with pytest.raises(BadRequest, match="metadata addresses are never connected to"):
            await core.services.uploads.take("default", UploadRequest(str(elsewhere.make_url("/x.mp4"))))
    assert left_behind(core.data_dir) == []


async def test_a_file_in_a_private_network_is_not_fetched_where_that_is_forbidden(core: Core) -> None:
    asked: list[str] = []

    async def gives(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(body=sample("clip").read_bytes())

    app = web.Application()
    app.router.add_get("/x.mp4", gives)
    made = core.services.uploads
    service = UploadService(core.db, made._urls, core.services.videos, core.data_dir, reach=Reach(private=False))
    async with TestServer(app) as elsewhere:
        with pytest.raises(BadRequest, match="private_targets"):
            await service.take("default", UploadRequest(str(elsewhere.make_url("/x.mp4"))))
    assert asked == []
    assert left_behind(core.data_dir) == []


async def test_two_who_post_to_one_url(core: Core) -> None:
    async def waits(go: asyncio.Event) -> AsyncIterator[bytes]:
        yield b"first"
        await go.wait()

    go = asyncio.Event()
    first = asyncio.create_task(core.services.uploads.receive("a" * 24, waits(go)))
    await asyncio.sleep(0)
    with pytest.raises(BadRequest, match="already"):
        await core.services.uploads.receive("a" * 24, blocks(b"second"))
    go.set()
    assert await first == 5


async def test_what_has_waited_too_long_is_deleted_and_what_a_server_left_too(core: Core) -> None:
    await core.services.uploads.receive("a" * 24, blocks(b"x"))
    old = core.data_dir / "uploads" / ("a" * 24)
    os.utime(old, (0, 0))
    await core.services.uploads.url("default")
    assert not old.exists()
    await core.services.uploads.receive("b" * 24, blocks(b"x"))
    unfinished = core.data_dir / "videos" / "m-1.mp4.part"
    unfinished.parent.mkdir()
    unfinished.write_bytes(b"x")
    half = core.data_dir / "reels" / "0123456789abcdef.part" / "0.ts"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"x")
    kept = await add(core)
    await core.services.uploads.tidy()
    await core.services.videos.tidy()
    assert left_behind(core.data_dir) == [f"videos/{kept}.mp4"]


# --- what is said -----------------------------------------------------------------------------------------------------


async def test_two_who_index_at_once_make_one_index(core: Core) -> None:
    video = await add(core)
    first, second = await asyncio.gather(
        core.services.spoken.index(video, INDEX), core.services.spoken.index(video, INDEX), return_exceptions=True
    )
    assert not isinstance(first, BaseException)
    assert isinstance(second, BadRequest)
    assert core.models.calls.count("transcribe") == 2  # two beeps, once each


async def test_a_video_that_is_deleted_while_it_is_transcribed(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    video = await add(core)
    reached, go = asyncio.Event(), asyncio.Event()
    heard = core.models.transcribe

    async def waits(speech: AudioChunk) -> Sequence[Utterance]:
        reached.set()
        await go.wait()
        return await heard(speech)

    monkeypatch.setattr(core.models, "transcribe", waits)
    task = asyncio.create_task(core.services.spoken.index(video, INDEX))
    async with asyncio.timeout(DEADLINE):
        await reached.wait()
        await core.services.videos.delete(video)
        go.set()
        with pytest.raises(NotFound, match=video):
            await task
    for table in ("video_transcripts", "spoken_indexes", "moments", "moment_vectors"):
        assert await core.db.read(lambda conn, t=table: conn.execute(f"SELECT count(*) FROM {t}").fetchone()[0]) == 0  # type: ignore[misc]


async def test_indexing_that_is_cancelled_leaves_the_index_as_it_was(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    video = await add(core)
    await core.services.spoken.index(video, INDEX)
    reached = asyncio.Event()

    async def never(speech: AudioChunk) -> Sequence[Utterance]:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(core.models, "transcribe", never)
    task = asyncio.create_task(core.services.spoken.index(video, FORCED))
    async with asyncio.timeout(DEADLINE):
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    found = await core.services.video_search.video(video, VideoSearchV2Request(query="gate"))
    assert [hit.text for each in found.results for hit in each.docs or ()] == ["Please fix the gate before Monday."]


@pytest.mark.parametrize("failing", ["transcribe", "embed", "warm"])
async def test_a_model_that_fails_leaves_no_half_of_an_index(
    core: Core, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    monkeypatch.setattr("aiortstream.local.services.spoken._CALL_DELAYS", ())
    video = await add(core)
    core.models.failing.add(failing)
    with pytest.raises(Unavailable, match=f"the {failing} model is out of order"):
        await core.services.spoken.index(video, INDEX)
    core.models.failing.clear()
    with pytest.raises(BadRequest, match="No results found"):
        await core.services.video_search.legacy_video(video, VideoSearchRequest(query="gate"))
    assert (await core.services.spoken.index(video, INDEX)).moments == 3


async def test_indexing_again_finds_the_new_and_not_the_old(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    video = await add(core)
    await core.services.spoken.index(video, INDEX)

    async def other(speech: AudioChunk) -> Sequence[Utterance]:
        return [Utterance(speech.start, speech.end, "A zebra crosses the yard.")]

    monkeypatch.setattr(core.models, "transcribe", other)
    await core.services.spoken.index(video, FORCED)
    search = core.services.video_search
    keyword = VideoSearchRequest(query="gate", search_type="keyword")
    with pytest.raises(BadRequest, match="No results found"):
        await search.legacy_video(video, keyword)
    found = await search.legacy_video(video, VideoSearchRequest(query="zebra", search_type="keyword"))
    assert len(found.results[0].docs or ()) == 2


async def test_without_a_model_for_meaning_words_still_find(core: Core) -> None:
    video = await add(core)
    await core.services.spoken.index(video, INDEX)
    core.models.failing.add("embed")
    found = await core.services.video_search.video(video, VideoSearchV2Request(query="gate"))
    assert [hit.text for each in found.results for hit in each.docs or ()] == ["Please fix the gate before Monday."]


# --- reels ------------------------------------------------------------------------------------------------------------


def shot(video_id: str, start: float = 0.0) -> Shot:
    return Shot(video_id, Path("unused"), start, start + 1)


class Writer:
    """Writes a hundred bytes, and counts."""

    def __init__(self) -> None:
        self.written = 0

    def __call__(self, cuts: Sequence[Cut], folder: Path, stop: threading.Event) -> None:
        self.written += 1
        (folder / PLAYLIST).write_bytes(b"x" * 100)


async def test_a_reel_is_made_once_for_all_who_ask(tmp_path: Path) -> None:
    writer = Writer()
    store = ReelStore(tmp_path / "reels", write=writer)
    first, second, other = await asyncio.gather(
        store.make([shot("m-1")]), store.make([shot("m-1")]), store.make([shot("m-1", 1.0)])
    )
    assert first == second != other
    assert writer.written == 2
    assert (await store.file(first[0], PLAYLIST)).read_bytes() == b"x" * 100
    for reel_id, name in ((first[0], "videos.json"), (first[0], "../x"), ("..", PLAYLIST), ("0" * 32, PLAYLIST)):
        with pytest.raises(NotFound, match="compile it again"):
            await store.file(reel_id, name)


async def test_old_reels_give_way_to_new_ones(tmp_path: Path) -> None:
    store = ReelStore(tmp_path, max_bytes=250, write=Writer())
    made = [await store.make([shot(f"m-{number}")]) for number in range(2)]
    for age, (reel_id, _) in enumerate(made):
        os.utime(tmp_path / reel_id, (1000 - age, 1000 - age))  # the second is the older
    newest, _ = await store.make([shot("m-2")])
    assert {each.name for each in tmp_path.iterdir()} == {made[0][0], newest}  # noqa: ASYNC240 - a test


async def test_a_reel_goes_with_any_of_its_videos(tmp_path: Path) -> None:
    store = ReelStore(tmp_path, write=Writer())
    both, _ = await store.make([shot("m-1"), shot("m-2")])
    one, _ = await store.make([shot("m-2")])
    await store.forget("m-1")
    assert {each.name for each in tmp_path.iterdir()} == {one}  # noqa: ASYNC240 - a test
    await store.forget("m-none")
    with pytest.raises(NotFound):
        await store.file(both, PLAYLIST)


async def test_a_reel_that_is_cancelled_leaves_nothing(tmp_path: Path) -> None:
    reached = threading.Event()

    def slow(cuts: Sequence[Cut], folder: Path, stop: threading.Event) -> None:
        (folder / "0.ts").write_bytes(b"x")
        reached.set()
        assert stop.wait(DEADLINE)
        raise Stopped

    store = ReelStore(tmp_path, write=slow)
    task = asyncio.create_task(store.make([shot("m-1")]))
    assert await asyncio.to_thread(reached.wait, DEADLINE)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - a test


async def test_a_reel_that_cannot_be_written(tmp_path: Path) -> None:
    def full(cuts: Sequence[Cut], folder: Path, stop: threading.Event) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(Unavailable, match="No space left"):
        await ReelStore(tmp_path, write=full).make([shot("m-1")])
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240 - a test
