"""Playlists over windows of time, and what is covered."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiortstream.local.recording.playlist import (
    EmptyWindow,
    Span,
    coverage,
    format_time,
    select_window,
    window_playlist,
)
from aiortstream.local.recording.segmenter import SegmentInfo

T = 1_700_000_000.0  # 2023-11-14T22:13:20Z


def segment(start: float, end: float, session: str = "a", *, continued: bool = False) -> SegmentInfo:
    name = f"{round((T + start) * 1e6)}{'c' if continued else ''}.ts"
    return SegmentInfo(Path(session, name), T + start, T + end, 1000, session, has_video=True, has_audio=True)


SEGMENTS = [segment(0, 2), segment(2, 4.5), segment(4.5, 6), segment(9, 11, "b"), segment(11, 13.28, "b")]


def url(info: SegmentInfo) -> str:
    return f"/s/{info.session}/{info.path.name}"


def test_the_playlist_of_a_window_across_a_reconnect() -> None:
    assert window_playlist(SEGMENTS, T + 3, T + 12, url) == (
        "#EXTM3U\n"
        "#EXT-X-VERSION:6\n"
        "#EXT-X-PLAYLIST-TYPE:VOD\n"
        "#EXT-X-TARGETDURATION:3\n"
        "#EXT-X-MEDIA-SEQUENCE:0\n"
        "#EXT-X-INDEPENDENT-SEGMENTS\n"
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:22.000Z\n"
        "#EXTINF:2.500000,\n"
        "/s/a/1700000002000000.ts\n"
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:24.500Z\n"
        "#EXTINF:1.500000,\n"
        "/s/a/1700000004500000.ts\n"
        "#EXT-X-DISCONTINUITY\n"
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:29.000Z\n"
        "#EXTINF:2.000000,\n"
        "/s/b/1700000009000000.ts\n"
        "#EXT-X-PROGRAM-DATE-TIME:2023-11-14T22:13:31.000Z\n"
        "#EXTINF:2.280000,\n"
        "/s/b/1700000011000000.ts\n"
        "#EXT-X-ENDLIST\n"
    )


def test_a_window_ends_before_a_segment_that_begins_where_it_ends() -> None:
    assert select_window(SEGMENTS, T + 2, T + 4.5) == [SEGMENTS[1]]


def test_segments_may_come_in_any_order() -> None:
    assert window_playlist(SEGMENTS[::-1], T, T + 20, url) == window_playlist(SEGMENTS, T, T + 20, url)


def test_a_lost_segment_is_a_discontinuity_within_a_session() -> None:
    text = window_playlist([SEGMENTS[0], SEGMENTS[2]], T, T + 6, url)
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1


def test_sessions_that_abut_are_a_discontinuity_but_no_gap() -> None:
    segments = [segment(0, 2), segment(2, 4, "b")]
    assert window_playlist(segments, T, T + 4, url).count("#EXT-X-DISCONTINUITY\n") == 1
    assert coverage(segments) == [Span(T, T + 4)]


def test_a_window_inside_a_group_of_pictures_begins_at_its_key_frame() -> None:
    segments = [segment(0, 2), segment(2, 4), segment(4, 6, continued=True), segment(6, 8, continued=True)]
    chosen = select_window(segments, T + 7, T + 8)
    assert chosen == segments[1:]
    assert "INDEPENDENT" not in window_playlist(segments, T + 7, T + 8, url)
    orphan = [segments[0], segments[2]]
    assert select_window(orphan, T + 5, T + 6) == [segments[2]]


@pytest.mark.parametrize(("start", "end"), [(6, 9), (-5, 0), (13.28, 20), (8, 7)])
def test_an_empty_window_names_what_there_is(start: float, end: float) -> None:
    with pytest.raises(EmptyWindow) as caught:
        window_playlist(SEGMENTS, T + start, T + end, url)
    assert str(caught.value).startswith(f"nothing is recorded between {format_time(T + start)} and ")
    assert "2023-11-14T22:13:20.000Z to 2023-11-14T22:13:26.000Z" in str(caught.value)


def test_without_a_recording_every_window_is_empty() -> None:
    with pytest.raises(EmptyWindow, match="there is no recording at all"):
        window_playlist([], T, T + 1, url)
    with pytest.raises(EmptyWindow, match="nothing is recorded; there"):
        select_window([], -math.inf, math.inf)


def test_of_many_spans_the_last_are_named() -> None:
    many = [segment(10 * index, 10 * index + 1, str(index)) for index in range(9)]
    with pytest.raises(EmptyWindow, match=r"recorded: 4 earlier spans, 2023-11-14T22:14:00\.000Z to"):
        select_window(many, T + 5, T + 6)


def test_coverage_is_what_can_be_played_without_a_gap() -> None:
    assert coverage(SEGMENTS) == [Span(T, T + 6), Span(T + 9, T + 13.28)]
    assert coverage([]) == []


def test_times_are_rounded_to_milliseconds_and_never_backwards() -> None:
    assert format_time(T + 0.0004) == "2023-11-14T22:13:20.000Z"
    assert format_time(T + 0.9996) == "2023-11-14T22:13:21.000Z"


Lengths = st.lists(st.tuples(st.floats(0.1, 8), st.sampled_from([0.0, 0.0, 0.0, 3.5])), min_size=1, max_size=20)


@given(lengths=Lengths, start=st.floats(-10, 100), length=st.floats(0.1, 50))
def test_a_window_is_covered_by_its_playlist(lengths: list[tuple[float, float]], start: float, length: float) -> None:
    segments, time, session = [], 0.0, 0
    for duration, gap in lengths:
        session += bool(gap)
        time += gap
        segments.append(segment(time, time + duration, str(session)))
        time = segments[-1].end - T
    window = Span(T + start, T + start + length)
    overlapping = [each for each in segments if each.end > window.start and each.start < window.end]
    if not overlapping:
        with pytest.raises(EmptyWindow):
            window_playlist(segments, window.start, window.end, url)
        return
    lines = window_playlist(segments, window.start, window.end, url).splitlines()
    assert [line for line in lines if line.startswith("/")] == [url(each) for each in overlapping]
    target = int(next(line for line in lines if "TARGETDURATION" in line).split(":")[1])
    assert all(each.duration <= target for each in overlapping)
    assert lines.count("#EXT-X-DISCONTINUITY") == len({each.session for each in overlapping}) - 1
