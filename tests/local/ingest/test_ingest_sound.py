"""Chunks of sound at their places in time."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiortstream.local.ingest.sound import CHUNK_SAMPLES, ChunkAssembler
from aiortstream.local.media import SAMPLE_RATE, AudioChunk

START = 1_700_000_000.0


def samples(seconds: float, value: float = 0.0) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.full(round(seconds * SAMPLE_RATE), value, np.float32)


def test_a_run_is_cut_into_chunks_that_abut() -> None:
    assembler = ChunkAssembler()
    chunks = list(assembler.begin(START))
    for _ in range(50):
        chunks += assembler.add(samples(0.02))
    chunks += assembler.flush()
    assert all(0.1 <= len(chunk.samples) / SAMPLE_RATE <= 0.5 for chunk in chunks)
    assert chunks[0].start == START
    assert chunks[-1].end == pytest.approx(START + 1.0)
    assert all(later.start == pytest.approx(earlier.end, abs=1e-6) for earlier, later in pairwise(chunks))


def test_a_gap_stays_a_gap() -> None:
    assembler = ChunkAssembler()
    chunks = [*assembler.begin(START), *assembler.add(samples(0.05)), *assembler.begin(START + 3)]
    chunks += [*assembler.add(samples(0.05)), *assembler.flush()]
    assert [(chunk.start, round(chunk.end - chunk.start, 6)) for chunk in chunks] == [(START, 0.05), (START + 3, 0.05)]


def test_what_was_handed_out_is_not_handed_out_again() -> None:
    assembler = ChunkAssembler()
    first = [*assembler.begin(START), *assembler.add(samples(0.3, 0.1))]
    second = [*assembler.begin(START + 0.2), *assembler.add(samples(0.3, 0.2))]
    third = [*assembler.begin(START), *assembler.add(samples(0.3, 0.3)), *assembler.flush()]
    assert first[0].end == pytest.approx(START + 0.3)
    assert second[0].start == pytest.approx(START + 0.3, abs=1e-6)
    assert second[0].end == pytest.approx(START + 0.5, abs=1e-4)
    assert third == []


Steps = st.lists(st.tuples(st.one_of(st.none(), st.floats(-1, 1)), st.integers(1, 2 * CHUNK_SAMPLES)), max_size=30)


@given(steps=Steps)
def test_chunks_never_overlap_and_never_get_too_long(steps: list[tuple[float | None, int]]) -> None:
    assembler = ChunkAssembler()
    chunks: list[AudioChunk] = list(assembler.begin(START))
    time = START
    for jump, count in steps:
        if jump is not None:
            time += jump
            chunks += assembler.begin(time)
        chunks += assembler.add(np.zeros(count, np.float32))
        time += count / SAMPLE_RATE
    chunks += assembler.flush()
    assert all(0 < len(chunk.samples) < 3 * CHUNK_SAMPLES for chunk in chunks)
    assert all(later.start >= earlier.end - 1e-4 for earlier, later in pairwise(chunks))
