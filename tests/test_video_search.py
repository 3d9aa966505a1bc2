"""Search in videos: which of the two is asked, what travels, and what comes of the answers."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import MockedRest

from aiortstream import (
    AsyncClient,
    InvalidArgumentError,
    InvalidRequestError,
    NoResultsError,
    ProtocolError,
    SearchError,
    SearchResponse,
    SearchResult,
)

HITS = [
    {
        "video_id": "m-1",
        "collection_id": "c-1",
        "length": "60.5",
        "title": "Standup",
        "docs": [
            {"start": 1, "end": 2.5, "text": "fix it", "score": 0.9},
            {
                "start": 9,
                "end": 12,
                "text": "later",
                "score": 0.5,
                "stream_link": "http://s/x",
                "player_url": "http://p",
            },
        ],
    },
    {"video_id": "m-2", "collection_id": "c-1", "docs": None},
]
V2 = {"response_type": "shots", "results": HITS, "warnings": [{"code": "w", "message": "careful"}]}
WATCH = "https://player.test/watch?v=slug"


# --- which search, and what travels -----------------------------------------------------------------------------------


async def test_search_v2_is_the_default(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/video/m-1/search/v2", V2)
    found = await client.video("m-1").search("action items")
    assert rest.last[3] == {"query": "action items"}
    assert isinstance(found, SearchResponse)
    assert (found.response_type, found.waiting_for, found.warnings[0].message) == ("shots", "none", "careful")
    assert [shot.text for shot in found] == ["fix it", "later"]
    assert (len(found), found[1].stream_url, found.get_shots()) == (2, "http://s/x", found.shots)


async def test_every_option_of_search_v2_travels(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/collection/c-1/search/v2", V2)
    asked: dict[str, Any] = {
        "top_k": 3,
        "mode": "deepsearch",
        "return_fields": ["text"],
        "include_clip": True,
        "session_id": "s",
        "config": {"a": 1},
        "score_threshold": 0.3,
        "filter": [{"a": 1}],
    }
    await client.collection("c-1").search("q", **asked)
    assert rest.last[3] == {"query": "q", **asked}


# Bodies as the official SDK 0.5.1 puts them on the wire.
LEGACY: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (
        {"search_type": "semantic"},
        {
            "search_type": "semantic",
            "index_type": "spoken_word",
            "query": "q",
            "score_threshold": 0.2,
            "result_threshold": 5,
            "dynamic_score_percentage": None,
            "filter": [],
        },
    ),
    (
        {"search_type": "keyword"},
        {
            "search_type": "keyword",
            "index_type": "spoken_word",
            "query": "q",
            "score_threshold": None,
            "result_threshold": None,
            "filter": [],
        },
    ),
    (
        {"search_type": "scene", "index_id": "i", "result_threshold": 2, "stitch": False},
        {
            "search_type": "scene",
            "index_type": "scene",
            "query": "q",
            "score_threshold": None,
            "result_threshold": 2,
            "dynamic_score_percentage": None,
            "filter": [],
            "scene_index_id": "i",
            "stitch": False,
        },
    ),
    (
        {"result_threshold": 9, "score_threshold": 0.5, "dynamic_score_percentage": 20, "filter": [{"a": 1}]},
        {
            "search_type": "semantic",
            "index_type": "spoken_word",
            "query": "q",
            "score_threshold": 0.5,
            "result_threshold": 9,
            "dynamic_score_percentage": 20,
            "filter": [{"a": 1}],
        },
    ),
]


@pytest.mark.parametrize(("options", "body"), LEGACY)
async def test_an_option_of_the_legacy_search_leads_there(
    client: AsyncClient, rest: MockedRest, options: dict[str, Any], body: dict[str, Any]
) -> None:
    rest.answer("POST", "/video/m-1/search", {"results": HITS})
    found = await client.video("m-1").search("q", **options)
    assert rest.last[3] == body
    assert isinstance(found, SearchResult)
    assert (found.collection_id, len(found), found[0].video_length) == ("c-1", 2, 60.5)


async def test_the_legacy_search_of_a_collection(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/collection/default/search", {"results": HITS, "warnings": None})
    found = await client.search("q", index_type="spoken_word", sort_docs_on="start")
    assert rest.last[3] == {
        "search_type": "semantic",
        "index_type": "spoken_word",
        "query": "q",
        "score_threshold": 0.2,
        "result_threshold": 5,
        "dynamic_score_percentage": None,
        "sort_docs_on": "start",
        "filter": [],
        "scene_index_id": None,
        "algorithm": None,
    }
    assert (found.warnings, len(found)) == ([], 2)
    rest.answer("POST", "/collection/default/search", {"results": []})
    assert len(await client.collection().legacy_search("q")) == 0


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"search_type": "semantic", "top_k": 3}, InvalidArgumentError, "top_k: options of Search v2 cannot be mixed"),
        ({"stitch": True, "mode": "default"}, InvalidArgumentError, "mode: .*stitch"),
        ({"search_type": "guess"}, SearchError, "Invalid search type: guess"),
        ({"index_names": ["a"]}, TypeError, "unexpected keyword argument 'index_names'"),
        ({"top_k": 0}, InvalidArgumentError, "top_k"),
        ({"result_threshold": True}, InvalidArgumentError, "result_threshold"),
    ],
)
async def test_what_cannot_be_asked_is_not_sent(
    client: AsyncClient, rest: MockedRest, options: dict[str, Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        await client.video("m-1").search("q", **options)
    with pytest.raises(InvalidArgumentError, match="query"):
        await client.video("m-1").search(" ")
    assert rest.requests == []


async def test_keywords_are_searched_in_one_video(client: AsyncClient) -> None:
    with pytest.raises(SearchError, match=r"use video\.search"):
        await client.search("q", search_type="keyword")


# --- nothing found ----------------------------------------------------------------------------------------------------


async def test_nothing_found_is_told_in_both_worlds(client: AsyncClient, rest: MockedRest) -> None:
    """As the reference handles it: `except InvalidRequestError`, and "No results found" in what it says."""
    rest.answer("POST", "/video/m-1/search", status=400, message="No results found")
    with pytest.raises(NoResultsError, match="No results found") as refused:
        await client.video("m-1").legacy_search("q")
    assert isinstance(refused.value, InvalidRequestError)
    assert isinstance(refused.value, SearchError)
    assert (refused.value.status, refused.value.path) == (400, "/video/m-1/search")

    rest.answer("POST", "/video/m-1/search/v2", {"response_type": "shots", "results": []})
    empty = await client.video("m-1").search("q")
    assert (len(empty), list(empty)) == (0, [])
    with pytest.raises(NoResultsError, match="No results found: no shots"):
        await empty.compile()
    assert len(rest.requests) == 2


async def test_another_refusal_stays_what_it_is(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/video/m-1/search", status=400, message="query: too long")
    with pytest.raises(InvalidRequestError, match="too long") as refused:
        await client.video("m-1").legacy_search("q")
    assert not isinstance(refused.value, SearchError)


# --- playing what was found -------------------------------------------------------------------------------------------


async def test_compiling_plays_all_shots(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/video/m-1/search/v2", V2)
    found = await client.video("m-1").search("q")
    rest.answer("POST", "/compile", {"stream_url": "s", "player_url": WATCH})
    assert await found.compile() == "s"
    assert rest.last[3] == [
        {"video_id": "m-1", "collection_id": "c-1", "shots": [[1.0, 2.5]]},
        {"video_id": "m-1", "collection_id": "c-1", "shots": [[9.0, 12.0]]},
    ]
    assert await found.compile() == "s"  # asked for once
    assert "embed?v=slug" in await found.get_embed_code()


async def test_a_shot_plays_by_itself(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/video/m-1/search/v2", V2)
    shot, linked = await client.video("m-1").search("q")
    rest.answer("POST", "/video/m-1/stream", {"stream_url": "s", "player_url": WATCH})
    assert await shot.generate_stream() == "s"
    assert rest.last[3] == {"timeline": [[1.0, 2.5]], "length": 60.5}
    assert "embed?v=slug" in await shot.get_embed_code()
    assert await linked.generate_stream() == "http://s/x"  # the server gave it
    assert (shot["video_title"], shot["start"]) == ("Standup", 1.0)
    for wrong in ("_context", "generate_stream", "nothing"):
        with pytest.raises(KeyError, match=wrong):
            _ = shot[wrong]


async def test_results_of_another_kind(client: AsyncClient, rest: MockedRest) -> None:
    for results, listed in (({"count": 3}, [{"count": 3}]), ([1, 2], [1, 2]), (None, [])):
        rest.answer("POST", "/video/m-1/search/v2", {"response_type": "aggregate", "results": results})
        found = await client.video("m-1").search("how many")
        assert isinstance(found, SearchResponse)
        assert (found.results, list(found), len(found), found.shots) == (results, listed, len(listed), [])
        with pytest.raises(SearchError, match="aggregate"):
            await found.compile()


async def test_results_outside_the_protocol(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/video/m-1/search/v2", {"response_type": "shots", "results": [{"docs": []}]})
    with pytest.raises(ProtocolError, match="video_id"):
        await client.video("m-1").search("q")
