"""Websocket frames, in both directions: bytes to records for the client, records to bytes for the server.

A frame is `{"channel", "rtstream_id", "rtstream_name", "data": {...}}` with times in epoch milliseconds. Channel
names differ between sources (`visual_index` and `scene_index`, `audio_index` and `spoken_index`): all are read. The
envelope is decoded first and `data` by its channel: an unknown channel gives `UnknownEvent`, a payload that does not
fit gives `DecodeFailure`, and nothing that a server sends raises.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from aiortstream.records import (
    Alert,
    CaptureSessionEvent,
    DecodeFailure,
    Event,
    IndexKind,
    PartialTranscript,
    Scene,
    SpokenWord,
    TranscriptSegment,
    UnknownEvent,
)
from aiortstream.wire.quick import MAKERS, decode_exact
from aiortstream.wire.times import to_milliseconds, to_seconds

VisualChannel = Literal["visual_index", "scene_index"]
AudioChannel = Literal["audio_index", "spoken_index"]
_CAPTURE = "capture_session"  # the channel's name, and the beginning of its events' names
RAW_KEPT = 2048  # bytes of a bad frame that its DecodeFailure keeps: enough to see what it was


class Hello(msgspec.Struct, frozen=True):
    """The first frame of a connection. What a server offers beyond the hosted wire is named in `features`.

    `sequence` and `complete` come where the client has asked for numbered frames (see `wire.extras`).
    """

    connection_id: str
    features: tuple[str, ...] = ()
    sequence: int | None = None
    """The number of the frame before the first that follows; None where frames are not numbered."""
    complete: bool = False
    """Whether all that the client had not received yet follows: the connection goes on as if it had never broken."""


class Frame(msgspec.Struct, gc=False):
    """The envelope of every later frame; `type`, `event` and `session_id` are older spellings that still occur."""

    channel: str | None = None
    event: str | None = None
    type: str | None = None
    rtstream_id: str | None = None
    rtstream_name: str | None = None
    index_id: str | None = None
    capture_session_id: str | None = None
    session_id: str | None = None
    status: str | None = None
    sequence: int | None = None
    data: msgspec.Raw = msgspec.Raw()


class WordData(msgspec.Struct, gc=False):
    """One word of a transcript frame. Only the embedded server sends words; times in ms."""

    word: str
    start: float
    end: float


class TranscriptData(msgspec.Struct, gc=False):
    """`data` of a transcript frame; times in ms. `is_final` may be missing (final) or a string in old programs."""

    text: str
    start: float | str
    end: float | str
    is_final: bool | str = True
    words: tuple[WordData, ...] = ()


class SceneData(msgspec.Struct, gc=False):
    """`data` of a visual or audio index frame; times in ms."""

    text: str
    start: float | str
    end: float | str
    metadata: dict[str, Any] | None = None
    index_id: str | None = None


class AlertData(msgspec.Struct, gc=False):
    """`data` of an alert frame: the union of the three documented shapes; times in ms."""

    event_label: str | None = None
    label: str | None = None
    text: str | None = None
    explanation: str | None = None
    confidence: float | None = None
    triggered: bool = True
    timestamp: float | str | None = None
    start: float | str | None = None
    end: float | str | None = None
    event_id: str | None = None
    alert_id: str | None = None
    index_id: str | None = None
    stream_url: str | None = None
    player_url: str | None = None
    firing_id: int | None = None
    fired_at: float | str | None = None


_hello = msgspec.json.Decoder(Hello)
_frame = msgspec.json.Decoder(Frame)
_transcript = msgspec.json.Decoder(TranscriptData)
_scene = msgspec.json.Decoder(SceneData)
_alert = msgspec.json.Decoder(AlertData)
_object = msgspec.json.Decoder(dict[str, Any])


def decode_hello(raw: bytes | str) -> Hello | None:
    """The connection id of a first frame, or None if that is not what this frame is."""
    try:
        hello = _hello.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return hello if hello.connection_id else None


def decode_frame(raw: bytes, *, received_at: float) -> Event:
    """The event in a frame. Never raises for anything a server can send.

    `received_at` (unix seconds) is the moment given to an alert that carries no time of its own.
    """
    return decode_numbered(raw, received_at=received_at)[0]


def decode_numbered(raw: bytes, *, received_at: float) -> tuple[Event, int | None]:
    """The event in a frame, and the frame's number on its connection where the server numbers them."""
    try:
        exact = decode_exact(raw)
    except (ValueError, RecursionError):
        return _decode_closely(raw, received_at)
    return MAKERS[exact.__class__](exact), exact.sequence


def _decode_closely(raw: bytes, received_at: float) -> tuple[Event, int | None]:
    """The same for a frame of any of the spellings that are known, of a rare channel, or of none."""
    try:
        frame = _frame.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _unknown(raw) or DecodeFailure(reason=f"not a frame: {error}", raw=raw[:RAW_KEPT]), None
    return _event(frame, raw, received_at), frame.sequence


def _event(frame: Frame, raw: bytes, received_at: float) -> Event:
    channel = frame.channel or frame.event or frame.type
    read = _READERS.get(channel or "")
    if read is None and channel is not None and channel.startswith(_CAPTURE):
        read = _capture_session
    try:
        if read is None:
            return UnknownEvent(channel=channel, payload=_object.decode(raw))
        return read(frame, received_at)
    except (ValueError, RecursionError, OverflowError) as error:  # DecodeError, UnicodeDecodeError are ValueErrors
        return DecodeFailure(reason=str(error), raw=raw[:RAW_KEPT], channel=channel, rtstream_id=frame.rtstream_id)


def _unknown(raw: bytes) -> UnknownEvent | None:
    """The event of an unknown channel whose envelope has other types than those we know; None if it is none."""
    try:
        payload = _object.decode(raw)
    except (ValueError, RecursionError):
        return None
    channel = payload.get("channel")
    known = not isinstance(channel, str) or channel in _READERS or channel.startswith(_CAPTURE)
    return None if known else UnknownEvent(channel=channel, payload=payload)


def _stream_of(frame: Frame) -> str:
    if not frame.rtstream_id:
        raise ValueError("a frame of a stream without rtstream_id")
    return frame.rtstream_id


def _transcript_event(frame: Frame, _received_at: float) -> TranscriptSegment | PartialTranscript:
    data = _transcript.decode(frame.data)
    start, end, stream = to_seconds(data.start), to_seconds(data.end), _stream_of(frame)
    final = data.is_final.lower() == "true" if isinstance(data.is_final, str) else data.is_final
    if not final:
        return PartialTranscript(start, end, data.text, stream, frame.rtstream_name)
    words = tuple(SpokenWord(to_seconds(w.start), to_seconds(w.end), w.word) for w in data.words)
    return TranscriptSegment(start, end, data.text, stream, frame.rtstream_name, words)


def _scene_event(kind: IndexKind) -> Callable[[Frame, float], Scene]:
    def read(frame: Frame, _received_at: float) -> Scene:
        data = _scene.decode(frame.data)
        return Scene(
            to_seconds(data.start),
            to_seconds(data.end),
            data.text,
            _stream_of(frame),
            kind,
            data.index_id or frame.index_id,
            frame.rtstream_name,
            data.metadata,
        )

    return read


def _alert_event(frame: Frame, received_at: float) -> Alert:
    data = _alert.decode(frame.data)
    label = data.event_label or data.label
    if label is None:
        raise ValueError("an alert without event_label or label")
    start = None if data.start is None else to_seconds(data.start)
    end = None if data.end is None else to_seconds(data.end)
    if data.timestamp is not None:
        timestamp = to_seconds(data.timestamp)
    else:
        timestamp = end if end is not None else received_at
    return Alert(
        label=label,
        timestamp=timestamp,
        rtstream_id=frame.rtstream_id,
        rtstream_name=frame.rtstream_name,
        text=data.text or data.explanation or "",
        confidence=data.confidence,
        triggered=data.triggered,
        start=start,
        end=end,
        event_id=data.event_id,
        alert_id=data.alert_id,
        index_id=data.index_id or frame.index_id,
        stream_url=data.stream_url,
        player_url=data.player_url,
        firing_id=data.firing_id,
        fired_at=None if data.fired_at is None else to_seconds(data.fired_at),
    )


def _capture_session(frame: Frame, _received_at: float) -> CaptureSessionEvent:
    session = frame.capture_session_id or frame.session_id
    if not session:
        raise ValueError("a capture session frame without capture_session_id")
    data = _object.decode(frame.data) if bytes(frame.data) not in (b"", b"null") else {}
    status = frame.status if frame.status is not None else data.get("status")
    name = frame.event or frame.type or frame.channel or ""
    return CaptureSessionEvent(name, session, status if isinstance(status, str) else None, data)


_READERS: Mapping[str, Callable[[Frame, float], Event]] = {
    "transcript": _transcript_event,
    "visual_index": _scene_event("visual"),
    "scene_index": _scene_event("visual"),
    "audio_index": _scene_event("audio"),
    "spoken_index": _scene_event("audio"),
    "alert": _alert_event,
    _CAPTURE: _capture_session,
}


def encode_hello(
    connection_id: str, features: tuple[str, ...] = (), *, sequence: int | None = None, complete: bool = False
) -> bytes:
    """The first frame a server sends; without features it is just what the hosted service sends.

    `sequence`, for a client that has asked for numbered frames: the number of the frame before the first that follows.
    """
    body: dict[str, Any] = {"connection_id": connection_id}
    if features:
        body["features"] = features
    if sequence is not None:
        body |= {"sequence": sequence, "complete": complete}
    return msgspec.json.encode(body)


def number_frame(frame: bytes, sequence: int) -> bytes:
    """A frame of `encode_frame` with its number on one connection: encoded once for all, numbered for each."""
    return b'%b,"sequence":%d}' % (frame[:-1], sequence)


def encode_frame(
    record: TranscriptSegment | PartialTranscript | Scene | Alert | CaptureSessionEvent,
    *,
    visual: VisualChannel,
    audio: AudioChannel = "audio_index",
) -> bytes:
    """A record as the frame that carries it. `visual` and `audio` name the channels of scenes: sources disagree."""
    match record:
        case CaptureSessionEvent():
            return msgspec.json.encode({"channel": _CAPTURE} | msgspec.to_builtins(record))
        case TranscriptSegment() | PartialTranscript():
            channel, data = "transcript", _transcript_data(record)
        case Scene():
            channel = visual if record.kind == "visual" else audio
            data = _timed_data(record)
            if record.metadata:
                data["metadata"] = record.metadata
            if record.index_id:
                data["index_id"] = record.index_id
        case Alert():
            channel, data = "alert", _alert_data(record)
    return msgspec.json.encode(
        {
            "channel": channel,
            "rtstream_id": record.rtstream_id,
            "rtstream_name": record.rtstream_name,
            "data": data,
        }
    )


def _timed_data(record: TranscriptSegment | PartialTranscript | Scene) -> dict[str, Any]:
    return {"text": record.text, "start": to_milliseconds(record.start), "end": to_milliseconds(record.end)}


def _transcript_data(record: TranscriptSegment | PartialTranscript) -> dict[str, Any]:
    data = _timed_data(record) | {"is_final": record.is_final}
    if isinstance(record, TranscriptSegment) and record.words:
        data["words"] = [
            {"word": w.word, "start": to_milliseconds(w.start), "end": to_milliseconds(w.end)} for w in record.words
        ]
    return data


def _alert_data(alert: Alert) -> dict[str, Any]:
    optional = {
        "confidence": alert.confidence,
        "start": None if alert.start is None else to_milliseconds(alert.start),
        "end": None if alert.end is None else to_milliseconds(alert.end),
        "event_id": alert.event_id,
        "alert_id": alert.alert_id,
        "index_id": alert.index_id,
        "stream_url": alert.stream_url,
        "player_url": alert.player_url,
        "firing_id": alert.firing_id,
        "fired_at": None if alert.fired_at is None else to_milliseconds(alert.fired_at),
    }
    return {
        "event_label": alert.label,
        "label": alert.label,
        "text": alert.text,
        "triggered": alert.triggered,
        "timestamp": to_milliseconds(alert.timestamp),
        **{key: value for key, value in optional.items() if value is not None},
    }
