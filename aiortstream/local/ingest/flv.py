"""FLV tags: what a libav `flv` muxer writes, cut into the messages that RTMP carries one to one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

AUDIO, VIDEO, SCRIPT = 8, 9, 18

_FILE_HEADER = 9 + 4  # the header, then the zero size of the tag before the first
_TAG_HEADER = 11
_TAG_TRAILER = 4
_AVC, _AAC = 7, 10
_ENHANCED = 0x80  # marks a video tag that names its codec by four characters (HEVC, AV1)


@dataclass(frozen=True, slots=True)
class FlvTag:
    """One tag: `kind` is AUDIO, VIDEO or SCRIPT, `timestamp` its decoding time in milliseconds."""

    kind: int
    timestamp: int
    body: bytes

    @property
    def is_header(self) -> bool:
        """Whether a player needs this tag before any other of its kind: metadata or a codec configuration."""
        if self.kind == SCRIPT:
            return True
        if len(self.body) < 2:
            return False
        first = self.body[0]
        if self.kind == AUDIO:
            return first >> 4 == _AAC and self.body[1] == 0
        if first & _ENHANCED:
            return first & 0x0F == 0
        return first & 0x0F == _AVC and self.body[1] == 0

    @property
    def is_key_frame(self) -> bool:
        """Whether decoding of the video can begin here."""
        return self.kind == VIDEO and not self.is_header and bool(self.body) and (self.body[0] >> 4) & 7 == 1


class FlvTagReader:
    """A write-only, unseekable "file" for a muxer; `take` hands over the tags completed since the last call."""

    name = "<flv tags>"

    def __init__(self) -> None:
        self._pending = bytearray()
        self._skip = _FILE_HEADER

    def write(self, data: bytes) -> int:
        self._pending += data
        return len(data)

    def take(self) -> Iterator[FlvTag]:
        if self._skip and len(self._pending) >= self._skip:
            del self._pending[: self._skip]
            self._skip = 0
        while not self._skip and (tag := self._next()) is not None:
            yield tag

    def _next(self) -> FlvTag | None:
        pending = self._pending
        if len(pending) < _TAG_HEADER:
            return None
        end = _TAG_HEADER + int.from_bytes(pending[1:4], "big")
        if len(pending) < end + _TAG_TRAILER:
            return None
        timestamp = int.from_bytes(pending[4:7], "big") | pending[7] << 24
        tag = FlvTag(pending[0] & 0x1F, timestamp, bytes(pending[_TAG_HEADER:end]))
        del pending[: end + _TAG_TRAILER]
        return tag
