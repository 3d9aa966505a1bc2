"""Understandings and their indexes, with the embedded server: the whole way, and what is refused on this side."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from core_fakes import T0

from aiortstream import AsyncClient, InvalidArgumentError, InvalidRequestError, LiveSettings, NotFoundError

sys.path.insert(0, str(Path(__file__).parent / "local" / "shell"))
from shell_parts import KEY, SOURCE, Shell, open_shell

QUICK = LiveSettings(poll_interval=0.02, max_poll_interval=0.05, max_polls_per_second=1e3)
WINDOW = {"type": "time", "window": "1s"}
ANALYZER = {"type": "vlm", "name": "scene", "sampling": {"frame_count": 1}, "config": {"prompt": "Seen"}}


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with open_shell(tmp_path) as opened:
        opened.core.publisher.publish = opened.parts.hub.publish  # type: ignore[method-assign]
        yield opened


@pytest.fixture
async def client(shell: Shell) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(KEY, base_url=shell.base, live=QUICK) as opened:
        yield opened


async def test_records_are_watched_indexed_and_searched(client: AsyncClient, shell: Shell) -> None:
    stream = await client.connect_rtstream(SOURCE, "Front")
    understanding = await stream.understand(WINDOW, [ANALYZER])
    assert (understanding.status, understanding.segmentation) == ("running", WINDOW)
    await shell.core.status(stream.id, "connected")
    camera = shell.core.cameras[stream.id]
    async with asyncio.timeout(20):
        async with understanding.watch_records(since=T0) as watch:
            camera.show(0, 1.5, 4)
            seen = [await anext(watch)]
            camera.show(1.5, 1.0, 4)
            seen.append(await anext(watch))
        index = await stream.index(understanding.outputs["scene"], name="Doors", use_for=["semantic"])
        async with index.watch_records(since=T0) as watch:
            taken = [await anext(watch) for _ in range(2)]
    assert [(r.start, r.text) for r in seen] == [(T0, "Seen: picture 4"), (T0 + 1, "Seen: picture 4")]
    assert {r.index_id for r in seen} == {understanding.id}
    assert [(r.start, r.index_id) for r in taken] == [(T0, index.id), (T0 + 1, index.id)]
    page = await understanding.get_records(T0, T0 + 10, page_size=1)
    assert (len(page.records), page.next_page) == (1, True)
    assert [r.start async for r in index.get_records(page_size=1)] == [T0 + 1, T0]
    found = await stream.search("picture 4")
    assert {shot.scene_index_id for shot in found.get_shots()} == {index.id}


async def test_handles_are_read_again_and_switched(client: AsyncClient) -> None:
    stream = await client.connect_rtstream(SOURCE, "Front")
    made = await stream.understand(WINDOW, [ANALYZER], ws_connection_id=None)
    understanding = await stream.get_understanding(made.id)
    assert understanding.outputs == made.outputs
    await understanding.stop()
    assert (await made.refresh()).status == understanding.status == "stopped"
    await understanding.start()
    assert [each.status for each in await stream.list_understanding()] == ["running"]
    index = await stream.index(made.outputs["scene"])
    assert index.use_for == ["semantic"]
    assert (index.source_understanding_id, index.output) == (made.id, "scene")
    await index.stop()
    assert (await (await stream.get_index(index.id)).refresh()).status == "stopped"
    await index.start()
    assert [(each.id, each.status) async for each in stream.list_indexes()] == [(index.id, "running")]


async def test_an_index_has_alerts(client: AsyncClient, shell: Shell) -> None:
    stream = await client.connect_rtstream(SOURCE, "Front")
    understanding = await stream.understand(WINDOW, [ANALYZER])
    index = await stream.index(understanding.outputs["scene"])
    event = await client.create_event("picture 4", "door")
    alert = await index.create_alert(event)
    await index.disable_alert(alert)
    assert [(each.alert_id, each.status) for each in await index.list_alerts()] == [(alert, "disabled")]
    await index.enable_alert(alert)
    await shell.core.status(stream.id, "connected")
    async with asyncio.timeout(20), index.watch_alerts(since=T0) as watch:
        shell.core.cameras[stream.id].show(0, 1.5, 4)
        fired = await anext(watch)
    assert (getattr(fired, "label", None), getattr(fired, "index_id", None)) == ("door", index.id)


async def test_what_is_refused(client: AsyncClient) -> None:
    stream = await client.connect_rtstream(SOURCE, "Front")
    with pytest.raises(InvalidRequestError, match="analyzers: expected exactly one"):
        await stream.understand()
    with pytest.raises(InvalidArgumentError, match=r"analyzers\[0\]: expected a dict, got str"):
        await stream.understand(analyzers=["vlm"])  # type: ignore[list-item]
    with pytest.raises(InvalidArgumentError, match="source: expected a descriptor"):
        await stream.index({})
    with pytest.raises(InvalidArgumentError, match="use_for: expected a list"):
        await stream.index({"understanding_id": "und-0"}, use_for="semantic")
    with pytest.raises(NotFoundError, match="no understanding 'und-0'"):
        await stream.get_understanding("und-0")
    with pytest.raises(NotFoundError, match="no index of an understanding 'idx-0'"):
        await stream.get_index("idx-0")
