"""Handing frames and sound to those who want them, at the rate they want."""

from __future__ import annotations

import numpy as np
import pytest
from media_clips import FrameKeeper, SoundKeeper
from numpy.typing import NDArray

from aiortstream.local.ingest.taps import TapSet
from aiortstream.local.media import AudioChunk, Frame

IMAGE = np.zeros((2, 2, 3), np.uint8)


def offer(taps: TapSet, times: list[float]) -> int:
    """Offer frames; returns how many were converted."""
    converted = 0

    def image() -> NDArray[np.uint8]:
        nonlocal converted
        converted += 1
        return IMAGE

    for time in times:
        taps.offer_frame(time, image)
    return converted


def at(rate: float, seconds: float, start: float = 1000.0) -> list[float]:
    return [start + index / rate for index in range(round(seconds * rate))]


@pytest.mark.parametrize(("wanted", "source", "seconds"), [(2.5, 25, 10), (10, 25, 10), (7, 30, 10), (0.5, 24, 20)])
def test_a_tap_gets_its_rate(wanted: float, source: float, seconds: float) -> None:
    taps, tap = TapSet("test"), FrameKeeper(wanted)
    taps.add_frames(tap)
    offer(taps, at(source, seconds))
    assert len(tap.frames) == pytest.approx(wanted * seconds, abs=1)


def test_a_source_slower_than_wanted_gives_all_it_has() -> None:
    taps, tap = TapSet("test"), FrameKeeper(30)
    taps.add_frames(tap)
    assert offer(taps, at(5, 4)) == 20
    assert len(tap.frames) == 20


def test_rounded_time_stamps_cost_no_frame() -> None:
    taps, tap = TapSet("test"), FrameKeeper(30)
    taps.add_frames(tap)
    offer(taps, [round(time, 3) for time in at(30, 10)])
    assert len(tap.frames) == 300


def test_after_a_gap_and_after_a_step_back_sampling_begins_anew() -> None:
    taps, tap = TapSet("test"), FrameKeeper(1)
    taps.add_frames(tap)
    offer(taps, [1000.0, 1000.5, 1060.3, 1060.8, 1061.3, 900.0, 900.5])
    assert [frame.time for frame in tap.frames] == [1000.0, 1060.3, 1061.3, 900.0]


def test_each_tap_has_its_own_rate_and_a_picture_is_converted_once() -> None:
    taps, fast, slow = TapSet("test"), FrameKeeper(5), FrameKeeper(1)
    taps.add_frames(fast)
    taps.add_frames(slow)
    assert taps.frames_per_second == 5
    assert offer(taps, at(25, 4)) == 20
    assert (len(fast.frames), len(slow.frames)) == (20, 4)
    assert slow.frames[0] is fast.frames[0]


def wishes(taps: TapSet) -> tuple[bool, bool]:
    return taps.wants_frames, taps.wants_audio


def test_wishes_come_and_go_with_the_taps() -> None:
    taps, tap, sound = TapSet("test"), FrameKeeper(25), SoundKeeper()
    assert wishes(taps) == (False, False)
    assert taps.frames_per_second == 0
    for _ in range(2):  # adding again does not matter
        taps.add_frames(tap)
        taps.add_audio(sound)
    assert wishes(taps) == (True, True)
    offer(taps, at(25, 1))
    taps.offer_audio(AudioChunk(0.0, np.zeros(1, np.float32)))
    assert (len(tap.frames), len(sound.chunks)) == (25, 1)
    taps.remove_frames(tap)
    taps.remove_audio(sound)
    assert wishes(taps) == (False, False)


def test_a_rate_of_zero_wants_no_frame() -> None:
    taps, tap = TapSet("test"), FrameKeeper(0)
    taps.add_frames(tap)
    assert offer(taps, at(25, 1)) == 0


class Broken:
    frames_per_second = 25.0

    def on_frame(self, frame: Frame) -> None:
        raise RuntimeError("no room")

    def on_audio(self, chunk: AudioChunk) -> None:
        raise RuntimeError("no room")


def test_a_broken_tap_is_removed_and_the_others_stay(caplog: pytest.LogCaptureFixture) -> None:
    taps, broken, frames, sound = TapSet("camera"), Broken(), FrameKeeper(), SoundKeeper()
    taps.add_frames(broken)
    taps.add_frames(frames)
    taps.add_audio(broken)
    taps.add_audio(sound)
    offer(taps, at(25, 1))
    taps.offer_audio(AudioChunk(0.0, np.zeros(1, np.float32)))
    taps.offer_audio(AudioChunk(0.1, np.zeros(1, np.float32)))
    assert (len(frames.frames), len(sound.chunks)) == (25, 2)
    assert [record.message.split(":")[0] for record in caplog.records] == ["camera", "camera"]
