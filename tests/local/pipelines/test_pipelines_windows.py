"""Frames into contiguous windows with evenly spread pictures."""

from __future__ import annotations

import numpy as np
import pytest
from core_fakes import T0

from aiortstream.local.batching import VisualBatch
from aiortstream.local.media import Frame
from aiortstream.local.pipelines.windows import FrameWindow, FrameWindows

MS = round(T0 * 1000)


def frame(seconds: float) -> Frame:
    return Frame(T0 + seconds, np.zeros((2, 2, 3), np.uint8))


def bounds(window: FrameWindow) -> tuple[int, int]:
    return window.start_ms - MS, window.end_ms - MS


def times(window: FrameWindow) -> list[float]:
    return [round(each.time - T0, 3) for each in window.frames]


@pytest.mark.parametrize("fps", [25, 30, 29.97, 12.5, 60])
def test_windows_follow_each_other_whatever_the_frame_rate(fps: float) -> None:
    windows: list[FrameWindow] = []
    tap = FrameWindows(VisualBatch(2, 5), windows.append)
    for number in range(round(21 * fps)):
        tap.on_frame(frame(number / fps))
    assert [bounds(window) for window in windows] == [(start, start + 2000) for start in range(0, 20_000, 2000)]
    for window in windows:
        assert len(window.frames) == 5
        wanted = np.arange(5) * 0.4 + (window.start_ms - MS) / 1000
        late = np.array(times(window)) - wanted
        assert late.min() >= -0.006
        assert late.max() <= 1 / fps + 0.006


def test_a_frame_that_comes_a_little_early_belongs_to_the_window_it_begins() -> None:
    windows: list[FrameWindow] = []
    tap = FrameWindows(VisualBatch(1, 2), windows.append)
    for moment in (0, 0.499, 0.997, 1.496, 1.998, 2.5, 3.0):
        tap.on_frame(frame(moment))
    assert [times(window) for window in windows] == [[0, 0.499], [0.997, 1.496], [1.998, 2.5]]
    assert [bounds(window) for window in windows] == [(0, 1000), (1000, 2000), (2000, 3000)]


def test_a_source_with_few_frames_gives_windows_with_few() -> None:
    windows: list[FrameWindow] = []
    tap = FrameWindows(VisualBatch(2, 5), windows.append)
    for number in range(6):
        tap.on_frame(frame(number))
    assert [times(window) for window in windows] == [[0, 1], [2, 3]]


def test_after_a_gap_windows_begin_anew() -> None:
    windows: list[FrameWindow] = []
    tap = FrameWindows(VisualBatch(1, 2), windows.append)
    for moment in (0, 0.5, 1.0, 7.3, 7.8, 8.3):
        tap.on_frame(frame(moment))
    # What was being gathered ends with its last frame, not in the gap.
    assert [bounds(window) for window in windows] == [(0, 1000), (1000, 1500), (7300, 8300)]


def test_a_step_back_in_time_begins_anew() -> None:
    windows: list[FrameWindow] = []
    tap = FrameWindows(VisualBatch(1, 2), windows.append)
    for moment in (10, 10.5, 3, 3.5, 4):
        tap.on_frame(frame(moment))
    assert [bounds(window) for window in windows] == [(10_000, 11_000), (3000, 4000)]


def test_what_is_left_can_be_had() -> None:
    windows: list[FrameWindow] = []
    tap = FrameWindows(VisualBatch(2, 4), windows.append)
    tap.flush()
    tap.on_frame(frame(0))
    tap.on_frame(frame(0.6))
    tap.flush()
    tap.flush()
    assert [(bounds(window), times(window)) for window in windows] == [((0, 1100), [0, 0.6])]
    tap.on_frame(frame(5))
    tap.flush()
    assert bounds(windows[-1]) == (5000, 5500)


def test_it_asks_for_one_frame_a_slot() -> None:
    assert FrameWindows(VisualBatch(2, 5), lambda _: None).frames_per_second == pytest.approx(2.5)
