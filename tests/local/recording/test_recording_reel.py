"""Stretches of files as one thing to play."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from media_clips import decode_strictly, sample

from aiortstream.local.recording.files import MediaError, Stopped
from aiortstream.local.recording.reel import MP4, PLAYLIST, Cut, write_reel


def reel(folder: Path, *cuts: tuple[str, float, float]) -> None:
    write_reel([Cut(sample(name), start, end) for name, start, end in cuts], folder, stop=threading.Event())


def test_stretches_of_one_format_are_one_file_too(tmp_path: Path) -> None:
    reel(tmp_path, ("clip", 2.0, 3.0), ("clip", 0.0, 1.5))
    shown = decode_strictly(tmp_path / MP4)
    assert len(shown.video) == pytest.approx(62, abs=2)
    steps = [later - earlier for earlier, later in zip(shown.video, shown.video[1:], strict=False)]
    assert max(steps) < 0.1  # nothing is missing where they meet
    assert min(steps) > 0
    assert shown.audio == sorted(shown.audio)
    assert {path.name for path in tmp_path.iterdir()} == {MP4, PLAYLIST, "0.ts", "1.ts"}


def test_a_stretch_begins_at_the_key_frame_before_it(tmp_path: Path) -> None:
    reel(tmp_path, ("clip", 1.4, 2.2))  # key frames are at whole seconds
    assert len(decode_strictly(tmp_path / MP4).video) == 30


def test_pictures_that_are_decoded_out_of_order_survive_the_cut(tmp_path: Path) -> None:
    reel(tmp_path, ("reordered", 1.0, 2.0), ("reordered", 3.0, 4.0))
    shown = decode_strictly(tmp_path / MP4)
    assert len(shown.video) == pytest.approx(50, abs=4)
    assert shown.video == sorted(shown.video)


def test_sound_alone_is_cut_where_it_is_asked_to(tmp_path: Path) -> None:
    reel(tmp_path, ("sound", 1.0, 2.5))
    shown = decode_strictly(tmp_path / MP4)
    assert not shown.video
    assert shown.audio[-1] == pytest.approx(1.5, abs=0.05)


def test_files_of_two_formats_are_a_playlist_alone(tmp_path: Path) -> None:
    reel(tmp_path, ("clip", 0.0, 2.0), ("silent", 1.0, 2.0), ("reordered", 0.0, 1.0))
    lines = (tmp_path / PLAYLIST).read_text().splitlines()
    assert (lines[0], lines[-1], lines.count("#EXT-X-DISCONTINUITY")) == ("#EXTM3U", "#EXT-X-ENDLIST", 2)
    names = [line for line in lines if not line.startswith("#")]
    lengths = [float(line.removeprefix("#EXTINF:").rstrip(",")) for line in lines if line.startswith("#EXTINF")]
    assert names == ["0.ts", "1.ts", "2.ts"]
    assert lengths == pytest.approx([2.0, 1.0, 1.1], abs=0.15)
    longest = int(next(line for line in lines if "TARGETDURATION" in line).rpartition(":")[2])
    assert longest >= max(lengths)
    assert [len(decode_strictly(tmp_path / name).video) for name in names] == pytest.approx([50, 25, 26], abs=3)
    assert {path.name for path in tmp_path.iterdir()} == {PLAYLIST, *names}


def test_long_stretches_are_several_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiortstream.local.recording.reel.TARGET_SECONDS", 1.0)
    reel(tmp_path, ("clip", 0.0, 4.0), ("silent", 0.0, 1.0))
    segments = sorted(tmp_path.glob("*.ts"))
    assert len(segments) == 5
    assert sum(len(decode_strictly(each).video) for each in segments) == 125
    lines = (tmp_path / PLAYLIST).read_text().splitlines()
    lengths = [float(line.removeprefix("#EXTINF:").rstrip(",")) for line in lines if line.startswith("#EXTINF")]
    assert sum(lengths) == pytest.approx(5.0, abs=0.1)


def test_what_cannot_be_cut(tmp_path: Path) -> None:
    other = tmp_path / "text"
    other.write_bytes(b"text")
    with pytest.raises(MediaError, match="not a video"):
        write_reel([Cut(other, 0, 1)], tmp_path, stop=threading.Event())
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        write_reel([Cut(sample("clip"), 0, 1)], tmp_path, stop=stop)
    assert sorted(tmp_path.iterdir()) == [other]
