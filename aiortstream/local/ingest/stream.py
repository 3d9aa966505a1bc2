"""One source, ingested for as long as it is wanted: connected, read, recorded, decoded, and connected again.

    ingest = StreamIngest(parse_source(url), media_types=frozenset({"audio", "video"}), recorder=segmenter,
                          on_status=print)
    ingest.add_frame_tap(tap)
    await ingest.run()

Two threads work on each connection: one reads, stamps and records, and a second decodes while a tap wants frames or
sound. Neither is held up by the event loop, nor holds it up. The connections of a stream share one clock, on which time
never runs backwards.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from av.packet import Packet
from av.stream import Stream

from aiortstream.local.media import AudioTap, FrameTap
from aiortstream.local.recording.segmenter import Segmenter

from .clock import StreamClock
from .connection import Live, Outlets, Plan, Progress, run_connection
from .errors import SourceError
from .pacing import SystemClock, WallClock
from .retries import HEALTHY_AFTER, Waits, jittered_delays
from .source import SourceSpec, redact
from .status import AudioInfo, IngestState, IngestStatus, VideoInfo
from .taps import TapSet
from .threads import call_on, run_thread

__all__ = ["AudioInfo", "IngestState", "IngestStatus", "StreamIngest", "VideoInfo"]

_log = logging.getLogger(__name__)

_HLS_WINDOW = 60.0  # seconds; packets of an HLS source come late by up to a segment, again and again
_MEDIA_TYPES = frozenset({"audio", "video"})


class StreamIngest:
    """Ingests one source. `run` it once; taps may come and go at any time, from any thread.

    `media_types` says what is wanted of "audio" and "video". `recorder` gets every packet of these; its callback runs
    on the reading thread. `on_status` is called on the event loop at each change of state, reason or format.
    `retry_delays` makes the waits, in seconds, between attempts; it starts over after a healthy while. A read that
    takes longer than `read_timeout` seconds counts as a lost connection. `not_before` is the unix time up to which the
    stream was ingested earlier: what a server repeats of that when it is joined again is left out.
    """

    def __init__(
        self,
        spec: SourceSpec,
        *,
        media_types: frozenset[str],
        recorder: Segmenter | None,
        on_status: Callable[[IngestStatus], None],
        retry_delays: Callable[[], Iterator[float]] = jittered_delays,
        open_timeout: float = 10.0,
        read_timeout: float = 5.0,
        name: str = "",
        not_before: float | None = None,
        wall_clock: WallClock | None = None,
    ) -> None:
        if not media_types or media_types - _MEDIA_TYPES:
            raise ValueError(f"media_types must be some of 'audio' and 'video', got {sorted(media_types)}")
        self._name = name or redact(spec.url)
        self._plan = Plan(spec, media_types, open_timeout, read_timeout, self._name)
        self._wall = wall_clock or SystemClock()
        self._on_status = on_status
        self._retry_delays = retry_delays
        self._not_before = -math.inf if not_before is None else not_before
        self._taps = TapSet(self._name)
        self._recorder = recorder
        self._progress = Progress()
        self._live_since: float | None = None  # unix time since when the current connection is live; None otherwise
        self._status = IngestStatus(IngestState.CONNECTING, None, self._wall.now(), 0, None, 0, 0, None, None)

    @property
    def status(self) -> IngestStatus:
        """How it is doing at this moment."""
        progress = self._progress
        return replace(
            self._status,
            last_packet_at=progress.last_packet_at,
            packets=progress.packets,
            frames_dropped=progress.frames_dropped,
        )

    def add_frame_tap(self, tap: FrameTap) -> None:
        """Hand frames to `tap` from the next key frame on."""
        self._taps.add_frames(tap)

    def remove_frame_tap(self, tap: FrameTap) -> None:
        """Hand no more frames to `tap`; one may be on its way already."""
        self._taps.remove_frames(tap)

    def add_audio_tap(self, tap: AudioTap) -> None:
        """Hand sound to `tap` from now on."""
        self._taps.add_audio(tap)

    def remove_audio_tap(self, tap: AudioTap) -> None:
        """Hand no more sound to `tap`; a chunk may be on its way already."""
        self._taps.remove_audio(tap)

    async def run(self) -> None:
        """Ingest until the source has come to its end for good, which live ones never do.

        Cancelling stops the threads within the read timeout, finishes the segment being written, and leaves the status
        STOPPED.
        """
        try:
            ending = await self._run()
        except asyncio.CancelledError:
            self._change(IngestState.STOPPED, None)
            raise
        except Exception as error:
            self._change(IngestState.ENDED, f"failed: {type(error).__name__}")
            raise
        self._change(IngestState.ENDED, ending)

    async def _run(self) -> str | None:
        """Connect again and again; returns why it is over, None after a regular end."""
        clock = self._make_clock()
        waits = self._waits()
        while True:
            self._status = replace(self._status, attempts=self._status.attempts + 1 if self._live_since is None else 1)
            self._live_since = None
            try:
                await self._connect(clock)
            except SourceError as error:
                if not error.retryable:
                    return error.reason
                if self._was_healthy():
                    waits = self._waits()
                self._change(IngestState.RETRYING, error.reason)
                await asyncio.sleep(waits.after(error))
            else:
                return None

    async def _connect(self, clock: StreamClock[Packet[Stream]]) -> None:
        loop = asyncio.get_running_loop()
        stop = threading.Event()
        outlets = Outlets(
            clock=clock,
            taps=self._taps,
            segmenter=self._recorder,
            progress=self._progress,
            on_live=lambda live: call_on(loop, self._report_live, live),
        )
        await run_thread(
            lambda: run_connection(self._plan, outlets, self._wall, stop),
            name=f"{self._name}-ingest",
            stop=stop,
            grace=self._plan.read_timeout + 1,
        )

    def _make_clock(self) -> StreamClock[Packet[Stream]]:
        if not self._plan.spec.realtime:  # we set the pace, so the first packet comes exactly in time
            return StreamClock(settle=0.0, not_before=self._not_before)
        if self._plan.spec.scheme in ("http", "https"):
            return StreamClock(drift_window=_HLS_WINDOW, not_before=self._not_before)
        return StreamClock(not_before=self._not_before)

    def _waits(self) -> Waits:
        return Waits(self._retry_delays(), listening=self._plan.spec.listen)

    def _was_healthy(self) -> bool:
        return self._live_since is not None and self._wall.now() - self._live_since >= HEALTHY_AFTER

    def _report_live(self, live: Live) -> None:
        if self._status.state in (IngestState.ENDED, IngestState.STOPPED):
            return  # from a thread that was left to time out
        if self._live_since is None:
            self._live_since = self._wall.now()
        self._status = replace(self._status, video=live.video, audio=live.audio)
        self._change(IngestState.LIVE, "; ".join(live.notes) or None)

    def _change(self, state: IngestState, reason: str | None) -> None:
        before = self._status
        since = before.since if state is before.state else self._wall.now()
        self._status = replace(before, state=state, reason=reason, since=since)
        if state is not before.state or reason != before.reason:
            level = logging.WARNING if state is IngestState.RETRYING else logging.INFO
            _log.log(level, "%s: %s%s", self._name, state, f" ({reason})" if reason else "")
        self._on_status(self.status)
