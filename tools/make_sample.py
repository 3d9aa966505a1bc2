"""Makes the sample that the package carries: five slides with speech, 36 seconds of H.264 and AAC in an MP4 file.

    apt-get download pocketsphinx-testdata && dpkg -x pocketsphinx-testdata_*.deb unpacked
    python tools/make_sample.py --speech <the folder in there with the WAV files> --out aiortstream/local/sample

The speech is five clips of a LibriVox reading (public domain) that the Debian package `pocketsphinx-testdata` (BSD)
carries as 16 kHz mono WAV; the slides are drawn by `sample_slides.py`. Beside `sample.mp4` it writes `sample.json`,
which says what is seen and heard when, for tests and demonstrations to check against. The same versions of PyAV and
Pillow make the same bytes.
"""

from __future__ import annotations

import argparse
import itertools
import json
import wave
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from sample_slides import HEIGHT, SLIDES, WIDTH, Slide, cloud, still, with_cloud

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray
    from PIL.Image import Image

_FPS = 20  # 50 ms a frame: exact in the milliseconds of RTMP
_SPEECH_RATE = 16_000
_SOUND_RATE = 44_100  # what every player and muxer takes; the speech itself ends at 8 kHz
_AAC_PRIMING = 1024  # samples that the encoder puts out before the first it was given
_LEAD = 1.0  # seconds of silence before each clip, after the change of slide

_VIDEO_OPTIONS = {
    "preset": "veryslow",
    "profile": "main",
    "crf": "38",  # flat colours: it looks like 28 would on film
    # A key frame a second, none between and none missing: recordings may be cut and joined at every one. Key frames
    # are most of the file, so that they get hardly more bits than the rest would have (ipratio).
    "x264-params": f"keyint={_FPS}:min-keyint={_FPS}:scenecut=0:bframes=0:open-gop=0:threads=1:ipratio=1.15",
}
_SOUND_BIT_RATE = 32_000

# What is said: the words of the novel, which the clips read without fail.
_CLIP = "sense_and_sensibility_01_austen_64kb-{}.wav"


@dataclass(frozen=True, slots=True)
class Scene:
    """A slide, how many seconds it stays, and the clip spoken over it with its words."""

    slide: Slide
    seconds: int
    clip: str
    words: str


_SCENES = (
    Scene(
        SLIDES[0],
        9,
        "0870",
        "And Mr. John Dashwood had then leisure to consider how much there might be prudently in his power to do for "
        "them.",
    ),
    Scene(SLIDES[1], 6, "0880", "He was not an ill-disposed young man,"),
    Scene(SLIDES[2], 7, "0890", "unless to be rather cold-hearted and rather selfish is to be ill-disposed."),
    Scene(
        SLIDES[3],
        8,
        "0920",
        "Had he married a more amiable woman, he might have been made still more respectable than he was:",
    ),
    Scene(SLIDES[4], 6, "0930", "he might even have been made amiable himself."),
)


@dataclass(frozen=True, slots=True)
class Speech:
    """A clip: its sound, int16 at 16 kHz, and where in it the voice is, in seconds."""

    samples: NDArray[np.int16]
    voice: tuple[float, float]


def main() -> None:
    """Read the arguments, make the files."""
    parser = argparse.ArgumentParser(description="Make the sample that the package carries.")
    parser.add_argument(
        "--speech", type=Path, required=True, help="the folder of sense_and_sensibility_01_austen_64kb-*.wav"
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder to write sample.mp4 and sample.json to")
    arguments = parser.parse_args()
    speech = [_read(arguments.speech / _CLIP.format(scene.clip)) for scene in _SCENES]
    arguments.out.mkdir(parents=True, exist_ok=True)
    _write_film(arguments.out / "sample.mp4", _sound(speech))
    manifest = json.dumps(_manifest(speech), indent=2)
    (arguments.out / "sample.json").write_text(manifest + "\n", encoding="utf-8")


def _starts() -> list[int]:
    """When each scene begins, in seconds, and when the last one ends."""
    return list(itertools.accumulate((scene.seconds for scene in _SCENES), initial=0))


def _read(path: Path) -> Speech:
    with wave.open(str(path)) as clip:
        if (clip.getframerate(), clip.getnchannels(), clip.getsampwidth()) != (_SPEECH_RATE, 1, 2):
            raise SystemExit(f"{path.name} is not 16 kHz mono 16 bit: {clip.getparams()}")
        samples = np.frombuffer(clip.readframes(clip.getnframes()), np.int16)
    step = _SPEECH_RATE // 50
    steps = samples[: len(samples) // step * step].reshape(-1, step).astype(np.float64)
    loud = np.flatnonzero(np.sqrt((steps**2).mean(axis=1)) > 300)  # the room is at 100 to 150
    return Speech(samples, (float(loud[0]) / 50, float(loud[-1] + 1) / 50))


def _sound(speech: list[Speech]) -> NDArray[np.int16]:
    """The whole track at 16 kHz: each clip a moment after the start of its slide."""
    starts = _starts()
    track = np.zeros(starts[-1] * _SPEECH_RATE, np.int16)
    for start, end, clip in zip(starts, starts[1:], speech, strict=False):
        first = int((start + _LEAD) * _SPEECH_RATE)
        if first + len(clip.samples) > end * _SPEECH_RATE:
            raise SystemExit(f"a clip is longer than its slide, which ends at {end} s")
        track[first : first + len(clip.samples)] = clip.samples
    return track


def _write_film(path: Path, track: NDArray[np.int16]) -> None:
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=options) as film:
        video, sound = _add_streams(film)
        # Interleaved second by second, as it will be published.
        frames, sounds = _frames(), _sound_frames(track)
        for second in range(1, _starts()[-1] + 1):
            for frame in itertools.islice(frames, _FPS):
                film.mux(video.encode(frame))
            for chunk in itertools.islice(sounds, second * _SOUND_RATE // 1024 - (second - 1) * _SOUND_RATE // 1024):
                film.mux(sound.encode(chunk))
        for chunk in sounds:
            film.mux(sound.encode(chunk))
        film.mux(video.encode(None))
        film.mux(sound.encode(None))


def _add_streams(film: OutputContainer) -> tuple[VideoStream, AudioStream]:
    video = film.add_stream("libx264", rate=_FPS, options=_VIDEO_OPTIONS)
    video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    video.time_base = Fraction(1, _FPS)
    context = video.codec_context
    # Said in the file, or players guess: BT.709, television range.
    context.color_primaries = context.color_trc = context.colorspace = 1
    context.color_range = 1
    sound = film.add_stream("aac", rate=_SOUND_RATE, layout="mono", options={"cutoff": "8000"})
    sound.bit_rate = _SOUND_BIT_RATE
    return video, sound


def _frames() -> Iterator[av.VideoFrame]:
    drifting = cloud()
    number = 0
    for scene in _SCENES:
        picture = still(scene.slide)
        count = scene.seconds * _FPS
        for index in range(count):
            yield _video_frame(with_cloud(picture, drifting, index / count), number)
            number += 1


def _video_frame(picture: Image, number: int) -> av.VideoFrame:
    rgb = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
    frame: av.VideoFrame = rgb.reformat(format="yuv420p", dst_colorspace="ITU709")
    frame.pts, frame.time_base = number, Fraction(1, _FPS)
    return frame


def _sound_frames(track: NDArray[np.int16]) -> Iterator[av.AudioFrame]:
    """The track for the encoder, less the silence at its start that the encoder's own priming stands in for.

    So the first packet is at time zero, no edit list is needed, and a plain remux to RTMP keeps picture and voice
    together.
    """
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=_SOUND_RATE)
    whole = av.AudioFrame.from_ndarray(track.reshape(1, -1), format="s16", layout="mono")
    whole.sample_rate = _SPEECH_RATE
    parts = [part.to_ndarray() for part in (*resampler.resample(whole), *resampler.resample(None))]
    samples = np.concatenate(parts, axis=1)[:, _AAC_PRIMING:]
    for start in range(0, samples.shape[1], 1024):
        chunk = np.ascontiguousarray(samples[:, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(chunk, format="fltp", layout="mono")
        frame.sample_rate, frame.pts = _SOUND_RATE, _AAC_PRIMING + start
        frame.time_base = Fraction(1, _SOUND_RATE)
        yield frame


def _manifest(speech: list[Speech]) -> dict[str, object]:
    starts = _starts()
    slides = [
        {
            "start": start,
            "end": start + scene.seconds,
            "text": list(scene.slide.text),
            "colour": scene.slide.colour,
            "rgb": list(scene.slide.background),
            "label": scene.slide.label,
        }
        for start, scene in zip(starts, _SCENES, strict=False)
    ]
    spoken = [
        {
            "start": round(start + _LEAD + clip.voice[0], 2),
            "end": round(start + _LEAD + clip.voice[1], 2),
            "text": scene.words,
        }
        for start, scene, clip in zip(starts, _SCENES, speech, strict=False)
    ]
    return {"duration": starts[-1], "fps": _FPS, "slides": slides, "speech": spoken}


if __name__ == "__main__":
    main()
