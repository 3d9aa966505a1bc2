"""Search: what is asked, and the hits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from conftest import MockedRest

from aiortstream import AsyncClient, InvalidArgumentError, ProtocolError

NOW = 1_710_000_000.5


async def test_search(client: AsyncClient, rest: MockedRest) -> None:
    hit = {"start": NOW, "end": NOW + 2, "text": "door", "score": 0.7, "scene_index_id": "i"}
    rest.answer("POST", "/rtstream/rts-1/search", {"results": [hit]})
    result = await client.rtstream("rts-1").search("door", index_id="i", result_threshold=3, score_threshold=0.2)
    assert rest.last[3] == {"query": "door", "scene_index_id": "i", "result_threshold": 3, "score_threshold": 0.2}
    (shot,) = result.get_shots()
    assert (shot.rtstream_id, shot.text, shot.search_score, len(result), list(result)) == (
        "rts-1",
        "door",
        0.7,
        1,
        [shot],
    )
    rest.answer("GET", "/rtstream/rts-1/stream", {"stream_url": "s", "player_url": "p"})
    assert await shot.generate_stream() == "s"
    assert rest.last[2] == {"start": "1710000000", "end": "1710000003"}
    assert await shot.generate_stream() == "s"  # asked for once
    with pytest.raises(InvalidArgumentError, match="query"):
        await client.rtstream("rts-1").search(" ")


async def test_every_parameter_travels(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/rtstream/rts-1/search", {"results": []})
    result = await client.rtstream("rts-1").search("door", "i", 3, 0.2, 20.0, [{"camera": "front"}])
    assert rest.last[3] == {
        "query": "door",
        "scene_index_id": "i",
        "result_threshold": 3,
        "score_threshold": 0.2,
        "dynamic_score_percentage": 20.0,
        "filter": [{"camera": "front"}],
    }
    assert (len(result), result.get_shots()) == (0, [])


async def test_a_shot_is_read_by_attribute_and_by_key(client: AsyncClient, rest: MockedRest) -> None:
    hit = {"start": NOW * 1000, "end": str(NOW + 2), "text": "door", "scene_index_name": "n", "metadata": {"a": 1}}
    rest.answer("POST", "/rtstream/rts-1/search", {"results": [hit]})
    (shot,) = await client.rtstream("rts-1").search("door")
    assert (shot["start"], shot["end"], shot["text"], shot["metadata"]) == (NOW, NOW + 2, "door", {"a": 1})
    assert (shot["scene_index_name"], shot["stream_url"], shot["search_score"]) == ("n", None, None)
    assert shot.start_time == datetime.fromtimestamp(NOW, UTC)
    assert shot.end_time == datetime.fromtimestamp(NOW + 2, UTC)
    assert "text='door'" in repr(shot)
    for wrong in ("_context", "generate_stream", "nothing"):
        with pytest.raises(KeyError, match=wrong):
            _ = shot[wrong]


@pytest.mark.parametrize(
    ("hit", "says"),
    [
        ({"start": 5, "end": 6, "rtstream_id": "rts-1"}, "a search hit in rts-1: 5.0 is no unix time"),
        ({"start": NOW, "end": NOW + 1}, "does not say which stream"),
    ],
)
async def test_hits_that_lead_nowhere_are_told(
    client: AsyncClient, rest: MockedRest, hit: dict[str, object], says: str
) -> None:
    rest.answer("POST", "/rtstream/collection/default/search", {"results": [hit]})
    with pytest.raises(ProtocolError, match=says):
        await client.search("door", namespace="rtstream")


async def test_a_threshold_is_a_number_of_results(client: AsyncClient) -> None:
    with pytest.raises(InvalidArgumentError, match="result_threshold"):
        await client.search("door", namespace="rtstream", result_threshold=0)
    with pytest.raises(InvalidArgumentError, match="top_k"):
        await client.search("door", top_k=0)
