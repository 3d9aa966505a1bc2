"""Files that people hand in: what becomes of every kind, and what is refused."""

from __future__ import annotations

import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from media_clips import decode_strictly, sample

from aiortstream.local.recording.files import MediaError, Stopped, write_mp4
from aiortstream.local.recording.sound import SoundReader


def write_webm(path: Path) -> Path:
    """Two seconds that no copy can put into an MP4 for everybody: VP8, of an odd size, and Opus."""
    with av.open(str(path), "w") as out:
        pictures, sound = out.add_stream("libvpx", rate=25), out.add_stream("libopus", rate=48_000, layout="mono")
        pictures.width, pictures.height, pictures.pix_fmt = 161, 121, "yuv420p"
        for number in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((121, 161, 3), number * 4, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(pictures.encode(frame))
        for start in range(0, 96_000, 960):
            wave = np.sin(np.arange(start, start + 960) / 20).astype(np.float32)[None]
            samples = av.AudioFrame.from_ndarray(wave, format="flt", layout="mono")
            samples.rate, samples.pts, samples.time_base = 48_000, start, Fraction(1, 48_000)
            out.mux(sound.encode(samples))
        out.mux(pictures.encode(None))
        out.mux(sound.encode(None))
    return path


def write_wav(path: Path) -> Path:
    """Two seconds of plain samples."""
    with av.open(str(path), "w") as out:
        sound = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        wave = (np.sin(np.arange(16_000) / 5) * 8000).astype(np.int16)[None]
        samples = av.AudioFrame.from_ndarray(wave, format="s16", layout="mono")
        samples.rate, samples.pts, samples.time_base = 8000, 0, Fraction(1, 8000)
        out.mux(sound.encode(samples))
        out.mux(sound.encode(None))
    return path


@pytest.mark.parametrize(
    ("name", "video", "audio"),
    [
        ("clip", 100, True),
        ("reordered", 100, True),
        ("long-group", 100, True),
        ("silent", 100, False),
        ("sound", 0, True),
    ],
)
def test_what_players_know_is_copied(tmp_path: Path, name: str, video: int, audio: bool) -> None:
    info = write_mp4(sample(name), tmp_path / "out.mp4", stop=threading.Event())
    shown, given = decode_strictly(tmp_path / "out.mp4"), decode_strictly(sample(name))
    assert (len(shown.video), bool(shown.audio)) == (video, audio)
    assert (info.has_video, info.has_audio) == (bool(video), audio)
    assert info.duration == pytest.approx(4.0, abs=0.05)
    assert shown.video == pytest.approx(given.video, abs=0.001)
    assert shown.audio == pytest.approx(given.audio, abs=0.03)
    assert (tmp_path / "out.mp4").read_bytes().find(b"moov") < 100  # the index comes first
    assert sorted(tmp_path.iterdir()) == [tmp_path / "out.mp4"]


def test_anything_else_is_encoded(tmp_path: Path) -> None:
    info = write_mp4(write_webm(tmp_path / "in.webm"), tmp_path / "out.mp4", stop=threading.Event())
    with av.open(str(tmp_path / "out.mp4")) as made:
        assert [stream.codec_context.name for stream in made.streams] == ["h264", "aac"]
        assert (made.streams.video[0].width, made.streams.video[0].height) == (162, 122)
    shown = decode_strictly(tmp_path / "out.mp4")
    assert len(shown.video) == 50
    assert shown.video[-1] == pytest.approx(1.96, abs=0.01)
    assert shown.audio[-1] == pytest.approx(2.0, abs=0.1)
    assert info.duration == pytest.approx(2.0, abs=0.1)

    info = write_mp4(write_wav(tmp_path / "in.wav"), tmp_path / "sound.mp4", stop=threading.Event())
    assert not info.has_video
    assert info.duration == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"plain text" * 100,
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '/etc/hostname'\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    ],
)
def test_what_is_no_media_or_leads_to_other_files_is_refused(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "in"
    source.write_bytes(content)
    with pytest.raises(MediaError, match="not a video or a sound of a known format") as refused:
        write_mp4(source, tmp_path / "out.mp4", stop=threading.Event())
    assert str(tmp_path) not in str(refused.value)
    assert sorted(tmp_path.iterdir()) == [source]


def test_a_file_that_breaks_off_is_refused_or_kept_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = sample("clip").read_bytes()
    source = tmp_path / "in"
    source.write_bytes(whole[: len(whole) // 2])  # its index was at its end
    with pytest.raises(MediaError):
        write_mp4(source, tmp_path / "out.mp4", stop=threading.Event())
    assert sorted(tmp_path.iterdir()) == [source]


def test_it_stops_when_it_is_to_and_leaves_nothing(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        write_mp4(sample("clip"), tmp_path / "out.mp4", stop=stop)
    assert list(tmp_path.iterdir()) == []


def test_sound_is_read_piece_by_piece_from_the_beginning() -> None:
    reader = SoundReader(sample("clip"))
    pieces = []
    while piece := reader.read(1.0):
        pieces.append(piece)
    reader.close()
    assert len(pieces) == 4
    chunks = [chunk for piece in pieces for chunk in piece]
    assert chunks[0].start == pytest.approx(0.0, abs=0.05)
    assert chunks[-1].end == pytest.approx(4.0, abs=0.1)
    loud = [(chunk.start + chunk.end) / 2 for chunk in chunks if np.sqrt(np.mean(chunk.samples**2)) > 0.3]
    assert {int(time) for time in loud} == {1, 3}  # the clip beeps in odd seconds


def test_a_file_without_sound_says_so() -> None:
    with pytest.raises(MediaError, match="it has no sound"):
        SoundReader(sample("silent"))
