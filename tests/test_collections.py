"""Collections: connecting, listing, searching."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import MockedRest

from aiortstream import AsyncClient, InvalidArgumentError


async def test_getting_collections(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/collection/default", {"id": "c-1", "name": "Default", "is_public": False})
    assert (await client.get_collection()).id == "c-1"
    rest.answer("GET", "/collection", {"collections": [{"id": "c-1"}], "default_collection": "c-1"})
    assert [c.id for c in await client.get_collections()] == ["c-1"]


async def test_connecting_sends_what_the_official_client_sends(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/rtstream", {"id": "rts-1", "status": "connecting"})
    stream = await client.collection("c-1").connect_rtstream("rtmp://h/x", "N", ws_connection_id=None)
    assert rest.last[3] == {"collection_id": "c-1", "url": "rtmp://h/x", "name": "N", "media_types": ["video"]}
    assert stream.status == "connecting"
    rest.answer("POST", "/rtstream", {"id": "rts-2"})
    await client.connect_rtstream(
        url="rtsp://h/x",
        name="N",
        media_types=["audio", "video"],
        sample_rate=30,
        store=True,
        enable_transcript=True,
        ws_connection_id="conn",
    )
    assert rest.last[3] == {
        "collection_id": "default",
        "url": "rtsp://h/x",
        "name": "N",
        "media_types": ["audio", "video"],
        "sample_rate": 30,
        "store": True,
        "enable_transcript": True,
        "ws_connection_id": "conn",
    }


@pytest.mark.parametrize("kinds", [[], ["picture"], ["audio", "sound"]])
async def test_media_types_that_are_wrong(client: AsyncClient, kinds: Any) -> None:
    with pytest.raises(InvalidArgumentError, match='one or both of "audio" and "video"'):
        await client.connect_rtstream("rtsp://h/x", media_types=kinds, ws_connection_id=None)


async def test_listing_streams(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/rtstream", {"results": [{"id": "rts-1", "name": "A"}], "count": 1})
    streams = await client.list_rtstreams(limit=10, offset=0, status="connected", name="A", ordering="-created_at")
    assert [s.id for s in streams] == ["rts-1"]
    assert rest.last[2] == {
        "limit": "10",
        "offset": "0",
        "status": "connected",
        "name": "A",
        "ordering": "-created_at",
    }


async def test_searching_a_collection(client: AsyncClient, rest: MockedRest) -> None:
    hits = [
        {"start": 1.71e9, "end": 1.71e9 + 1, "text": "x", "rtstream_id": "rts-1", "rtstream_name": "A"},
        {"start": 1.71e9, "end": 1.71e9 + 1, "text": "y", "id": "rts-2"},
    ]
    rest.answer("POST", "/rtstream/collection/default/search", {"results": hits})
    result = await client.search("door", namespace="rtstream")
    assert rest.last[3] == {"query": "door", "filter": []}
    assert [(s.rtstream_id, s.rtstream_name) for s in result] == [("rts-1", "A"), ("rts-2", None)]
    with pytest.raises(InvalidArgumentError, match="expected 'rtstream'"):
        await client.search("door", namespace="video")  # type: ignore[call-overload] # wrong on purpose


async def test_managing_collections(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/collection", {"id": "c-2", "name": "Yard", "description": "d", "is_public": False})
    made = await client.create_collection("Yard", "d")
    assert rest.last[3] == {"name": "Yard", "description": "d", "is_public": False}
    assert (made.id, made.name, made.description) == ("c-2", "Yard", "d")
    rest.answer("PATCH", "/collection/c-2", {"id": "c-2", "name": "House", "description": "d"})
    changed = await client.update_collection("c-2", name="House", description="d")
    assert rest.last[3] == {"name": "House", "description": "d"}
    assert changed.name == "House"
    rest.answer("DELETE", "/collection/c-2")
    await made.delete()
    assert rest.last[:2] == ("DELETE", "/collection/c-2")
    with pytest.raises(InvalidArgumentError, match="name"):
        await client.create_collection(" ", "d")


async def test_who_sees_a_collection(client: AsyncClient, rest: MockedRest) -> None:
    coll = client.collection("c-1")
    rest.answer("PATCH", "/collection/c-1", {"id": "c-1", "is_public": True})
    await coll.make_public()
    assert (rest.last[3], coll.is_public) == ({"is_public": True}, True)
    rest.answer("PATCH", "/collection/c-1", {"id": "c-1"})
    await coll.make_private()
    assert (rest.last[3], coll.is_public) == ({"is_public": False}, False)
