"""RTMP's chunk layer, without I/O: messages to chunks and back.

A message travels as chunks of at most the sender's chunk size, and chunks of several messages may interleave, told
apart by their chunk stream id. Later chunks repeat only what changed in the header.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

SET_CHUNK_SIZE, ABORT, ACKNOWLEDGEMENT, USER_CONTROL, WINDOW_SIZE, PEER_BANDWIDTH = 1, 2, 3, 4, 5, 6
AUDIO, VIDEO, DATA_AMF0, COMMAND_AMF3, COMMAND_AMF0 = 8, 9, 18, 17, 20

_EXTENDED = 0xFFFFFF  # in the 3-byte field: the time stands in 4 bytes of its own
_DEFAULT_CHUNK_SIZE = 128
_HEADER_SIZES = (11, 7, 3, 0)


class RtmpProtocolError(Exception):
    """The peer does not speak RTMP, or sends more than a player ever would."""


@dataclass(frozen=True, slots=True)
class Message:
    """One RTMP message; `timestamp` in milliseconds."""

    kind: int
    timestamp: int
    stream_id: int
    body: bytes


def write_message(message: Message, *, chunk_stream: int, chunk_size: int) -> bytes:
    """One message as chunks: a full header, then bare continuation headers."""
    extended = message.timestamp >= _EXTENDED
    stamp = struct.pack(">I", message.timestamp & 0xFFFFFFFF) if extended else b""
    field_value = _EXTENDED if extended else message.timestamp
    size = len(message.body)
    parts = [
        bytes([chunk_stream]),
        field_value.to_bytes(3, "big"),
        size.to_bytes(3, "big"),
        bytes([message.kind]),
        struct.pack("<I", message.stream_id),
        stamp,
        message.body[:chunk_size],
    ]
    for start in range(chunk_size, size, chunk_size):
        parts += (bytes([0xC0 | chunk_stream]), stamp, message.body[start : start + chunk_size])
    return b"".join(parts)


@dataclass(slots=True)
class _ChunkStream:
    """What the headers of one chunk stream said last, and the message being put together."""

    timestamp: int = 0
    delta: int = 0
    extended: bool = False
    length: int = 0
    kind: int = 0
    stream_id: int = 0
    body: bytearray = field(default_factory=bytearray)


class ChunkReader:
    """Puts messages together from received bytes; one of more than `max_message` bytes is an `RtmpProtocolError`."""

    def __init__(self, *, max_message: int) -> None:
        self._max_message = max_message
        self._buffer = bytearray()
        self._chunk_size = _DEFAULT_CHUNK_SIZE
        self._streams: dict[int, _ChunkStream] = {}

    def feed(self, data: bytes) -> Iterator[Message]:
        self._buffer += data
        while (consumed := self._read_chunk()) is not None:
            size, message = consumed
            del self._buffer[:size]
            if message is None:
                continue
            if message.kind == SET_CHUNK_SIZE and len(message.body) == 4:
                self._chunk_size = max(1, int.from_bytes(message.body, "big") & 0x7FFFFFFF)
                continue
            yield message

    def _read_chunk(self) -> tuple[int, Message | None] | None:
        """Read one whole chunk: the bytes it took, and the message it completed; None while more bytes are needed."""
        basic = self._basic_header()
        if basic is None:
            return None
        form, chunk_stream, position = basic
        state = self._streams.get(chunk_stream) or _ChunkStream()
        end = position + _HEADER_SIZES[form]
        if len(self._buffer) < end:
            return None
        header = bytes(self._buffer[position:end])
        extended = state.extended if form == 3 else int.from_bytes(header[:3], "big") == _EXTENDED
        start = end + 4 if extended else end
        length = int.from_bytes(header[3:6], "big") if form <= 1 else state.length
        if length > self._max_message:
            raise RtmpProtocolError(f"message of {length} bytes; at most {self._max_message} are taken")
        share = min(self._chunk_size, length - (0 if form <= 2 else len(state.body)))
        if len(self._buffer) < start + share:
            return None
        self._apply_header(state, form, header, bytes(self._buffer[end:start]))
        self._streams[chunk_stream] = state
        state.body += self._buffer[start : start + share]
        if len(state.body) < state.length:
            return start + share, None
        message = Message(state.kind, state.timestamp, state.stream_id, bytes(state.body))
        state.body.clear()
        return start + share, message

    def _basic_header(self) -> tuple[int, int, int] | None:
        """(header form, chunk stream id, bytes taken)."""
        if not self._buffer:
            return None
        first = self._buffer[0]
        form, chunk_stream = first >> 6, first & 0x3F
        extra = {0: 1, 1: 2}.get(chunk_stream, 0)
        if len(self._buffer) < 1 + extra:
            return None
        if extra:
            chunk_stream = 64 + int.from_bytes(self._buffer[1 : 1 + extra], "little")
        return form, chunk_stream, 1 + extra

    @staticmethod
    def _apply_header(state: _ChunkStream, form: int, header: bytes, extended: bytes) -> None:
        if form == 3:
            if not state.body:  # a new message that repeats everything, its time step too
                state.timestamp += state.delta
            return
        state.body.clear()
        state.extended = bool(extended)
        value = int.from_bytes(extended or header[:3], "big")
        if form == 0:
            state.timestamp, state.delta = value, 0
            state.stream_id = int.from_bytes(header[7:11], "little")
        else:
            state.timestamp, state.delta = state.timestamp + value, value
        if form <= 1:
            state.length = int.from_bytes(header[3:6], "big")
            state.kind = header[6]
