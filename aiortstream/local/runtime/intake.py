"""A stream's ingest, begun again should it ever break, with the taps that its pipelines have set."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortstream.local.ingest.source import SourceSpec
    from aiortstream.local.ingest.status import IngestStatus
    from aiortstream.local.media import AudioTap, FrameTap
    from aiortstream.local.recording.segmenter import Segmenter

logger = logging.getLogger("aiortstream.local.runtime")

RETRY_SECONDS = 5.0  # after a defect of ours; a source that fails is the ingest's to retry


class Ingest(Protocol):
    """What `StreamIngest` is to us."""

    @property
    def status(self) -> IngestStatus:
        """How it is doing at this moment."""

    def add_frame_tap(self, tap: FrameTap) -> None:
        """Hand frames to it."""

    def remove_frame_tap(self, tap: FrameTap) -> None:
        """Hand it no more."""

    def add_audio_tap(self, tap: AudioTap) -> None:
        """Hand sound to it."""

    def remove_audio_tap(self, tap: AudioTap) -> None:
        """Hand it no more."""

    async def run(self) -> None:
        """Ingest until the source has ended for good."""


class MakeIngest(Protocol):
    """What `StreamIngest` is to us before there is one."""

    def __call__(
        self,
        spec: SourceSpec,
        *,
        media_types: frozenset[str],
        recorder: Segmenter | None,
        on_status: Callable[[IngestStatus], None],
        name: str,
        not_before: float | None,
    ) -> Ingest:
        """A new one, which has not begun."""


class Intake:
    """One ingest after another, with the same taps. Everything on the event loop."""

    def __init__(self, make: Callable[[], Ingest], *, name: str) -> None:
        self._make = make
        self._name = name
        self._ingest: Ingest | None = None  # set while it runs
        self._frame_taps: list[FrameTap] = []
        self._audio_taps: list[AudioTap] = []

    @property
    def status(self) -> IngestStatus | None:
        """How the ingest is doing at this moment; None between two."""
        return None if self._ingest is None else self._ingest.status

    def add_frame_tap(self, tap: FrameTap) -> None:
        """Hand frames to it from now on."""
        self._frame_taps.append(tap)
        if self._ingest is not None:
            self._ingest.add_frame_tap(tap)

    def remove_frame_tap(self, tap: FrameTap) -> None:
        """Hand it no more; one may be on its way."""
        self._frame_taps.remove(tap)
        if self._ingest is not None:
            self._ingest.remove_frame_tap(tap)

    def add_audio_tap(self, tap: AudioTap) -> None:
        """Hand sound to it from now on."""
        self._audio_taps.append(tap)
        if self._ingest is not None:
            self._ingest.add_audio_tap(tap)

    def remove_audio_tap(self, tap: AudioTap) -> None:
        """Hand it no more; a chunk may be on its way."""
        self._audio_taps.remove(tap)
        if self._ingest is not None:
            self._ingest.remove_audio_tap(tap)

    async def run(self) -> str:
        """Ingest until the source has ended for good; why it has. Cancelling ends it, its last segment included."""
        while True:
            self._ingest = ingest = self._make()
            for frame_tap in self._frame_taps:
                ingest.add_frame_tap(frame_tap)
            for audio_tap in self._audio_taps:
                ingest.add_audio_tap(audio_tap)
            try:
                await ingest.run()
            except Exception:
                logger.exception("%s: ingest broke off, beginning again in %g s", self._name, RETRY_SECONDS)
            else:
                return ingest.status.reason or "source ended"
            finally:
                self._ingest = None
            await asyncio.sleep(RETRY_SECONDS)
