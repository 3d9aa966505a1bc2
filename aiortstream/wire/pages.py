"""Records in REST pages, turned into the same records that the websocket's frames are turned into."""

from __future__ import annotations

from collections.abc import Iterable

from aiortstream.errors import ProtocolError
from aiortstream.records import IndexKind, Scene, SpokenWord, TranscriptSegment
from aiortstream.wire.rest import SceneRecord, TranscriptRecord, WordRecord
from aiortstream.wire.times import to_seconds


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
