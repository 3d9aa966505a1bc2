"""Understandings and their indexes: what they record, take, keep, and are asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from core_fakes import T0, Core, FakeCamera, open_core, until

from aiortstream.local.services.errors import BadRequest, NotFound
from aiortstream.local.store import alerts, understandings
from aiortstream.records import Alert, Scene
from aiortstream.wire.rest import (
    AlertRequest,
    EventRequest,
    IndexRequest,
    RTStreamAnswer,
    SearchRequest,
    UnderstandingAnswer,
    UnderstandRequest,
)


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path) as opened:
        yield opened


def request(**changes: Any) -> UnderstandRequest:
    """Windows of one second, one picture each."""
    asked = {
        "segmentation": {"type": "time", "window": "1s"},
        "analyzers": [
            {
                "type": "vlm",
                "name": "doors",
                "sampling": {"frame_count": 1},
                "config": {"prompt": "Seen", "model": None},
            }
        ],
        "ws_connection_id": "ws-und",
    }
    return UnderstandRequest(**{**asked, **changes})


async def understood(core: Core, **changes: Any) -> tuple[RTStreamAnswer, FakeCamera, UnderstandingAnswer]:
    stream, camera = await core.connect()
    return stream, camera, await core.services.understandings.create(stream.id, request(**changes))


async def records(core: Core, stream: str, named: str, **query: Any) -> list[tuple[float, str]]:
    service = core.services.understandings
    read = service.records if named.startswith("und-") else service.index_records
    return [(each.start - T0, each.text or "") for each in (await read(stream, named, **query)).records]


async def test_it_is_given_back_whole(core: Core) -> None:
    stream, _, made = await understood(core, store=None)
    assert (made.status, made.store, made.rtstream_id) == ("running", True, stream.id)
    assert made.segmentation == {"type": "time", "window": "1s"}
    assert made.analyzers == [
        {"type": "vlm", "name": "doors", "sampling": {"frame_count": 1}, "config": {"prompt": "Seen"}}
    ]
    assert made.outputs == {
        "doors": {
            "type": "understanding",
            "asset_type": "rtstream",
            "rtstream_id": stream.id,
            "understanding_id": made.understanding_id,
            "output": "doors",
            "extract_type": "vlm",
            "mode": "continuous",
        }
    }
    service = core.services.understandings
    assert await service.get(stream.id, made.understanding_id) == made
    assert (await service.list(stream.id)).understandings == [made]
    assert (await core.services.indexes.list(stream.id)).scene_indexes == []


async def test_its_records_are_kept_and_told_but_not_searched(core: Core) -> None:
    stream, camera, made = await understood(core)
    camera.show(0, 1.5, 4)
    await core.publisher.wait_for(Scene, 1)
    camera.show(1.5, 1, 4)
    told = await core.publisher.wait_for(Scene, 2)
    assert [(scene.start - T0, scene.text, scene.index_id) for scene in told] == [
        (0.0, "Seen: picture 4", made.understanding_id),
        (1.0, "Seen: picture 4", made.understanding_id),
    ]
    assert {ids for ids, _ in core.publisher.published} == {("ws-und",)}
    assert await records(core, stream.id, made.understanding_id) == [(1.0, "Seen: picture 4"), (0.0, "Seen: picture 4")]
    assert len(await records(core, stream.id, made.understanding_id, start=T0 + 1.5, end=T0 + 9)) == 1
    assert (await core.services.search.stream(stream.id, SearchRequest("picture"))).results == []


async def test_an_index_takes_what_was_recorded_and_what_comes(core: Core) -> None:
    stream, camera, made = await understood(core)
    camera.show(0, 1.5, 4)
    await core.publisher.wait_for(Scene, 1)
    asked = IndexRequest(made.outputs["doors"], name="Doors")
    index = await core.services.understandings.create_index(stream.id, asked)
    assert (index.name, index.status, index.use_for) == ("Doors", "running", ["semantic"])
    assert (index.source_understanding_id, index.output) == (made.understanding_id, "doors")
    assert await records(core, stream.id, index.index_id) == [(0.0, "Seen: picture 4")]
    camera.show(1.5, 1, 5)
    await core.publisher.wait_for(Scene, 2)
    assert len(await records(core, stream.id, index.index_id)) == 2
    hits = (await core.services.search.stream(stream.id, SearchRequest("picture 4"))).results
    assert {(hit.scene_index_id, hit.scene_index_name) for hit in hits} == {(index.index_id, "Doors")}
    assert (await core.services.understandings.list_indexes(stream.id)).indexes == [index]


async def test_a_stopped_index_takes_up_what_it_has_missed(core: Core) -> None:
    stream, camera, made = await understood(core)
    service = core.services.understandings
    index = await service.create_index(stream.id, IndexRequest({"understandingId": made.understanding_id}))
    await service.set_index_running(stream.id, index.index_id, running=False)
    assert (await service.get_index(stream.id, index.index_id)).status == "stopped"
    camera.show(0, 1.5, 4)
    await core.publisher.wait_for(Scene, 1)
    assert await records(core, stream.id, index.index_id) == []
    await service.set_index_running(stream.id, index.index_id, running=True)
    assert len(await records(core, stream.id, index.index_id)) == 1


async def test_copies_are_taken_in_lots_and_once(core: Core) -> None:
    stream, camera, made = await understood(core)
    service = core.services.understandings
    index = await service.create_index(stream.id, IndexRequest(made.outputs["doors"]))
    await service.set_index_running(stream.id, index.index_id, running=False)
    for second in range(3):
        camera.show(second, 1.0, 4)
        await core.publisher.wait_for(Scene, second)
    camera.show(3, 0.5, 4)
    await core.publisher.wait_for(Scene, 3)
    taken = [await core.db.run(lambda conn: understandings.take(conn, index.index_id, limit=2)) for _ in range(3)]
    assert taken == [2, 1, 0]
    assert len(await records(core, stream.id, index.index_id)) == 3


async def test_a_stopped_understanding_records_no_more_and_starts_again(core: Core) -> None:
    stream, camera, made = await understood(core)
    service = core.services.understandings
    await service.set_running(stream.id, made.understanding_id, running=False)
    assert (await service.get(stream.id, made.understanding_id)).status == "stopped"
    camera.show(0, 2.5, 4)
    await service.set_running(stream.id, made.understanding_id, running=True)
    camera.show(5, 1.5, 6)
    told = await core.publisher.wait_for(Scene, 1)
    assert [scene.text for scene in told] == ["Seen: picture 6"]


async def test_one_that_keeps_nothing_tells_and_cannot_be_indexed(core: Core) -> None:
    stream, camera, made = await understood(core, store=False)
    camera.show(0, 1.5, 4)
    await core.publisher.wait_for(Scene, 1)
    assert await records(core, stream.id, made.understanding_id) == []
    with pytest.raises(BadRequest, match="keeps nothing"):
        await core.services.understandings.create_index(stream.id, IndexRequest(made.outputs["doors"]))


async def test_alerts_on_an_index_fire(core: Core) -> None:
    stream, camera, made = await understood(core)
    index = await core.services.understandings.create_index(stream.id, IndexRequest(made.outputs["doors"]))
    event = await core.services.alerts.create_event(EventRequest("picture 4", "door"))
    wanted = AlertRequest(event.event_id, "", "ws-alert")
    alert = await core.services.alerts.create(stream.id, index.index_id, wanted)
    camera.show(0, 1.5, 4)

    async def judged() -> bool:
        found = await core.db.read(lambda conn: alerts.get(conn, index.index_id, alert.alert_id))
        return found is not None and found.judged_to > 0

    await until(judged)
    fired = core.publisher.of(Alert)
    assert [(each.label, each.index_id) for each in fired] == [("door", index.index_id)]


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera, made = await understood(core)
        index = await core.services.understandings.create_index(stream.id, IndexRequest(made.outputs["doors"]))
    async with open_core(tmp_path) as again:
        assert await again.services.understandings.get(stream.id, made.understanding_id) == made
        await again.status(stream.id, "connected")
        camera = again.cameras[stream.id]
        camera.show(0, 1.5, 4)
        await again.publisher.wait_for(Scene, 1)
        assert len(await records(again, stream.id, index.index_id)) == 1


VLM = {"type": "vlm", "name": "scene"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"segmentation": {"type": "shot"}}, "segmentation.type: streams are cut by 'time' only"),
    ({"segmentation": {"window": 10}}, "segmentation.window: expected text with a unit"),
    ({"segmentation": {"window": "10"}}, "segmentation.window: expected text with a unit"),
    ({"segmentation": {"window": "0s"}}, "time: expected a number from 1 to 3600"),
    ({"segmentation": {"windows": "10s"}}, "segmentation: expected the keys"),
    ({"analyzers": []}, "analyzers: expected exactly one"),
    ({"analyzers": [VLM, VLM]}, "got 2"),
    ({"analyzers": [{"type": "ocr"}]}, r"analyzers\[0\].type: streams have 'vlm' only"),
    ({"analyzers": [{**VLM, "name": 5}]}, r"analyzers\[0\].name: expected text"),
    ({"analyzers": [{**VLM, "sampling": 5}]}, r"analyzers\[0\].sampling: expected an object"),
    ({"analyzers": [{**VLM, "sampling": {"frame_count": 1.5}}]}, "frame_count: expected a whole number"),
    ({"analyzers": [{**VLM, "sampling": {"frame_count": 31}}]}, "from 1 to 30, got 31"),
    ({"analyzers": [{**VLM, "config": {"prompt": " "}}]}, r"config.prompt: expected 1 to"),
    ({"analyzers": [{**VLM, "config": {"temperature": 1}}]}, r"config: expected the keys"),
    ({"analyzers": [{**VLM, "config": {"model": "huge"}}]}, r"config.model: unknown"),
]


@pytest.mark.parametrize(("changes", "said"), REFUSED)
async def test_what_cannot_be_meant_is_refused_whole(core: Core, changes: dict[str, Any], said: str) -> None:
    stream, _ = await core.connect()
    with pytest.raises(BadRequest, match=said):
        await core.services.understandings.create(stream.id, request(**changes))
    assert (await core.services.understandings.list(stream.id)).understandings == []


async def test_sources_that_are_none_are_refused(core: Core) -> None:
    stream, _, made = await understood(core)
    other, _ = await core.connect()
    service = core.services.understandings
    source = made.outputs["doors"]
    for asked, said in [
        (IndexRequest({}), "source.understanding_id: expected the id"),
        (IndexRequest({"understanding_id": 5}), "source.understanding_id: expected the id"),
        (IndexRequest({"understanding_id": "und-x"}), "no understanding 'und-x'"),
        (IndexRequest({**source, "output": "cats"}), "source.output: expected 'doors', got 'cats'"),
        (IndexRequest({**source, "output": 5}), "source.output: expected text"),
        (IndexRequest(source, name=" "), "name: expected"),
        (IndexRequest(source, use_for=["art"]), "use_for: expected a list of 'semantic', got 'art'"),
    ]:
        with pytest.raises(BadRequest, match=said):
            await service.create_index(stream.id, asked)
    with pytest.raises(BadRequest, match="has no understanding"):
        await service.create_index(other.id, IndexRequest(source))
    with pytest.raises(NotFound, match="no stream"):
        await service.create_index("rts-x", IndexRequest(source))
    assert (await service.list_indexes(stream.id)).indexes == []
    with pytest.raises(BadRequest, match="output: this understanding has the output 'doors'"):
        await service.records(stream.id, made.understanding_id, output="cats")


async def test_ids_of_one_kind_are_not_taken_for_another(core: Core) -> None:
    stream, _, made = await understood(core)
    scene_index = await core.index(stream, time=1, frame_count=1)
    service, indexes = core.services.understandings, core.services.indexes
    for call in (
        service.get(stream.id, scene_index),
        service.get_index(stream.id, made.understanding_id),
        indexes.get(stream.id, made.understanding_id),
        indexes.stop(stream.id, made.understanding_id),
        core.services.alerts.list(stream.id, made.understanding_id),
    ):
        with pytest.raises(NotFound):
            await call


async def test_a_stream_without_pictures_cannot_be_understood(core: Core) -> None:
    stream, _ = await core.connect(media_types=["audio"])
    with pytest.raises(BadRequest, match="without video"):
        await core.services.understandings.create(stream.id, request())
