"""The thread that decodes for one connection, while somebody wants frames or sound."""

from __future__ import annotations

import logging
import threading

from av.packet import Packet
from av.stream import Stream

from .clock import Session
from .opening import Opened
from .packets import Decodable, PacketQueue
from .sound import SoundDecoder
from .taps import TapSet
from .video import VideoDecoder

_log = logging.getLogger(__name__)

_JOIN_TIMEOUT = 5.0  # seconds; what is in progress is one packet, or when draining at most a full queue


class DecodeThread:
    """Owned by the reading thread, which feeds and ends it. Starts with the first packet that a tap wants decoded."""

    def __init__(self, opened: Opened, taps: TapSet, name: str) -> None:
        self._taps = taps
        self._name = name
        self._video = VideoDecoder(opened.video, taps) if opened.video is not None else None
        self._audio = SoundDecoder(opened.audio, taps) if opened.audio is not None else None
        self._queue = PacketQueue()
        self._thread: threading.Thread | None = None  # None until something is wanted
        self._failure: Exception | None = None  # what ended the thread early

    @property
    def dropped(self) -> int:
        """Video packets that decoding had no time for."""
        return self._queue.dropped

    def feed(self, packet: Packet[Stream], session: Session, *, is_video: bool) -> None:
        """Queue a packet if a tap wants what is in it; never blocks. Raises what the thread has failed with."""
        if self._failure is not None:
            raise self._failure
        if not (self._taps.wants_frames if is_video else self._taps.wants_audio):
            if is_video:
                self._queue.skip_video()
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"{self._name}-decode", daemon=True)
            self._thread.start()
        self._queue.put(Decodable(packet, session, is_video))

    def end(self, *, discard: bool) -> None:
        """Stop and join the thread, after what is queued unless that is to be discarded."""
        self._queue.close(discard=discard)
        if self._thread is None:
            return
        self._thread.join(_JOIN_TIMEOUT)
        if self._thread.is_alive():
            _log.error("%s: decoding did not end within %g s; a tap seems to block", self._name, _JOIN_TIMEOUT)

    def _run(self) -> None:
        try:
            self._decode()
        except Exception as error:
            _log.exception("%s: decoding failed", self._name)
            self._failure = error

    def _decode(self) -> None:
        while (item := self._queue.take()) is not None:
            decoder = self._video if item.is_video else self._audio
            if decoder is not None:
                decoder.decode(item.packet, item.session)
        for decoder in (self._video, self._audio):
            if decoder is not None:
                decoder.flush()
