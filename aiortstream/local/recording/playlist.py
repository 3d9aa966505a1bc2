"""Playlists over recorded segments, and which stretches of time they cover. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from .segmenter import SegmentInfo

_ABUT = 0.002  # seconds; segments of one session abut exactly, stored in milliseconds or not


class EmptyWindow(ValueError):  # noqa: N818 - the name is part of the contract, and reads as what it says
    """Nothing is recorded in a window of time; the message names what is."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time without a gap, in unix seconds."""

    start: float
    end: float


def coverage(segments: Sequence[SegmentInfo]) -> list[Span]:
    """The stretches of time that segments cover, in order; a reconnect shows as two of them if it lost any time."""
    spans: list[Span] = []
    for segment in _in_order(segments):
        if spans and segment.start - spans[-1].end <= _ABUT:
            spans[-1] = Span(spans[-1].start, max(spans[-1].end, segment.end))
        else:
            spans.append(Span(segment.start, segment.end))
    return spans


def select_window(segments: Sequence[SegmentInfo], start: float, end: float) -> list[SegmentInfo]:
    """The segments that show [start, end), from the nearest one before that can be decoded by itself.

    Raises `EmptyWindow` when no segment overlaps it.
    """
    ordered = _in_order(segments)
    inside = [index for index, segment in enumerate(ordered) if segment.end > start and segment.start < end]
    if not inside:
        raise EmptyWindow(_describe_empty(segments, start, end))
    first = inside[0]
    while not ordered[first].independent and first > 0 and follows(ordered[first - 1], ordered[first]):
        first -= 1
    return ordered[first : inside[-1] + 1]


def follows(earlier: SegmentInfo, later: SegmentInfo) -> bool:
    """Whether `later` goes on exactly where `earlier` ends, in the same session."""
    return earlier.session == later.session and abs(later.start - earlier.end) <= _ABUT


def window_playlist(
    segments: Sequence[SegmentInfo], start: float, end: float, url_for: Callable[[SegmentInfo], str]
) -> str:
    """An HLS playlist (version 6, on demand) of all segments that overlap [start, end), in unix seconds.

    Segments are whole, so it begins up to a segment before `start`; each carries its own date and time. Raises
    `EmptyWindow` when there are none.
    """
    chosen = select_window(segments, start, end)
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:6",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        f"#EXT-X-TARGETDURATION:{math.ceil(max(segment.duration for segment in chosen))}",
        "#EXT-X-MEDIA-SEQUENCE:0",
    ]
    if all(segment.independent for segment in chosen):
        lines.append("#EXT-X-INDEPENDENT-SEGMENTS")
    lines += _entry(chosen[0], url_for)
    for earlier, later in pairwise(chosen):
        if not follows(earlier, later):
            lines.append("#EXT-X-DISCONTINUITY")
        lines += _entry(later, url_for)
    lines.append("#EXT-X-ENDLIST")
    return "\n".join(lines) + "\n"


def _entry(segment: SegmentInfo, url_for: Callable[[SegmentInfo], str]) -> Iterator[str]:
    yield f"#EXT-X-PROGRAM-DATE-TIME:{format_time(segment.start)}"
    yield f"#EXTINF:{segment.duration:.6f},"
    yield url_for(segment)


def format_time(time: float) -> str:
    """Unix seconds as ISO 8601 in UTC, rounded to milliseconds."""
    moment = datetime.fromtimestamp(round(time * 1000) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _in_order(segments: Sequence[SegmentInfo]) -> list[SegmentInfo]:
    return sorted(segments, key=lambda segment: segment.start)


def _describe_empty(segments: Sequence[SegmentInfo], start: float, end: float) -> str:
    window = "nothing is recorded"
    if math.isfinite(start) and math.isfinite(end):
        window += f" between {format_time(start)} and {format_time(end)}"
    spans = coverage(segments)
    if not spans:
        return f"{window}; there is no recording at all"
    shown = ", ".join(f"{format_time(span.start)} to {format_time(span.end)}" for span in spans[-5:])
    earlier = f"{len(spans) - 5} earlier spans, " if len(spans) > 5 else ""
    return f"{window}; recorded: {earlier}{shown}"
