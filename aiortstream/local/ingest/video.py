"""Decoding video only as far as it is wanted: packets to frames on the stream's clock."""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from functools import partial
from itertools import pairwise
from typing import Literal

import av.error
import numpy as np
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from .clock import Session
from .taps import TapSet

Skip = Literal["DEFAULT", "NONREF", "NONKEY"]

MAX_WIDTH = 1280  # pixels of a frame handed out: models look at less, and text stays legible
_ONE_THREAD_UP_TO = 1920 * 1088  # pixels; beyond, a core of its own may be too slow


def skip_level(*, wanted: float, source: float | None, key_interval: float | None) -> Skip:
    """How much decoding a sampling of `wanted` frames a second can leave out.

    Key frames alone do when at least two of them fall in each period; frames that no other refers to are left out when
    a period has at least four frames, so that the nearest reference is never far.
    """
    if wanted <= 0 or (key_interval is not None and 2 * key_interval * wanted <= 1):
        return "NONKEY"
    if source is not None and 4 * wanted <= source:
        return "NONREF"
    return "DEFAULT"


def scaled_size(width: int, height: int) -> tuple[int, int]:
    """The size to hand out a picture in: at most `MAX_WIDTH` wide, in its own proportions."""
    if width <= MAX_WIDTH:
        return width, height
    return MAX_WIDTH, max(2, round(height * MAX_WIDTH / width / 2) * 2)


class VideoDecoder:
    """Decodes the video of one connection; used by one thread."""

    def __init__(self, stream: VideoStream, taps: TapSet) -> None:
        self._codec = stream.codec_context
        self._codec.thread_count = 1 if stream.width * stream.height <= _ONE_THREAD_UP_TO else 0
        self._rate = float(stream.guessed_rate) if stream.guessed_rate else None
        self._taps = taps
        self._session: Session | None = None  # of the packets inside the codec; None before the first
        self._tick = Fraction(1)  # of those packets, in seconds: frames that come out at a flush do not know it
        self._key_times: deque[float] = deque(maxlen=4)  # media seconds of the latest key frames of the session

    def decode(self, packet: Packet[Stream], session: Session) -> None:
        """Decode one packet and hand the frames that are due to the taps; a broken packet is left out."""
        if self._session is not None and session != self._session:
            self.flush()
            self._codec.flush_buffers()
        self._session, self._tick = session, packet.time_base
        if packet.is_keyframe:
            self._note_key(packet)
        try:
            frames = self._codec.decode(packet)
        except av.error.FFmpegError:
            return
        self._offer(frames)

    def flush(self) -> None:
        """Hand out the frames that the codec holds back for reordering."""
        if self._session is None:
            return
        try:
            frames = self._codec.decode(None)
        except av.error.FFmpegError:
            return
        self._offer(frames)
        self._key_times.clear()

    def _note_key(self, packet: Packet[Stream]) -> None:
        if packet.pts is not None:
            self._key_times.append(float(packet.pts * packet.time_base))
        interval = max((later - earlier for earlier, later in pairwise(self._key_times)), default=None)
        # Only here: from one key frame to the next, either all references are decoded or none.
        self._codec.skip_frame = skip_level(
            wanted=self._taps.frames_per_second, source=self._rate, key_interval=interval
        )

    def _offer(self, frames: list[VideoFrame]) -> None:
        assert self._session is not None
        for frame in frames:
            if frame.pts is not None and not frame.is_corrupt:
                time = float(frame.pts * self._tick) + self._session.offset
                self._taps.offer_frame(time, partial(_to_rgb, frame))


def _to_rgb(frame: VideoFrame) -> NDArray[np.uint8]:
    width, height = scaled_size(frame.width, frame.height)
    return frame.to_ndarray(format="rgb24", width=width, height=height).astype(np.uint8, copy=False)
