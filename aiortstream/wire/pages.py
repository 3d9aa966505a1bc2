"""Records in REST pages, turned into the same records that the websocket's frames are turned into."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from aiortstream.errors import ProtocolError
from aiortstream.records import Alert, IndexKind, Scene, SpokenWord, TranscriptSegment
from aiortstream.wire.rest import Answer, FiringRecord, SceneRecord, TranscriptRecord, WordRecord
from aiortstream.wire.times import to_seconds

R = TypeVar("R")


class TranscriptPage(Answer):
    """GET /rtstream/{id}/transcription, its records undecoded: one that does not fit costs itself only."""

    transcription_records: list[msgspec.Raw]
    next_page: bool | int | None = False


class ScenePage(Answer):
    """GET /rtstream/{id}/index/scene/{index_id}, the same."""

    scene_index_records: list[msgspec.Raw]
    next_page: bool | int | None = False


class RecordPage(Answer):
    """GET .../records of an understanding or of its index, the same."""

    records: list[msgspec.Raw]
    next_page: bool | int | None = False


class AlertPage(Answer):
    """GET /alert/log, the same."""

    firings: list[msgspec.Raw]
    next_page: bool | int | None = False


_transcript = msgspec.json.Decoder(TranscriptRecord, strict=False)
_scene = msgspec.json.Decoder(SceneRecord, strict=False)
_firing = msgspec.json.Decoder(FiringRecord, strict=False)


def decode_segment(raw: bytes | msgspec.Raw, rtstream_id: str) -> TranscriptSegment:
    """One record of a transcript's page; ProtocolError where it does not fit."""
    return read_segment(_decoded(_transcript, raw), rtstream_id)


def decode_scene(raw: bytes | msgspec.Raw, rtstream_id: str, index_id: str, kind: IndexKind) -> Scene:
    """One record of an index's page; ProtocolError where it does not fit."""
    return read_scene(_decoded(_scene, raw), rtstream_id, index_id, kind)


def decode_firing(raw: bytes | msgspec.Raw) -> Alert:
    """One record of the log of alerts; ProtocolError where it does not fit."""
    record = _decoded(_firing, raw)
    try:
        return Alert(
            label=record.label,
            timestamp=to_seconds(record.timestamp),
            rtstream_id=record.rtstream_id,
            rtstream_name=record.rtstream_name,
            text=record.explanation or "",
            confidence=record.confidence,
            start=to_seconds(record.start),
            end=to_seconds(record.end),
            event_id=record.event_id,
            alert_id=record.alert_id,
            index_id=record.index_id,
            stream_url=record.stream_url,
            player_url=record.player_url,
            firing_id=record.firing_id,
            fired_at=to_seconds(record.fired_at),
        )
    except ValueError as error:
        raise ProtocolError(f"a record of the log of alerts: {error}") from error


def _decoded(decoder: msgspec.json.Decoder[R], raw: bytes | msgspec.Raw) -> R:
    try:
        return decoder.decode(raw)
    except (ValueError, RecursionError) as error:  # DecodeError and UnicodeDecodeError are ValueErrors
        raise ProtocolError(f"a record that does not fit the protocol: {error}") from error


def index_kind(extraction_type: str | None) -> IndexKind:
    """What an index is made from: pictures, unless it says `transcript`."""
    return "audio" if extraction_type == "transcript" else "visual"


def read_segment(record: TranscriptRecord, rtstream_id: str) -> TranscriptSegment:
    """A transcript record; ProtocolError where its times are of another epoch."""
    try:
        start, end = to_seconds(record.start), to_seconds(record.end)
    except ValueError as error:
        raise ProtocolError(f"a transcript record of {rtstream_id}: {error}") from error
    return TranscriptSegment(start, end, record.text, rtstream_id, words=_words(record.word_timestamps or ()))


def read_scene(record: SceneRecord, rtstream_id: str, index_id: str, kind: IndexKind) -> Scene:
    """A scene record, whichever key its text is under; ProtocolError where its times are of another epoch."""
    text = record.description if record.description is not None else record.text
    try:
        start, end = to_seconds(record.start), to_seconds(record.end)
    except ValueError as error:
        raise ProtocolError(f"a scene of index {index_id}: {error}") from error
    return Scene(start, end, text or "", rtstream_id, kind, index_id, metadata=record.metadata)


def _words(records: Iterable[WordRecord]) -> tuple[SpokenWord, ...]:
    """The words, or none where one does not fit: they are an extra, and not worth the segment that they come with."""
    try:
        return tuple(SpokenWord(to_seconds(w.start), to_seconds(w.end), w.word or w.text or "") for w in records)
    except ValueError:
        return ()
