"""Where things are in a data directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VIDEOS = "videos"
"""The folder of videos, exported or uploaded."""
UPLOADS = "uploads"
"""The folder of files on their way to be videos."""
THUMBNAILS = "thumbnails"
"""The folder of pictures of videos."""
REELS = "reels"
"""The folder of what is put together of videos."""

_STREAMS = "streams"


def segments_folder(data_dir: Path, rtstream_id: str) -> Path:
    """The folder of a stream's recorded segments."""
    return data_dir / _STREAMS / rtstream_id
