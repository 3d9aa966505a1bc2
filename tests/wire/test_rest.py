"""REST bodies: what the official SDKs send, what the service answers, and what we send ourselves."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from aiortstream.wire import rest

# Bodies as the SDKs put them on the wire, field by field.
SDK_BODIES: list[tuple[type[Any], dict[str, Any], dict[str, Any]]] = [
    (
        rest.ConnectRequest,
        {"collection_id": "c-1", "url": "rtsp://h/1", "name": None, "media_types": ["video"]},
        {"name": None, "media_types": ["video"], "store": UNSET, "ws_connection_id": UNSET, "sample_rate": UNSET},
    ),
    (
        rest.ConnectRequest,
        {"url": "rtsp://h/1", "sample_rate": None, "store": None, "enable_transcript": None, "ws_connection_id": None},
        {"collection_id": None, "sample_rate": None, "store": None, "enable_transcript": None},
    ),
    (
        rest.SceneIndexRequest,
        {
            "extraction_type": "time",
            "extraction_config": None,
            "prompt": "what moves",
            "model_name": None,
            "model_config": {},
            "name": None,
        },
        {"extraction_config": None, "model_name": None, "model_config": {}, "ws_connection_id": UNSET},
    ),
    (rest.SceneIndexRequest, {"prompt": "p", "auto_start_transcript": True}, {"extraction_type": None}),
    (rest.TranscriptionRequest, {"action": "start", "ws_connection_id": None, "engine": None}, {"engine": None}),
    (rest.TranscriptionRequest, {"action": "stop", "engine": "assemblyai", "mode": "graceful"}, {"mode": "graceful"}),
    (rest.ExportRequest, {}, {"name": UNSET}),
    (rest.ExportRequest, {"name": None}, {"name": None}),
    (rest.AlertRequest, {"event_id": "e1", "callback_url": ""}, {"callback_url": "", "ws_connection_id": UNSET}),
    (rest.AlertRequest, {"event_id": "e1", "callback_url": None}, {"callback_url": None}),
    (rest.AlertStatusRequest, {"action": "enable"}, {"action": "enable", "status": UNSET}),
    (rest.AlertStatusRequest, {"status": "disabled"}, {"action": UNSET, "status": "disabled"}),
    (rest.SearchRequest, {"query": "q", "filter": []}, {"filter": [], "scene_index_id": UNSET}),
    (rest.SearchRequest, {"query": "q", "result_threshold": None, "score_threshold": None}, {"result_threshold": None}),
    (rest.UpdateStreamRequest, {"name": None}, {"name": None, "sample_rate": None}),
]


@pytest.mark.parametrize(("shape", "body", "expected"), SDK_BODIES)
def test_a_body_of_an_sdk_is_read_with_its_nulls(
    shape: type[Any], body: dict[str, Any], expected: dict[str, Any]
) -> None:
    read = msgspec.json.decode(json.dumps(body), type=shape)
    assert {name: getattr(read, name) for name in expected} == expected


@pytest.mark.parametrize(("shape", "body", "_expected"), SDK_BODIES)
def test_what_was_not_in_a_body_is_not_sent_either(
    shape: type[Any], body: dict[str, Any], _expected: dict[str, Any]
) -> None:
    sent = json.loads(msgspec.json.encode(msgspec.json.decode(json.dumps(body), type=shape)))
    added = {name: value for name, value in sent.items() if name not in body}
    assert {name: sent[name] for name in body} == body
    assert set(added.values()) <= {None}


def test_an_index_request_has_the_official_order_and_nulls() -> None:
    body = rest.SceneIndexRequest("time", {"time": 2, "frame_count": 5}, "p", model_config={})
    assert msgspec.json.encode(body) == (
        b'{"extraction_type":"time","extraction_config":{"time":2,"frame_count":5},"prompt":"p",'
        b'"model_name":null,"model_config":{},"name":null}'
    )


@pytest.mark.parametrize(
    ("shape", "body"),
    [
        (rest.ConnectRequest, {"name": "no url"}),
        (rest.ConnectRequest, {"url": "rtsp://h/1", "media_types": ["smell"]}),
        (rest.TranscriptionRequest, {"action": "pause"}),
        (rest.ActionRequest, {}),
        (rest.AlertStatusRequest, {"action": "enabled"}),
        (rest.EventRequest, {"event_prompt": "p"}),
        (rest.SearchRequest, {"query": None}),
    ],
)
def test_a_wrong_body_is_refused_with_the_place_of_the_error(shape: type[Any], body: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(json.dumps(body), type=shape)


def test_answers_are_read_with_fields_nobody_knows_and_numbers_as_strings() -> None:
    raw = json.dumps(
        {
            "scene_index_records": [
                {"start": "1720000010.5", "end": 1720000015, "description": "a van", "score": 3},
                {"start": 1720000020, "end": 1720000025.5, "text": "a bus", "metadata": {"k": "v"}},
            ],
            "next_page": 2,
            "took_ms": 12,
        }
    )
    answer = msgspec.json.decode(raw, type=rest.ScenesAnswer, strict=False)
    first, second = answer.scene_index_records
    assert (first.start, first.end, first.description, first.text) == (1720000010.5, 1720000015.0, "a van", None)
    assert (second.text, second.metadata) == ("a bus", {"k": "v"})
    assert answer.next_page


@pytest.mark.parametrize("next_page", [False, None, 0])
def test_the_last_page_says_so_in_several_ways(next_page: object) -> None:
    raw = json.dumps({"transcription_records": [], "next_page": next_page})
    assert not msgspec.json.decode(raw, type=rest.TranscriptAnswer).next_page


def test_empty_pages_may_leave_everything_out() -> None:
    assert msgspec.json.decode(b"{}", type=rest.TranscriptAnswer).transcription_records == []
    assert msgspec.json.decode(b"{}", type=rest.ScenesAnswer).scene_index_records == []
    assert msgspec.json.decode(b"{}", type=rest.SearchAnswer).results == []
    assert msgspec.json.decode(b"{}", type=rest.EventsAnswer).events == []


def test_no_two_answers_share_a_default_list() -> None:
    first, second = rest.TranscriptAnswer(), rest.TranscriptAnswer()
    first.transcription_records.append(rest.TranscriptRecord(1.0, 2.0, "x"))
    assert second.transcription_records == []


def test_a_stream_needs_only_its_id() -> None:
    stream = msgspec.json.decode(b'{"id":"rts-1","media_types":null,"store":null}', type=rest.RTStreamAnswer)
    assert (stream.id, stream.status, stream.media_types) == ("rts-1", None, None)
    with pytest.raises(msgspec.ValidationError, match="id"):
        msgspec.json.decode(b"{}", type=rest.RTStreamAnswer)


def test_a_word_we_send_has_one_name_and_all_its_times() -> None:
    assert msgspec.json.encode(rest.WordRecord("kettle", 1.5, 2.0)) == b'{"word":"kettle","start":1.5,"end":2.0}'
