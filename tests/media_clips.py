"""Small media files whose content tells the time, a wall clock that runs as fast as asked to, and taps that keep."""

from __future__ import annotations

import atexit
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from aiortstream.local.media import AudioChunk, Frame

FPS = 25
SAMPLE_RATE = 44_100
FRAME = 1 / FPS
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255))
START = 1_700_000_000.0  # unix time at which virtual time begins


@cache
def sample(name: str) -> Path:
    """A source of four seconds, made once a run.

    "clip" has video and sound; "reordered" has B-frames, so is decoded in another order than shown; "silent" and
    "sound" have one of both only; "long-group" has one key frame in all.
    """
    options: dict[str, dict[str, Any]] = {
        "clip": {},
        "reordered": {"b_frames": 2},
        "silent": {"audio": False},
        "sound": {"video": False},
        "long-group": {"group": 1000},
    }
    return write_clip(_directory() / f"{name}.mp4", **options[name])


@cache
def _directory() -> Path:
    directory = tempfile.TemporaryDirectory(prefix="aiortstream-clips-")
    atexit.register(directory.cleanup)
    return Path(directory.name)


def write_clip(
    path: Path,
    *,
    seconds: int = 4,
    video: bool = True,
    audio: bool = True,
    b_frames: int = 0,
    group: int = FPS,
    size: tuple[int, int] = (160, 120),
) -> Path:
    """H.264 with a key frame every `group` frames whose colour is that of the second, and a beep in each odd second."""
    with av.open(str(path), "w") as out:
        options = {"g": str(group), "bf": str(b_frames), "sc_threshold": "0", "preset": "veryfast"}
        pictures = out.add_stream("libx264", rate=FPS, options=options) if video else None
        sound = out.add_stream("aac", rate=SAMPLE_RATE, layout="mono") if audio else None
        if pictures is not None:
            pictures.width, pictures.height = size
            pictures.pix_fmt = "yuv420p"
        written = 0  # samples
        for index in range(seconds * FPS):
            if pictures is not None:
                out.mux(pictures.encode(_picture(index, size)))
            while sound is not None and written * FPS < (index + 1) * SAMPLE_RATE:
                out.mux(sound.encode(_samples(written)))
                written += 1024
        for stream in (pictures, sound):
            if stream is not None:
                out.mux(stream.encode(None))
    return path


def _picture(index: int, size: tuple[int, int]) -> av.VideoFrame:
    image = np.zeros((size[1], size[0], 3), np.uint8)
    image[:] = COLOURS[index // FPS % len(COLOURS)]
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    frame.pts, frame.time_base = index, Fraction(1, FPS)
    return frame


def _samples(start: int) -> av.AudioFrame:
    times = np.arange(start, start + 1024) / SAMPLE_RATE
    beep = np.sin(2 * np.pi * 440 * times) * 0.5 * (times.astype(int) % 2 == 1)
    frame = av.AudioFrame.from_ndarray(beep[None].astype(np.float32), format="fltp", layout="mono")
    frame.rate, frame.pts, frame.time_base = SAMPLE_RATE, start, Fraction(1, SAMPLE_RATE)
    return frame


def colour_second(frame: Frame) -> int:
    """The second, modulo the number of colours, that a picture was made for."""
    middle = frame.image[frame.image.shape[0] // 2, frame.image.shape[1] // 2].astype(int)
    return int(np.argmin([np.abs(middle - colour).sum() for colour in COLOURS]))


class VirtualTime:
    """A `WallClock` that waits by moving on."""

    def __init__(self, start: float = START) -> None:
        self.time = start

    def now(self) -> float:
        return self.time

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        self.time += seconds
        return stop.is_set()


@dataclass
class FrameKeeper:
    """A frame tap; `arrived` is set with each frame."""

    frames_per_second: float = 100.0
    frames: list[Frame] = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)

    def on_frame(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.arrived.set()


@dataclass
class SoundKeeper:
    """A sound tap."""

    chunks: list[AudioChunk] = field(default_factory=list)

    def on_audio(self, chunk: AudioChunk) -> None:
        self.chunks.append(chunk)

    def loud_times(self) -> Iterator[float]:
        """Unix times of the tenths of a second in which there is a beep."""
        for chunk in self.chunks:
            for start in range(0, len(chunk.samples), 160):
                if np.abs(chunk.samples[start : start + 160]).max() > 0.25:
                    yield chunk.start + start / 16_000


@dataclass(frozen=True)
class Decoded:
    """What a file plays: presentation times in seconds, in order."""

    video: list[float]
    audio: list[float]


def decode_strictly(path: Path, *, format: str | None = None) -> Decoded:  # noqa: A002
    """Decode every frame of a file; any error of the bitstream raises."""
    times: dict[str, list[float]] = {"video": [], "audio": []}
    with av.open(str(path), format=format, options={"err_detect": "explode"}) as source:
        for packet in source.demux(*source.streams.video, *source.streams.audio):
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame | av.AudioFrame)
                assert not frame.is_corrupt
                assert frame.pts is not None
                assert frame.time_base is not None
                times[packet.stream.type].append(float(frame.pts * frame.time_base))
    return Decoded(**times)
