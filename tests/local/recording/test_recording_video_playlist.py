"""A video as HLS: its segments together hold each picture and each sound of the file once."""

from __future__ import annotations

from pathlib import Path

import pytest
from media_clips import Decoded, decode_strictly, sample

from aiortstream.local.recording import video_playlist as playlists
from aiortstream.local.recording.files import MediaError
from aiortstream.local.recording.video_playlist import copy_piece, read_pieces, video_playlist


@pytest.fixture(autouse=True)
def short_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playlists, "TARGET_SECONDS", 1.0)


PRIMING = 1  # frames of AAC that a file plays silently before its beginning, which MPEG-TS has no way to say


def played(path: Path, folder: Path) -> list[Decoded]:
    shown = []
    for number in range(len(read_pieces(path))):
        content = copy_piece(path, number)
        assert content is not None
        (folder / "piece.ts").write_bytes(content)
        shown.append(decode_strictly(folder / "piece.ts"))
    return shown


@pytest.mark.parametrize(("name", "segments"), [("clip", 4), ("reordered", 4), ("silent", 4), ("long-group", 1)])
def test_every_picture_and_every_sound_is_in_one_segment(tmp_path: Path, name: str, segments: int) -> None:
    whole = decode_strictly(sample(name))
    parts = played(sample(name), tmp_path)
    assert len(parts) == segments
    assert sum(len(part.video) for part in parts) == len(whole.video)
    assert sum(len(part.audio) for part in parts) in (len(whole.audio), len(whole.audio) + PRIMING)
    for tracks in ([part.video for part in parts], [part.audio for part in parts]):
        times = [time for track in tracks for time in track]
        assert times == sorted(times)  # one timeline: a player goes from one to the next without a jump
        assert not times or times[-1] - times[0] == pytest.approx(4.0, abs=0.15)


def test_sound_alone_is_cut_too(tmp_path: Path) -> None:
    parts = played(sample("sound"), tmp_path)
    assert len(parts) == 4
    assert sum(len(part.audio) for part in parts) == len(decode_strictly(sample("sound")).audio) + PRIMING


def test_the_playlist_says_how_long_each_segment_is() -> None:
    pieces = read_pieces(sample("clip"))
    lines = video_playlist(pieces, lambda number: f"x/{number}.ts").splitlines()
    assert (lines[0], lines[-1]) == ("#EXTM3U", "#EXT-X-ENDLIST")
    assert [line for line in lines if not line.startswith("#")] == [f"x/{number}.ts" for number in range(4)]
    lengths = [float(line.removeprefix("#EXTINF:").rstrip(",")) for line in lines if line.startswith("#EXTINF")]
    assert lengths == pytest.approx([1.0] * 4, abs=0.05)
    assert "#EXT-X-TARGETDURATION:1" in lines


def test_there_is_no_segment_beyond_the_last() -> None:
    assert copy_piece(sample("clip"), 4) is None
    assert copy_piece(sample("clip"), -1) is None


def test_what_is_no_video(tmp_path: Path) -> None:
    other = tmp_path / "text"
    other.write_bytes(b"text")
    with pytest.raises(MediaError, match="not a video"):
        read_pieces(other)
