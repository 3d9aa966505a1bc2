"""Recordings made by the real ingest, in virtual time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from media_clips import START, VirtualTime

from aiortstream.local.ingest.source import parse_source
from aiortstream.local.ingest.stream import StreamIngest
from aiortstream.local.recording.segmenter import Segmenter, SegmentInfo


@dataclass
class Recording:
    """A stream's directory and the segments announced for it; `record` adds a session."""

    root: Path
    segments: list[SegmentInfo] = field(default_factory=list)
    wall: VirtualTime = field(default_factory=lambda: VirtualTime(START))

    async def record(self, clip: Path, **options: float) -> list[SegmentInfo]:
        """Play a clip once and record it; returns the new segments."""
        before = len(self.segments)
        ingest = StreamIngest(
            parse_source(str(clip)),
            media_types=frozenset({"audio", "video"}),
            recorder=Segmenter(self.root, on_segment=self.segments.append, **options),
            on_status=lambda status: None,
            wall_clock=self.wall,
        )
        await ingest.run()
        return self.segments[before:]
