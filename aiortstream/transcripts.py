"""Pages and states of live transcripts. The methods are on the stream: `rtstream.start_transcript()` and so on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from aiortstream.records import Keyed, TranscriptSegment
from aiortstream.wire import rest
from aiortstream.wire.pages import read_segment


class TranscriptStatus(Keyed, frozen=True):
    """What a transcript is doing: `status` is `running`, `stopped` or `not_configured`."""

    status: str
    engine: str | None = None
    language: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


class TranscriptPage(Keyed, frozen=True):
    """One page of final segments, under `segments` or the wire's key `transcription_records`."""

    segments: tuple[TranscriptSegment, ...]
    next_page: bool
    total_count: int | None = None
    page: int | None = None
    page_size: int | None = None
    aliases: ClassVar[Mapping[str, str]] = {"transcription_records": "segments"}


def read_status(answer: rest.TranscriptionStatusAnswer) -> TranscriptStatus:
    """The status in an answer."""
    return TranscriptStatus(answer.status, answer.engine, answer.language, answer.created_at, answer.updated_at)


def read_page(answer: rest.TranscriptAnswer, rtstream_id: str) -> TranscriptPage:
    """The page in an answer."""
    return TranscriptPage(
        tuple(read_segment(record, rtstream_id) for record in answer.transcription_records),
        bool(answer.next_page),
        answer.total_count,
        answer.page,
        answer.page_size,
    )
