"""The frames that come by the thousand, decoded in one step: what fits exactly is taken, all else is left to `frames`.

What is checked here is checked by msgspec while it decodes: the channel, that times are whole milliseconds between 2001
and 2100, that a stream is named. So a record costs one decoding and its own making.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import msgspec

from aiortstream.records import Alert, PartialTranscript, Scene, SpokenWord, TranscriptSegment
from aiortstream.wire.times import EARLIEST, LATEST

Milliseconds = Annotated[int, msgspec.Meta(ge=int(EARLIEST * 1000), le=int(LATEST * 1000))]
Id = Annotated[str, msgspec.Meta(min_length=1)]


class _Word(msgspec.Struct, gc=False):
    word: str
    start: Milliseconds
    end: Milliseconds


class _Transcript(msgspec.Struct, gc=False):
    text: str
    start: Milliseconds
    end: Milliseconds
    is_final: bool = True
    words: tuple[_Word, ...] = ()


class _Scene(msgspec.Struct, gc=False):
    text: str
    start: Milliseconds
    end: Milliseconds
    metadata: dict[str, Any] | None = None
    index_id: str | None = None


class _Alert(msgspec.Struct, gc=False):
    timestamp: Milliseconds
    event_label: Id
    text: Id
    label: str | None = None
    confidence: float | None = None
    triggered: bool = True
    start: Milliseconds | None = None
    end: Milliseconds | None = None
    event_id: str | None = None
    alert_id: str | None = None
    index_id: str | None = None
    stream_url: str | None = None
    player_url: str | None = None
    firing_id: int | None = None
    fired_at: Milliseconds | None = None


class _Frame(msgspec.Struct, gc=False, tag_field="channel"):
    rtstream_id: Id
    rtstream_name: str | None = None
    index_id: str | None = None
    sequence: int | None = None


class _TranscriptFrame(_Frame, gc=False, tag="transcript", kw_only=True):
    data: _Transcript


class _VisualFrame(_Frame, gc=False, tag="scene_index", kw_only=True):
    data: _Scene


class _VisualIndexFrame(_Frame, gc=False, tag="visual_index", kw_only=True):
    data: _Scene


class _AudioFrame(_Frame, gc=False, tag="audio_index", kw_only=True):
    data: _Scene


class _AlertFrame(_Frame, gc=False, tag="alert", kw_only=True):
    data: _Alert


decode_exact = msgspec.json.Decoder(
    _TranscriptFrame | _VisualFrame | _VisualIndexFrame | _AudioFrame | _AlertFrame
).decode
"""The frame that these bytes are, for `MAKERS`; ValueError or RecursionError for one to be looked at more closely."""


def _transcript(frame: _TranscriptFrame) -> TranscriptSegment | PartialTranscript:
    data = frame.data
    if not data.is_final:
        return PartialTranscript(data.start / 1000, data.end / 1000, data.text, frame.rtstream_id, frame.rtstream_name)
    words: tuple[SpokenWord, ...] = ()
    if data.words:
        words = tuple(SpokenWord(each.start / 1000, each.end / 1000, each.word) for each in data.words)
    return TranscriptSegment(
        data.start / 1000, data.end / 1000, data.text, frame.rtstream_id, frame.rtstream_name, words
    )


def _scene(kind: Literal["visual", "audio"]) -> Callable[[_VisualFrame | _VisualIndexFrame | _AudioFrame], Scene]:
    def make(frame: _VisualFrame | _VisualIndexFrame | _AudioFrame) -> Scene:
        data = frame.data
        return Scene(
            data.start / 1000,
            data.end / 1000,
            data.text,
            frame.rtstream_id,
            kind,
            data.index_id or frame.index_id,
            frame.rtstream_name,
            data.metadata,
        )

    return make


def _alert(frame: _AlertFrame) -> Alert:
    data = frame.data
    return Alert(
        data.event_label,
        data.timestamp / 1000,
        frame.rtstream_id,
        frame.rtstream_name,
        data.text,
        data.confidence,
        data.triggered,
        None if data.start is None else data.start / 1000,
        None if data.end is None else data.end / 1000,
        data.event_id,
        data.alert_id,
        data.index_id or frame.index_id,
        data.stream_url,
        data.player_url,
        data.firing_id,
        None if data.fired_at is None else data.fired_at / 1000,
    )


MAKERS: Mapping[type[_Frame], Callable[[Any], TranscriptSegment | PartialTranscript | Scene | Alert]] = {
    _TranscriptFrame: _transcript,
    _VisualFrame: _scene("visual"),
    _VisualIndexFrame: _scene("visual"),
    _AudioFrame: _scene("audio"),
    _AlertFrame: _alert,
}
