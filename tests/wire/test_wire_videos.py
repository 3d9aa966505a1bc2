"""Bodies of collections and videos: what the official SDK sends is read, and sent on, as it is."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from aiortstream.wire import videos

# Bodies as the official SDK 0.5.1 puts them on the wire.
SDK_BODIES: list[tuple[type[Any], dict[str, Any]]] = [
    (videos.CreateCollectionRequest, {"name": "Yard", "description": "d", "is_public": False}),
    (videos.UpdateCollectionRequest, {"name": "Yard", "description": "d"}),
    (videos.UpdateCollectionRequest, {"name": None, "description": None, "is_public": True}),
    (
        videos.UploadRequest,
        {"url": "https://h/x", "name": None, "description": None, "callback_url": None, "media_type": None},
    ),
    (videos.UpdateVideoRequest, {"name": "Gate"}),
    (videos.VideoStreamRequest, {"timeline": [[0.0, 1.5], [2.0, 3.0]], "length": 60.5}),
    (videos.VideoStreamRequest, {"timeline": None, "length": "60.5"}),
    (videos.GenerateTranscriptRequest, {"force": False, "language_code": None}),
    (
        videos.VideoIndexRequest,
        {
            "index_type": "spoken_word",
            "language_code": None,
            "segmentation_type": "sentence",
            "force": True,
            "callback_url": None,
        },
    ),
    (
        videos.VideoSearchRequest,
        {
            "search_type": "semantic",
            "index_type": "spoken_word",
            "query": "q",
            "score_threshold": 0.2,
            "result_threshold": 5,
            "dynamic_score_percentage": None,
            "sort_docs_on": None,
            "filter": [],
            "scene_index_id": None,
            "algorithm": None,
        },
    ),
    (
        videos.VideoSearchRequest,
        {
            "search_type": "keyword",
            "index_type": "spoken_word",
            "query": "q",
            "score_threshold": None,
            "result_threshold": None,
            "filter": [],
        },
    ),
    (videos.VideoSearchV2Request, {"query": "q"}),
    (videos.VideoSearchV2Request, {"query": "q", "top_k": 3, "include_clip": True, "config": {"a": 1}}),
    (videos.CompileInput, {"video_id": "m-1", "collection_id": "c-1", "shots": [[1.0, 2.5]]}),
    (videos.CompileInput, {"media_id": "m-1", "start_time": 10.0, "end_time": 30.0}),
]


@pytest.mark.parametrize(("shape", "body"), SDK_BODIES)
def test_a_body_of_the_sdk_is_read_and_sent_as_it_is(shape: type[Any], body: dict[str, Any]) -> None:
    read = msgspec.json.decode(json.dumps(body), type=shape)
    assert json.loads(msgspec.json.encode(read)) == body


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        (videos.CreateCollectionRequest, {"description": "no name"}),
        (videos.UploadRequest, {"name": "no url"}),
        (videos.VideoStreamRequest, {"timeline": [[1]]}),
        (videos.VideoSearchRequest, {"query": None}),
        (videos.CompileRequest, {}),
        (videos.CompileInput, {"shots": [["a", 1]]}),
    ],
)
def test_a_wrong_body_is_refused(shape: type[Any], body: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(body), type=shape)


def test_a_video_is_read_with_what_may_be_missing_or_text() -> None:
    video = msgspec.json.decode(b'{"id":"m-1","length":"60.5","owner":"u"}', type=videos.VideoAnswer, strict=False)
    assert (video.length, video.stream_url) == (60.5, None)
    assert msgspec.json.decode(b'{"id":"m-1","length":null}', type=videos.VideoAnswer).length is None


def test_hits_carry_their_link_under_either_name() -> None:
    raw = b'{"start":1,"end":2,"stream_link":"http://s","player_url":"http://p"}'
    hit = msgspec.json.decode(raw, type=videos.VideoHit)
    assert (hit.stream_link, hit.stream_url, hit.player_url) == ("http://s", None, "http://p")
    assert msgspec.json.decode(b'{"start":1,"end":2}', type=videos.VideoHit).stream_link is UNSET
    assert videos.VideoHits("m-1").docs == []
    assert videos.VideoHits("m-1").docs is not videos.VideoHits("m-2").docs
