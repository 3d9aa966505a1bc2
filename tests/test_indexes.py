"""Scene indexes: pages, alerts, states."""

from __future__ import annotations

import pytest
from conftest import MockedRest

from aiortstream import AsyncClient, InvalidArgumentError, Watch

NOW = 1_710_000_000.0
PATH = "/rtstream/rts-1/index/scene/i1"


async def test_a_page_of_scenes_answers_the_seed_s_keys(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/rtstream/rts-1/index/i1", {"rtstream_index_id": "i1", "extraction_type": "transcript"})
    records = [
        {"start": NOW + 2, "end": NOW + 4, "description": "new"},
        {"start": NOW, "end": NOW + 2, "text": "old", "metadata": {"a": 1}},
    ]
    rest.answer("GET", PATH, {"scene_index_records": records, "next_page": True})
    page = await client.rtstream("rts-1").scene_index("i1").get_scenes(start=NOW, page=1, page_size=100)
    assert rest.last[2] == {"page": "1", "page_size": "100", "start": "1710000000"}
    assert [f"[{s['start']}-{s['end']}] {s['text']}" for s in page["scenes"]] == [
        "[1710000002.0-1710000004.0] new",
        "[1710000000.0-1710000002.0] old",
    ]
    assert page["next_page"] is True
    assert {s.kind for s in page.scenes} == {"audio"}
    assert page.scenes[1].metadata == {"a": 1}
    assert page.scenes[0]["description"] == "new"


@pytest.mark.parametrize(("method", "status"), [("start", "connected"), ("stop", "stopped")])
async def test_start_and_stop(client: AsyncClient, rest: MockedRest, method: str, status: str) -> None:
    rest.answer("PATCH", f"{PATH}/status")
    index = client.rtstream("rts-1").scene_index("i1")
    await getattr(index, method)()
    assert rest.last[3] == {"action": method}
    assert index.status == status


@pytest.mark.parametrize("given", ["start", "end"])
async def test_one_side_of_a_window_is_enough(client: AsyncClient, rest: MockedRest, given: str) -> None:
    rest.answer("GET", "/rtstream/rts-1/index/i1", {"rtstream_index_id": "i1", "extraction_type": "time"})
    rest.answer("GET", PATH, {"scene_index_records": []})
    index = await client.rtstream("rts-1").get_scene_index("i1")
    page = await (index.get_scenes(start=NOW) if given == "start" else index.get_scenes(end=NOW))
    assert rest.last[2] == {"page": "1", "page_size": "100", given: "1710000000"}
    assert (page.scenes, page["next_page"]) == ((), False)


async def test_no_scenes_at_all(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/rtstream/rts-1/index/i1", {"rtstream_index_id": "i1", "extraction_type": "time"})
    rest.answer("GET", PATH, {})
    assert (await client.rtstream("rts-1").scene_index("i1").get_scenes()).scenes == ()


async def test_numbers_in_a_configuration_are_numbers(client: AsyncClient, rest: MockedRest) -> None:
    config = {"segmenter": "word", "segmentation_value": "50", "note": "5s", "nothing": None}
    rest.answer("GET", "/rtstream/rts-1/index/i1", {"rtstream_index_id": "i1", "extraction_config": config})
    index = await client.rtstream("rts-1").get_scene_index("i1")
    assert index.extraction_config == {"segmenter": "word", "segmentation_value": 50, "note": "5s", "nothing": None}


async def test_wrong_pages_are_refused_before_anything_is_sent(client: AsyncClient, rest: MockedRest) -> None:
    with pytest.raises(InvalidArgumentError, match="end: expected no time before start"):
        await client.rtstream("rts-1").scene_index("i1").get_scenes(start=NOW, end=NOW - 1)
    assert rest.requests == []


async def test_iterating_an_index_is_watching_its_scenes(client: AsyncClient) -> None:
    index = client.rtstream("rts-1").scene_index("i1")
    watch = aiter(index)
    assert isinstance(watch, Watch)
    assert watch.cursor == index.watch_scenes(since=watch.cursor).cursor
    await watch.aclose()


async def test_an_index_is_asked_something_else(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("PATCH", PATH, {"rtstream_index_id": "i1", "prompt": "Who is there?"})
    index = client.rtstream("rts-1").scene_index("i1")
    await index.update("Who is there?")
    assert rest.last == ("PATCH", PATH, {}, {"prompt": "Who is there?"})
    assert index.prompt == "Who is there?"
    with pytest.raises(InvalidArgumentError, match="prompt: expected"):
        await index.update("")
