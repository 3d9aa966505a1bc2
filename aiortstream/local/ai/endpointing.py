"""Cutting the sound of a live stream into stretches of speech, each complete enough to be transcribed by itself.

Sound comes in chunks of any length. It is regrouped into blocks of 32 ms; a voice activity model gives each block the
probability that it holds speech. A stretch begins at the first likely block, a little before it in fact, and ends when
0.4 s of silence have followed. Somebody who speaks on is cut after 8 s at most, at the least speech-like and quietest
moment of the last seconds, because a cut inside a word costs that word.

    idle ---- a likely block ----> speaking ---- 0.4 s unlikely: emit ----> idle
                                       '-------- 8 s: emit up to the best cut, keep the rest, go on speaking

Everything here is synchronous and computes: call it on a worker thread. One `Endpointer` serves one stream.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

import numpy as np

from aiortstream.local.media import SAMPLE_RATE, AudioChunk

if TYPE_CHECKING:
    from numpy.typing import NDArray

BLOCK = 512  # samples that the voice activity model looks at, 32 ms
_BLOCK_SECONDS = BLOCK / SAMPLE_RATE

# Chunks further apart than this are not one piece of sound any more.
_GAP_SECONDS = 0.25
# Container timestamps are rounded to milliseconds and wander; less than this is not put right.
_JITTER_SECONDS = 0.02


class SpeechProbability(Protocol):
    """A voice activity model with a memory of the sound so far."""

    def __call__(self, blocks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Blocks of shape (n, 512) that continue the earlier ones -> n probabilities of speech in [0, 1]."""

    def reset(self) -> None:
        """Forget the sound so far."""


class Endpointer:
    """Chunks of sound in, complete stretches of speech out; silence is dropped."""

    def __init__(
        self,
        probability: SpeechProbability,
        *,
        threshold: float = 0.5,
        end_silence: float = 0.4,
        max_stretch: float = 8.0,
        padding: float = 0.2,
        min_speech: float = 0.15,
    ) -> None:
        """Durations are in seconds.

        A stretch ends after `end_silence`, or at `max_stretch`. Up to `padding` before and after is kept with it.
        Stretches with less than `min_speech` of likely blocks are clicks and coughs, and dropped.
        """
        self._probability = probability
        self._threshold = threshold
        # A block between the two thresholds neither begins speech nor ends it.
        self._silence_threshold = max(threshold - 0.15, 0.01)
        self._end_blocks = _blocks(end_silence)
        self._max_blocks = _blocks(max_stretch)
        self._padding_blocks = min(_blocks(padding), self._end_blocks)
        self._min_blocks = _blocks(min_speech)

        self._anchor: float | None = None  # unix time of the first sample of this piece of sound; None before it
        self._dropped = 0  # blocks of it that are not held any more. Counted: a sum of floats would drift for hours
        self._held: deque[tuple[NDArray[np.float32], float]] = deque()  # blocks with their probability
        self._rest: NDArray[np.float32] = np.empty(0, np.float32)  # samples after them, less than one block
        self._speaking = False  # whether _held is a stretch that has begun; else it is the padding before one
        self._silence = 0  # while speaking: how many blocks at the end of _held are silence

    def feed(self, chunk: AudioChunk) -> list[AudioChunk]:
        """Take the next chunk of the stream; the stretches that it completes, in order.

        A jump of more than 0.25 s from the end of the chunk before, either way, ends what was being said; a smaller
        one is filled with silence, or its overlap is dropped, so that times stay right.
        """
        finished: list[AudioChunk] = []
        if self._anchor is not None and abs(chunk.start - self._end) > _GAP_SECONDS:
            finished = self.flush()
        if self._anchor is None:
            self._anchor = chunk.start
        samples = np.concatenate((self._rest, self._aligned(chunk)))
        count = len(samples) // BLOCK
        self._rest = samples[count * BLOCK :]
        if count:
            blocks = samples[: count * BLOCK].reshape(count, BLOCK)
            for block, probability in zip(blocks, self._probability(blocks), strict=True):
                finished.extend(self._step(block, float(probability)))
        return finished

    def flush(self) -> list[AudioChunk]:
        """End the sound here: the stretch that was going on, if any. What is fed next is a new piece of sound."""
        finished = self._stretch(len(self._held), rest=True) if self._speaking else []
        self._anchor, self._dropped = None, 0
        self._held.clear()
        self._rest = np.empty(0, np.float32)
        self._speaking, self._silence = False, 0
        self._probability.reset()
        return finished

    @property
    def _end(self) -> float:
        """Unix time just after the last sample taken."""
        return self._time((self._dropped + len(self._held)) * BLOCK + len(self._rest))

    def _time(self, samples: int) -> float:
        """Unix time of a sample of this piece of sound."""
        assert self._anchor is not None
        return self._anchor + samples / SAMPLE_RATE

    def _aligned(self, chunk: AudioChunk) -> NDArray[np.float32]:
        """The samples of `chunk` that continue what is held without a gap and without an overlap."""
        shift = chunk.start - self._end
        if abs(shift) < _JITTER_SECONDS:
            return chunk.samples
        count = round(abs(shift) * SAMPLE_RATE)
        return np.concatenate((np.zeros(count, np.float32), chunk.samples)) if shift > 0 else chunk.samples[count:]

    def _step(self, block: NDArray[np.float32], probability: float) -> list[AudioChunk]:
        self._held.append((block, probability))
        if not self._speaking:
            if probability >= self._threshold:
                self._speaking, self._silence = True, 0
            else:
                self._drop(len(self._held) - self._padding_blocks)
            return []
        if probability >= self._threshold:
            self._silence = 0
        elif probability < self._silence_threshold or self._silence:
            self._silence += 1
        if self._silence >= self._end_blocks:
            return self._finish()
        if len(self._held) >= self._max_blocks:
            return self._cut()
        return []

    def _finish(self) -> list[AudioChunk]:
        """End the stretch at its silence; what follows the padding is kept as the padding of the next one."""
        length = len(self._held) - self._silence + self._padding_blocks
        stretch = self._stretch(length)
        self._drop(length)
        self._drop(len(self._held) - self._padding_blocks)
        self._speaking, self._silence = False, 0
        return stretch

    def _cut(self) -> list[AudioChunk]:
        """End the stretch inside speech, at the best moment of its last quarter, and go on with the rest."""
        probabilities = np.array([probability for _, probability in self._held])
        loudness = np.array([float(np.sqrt(np.mean(block**2))) for block, _ in self._held])
        # A dip of one block is the gap inside a consonant; three blocks are nearer to a gap between words.
        badness = np.convolve(probabilities + loudness / (loudness.max() or 1.0), np.ones(3) / 3, mode="same")
        first = len(self._held) * 3 // 4
        length = first + int(np.argmin(badness[first:-1])) + 1
        stretch = self._stretch(length)
        self._drop(length)
        self._silence = min(self._silence, len(self._held))
        return stretch

    def _stretch(self, length: int, *, rest: bool = False) -> list[AudioChunk]:
        """The first `length` blocks held, with the samples after them if `rest`; nothing if hardly any is speech."""
        held = [self._held[index] for index in range(length)]
        if sum(probability >= self._threshold for _, probability in held) < self._min_blocks:
            return []
        pieces = [block for block, _ in held]
        if rest:
            pieces.append(self._rest)
        return [AudioChunk(self._time(self._dropped * BLOCK), np.concatenate(pieces))]

    def _drop(self, count: int) -> None:
        """Forget the first `count` blocks held; none if negative."""
        for _ in range(count):
            self._held.popleft()
            self._dropped += 1


def _blocks(seconds: float) -> int:
    return max(1, round(seconds / _BLOCK_SECONDS))
