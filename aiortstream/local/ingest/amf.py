"""AMF0, the value encoding of RTMP commands: the types that connecting and playing use.

Maps to Python as: number -> float, boolean -> bool, string -> str, object and ECMA array -> dict, strict array -> list,
null and undefined -> None, date -> float (milliseconds since 1970).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

AmfValue = float | bool | str | None | list["AmfValue"] | Mapping[str, "AmfValue"]

_NUMBER, _BOOLEAN, _STRING, _OBJECT, _NULL, _UNDEFINED = 0, 1, 2, 3, 5, 6
_ECMA_ARRAY, _OBJECT_END, _STRICT_ARRAY, _DATE, _LONG_STRING = 8, 9, 10, 11, 12
_MAX_DEPTH = 16  # a command nests two deep; anything near this is hostile


class AmfError(ValueError):
    """Bytes that are not AMF0, or use a type that no command of ours needs."""


def encode(*values: AmfValue) -> bytes:
    """Encode values one after the other, as a command message carries them."""
    return b"".join(_encode(value) for value in values)


def decode(data: bytes) -> list[AmfValue]:
    """Decode all values of a command message; raises `AmfError`."""
    values: list[AmfValue] = []
    position = 0
    try:
        while position < len(data):
            value, position = _decode(data, position, 0)
            values.append(value)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise AmfError(f"truncated or malformed AMF0 at byte {position} of {len(data)}") from error
    return values


def _encode(value: AmfValue) -> bytes:
    match value:
        case None:
            return bytes([_NULL])
        case bool():
            return bytes([_BOOLEAN, value])
        case int() | float():
            return struct.pack(">Bd", _NUMBER, value)
        case str():
            return bytes([_STRING]) + _encode_key(value)
        case Mapping():
            members = b"".join(_encode_key(key) + _encode(member) for key, member in value.items())
            return bytes([_OBJECT]) + members + _encode_key("") + bytes([_OBJECT_END])
        case _:
            return struct.pack(">BI", _STRICT_ARRAY, len(value)) + encode(*value)


def _encode_key(text: str) -> bytes:
    data = text.encode()
    if len(data) > 0xFFFF:
        raise AmfError(f"string of {len(data)} bytes; AMF0 strings hold at most 65535")
    return struct.pack(">H", len(data)) + data


def _decode(data: bytes, position: int, depth: int) -> tuple[AmfValue, int]:
    if depth > _MAX_DEPTH:
        raise AmfError(f"values nested deeper than {_MAX_DEPTH}")
    marker = data[position]
    position += 1
    match marker:
        case 0 | 11:
            number: float = struct.unpack_from(">d", data, position)[0]
            return number, position + (8 if marker == _NUMBER else 10)
        case 1:
            return data[position] != 0, position + 1
        case 2:
            return _decode_text(data, position, ">H")
        case 12:
            return _decode_text(data, position, ">I")
        case 5 | 6:
            return None, position
        case 3:
            return _decode_members(data, position, depth)
        case 8:  # its count is a hint only: members end with the same marker as an object's
            return _decode_members(data, position + 4, depth)
        case 10:
            return _decode_items(data, position, depth)
        case _:
            raise AmfError(f"AMF0 type {marker} is not used by RTMP playback")


def _decode_text(data: bytes, position: int, length_format: str) -> tuple[str, int]:
    (length,) = struct.unpack_from(length_format, data, position)
    start = position + struct.calcsize(length_format)
    end = start + length
    if end > len(data):
        raise AmfError(f"string of {length} bytes with {len(data) - start} left")
    return data[start:end].decode(), end


def _decode_members(data: bytes, position: int, depth: int) -> tuple[dict[str, AmfValue], int]:
    members: dict[str, AmfValue] = {}
    while True:
        key, position = _decode_text(data, position, ">H")
        if not key and data[position] == _OBJECT_END:
            return members, position + 1
        members[key], position = _decode(data, position, depth + 1)


def _decode_items(data: bytes, position: int, depth: int) -> tuple[list[AmfValue], int]:
    (count,) = struct.unpack_from(">I", data, position)
    position += 4
    items: list[AmfValue] = []
    for _ in range(count):
        item, position = _decode(data, position, depth + 1)
        items.append(item)
    return items, position
