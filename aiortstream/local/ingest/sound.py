"""Decoding sound: packets to chunks of 16 kHz mono on the stream's clock."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from aiortstream.local.media import SAMPLE_RATE, AudioChunk

from .clock import Session
from .taps import TapSet

CHUNK_SAMPLES = SAMPLE_RATE // 5  # 0.2 s: short beside any utterance, long beside the cost of a call
_GAP = 0.06  # seconds that time stamps may stray from the samples counted; a lost AAC packet or two show as a gap


class ChunkAssembler:
    """Joins samples into chunks, each stamped by its own place in time. Pure.

    Time stamps of packets are rounded and jitter, so within a run samples are counted from its start; a run ends when
    the stamps disagree with the count, and the next starts where its stamp says, but never inside what was handed out.
    """

    def __init__(self) -> None:
        self._parts: list[NDArray[np.float32]] = []
        self._samples = 0  # in _parts
        self._start = -math.inf  # unix time of the first sample in _parts
        self._end = -math.inf  # of the latest chunk; the next never starts earlier

    def begin(self, time: float) -> Iterator[AudioChunk]:
        """Start a new run at `time`; yields what is left of the one before."""
        yield from self.flush()
        self._start = time

    def add(self, samples: NDArray[np.float32]) -> Iterator[AudioChunk]:
        """Continue the run; yields a chunk when there is enough for one."""
        self._parts.append(samples)
        self._samples += len(samples)
        if self._samples >= CHUNK_SAMPLES:
            yield from self.flush()

    def flush(self) -> Iterator[AudioChunk]:
        """Yield what there is as one chunk, without what overlaps the chunk before."""
        if not self._parts:
            return
        samples = np.concatenate(self._parts)
        start = self._start
        self._start += len(samples) / SAMPLE_RATE
        self._parts, self._samples = [], 0
        if start < self._end:
            repeated = round((self._end - start) * SAMPLE_RATE)
            samples, start = samples[repeated:], self._end
        if len(samples):
            chunk = AudioChunk(start, samples)
            self._end = chunk.end
            yield chunk


class SoundDecoder:
    """Decodes and resamples the sound of one connection; used by one thread."""

    def __init__(self, stream: AudioStream, taps: TapSet) -> None:
        self._codec = stream.codec_context
        self._taps = taps
        self._assembler = ChunkAssembler()
        self._resampler: AudioResampler | None = None  # None between runs
        self._expected = math.nan  # unix time at which the next frame of the run is due
        self._session: Session | None = None  # of the packets inside the codec; None before the first
        self._tick = Fraction(1)  # of those packets, in seconds: frames that come out at a flush do not know it

    def decode(self, packet: Packet[Stream], session: Session) -> None:
        """Decode one packet and hand what is complete to the taps; a broken packet leaves a gap."""
        if self._session is not None and session != self._session:
            self.flush()
            self._codec.flush_buffers()
        self._session, self._tick = session, packet.time_base
        try:
            frames = self._codec.decode(packet)
        except av.error.FFmpegError:
            return
        self._take(frames)

    def flush(self) -> None:
        """Hand out all that is held back."""
        if self._session is None:
            return
        try:
            frames = self._codec.decode(None)
        except av.error.FFmpegError:
            frames = []
        self._take(frames)
        self._end_run()

    def _take(self, frames: list[AudioFrame]) -> None:
        assert self._session is not None
        for frame in frames:
            if frame.pts is None or not frame.sample_rate:
                continue
            time = float(frame.pts * self._tick) + self._session.offset
            if self._resampler is None or abs(time - self._expected) > _GAP:
                self._end_run()
                self._offer(self._assembler.begin(time))
                self._expected = time
            self._expected += frame.samples / frame.sample_rate
            self._resample(frame)

    def _resample(self, frame: AudioFrame) -> None:
        if self._resampler is None:
            self._resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        frame.pts = None  # the place in time is the assembler's matter
        try:
            resampled = self._resampler.resample(frame)
        except ValueError:  # the source changed its sample format: a new run
            self._end_run()
            return
        self._add(resampled)

    def _end_run(self) -> None:
        if self._resampler is not None:
            self._add(self._resampler.resample(None))
            self._resampler = None
        self._offer(self._assembler.flush())

    def _add(self, frames: list[AudioFrame]) -> None:
        for frame in frames:
            self._offer(self._assembler.add(np.clip(frame.to_ndarray()[0], -1.0, 1.0).astype(np.float32, copy=False)))

    def _offer(self, chunks: Iterator[AudioChunk]) -> None:
        for chunk in chunks:
            self._taps.offer_audio(chunk)
