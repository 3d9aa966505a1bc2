"""One connection to a source, from opening to end, on one thread: reads, stamps, records, and feeds decoding."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import av.error
from av.packet import Packet
from av.stream import Stream

from aiortstream.local.recording.segmenter import Segmenter

from .clock import Stamped, StreamClock
from .decode import DecodeThread
from .errors import Remedy, SourceError, reading_failed
from .looping import read_packets, tick_of
from .opening import Opened, open_container
from .pacing import Pacer, WallClock
from .recorder import GuardedRecorder
from .source import SourceSpec
from .status import AudioInfo, VideoInfo
from .taps import TapSet

_HTTP_STALL = 30.0  # seconds; an HLS source is silent from one segment to the next


@dataclass(slots=True)
class Progress:
    """Counts of an ingest over all its connections; written by its threads, read from anywhere."""

    packets: int = 0
    last_packet_at: float | None = None  # unix seconds
    frames_dropped: int = 0


@dataclass(frozen=True, slots=True)
class Live:
    """What a connection reports once packets come: of what kind, and what is amiss though they do."""

    video: VideoInfo | None
    audio: AudioInfo | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outlets:
    """Where the packets of a stream go; the same for all its connections."""

    clock: StreamClock[Packet[Stream]]
    taps: TapSet
    segmenter: Segmenter | None
    progress: Progress
    on_live: Callable[[Live], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What an ingest wants of each connection it makes; timeouts in seconds."""

    spec: SourceSpec
    media_types: frozenset[str]
    open_timeout: float
    read_timeout: float
    name: str


def run_connection(plan: Plan, outlets: Outlets, wall: WallClock, stop: threading.Event) -> None:
    """Open the source and serve it; blocks until it has come to its end, or `stop` is set. Raises `SourceError`."""
    opened = open_container(
        plan.spec, media_types=plan.media_types, open_timeout=plan.open_timeout, read_timeout=plan.read_timeout
    )
    try:
        if not stop.is_set():
            _Connection(plan, outlets, opened, wall, stop).serve()
    finally:
        opened.container.close()


class _Connection:
    def __init__(self, plan: Plan, outlets: Outlets, opened: Opened, wall: WallClock, stop: threading.Event) -> None:
        self._spec = plan.spec
        self._outlets = outlets
        self._opened = opened
        self._wall = wall
        self._stop = stop
        # Of known length: it would come as fast as the network allows, and it has an end of its own.
        self._is_finite = not plan.spec.realtime or _is_finite_http(opened, plan.spec)
        self._pacer = Pacer(wall) if self._is_finite else None
        self._decoding = DecodeThread(opened, outlets.taps, plan.name)
        self._dropped_before = outlets.progress.frames_dropped
        missing = sorted(plan.media_types.intersection(opened.missing))
        self._missing_note = f"the source has no {' and no '.join(missing)}" if missing else None
        self._recording_note: str | None = None
        self._recorder: GuardedRecorder | None = None
        if outlets.segmenter is not None:
            self._recorder = GuardedRecorder(outlets.segmenter, opened.streams, plan.name, self._note_recording)
        self._ticks = {stream.index: tick_of(stream) for stream in opened.streams}
        self._reported: Live | None = None  # None until the first packet

    def serve(self) -> None:
        """Read until the end, and then put away everything that was begun."""
        clean = False
        try:
            for packet in self._packets():
                if self._stop.is_set():
                    break
                self._take(packet)
            clean = not self._stop.is_set()
        finally:
            try:
                self._distribute(self._outlets.clock.interrupt())
                if self._recorder is not None:
                    self._recorder.end()
            finally:
                self._decoding.end(discard=not clean)
                self._count_drops()

    def _packets(self) -> Iterator[Packet[Stream]]:
        """Packets until the source ends; raises `SourceError` where that was not to be expected."""
        last = self._wall.now()
        while not self._stop.is_set():
            try:
                for packet in read_packets(self._opened.container, self._opened.streams, loop=self._spec.loop):
                    last = self._wall.now()
                    yield packet
            except av.error.ExitError as error:
                if self._spec.scheme in ("http", "https") and self._wall.now() - last < _HTTP_STALL:
                    continue
                raise reading_failed(error) from error
            except (av.error.FFmpegError, OSError) as error:
                failure = reading_failed(error)
                raise SourceError(failure.reason, Remedy.GIVE_UP) if self._is_finite else failure from error
            if self._is_finite or self._opened.container.format.name == "hls":
                return
            raise SourceError("the source ended the stream")

    def _take(self, packet: Packet[Stream]) -> None:
        assert packet.dts is not None
        assert packet.pts is not None
        self._refuse_new_format(packet)
        tick = self._ticks[packet.stream.index]
        media, until = packet.dts * tick, (packet.pts + (packet.duration or 0)) * tick
        now = self._wall.now() if self._pacer is None else self._pacer.wait(media, self._stop)
        progress = self._outlets.progress
        progress.packets += 1
        progress.last_packet_at = now
        if self._reported is None:
            self._report()
        self._distribute(
            self._outlets.clock.push(packet, track=packet.stream.index, media=media, until=until, wall=now)
        )

    def _refuse_new_format(self, packet: Packet[Stream]) -> None:
        """Reconnect on a new codec configuration: segments and decoders are set up for the one of the opening."""
        if packet.has_sidedata("new_extradata"):
            configuration = bytes(packet.get_sidedata("new_extradata"))
            if configuration != packet.stream.codec_context.extradata:
                raise SourceError(f"the source changed its {packet.stream.type} format")

    def _distribute(self, stamped_packets: list[Stamped[Packet[Stream]]]) -> None:
        for stamped in stamped_packets:
            if self._recorder is not None:
                self._recorder.add(stamped)
            self._decoding.feed(stamped.item, stamped.session, is_video=stamped.item.stream.type == "video")
        self._count_drops()

    def _count_drops(self) -> None:
        self._outlets.progress.frames_dropped = self._dropped_before + self._decoding.dropped

    def _note_recording(self, note: str | None) -> None:
        if note != self._recording_note:
            self._recording_note = note
            self._report()

    def _report(self) -> None:
        notes = tuple(note for note in (self._missing_note, self._recording_note) if note)
        self._reported = Live(_video_info(self._opened), _audio_info(self._opened), notes)
        self._outlets.on_live(self._reported)


def _is_finite_http(opened: Opened, spec: SourceSpec) -> bool:
    return spec.scheme in ("http", "https") and opened.container.duration is not None


def _video_info(opened: Opened) -> VideoInfo | None:
    video = opened.video
    if video is None:
        return None
    rate = video.average_rate or video.guessed_rate
    return VideoInfo(video.codec_context.name, video.width, video.height, float(rate) if rate else None)


def _audio_info(opened: Opened) -> AudioInfo | None:
    audio = opened.audio
    if audio is None:
        return None
    return AudioInfo(audio.codec_context.name, audio.sample_rate, audio.channels)
