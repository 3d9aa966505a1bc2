"""Records of REST pages become the records that watches hand out."""

from __future__ import annotations

import json

import msgspec
import pytest

from aiortstream.errors import ProtocolError
from aiortstream.records import Scene, SpokenWord, TranscriptSegment
from aiortstream.wire.frames import decode_frame
from aiortstream.wire.pages import index_kind, read_scene, read_segment
from aiortstream.wire.rest import SceneRecord, TranscriptRecord


def record(**fields: object) -> TranscriptRecord:
    body = {"start": 1720000003.125, "end": 1720000004.25, "text": "put the kettle on", **fields}
    return msgspec.json.decode(json.dumps(body), type=TranscriptRecord, strict=False)


def test_a_segment_with_its_words() -> None:
    words = [{"word": "put", "start": 1720000003.125, "end": 1720000003.5}]
    assert read_segment(record(word_timestamps=words), "rts-1") == TranscriptSegment(
        1720000003.125,
        1720000004.25,
        "put the kettle on",
        "rts-1",
        words=(SpokenWord(1720000003.125, 1720000003.5, "put"),),
    )


def test_a_word_may_be_named_text() -> None:
    (word,) = read_segment(
        record(word_timestamps=[{"text": "put", "start": 1720000003125, "end": 1720000003500}]), "rts-1"
    ).words
    assert word == SpokenWord(1720000003.125, 1720000003.5, "put")


@pytest.mark.parametrize(
    "words",
    [None, [], [{}], [{"word": "put"}], [{"word": "put", "start": 0.0, "end": 0.4}], [{"w": 1, "s": 2}]],
)
def test_words_of_another_shape_do_not_cost_their_segment(words: object) -> None:
    segment = read_segment(record(word_timestamps=words), "rts-1")
    assert (segment.text, segment.words) == ("put the kettle on", ())


def test_one_moment_is_one_moment_in_a_page_and_in_a_frame() -> None:
    frame = {
        "channel": "transcript",
        "rtstream_id": "rts-1",
        "data": {"text": "put the kettle on", "start": 1720000003125, "end": 1720000004250},
    }
    assert decode_frame(json.dumps(frame).encode(), received_at=0.0) == read_segment(record(), "rts-1")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"description": "a van"}, "a van"),
        ({"text": "a van"}, "a van"),
        ({"description": "a van", "text": "a bus"}, "a van"),
        ({"description": "", "text": "a bus"}, ""),
        ({}, ""),
    ],
)
def test_the_text_of_a_scene_is_under_either_key(fields: dict[str, str], text: str) -> None:
    scene = SceneRecord(1720000010.5, 1720000015.0, metadata={"k": 1}, **fields)
    assert read_scene(scene, "rts-1", "i1", "audio") == Scene(
        1720000010.5, 1720000015.0, text, "rts-1", "audio", "i1", metadata={"k": 1}
    )


def test_times_of_another_epoch_are_the_servers_mistake() -> None:
    with pytest.raises(ProtocolError, match=r"rts-1.*2001"):
        read_segment(record(start=12.5), "rts-1")
    with pytest.raises(ProtocolError, match=r"index i1.*2001"):
        read_scene(SceneRecord(1720000010.5, 12.5), "rts-1", "i1", "visual")


@pytest.mark.parametrize(
    ("extraction", "kind"), [("transcript", "audio"), ("time", "visual"), ("time_based", "visual"), (None, "visual")]
)
def test_the_kind_of_an_index_is_what_it_is_made_from(extraction: str | None, kind: str) -> None:
    assert index_kind(extraction) == kind
