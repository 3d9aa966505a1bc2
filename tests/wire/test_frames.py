"""Websocket frames: every documented shape, in literals of its own, and nothing a server sends may raise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from aiortstream.records import (
    Alert,
    CaptureSessionEvent,
    DecodeFailure,
    Event,
    PartialTranscript,
    Scene,
    SpokenWord,
    TranscriptSegment,
    UnknownEvent,
)
from aiortstream.wire.frames import (
    RAW_KEPT,
    Hello,
    VisualChannel,
    decode_frame,
    decode_hello,
    encode_frame,
    encode_hello,
)
from aiortstream.wire.times import EARLIEST, LATEST

HERE = 1_720_000_000.0  # when frames are received


def decode(frame: object) -> Event:
    return decode_frame(json.dumps(frame).encode(), received_at=HERE)


# --- (a) the first frame ----------------------------------------------------------------------------------------------


def test_a_first_frame_names_the_connection() -> None:
    assert decode_hello(b'{"connection_id":"qX7pLm="}') == Hello("qX7pLm=")
    assert decode_hello('{"connection_id":"qX7pLm=","more":[1]}') == Hello("qX7pLm=")
    assert decode_hello(b'{"connection_id":"qX7pLm=","features":["resume","alert_log"]}') == Hello(
        "qX7pLm=", ("resume", "alert_log")
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b"[]",
        b"null",
        b"{}",
        b'{"connection_id":""}',
        b'{"connection_id":null}',
        b'{"connection_id":7}',
        b'{"channel":"transcript","data":{}}',
        b'{"connection_id":"\xff"}',
        b'{"connection_id":"a","x":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ],
)
def test_what_names_none_is_no_first_frame(raw: bytes) -> None:
    assert decode_hello(raw) is None


def test_hello_round_trip() -> None:
    assert encode_hello("c-1") == b'{"connection_id":"c-1"}'
    assert decode_hello(encode_hello("c-1", ("resume",))) == Hello("c-1", ("resume",))


# --- (b) transcripts --------------------------------------------------------------------------------------------------


def test_a_final_transcript() -> None:
    frame = {
        "channel": "transcript",
        "rtstream_id": "rts-kitchen",
        "rtstream_name": "mic:default",
        "data": {"text": "put the kettle on", "is_final": True, "start": 1720000003125, "end": 1720000004250},
    }
    assert decode(frame) == TranscriptSegment(
        1720000003.125, 1720000004.25, "put the kettle on", "rts-kitchen", "mic:default"
    )


@pytest.mark.parametrize("interim", [False, "false", "False", "no"])
def test_an_interim_transcript_is_another_type(interim: object) -> None:
    frame = {
        "channel": "transcript",
        "rtstream_id": "rts-kitchen",
        "data": {"text": "put the", "is_final": interim, "start": 1720000003125, "end": 1720000003600},
    }
    assert decode(frame) == PartialTranscript(1720000003.125, 1720000003.6, "put the", "rts-kitchen")


@pytest.mark.parametrize("final", [{}, {"is_final": True}, {"is_final": "true"}, {"is_final": "True"}])
def test_without_a_word_about_it_a_transcript_is_final(final: dict[str, object]) -> None:
    data = {"text": "done", "start": "1720000003125", "end": 1720000003.9, **final}
    assert decode({"channel": "transcript", "rtstream_id": "r", "data": data}) == TranscriptSegment(
        1720000003.125, 1720000003.9, "done", "r"
    )


# --- (c), (d) indexes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "kind"),
    [("visual_index", "visual"), ("scene_index", "visual"), ("audio_index", "audio"), ("spoken_index", "audio")],
)
def test_both_spellings_of_an_index_channel(channel: str, kind: str) -> None:
    frame = {
        "channel": channel,
        "rtstream_id": "rts-yard",
        "rtstream_name": "display:1",
        "data": {"text": "a van turns round", "start": 1720000010500, "end": 1720000015000},
    }
    scene = decode(frame)
    assert isinstance(scene, Scene)
    assert (scene.start, scene.end, scene.text, scene.rtstream_id) == (
        1720000010.5,
        1720000015.0,
        "a van turns round",
        "rts-yard",
    )
    assert (scene.kind, scene.index_id, scene.rtstream_name, scene.metadata) == (kind, None, "display:1", None)


def test_an_index_id_is_taken_from_wherever_it_stands() -> None:
    data = {"text": "x", "start": 1720000010500, "end": 1720000015000}
    outside = decode({"channel": "visual_index", "rtstream_id": "r", "index_id": "i1", "data": data})
    inside = decode(
        {"channel": "visual_index", "rtstream_id": "r", "index_id": "i1", "data": {**data, "index_id": "i2"}}
    )
    assert isinstance(outside, Scene)
    assert isinstance(inside, Scene)
    assert (outside.index_id, inside.index_id) == ("i1", "i2")


# --- (e) alerts -------------------------------------------------------------------------------------------------------


def test_an_alert_as_the_seed_has_it() -> None:
    data = {"event_label": "parcel_left", "timestamp": 1720000021750, "text": "A parcel lies at the gate"}
    alert = decode({"channel": "alert", "rtstream_id": "rts-gate", "data": data})
    assert alert == Alert("parcel_left", 1720000021.75, "rts-gate", text="A parcel lies at the gate")


def test_an_alert_with_a_window_and_a_confidence() -> None:
    data = {"label": "parcel_left", "triggered": True, "confidence": 0.87, "start": 1720000020000, "end": 1720000023500}
    alert = decode({"channel": "alert", "rtstream_id": "rts-gate", "rtstream_name": "Gate", "data": data})
    assert alert == Alert(
        "parcel_left", 1720000023.5, "rts-gate", "Gate", confidence=0.87, start=1720000020.0, end=1720000023.5
    )


def test_an_alert_that_says_least() -> None:
    data = {"label": "parcel_left", "confidence": 0.5, "text": "seen"}
    assert decode({"channel": "alert", "data": data}) == Alert("parcel_left", HERE, text="seen", confidence=0.5)


def test_an_alert_of_our_own_server_says_all() -> None:
    data = {
        "event_label": "parcel_left",
        "label": "another",
        "explanation": "A parcel",
        "triggered": False,
        "timestamp": "2024-07-03T09:46:40+00:00",
        "event_id": "e1",
        "alert_id": "a1",
        "index_id": "i1",
        "stream_url": "http://s",
        "player_url": "http://p",
    }
    assert decode({"channel": "alert", "rtstream_id": "r", "data": data}) == Alert(
        "parcel_left",
        1720000000.0,
        "r",
        text="A parcel",
        triggered=False,
        event_id="e1",
        alert_id="a1",
        index_id="i1",
        stream_url="http://s",
        player_url="http://p",
    )


@pytest.mark.parametrize("data", [{}, {"text": "no label"}, {"label": "x", "timestamp": 12.5}, {"label": 5}, None, []])
def test_an_alert_that_cannot_be_read_says_so_and_names_its_stream(data: object) -> None:
    failure = decode({"channel": "alert", "rtstream_id": "rts-gate", "data": data})
    assert isinstance(failure, DecodeFailure)
    assert (failure.channel, failure.rtstream_id) == ("alert", "rts-gate")


# --- (f) capture sessions ---------------------------------------------------------------------------------------------

STREAMS = {"rtstreams": [{"rtstream_id": "rts-1", "name": "mic:default", "media_types": ["audio"]}]}


@pytest.mark.parametrize(
    "envelope",
    [
        {"channel": "capture_session", "event": "capture_session.active", "capture_session_id": "cap-9"},
        {"event": "capture_session.active", "capture_session_id": "cap-9"},
        {"channel": "capture_session", "type": "capture_session.active", "session_id": "cap-9"},
        {"type": "capture_session.active", "session_id": "cap-9"},
        {"channel": "capture_session.active", "session_id": "cap-9"},
    ],
)
def test_capture_sessions_with_and_without_a_channel(envelope: dict[str, object]) -> None:
    event = decode({**envelope, "status": "active", "data": STREAMS})
    assert event == CaptureSessionEvent("capture_session.active", "cap-9", "active", STREAMS)


@pytest.mark.parametrize(("data", "status"), [({"status": "failed"}, "failed"), ({"status": 3}, None), ({}, None)])
def test_the_status_of_a_capture_session_may_stand_in_its_data(data: dict[str, object], status: str | None) -> None:
    event = decode({"event": "capture_session.failed", "capture_session_id": "cap-9", "data": data})
    assert event == CaptureSessionEvent("capture_session.failed", "cap-9", status, data)


def test_capture_session_events_need_no_data_but_an_id() -> None:
    for extra in ({}, {"data": None}):
        event = decode({"event": "capture_session.stopping", "capture_session_id": "cap-9", **extra})
        assert event == CaptureSessionEvent("capture_session.stopping", "cap-9")
    assert isinstance(decode({"event": "capture_session.stopping"}), DecodeFailure)
    assert isinstance(
        decode({"event": "capture_session.stopping", "capture_session_id": "cap-9", "data": []}), DecodeFailure
    )


# --- (g), (h), (i) what is old, foreign, or not there -----------------------------------------------------------------


def test_an_old_flat_transcript_has_no_times_and_is_a_failure_of_its_channel() -> None:
    failure = decode({"type": "transcript", "text": "old", "is_final": True})
    assert isinstance(failure, DecodeFailure)
    assert failure.channel == "transcript"


@pytest.mark.parametrize(
    ("frame", "channel"),
    [
        ({"type": "index", "index_type": "visual", "text": "old"}, "index"),
        ({"channel": "hud_event", "rtstream_id": "r", "data": {"x": 1}}, "hud_event"),
        ({"channel": "rtstream_status", "status": 3, "data": []}, "rtstream_status"),
        ({"channel": "pricing", "event": {"a": 1}, "rtstream_id": 5}, "pricing"),
        ({"connection_id": "another"}, None),
        ({}, None),
    ],
)
def test_unknown_channels_come_as_they_are(frame: dict[str, object], channel: str | None) -> None:
    assert decode(frame) == UnknownEvent(channel, frame)


def test_a_known_channel_with_an_envelope_of_other_types_is_a_failure() -> None:
    for channel in ("transcript", "alert", "capture_session.active"):
        assert isinstance(decode({"channel": channel, "rtstream_id": 5}), DecodeFailure)


@pytest.mark.parametrize("channel", ["transcript", "visual_index", "audio_index"])
@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        {},
        {"text": {"a": 1}, "start": 1720000010500, "end": 1720000015000},
        {"text": "x", "start": 12.5, "end": 14.0},
        {"text": "x", "start": None, "end": None},
        {"text": "x", "start": "soon", "end": 1720000015000},
    ],
)
def test_data_that_does_not_fit_is_a_failure_that_names_its_stream(channel: str, data: object) -> None:
    failure = decode({"channel": channel, "rtstream_id": "rts-1", "data": data})
    assert isinstance(failure, DecodeFailure)
    assert (failure.channel, failure.rtstream_id) == (channel, "rts-1")
    assert failure.reason


@pytest.mark.parametrize("channel", ["transcript", "visual_index"])
@pytest.mark.parametrize("stream", [{}, {"rtstream_id": ""}, {"rtstream_id": None}])
def test_a_record_of_no_stream_is_a_failure(channel: str, stream: dict[str, object]) -> None:
    data = {"text": "x", "start": 1720000010500, "end": 1720000015000}
    assert isinstance(decode({"channel": channel, "data": data, **stream}), DecodeFailure)


def test_a_failure_keeps_only_the_beginning_of_a_large_frame() -> None:
    failure = decode_frame(b"x" * 1_000_000, received_at=HERE)
    assert isinstance(failure, DecodeFailure)
    assert failure.raw == b"x" * RAW_KEPT


# --- both directions --------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
IDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=10)
NAMES = st.none() | TEXTS
TIMES = st.integers(int(EARLIEST * 1000), int(LATEST * 1000)).map(lambda ms: ms / 1000)
WORDS = st.lists(st.builds(SpokenWord, TIMES, TIMES, TEXTS), max_size=3).map(tuple)
METADATA = st.none() | st.dictionaries(TEXTS, st.integers(0, 9) | TEXTS, min_size=1, max_size=3)
RECORDS = st.one_of(
    st.builds(TranscriptSegment, TIMES, TIMES, TEXTS, IDS, NAMES, WORDS),
    st.builds(PartialTranscript, TIMES, TIMES, TEXTS, IDS, NAMES),
    st.builds(Scene, TIMES, TIMES, TEXTS, IDS, st.sampled_from(["visual", "audio"]), st.none() | IDS, NAMES, METADATA),
    st.builds(
        Alert,
        label=IDS,
        timestamp=TIMES,
        rtstream_id=st.none() | IDS,
        rtstream_name=NAMES,
        text=TEXTS,
        confidence=st.none() | st.floats(0, 1),
        triggered=st.booleans(),
        start=st.none() | TIMES,
        end=st.none() | TIMES,
        event_id=NAMES,
        alert_id=NAMES,
        index_id=st.none() | IDS,
        stream_url=NAMES,
        player_url=NAMES,
    ),
)


@given(record=RECORDS, visual=st.sampled_from(["visual_index", "scene_index"]))
def test_what_the_server_encodes_the_client_decodes(
    record: TranscriptSegment | PartialTranscript | Scene | Alert, visual: VisualChannel
) -> None:
    assert decode_frame(encode_frame(record, visual=visual), received_at=HERE) == record


def test_the_encoded_frame_is_the_wires_union() -> None:
    alert = Alert("parcel_left", 1720000021.75, "rts-gate", text="A parcel", confidence=0.9, start=1720000020.0)
    assert json.loads(encode_frame(alert, visual="visual_index")) == {
        "channel": "alert",
        "rtstream_id": "rts-gate",
        "rtstream_name": None,
        "data": {
            "event_label": "parcel_left",
            "label": "parcel_left",
            "text": "A parcel",
            "triggered": True,
            "timestamp": 1720000021750,
            "confidence": 0.9,
            "start": 1720000020000,
        },
    }


@pytest.mark.parametrize("visual", ["visual_index", "scene_index"])
def test_the_channel_of_visual_scenes_is_chosen_and_that_of_sound_is_not(visual: VisualChannel) -> None:
    def channel(kind: Any) -> object:
        return json.loads(encode_frame(Scene(HERE, HERE + 1, "x", "r", kind), visual=visual))["channel"]

    assert channel("visual") == visual
    assert channel("audio") == "audio_index"


# --- fuzz: nothing raises ---------------------------------------------------------------------------------------------

EVENTS = TranscriptSegment | PartialTranscript | Scene | Alert | CaptureSessionEvent | UnknownEvent | DecodeFailure
CHANNELS = st.sampled_from(
    ["transcript", "visual_index", "scene_index", "audio_index", "alert", "capture_session", "capture_session.x", "?"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(1720000010500),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from([
    "text", "start", "end", "is_final", "words", "metadata", "index_id", "event_label", "label", "confidence",
    "triggered", "timestamp", "status",
])  # fmt: skip
ENVELOPES = st.sampled_from([
    "channel", "event", "type", "rtstream_id", "rtstream_name", "index_id", "capture_session_id", "session_id",
    "status", "data", "connection_id",
])  # fmt: skip


def nothing_raises(raw: bytes) -> None:
    assert isinstance(decode_frame(raw, received_at=HERE), EVENTS)
    hello = decode_hello(raw)
    assert hello is None or hello.connection_id


@given(st.binary(max_size=64))
@example(b"")
@example(b"\xff\xfe\x00")
@example(b"\xef\xbb\xbf{}")
@example(b'{"channel":"\xff"}')
@example(b'{"channel":"x","k":"\xc3"}')
@example(b'{"channel":"x","k":"\\ud800"}')
@example(b'{"a":NaN}')
@example(b'{"channel":"x","a":1e999}')
@example(b'{"channel":"x","a":' + b"9" * 5000 + b"}")
@example(b'{"channel":"transcript","rtstream_id":"r","data":{"text":"x","start":' + b"9" * 400 + b',"end":1e400}}')
@example(b'{"channel":"alert","data":{"label":"x","timestamp":"' + b"9" * 5000 + b'"}}')
@example(b'{"channel":"x","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
@example(b'{"channel":"alert","data":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}")
@example(b'{"channel":"capture_session","capture_session_id":"c","data":{"a":' + b"[" * 900 + b"]" * 900 + b"}}")
def test_no_bytes_raise(raw: bytes) -> None:
    nothing_raises(raw)


@given(JSON)
def test_no_json_raises(value: object) -> None:
    nothing_raises(json.dumps(value).encode())  # NaN and the infinities included, which JSON does not have


@given(
    channel=CHANNELS,
    envelope=st.dictionaries(ENVELOPES, JSON, max_size=4),
    data=st.dictionaries(FIELDS, JSON, max_size=6) | JSON,
)
def test_no_frame_of_any_channel_raises(channel: str, envelope: dict[str, object], data: object) -> None:
    nothing_raises(json.dumps({"rtstream_id": "r", "data": data, "channel": channel, **envelope}).encode())


@given(st.binary(max_size=40), st.integers(0, 200))
def test_no_damaged_frame_raises(junk: bytes, at: int) -> None:
    whole = encode_frame(TranscriptSegment(HERE, HERE + 1, "hello", "r"), visual="visual_index")
    nothing_raises(whole[:at] + junk + whole[at:])
