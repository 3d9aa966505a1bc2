"""The bounded queue of packets between the thread that reads a source and the one that decodes it."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass

from av.packet import Packet
from av.stream import Stream

from .clock import Session

_MAX_VIDEO_PACKETS = 256
_MAX_AUDIO_PACKETS = 1024  # some 20 s of AAC; decoding takes a hundredth of that
_MAX_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Decodable:
    """A packet on its way to the decoder, and the session that gives its time stamps their meaning."""

    packet: Packet[Stream]
    session: Session
    is_video: bool


class PacketQueue:
    """One thread puts, one takes; `close` ends both.

    When it is full, video gives way: packets are dropped up to the next key frame from which decoding can go on.
    Sound is handed out first, since it is cheap to decode and a gap in it costs words.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._video: deque[Decodable] = deque()
        self._audio: deque[Decodable] = deque()
        self._bytes = 0  # of both
        self._await_key = True  # video is of no use until a key frame: at the start, or after something was left out
        self._overflowed = False  # and that something was dropped for want of room
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Video packets that found no room."""
        return self._dropped

    def put(self, item: Decodable) -> None:
        """Queue a packet, or drop it; never blocks."""
        with self._condition:
            if self._closed:
                return
            accepted = self._put_video(item) if item.is_video else self._put_audio(item)
            if accepted:
                self._bytes += item.packet.size
                self._condition.notify()

    def skip_video(self) -> None:
        """Note that a video packet was left out on purpose: go on from a key frame."""
        self._await_key = True

    def take(self) -> Decodable | None:
        """The next packet; blocks until there is one, and returns None once closed and empty."""
        with self._condition:
            self._condition.wait_for(lambda: self._audio or self._video or self._closed)
            if not self._audio and not self._video:
                return None
            item = (self._audio or self._video).popleft()
            self._bytes -= item.packet.size
            return item

    def close(self, *, discard: bool) -> None:
        """Take no more; `discard` drops what is queued too, otherwise it is still handed out."""
        with self._condition:
            self._closed = True
            if discard:
                self._video.clear()
                self._audio.clear()
                self._bytes = 0
            self._condition.notify_all()

    def _put_video(self, item: Decodable) -> bool:
        full = len(self._video) >= _MAX_VIDEO_PACKETS or self._bytes >= _MAX_BYTES
        if full or (self._await_key and not item.packet.is_keyframe):
            self._overflowed = self._overflowed or full
            self._await_key = True
            self._dropped += self._overflowed
            return False
        self._await_key = self._overflowed = False
        self._video.append(item)
        return True

    def _put_audio(self, item: Decodable) -> bool:
        while len(self._audio) >= _MAX_AUDIO_PACKETS:
            self._bytes -= self._audio.popleft().packet.size
        self._audio.append(item)
        return True
