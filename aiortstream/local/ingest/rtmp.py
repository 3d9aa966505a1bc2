"""The server's side of one RTMP connection that plays, without I/O: bytes in, requests and bytes out.

A player shakes hands, says `connect`, `createStream` and `play`; from then on it is sent FLV tags as messages. Only
what players use is understood: publishing is answered with an error.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from . import amf, chunks
from .chunks import Message, RtmpProtocolError
from .flv import FlvTag

_VERSION = 3
_HANDSHAKE = 1536  # bytes of C1, C2, S1 and S2 each
_CHUNK_SIZE = 60_000  # a whole frame in one chunk, mostly
_WINDOW = 2_500_000  # bytes a player may leave unacknowledged; nothing here waits for acknowledgements
_MAX_MESSAGE = 64 * 1024  # a player sends commands only
_STREAM_ID = 1
_CONTROL_CHUNKS, _COMMAND_CHUNKS, _MEDIA_CHUNKS = 2, 3, {8: 4, 9: 6, 18: 5}


@dataclass(frozen=True, slots=True)
class PlayRequest:
    """The player asks for `path` ("app/name", no query); answer with `accept` or `refuse`."""

    path: str


class _State(Enum):
    GREETING = auto()  # C0 and C1 not all here
    ANSWERING = auto()  # S0, S1, S2 are sent; C2 not all here
    OPEN = auto()


class RtmpPlaySession:
    """One connection. `receive` yields the play requests in some bytes; `take` returns what to send since last time."""

    def __init__(self) -> None:
        self._state = _State.GREETING
        self._handshake = bytearray()  # bytes of a handshake part that is not complete; empty once OPEN
        self._reader = chunks.ChunkReader(max_message=_MAX_MESSAGE)
        self._out = bytearray()
        self._app = ""

    def receive(self, data: bytes) -> Iterator[PlayRequest]:
        """Take received bytes; raises `RtmpProtocolError` when they are not RTMP."""
        if self._state is not _State.OPEN:
            self._handshake += data
            if not self._shake_hands():
                return
            data = bytes(self._handshake)
            self._handshake.clear()
        for message in self._reader.feed(data):
            if message.kind in (chunks.COMMAND_AMF0, chunks.COMMAND_AMF3):
                yield from self._on_command(message)

    def take(self) -> bytes:
        """The bytes to send to the player."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def accept(self, path: str) -> None:
        """Let the player have `path`: tags may follow."""
        self._control(chunks.USER_CONTROL, struct.pack(">HI", 0, _STREAM_ID))
        self._status("status", "NetStream.Play.Reset", f"Resetting {path}.")
        self._status("status", "NetStream.Play.Start", f"Started playing {path}.")

    def refuse(self, path: str) -> None:
        """Tell the player that there is no such stream."""
        self._status("error", "NetStream.Play.StreamNotFound", f"There is no stream {path}.")

    def send(self, tag: FlvTag) -> None:
        """Queue one tag for `take`."""
        self._write(_MEDIA_CHUNKS[tag.kind], Message(tag.kind, tag.timestamp, _STREAM_ID, tag.body))

    def _shake_hands(self) -> bool:
        """Go on with the handshake; whether it is done."""
        if self._state is _State.GREETING and len(self._handshake) > _HANDSHAKE:
            if self._handshake[0] != _VERSION:
                raise RtmpProtocolError(f"not RTMP: the first byte is {self._handshake[0]}, expected {_VERSION}")
            client_part = self._handshake[1 : 1 + _HANDSHAKE]
            del self._handshake[: 1 + _HANDSHAKE]
            self._out += bytes([_VERSION]) + bytes(8) + os.urandom(_HANDSHAKE - 8) + client_part
            self._state = _State.ANSWERING
        if self._state is _State.ANSWERING and len(self._handshake) >= _HANDSHAKE:
            del self._handshake[:_HANDSHAKE]
            self._state = _State.OPEN
            return True
        return False

    def _on_command(self, message: Message) -> Iterator[PlayRequest]:
        body = message.body[1:] if message.kind == chunks.COMMAND_AMF3 else message.body
        try:
            name, transaction, *arguments = amf.decode(body)
        except ValueError as error:
            raise RtmpProtocolError(f"malformed command: {error}") from error
        match name:
            case "connect":
                self._connect(transaction, arguments)
            case "createStream":
                self._command("_result", transaction, None, _STREAM_ID)
            case "play" if len(arguments) >= 2 and isinstance(arguments[1], str):
                stream = arguments[1].partition("?")[0]
                yield PlayRequest(f"{self._app}/{stream}".strip("/"))
            case "publish":
                self._status("error", "NetStream.Publish.BadName", "This server plays only.")
            case _:
                return  # getStreamLength, releaseStream, deleteStream, ...: players do not wait for an answer

    def _connect(self, transaction: amf.AmfValue, arguments: list[amf.AmfValue]) -> None:
        target = arguments[0] if arguments else None
        app = target.get("app") if isinstance(target, Mapping) else None
        self._app = app.partition("?")[0].strip("/") if isinstance(app, str) else ""
        self._control(chunks.WINDOW_SIZE, struct.pack(">I", _WINDOW))
        self._control(chunks.PEER_BANDWIDTH, struct.pack(">IB", _WINDOW, 2))
        self._control(chunks.SET_CHUNK_SIZE, struct.pack(">I", _CHUNK_SIZE))
        self._command(
            "_result",
            transaction,
            {"fmsVer": "FMS/3,0,1,123", "capabilities": 31},
            {"level": "status", "code": "NetConnection.Connect.Success", "objectEncoding": 0},
        )

    def _status(self, level: str, code: str, description: str) -> None:
        body = amf.encode("onStatus", 0, None, {"level": level, "code": code, "description": description})
        self._write(_COMMAND_CHUNKS, Message(chunks.COMMAND_AMF0, 0, _STREAM_ID, body))

    def _command(self, *values: amf.AmfValue) -> None:
        self._write(_COMMAND_CHUNKS, Message(chunks.COMMAND_AMF0, 0, 0, amf.encode(*values)))

    def _control(self, kind: int, body: bytes) -> None:
        self._write(_CONTROL_CHUNKS, Message(kind, 0, 0, body))

    def _write(self, chunk_stream: int, message: Message) -> None:
        # The size is announced in the answer to `connect`; nothing before that is long enough for it to matter.
        self._out += chunks.write_message(message, chunk_stream=chunk_stream, chunk_size=_CHUNK_SIZE)
