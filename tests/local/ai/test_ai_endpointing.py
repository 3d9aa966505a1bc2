"""Cutting a stream of sound into stretches of speech, with sound whose loudness is its probability of speech."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from aiortstream.local.ai.endpointing import BLOCK, Endpointer
from aiortstream.local.media import SAMPLE_RATE, AudioChunk

T0 = 1_700_000_000.0
BLOCK_SECONDS = BLOCK / SAMPLE_RATE


class LoudIsSpeech:
    """The probability of a block is its largest sample."""

    def __init__(self) -> None:
        self.resets = 0

    def __call__(self, blocks: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(blocks.max(axis=1), np.float32)

    def reset(self) -> None:
        self.resets += 1


def sound(*parts: tuple[float, float]) -> NDArray[np.float32]:
    """(seconds, probability) after each other."""
    return np.concatenate([np.full(round(seconds * SAMPLE_RATE), level, np.float32) for seconds, level in parts])


def feed(endpointer: Endpointer, samples: NDArray[np.float32], *, size: int = 1024) -> list[AudioChunk]:
    stretches = []
    for first in range(0, len(samples), size):
        stretches += endpointer.feed(AudioChunk(T0 + first / SAMPLE_RATE, samples[first : first + size]))
    return stretches


@pytest.fixture
def endpointer() -> Endpointer:
    return Endpointer(LoudIsSpeech())


def test_silence_gives_nothing_and_is_not_kept(endpointer: Endpointer) -> None:
    assert feed(endpointer, sound((60, 0.1))) == []
    assert len(endpointer._held) * BLOCK_SECONDS <= 0.25
    assert endpointer.flush() == []


def test_a_stretch_comes_after_the_silence_that_ends_it_with_a_little_around_it(endpointer: Endpointer) -> None:
    assert feed(endpointer, sound((1, 0), (2, 0.9), (0.35, 0))) == []
    (stretch,) = endpointer.feed(AudioChunk(T0 + 3.35, sound((0.2, 0))))

    assert stretch.start == pytest.approx(T0 + 0.8, abs=0.04)
    assert stretch.end == pytest.approx(T0 + 3.2, abs=0.04)


def test_a_stretch_holds_the_very_samples_that_were_said(endpointer: Endpointer) -> None:
    samples = sound((1, 0), (2, 0.9), (1, 0))
    samples[20_000] = 0.77
    (stretch,) = feed(endpointer, samples)
    assert np.flatnonzero(stretch.samples == np.float32(0.77)) == [round((T0 + 1.25 - stretch.start) * SAMPLE_RATE)]


@pytest.mark.parametrize("size", [1, 160, 511, 512, 513, 1024, 48_000, 200_000])
def test_the_size_of_chunks_makes_no_difference(size: int) -> None:
    samples = sound((0.5, 0), (1.0, 0.9), (0.7, 0), (0.8, 0.8), (1.0, 0.0))[: 40_000 if size == 1 else None]
    expected = feed(Endpointer(LoudIsSpeech()), samples)
    stretches = feed(Endpointer(LoudIsSpeech()), samples, size=size)
    assert [(s.start, s.samples.tolist()) for s in stretches] == [(s.start, s.samples.tolist()) for s in expected]
    assert len(stretches) == (1 if size == 1 else 2)


def test_a_short_pause_does_not_end_a_stretch(endpointer: Endpointer) -> None:
    (stretch,) = feed(endpointer, sound((1, 0), (1, 0.9), (0.3, 0), (1, 0.9), (1, 0)))
    assert stretch.end - stretch.start == pytest.approx(2.7, abs=0.08)


def test_a_block_between_the_thresholds_neither_begins_nor_ends_speech() -> None:
    assert feed(Endpointer(LoudIsSpeech()), sound((3, 0.45))) == []
    (stretch,) = feed(Endpointer(LoudIsSpeech()), sound((1, 0.9), (1, 0.45), (1, 0.9), (1, 0)))
    assert stretch.end - stretch.start == pytest.approx(3.2, abs=0.04)


def test_a_click_is_not_speech(endpointer: Endpointer) -> None:
    assert feed(endpointer, sound((1, 0), (0.09, 0.9), (1, 0))) == []


def test_somebody_who_speaks_on_is_cut_where_it_hurts_least(endpointer: Endpointer) -> None:
    stretches = feed(endpointer, sound((7, 0.9), (0.2, 0.6), (4, 0.9), (1, 0)))

    assert [len(stretches), round(stretches[0].end - T0, 1)] == [2, 7.1]
    assert stretches[1].start == pytest.approx(stretches[0].end, abs=1e-6)
    assert stretches[1].end == pytest.approx(T0 + 11.4, abs=0.04)


def test_a_gap_in_time_ends_the_stretch_and_forgets_the_sound() -> None:
    probability = LoudIsSpeech()
    endpointer = Endpointer(probability)
    resets = probability.resets
    assert endpointer.feed(AudioChunk(T0, sound((1, 0.9)))) == []

    (stretch,) = endpointer.feed(AudioChunk(T0 + 5, sound((1, 0.9))))

    assert stretch.start == T0
    assert stretch.end == pytest.approx(T0 + 1)
    assert probability.resets == resets + 1
    (later,) = endpointer.flush()
    assert later.start == T0 + 5
    assert later.end == pytest.approx(T0 + 6)


def test_time_that_jumps_back_is_a_gap_too(endpointer: Endpointer) -> None:
    endpointer.feed(AudioChunk(T0 + 100, sound((1, 0.9))))
    (stretch,) = endpointer.feed(AudioChunk(T0, sound((1, 0.9))))
    assert stretch.start == T0 + 100
    assert endpointer.flush()[0].start == T0


def test_a_small_hole_is_filled_with_silence_so_that_times_stay_right(endpointer: Endpointer) -> None:
    endpointer.feed(AudioChunk(T0, sound((1, 0.9))))
    endpointer.feed(AudioChunk(T0 + 1.1, sound((1, 0.9))))
    (stretch,) = endpointer.flush()
    assert stretch.end == pytest.approx(T0 + 2.1, abs=0.001)
    assert not stretch.samples[16_000:17_600].any()


def test_a_small_overlap_is_dropped(endpointer: Endpointer) -> None:
    endpointer.feed(AudioChunk(T0, sound((1, 0.9))))
    endpointer.feed(AudioChunk(T0 + 0.9, sound((0.05, 0.2))))
    endpointer.feed(AudioChunk(T0 + 0.9, sound((0.1, 0.2), (1, 0.8))))
    (stretch,) = endpointer.flush()
    assert stretch.end == pytest.approx(T0 + 2, abs=0.001)
    assert stretch.samples.min() == np.float32(0.8)


def test_rounded_timestamps_are_left_alone(endpointer: Endpointer) -> None:
    for index in range(50):
        jitter = 0.004 * (-1) ** index
        endpointer.feed(AudioChunk(T0 + index * 0.02 + (jitter if index else 0), sound((0.02, 0.9))))
    (stretch,) = endpointer.flush()
    assert len(stretch.samples) == SAMPLE_RATE


def test_flush_gives_what_is_being_said_to_the_last_sample_and_starts_anew(endpointer: Endpointer) -> None:
    feed(endpointer, sound((1.0101, 0.9)))
    (stretch,) = endpointer.flush()
    assert len(stretch.samples) == round(1.0101 * SAMPLE_RATE)
    assert endpointer.flush() == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0.03, 12), st.sampled_from([0.0, 0.2, 0.45, 0.6, 0.95])), min_size=1, max_size=8))
def test_stretches_are_in_order_apart_bounded_and_hold_all_speech(parts: list[tuple[float, float]]) -> None:
    samples = sound(*parts)
    endpointer = Endpointer(LoudIsSpeech(), min_speech=BLOCK_SECONDS)
    stretches = [*feed(endpointer, samples), *endpointer.flush()]

    for one, other in pairwise(stretches):
        assert one.end <= other.start + 1e-6
    for stretch in stretches:
        assert stretch.end - stretch.start <= 8.0 + 2 * BLOCK_SECONDS
    covered = np.zeros(len(samples), bool)
    for stretch in stretches:
        first = round((stretch.start - T0) * SAMPLE_RATE)
        assert np.array_equal(stretch.samples, samples[first : first + len(stretch.samples)])
        covered[first : first + len(stretch.samples)] = True
    whole = len(samples) // BLOCK * BLOCK
    assert covered[:whole][samples[:whole] >= 0.5].all()
