"""Request bodies, declared: what is in a body is one of the wire's requests, or a form with a file.

JSON is read with refusals that name the field, what it held and what fits. `null` is taken for absent wherever a field
may be absent, since the official SDK sends it so; where a field is required, a null is refused as such. What readers of
JSON disagree on is refused whatever the field: names that come twice, whole numbers that not every reader has exactly,
NUL; and so is text that is longer than any field needs.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec
from aiohttp import BodyPartReader, MultipartReader, hdrs, web

from aiortstream.local.routes.text import is_plain
from aiortstream.local.services.errors import BadRequest, UnsupportedMedia
from aiortstream.wire.rest import Request

R = TypeVar("R", bound=Request)
T = TypeVar("T")

LONGEST_TEXT = 32_768  # characters: a long prompt has a few thousand
LARGEST_WHOLE = 2**53 - 1  # what every reader of JSON has exactly
DEEPEST = 32  # levels: the deepest request of an official client has six

# The second is what a client says that has not been told what it sends.
_JSON = re.compile(r"application/(.+\+)?json|application/octet-stream", re.IGNORECASE)
_WHERE = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_MISSING = re.compile(r"Object missing required field `(?P<field>.*?)`")
_TYPES = re.compile(r"Expected `(?P<expected>.*?)`, got `(?P<got>.*?)`")
_CHOICE = re.compile(r"Invalid enum value (?P<got>.*)")
_NAMES = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "object": "an object"}
_NAMES |= {"array": "a list", "null": "null"}
_QUOTED = 80  # characters of a name or a path that is not ours


class Body(ABC, Generic[T]):
    """What a route takes as a request's body."""

    @abstractmethod
    async def read(self, request: web.Request) -> T:
        """The body. Raises BadRequest, UnsupportedMedia."""


@dataclass(frozen=True, slots=True)
class Json(Body[R]):
    """A request of the wire. An empty body counts as `{}`."""

    kind: type[R]
    alone: str | None = None
    """The field that may also come by itself, without the object around it."""

    async def read(self, request: web.Request) -> R:
        return self.decode(await _json_of(request))

    def decode(self, raw: bytes) -> R:
        """The same for a body that has been read."""
        if self.alone is not None and raw.lstrip().startswith(b"["):
            raw = b'{"' + self.alone.encode() + b'":' + raw + b"}"
        return decode_body(raw, self.kind)


@dataclass(frozen=True, slots=True)
class Form(Body["FormFile"]):
    """A form with a file in one field. The handler reads it, since it may be large."""

    field: str

    async def read(self, request: web.Request) -> FormFile:
        return FormFile(request, self.field)


@dataclass(frozen=True, slots=True)
class FormFile:
    """The file in a form that is being received."""

    _request: web.Request
    _field: str

    async def blocks(self, size: int) -> AsyncGenerator[bytes, None]:
        """Its bytes, `size` at most at a time. Raises BadRequest where there is no form, or none with that field."""
        part = await self._sound(self._part())
        while block := await self._sound(part.read_chunk(size)):
            yield bytes(block)

    async def _sound(self, read: Awaitable[T]) -> T:
        """What is read, unless the form is broken: which errors aiohttp's parser has for that is written nowhere."""
        try:
            return await read
        except BadRequest:
            raise
        except Exception as error:
            raise BadRequest(
                f"{self._field}: the form broke off, or is none ({type(error).__name__}): expected multipart/form-data"
            ) from error

    async def _part(self) -> BodyPartReader:
        if self._request.content_type != "multipart/form-data":
            raise BadRequest(
                f"{self._field}: expected a form (multipart/form-data), got {self._request.content_type[:_QUOTED]}"
            )
        reader = await self._request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, MultipartReader) and part.name == self._field:
                return part
        raise BadRequest(f"{self._field}: it is required, and the form has none")


async def _json_of(request: web.Request) -> bytes:
    """The body, unless it says of itself that it is something else than JSON."""
    try:
        raw = await request.read()
    except web.RequestPayloadError as error:
        raise BadRequest("the body cannot be read: expected it as its own headers say that it is encoded") from error
    if raw and hdrs.CONTENT_TYPE in request.headers and not _JSON.fullmatch(request.content_type):
        raise UnsupportedMedia(
            f"Content-Type: expected application/json, got {request.headers[hdrs.CONTENT_TYPE][:_QUOTED]!r}"
        )
    return raw


def decode_body(raw: bytes, expected: type[R]) -> R:
    """The same for a body that has been read."""
    raw = raw or b"{}"
    try:
        decoder: msgspec.json.Decoder[R] = _decoder(expected)
        body = decoder.decode(raw)
        json.loads(raw, object_pairs_hook=_without_repeats)
    except msgspec.ValidationError as error:
        raise BadRequest(_explain(str(error), expected)) from None
    except (ValueError, RecursionError) as error:  # of which msgspec.DecodeError and UnicodeDecodeError are
        why = "too deep" if isinstance(error, RecursionError) else error
        raise BadRequest(
            f"the body is not valid JSON ({why}): expected an object such as {_example(expected)}"
        ) from None
    check_values(body)
    return body


def _without_repeats(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise BadRequest(f"{name[:_QUOTED]}: expected it once, and the body has it twice")
        seen.add(name)


def check_values(value: object, path: str = "", depth: int = 0) -> None:
    """Raise BadRequest for what no field of a request may hold, naming the field."""
    where = path[:_QUOTED] or "the body"
    match value:
        case str() if len(value) > LONGEST_TEXT:
            raise BadRequest(f"{where}: expected at most {LONGEST_TEXT} characters, got {len(value)}")
        case str() if not is_plain(value):
            raise BadRequest(f"{where}: expected text without NUL, got one")
        case int() if abs(value) > LARGEST_WHOLE:
            raise BadRequest(f"{where}: expected a whole number of at most {LARGEST_WHOLE}, got a larger one")
        case msgspec.Struct() | dict() | list() | tuple() if depth >= DEEPEST:
            raise BadRequest(f"{where}: expected at most {DEEPEST} levels of lists and objects")
        case msgspec.Struct():
            for field in value.__struct_fields__:
                check_values(getattr(value, field), f"{path}.{field}" if path else field, depth + 1)
        case dict():
            for name, each in value.items():
                check_values(name, path, depth + 1)
                check_values(each, f"{path}.{name}", depth + 1)
        case list() | tuple():
            for number, each in enumerate(value):
                check_values(each, f"{path}[{number}]", depth + 1)


@cache
def _decoder(expected: type[R]) -> msgspec.json.Decoder[R]:
    return msgspec.json.Decoder(expected)


def _explain(message: str, expected: type[Request]) -> str:
    where = _WHERE.search(message)
    path = where["path"] if where else ""
    what = message[: where.start()] if where else message
    if missing := _MISSING.fullmatch(what):
        field = f"{path}.{missing['field']}" if path else missing["field"]
        return f"{field}: it is required, and the body has none"
    if types := _TYPES.fullmatch(what):
        return f"{path or 'the body'}: expected {_in_words(types['expected'])}, got {_in_words(types['got'])}"
    if choice := _CHOICE.fullmatch(what):
        return f"{path}: expected {_choices(expected, path)}, got {choice['got']}"
    if what == "Number out of range":
        return f"{path}: expected a number of at most {LARGEST_WHOLE}, got one that is out of range"
    return f"{path or 'the body'}: expected what its type allows: {what}"


def _in_words(types: str) -> str:
    return " or ".join(_NAMES.get(name, name) for name in types.split(" | "))


def _choices(expected: type[Request], path: str) -> str:
    top = re.split(r"[.\[]", path, maxsplit=1)[0]
    fields = {field.encode_name: field.type for field in _struct(expected).fields}
    return " or ".join(repr(value) for value in _literals(fields[top]))


def _literals(kind: msgspec.inspect.Type) -> Iterator[Any]:
    match kind:
        case msgspec.inspect.LiteralType(values=values):
            yield from values
        case msgspec.inspect.UnionType(types=types):
            for each in types:
                yield from _literals(each)
        case msgspec.inspect.ListType(item_type=item):
            yield from _literals(item)
        case _:
            pass


def _example(expected: type[Request]) -> str:
    required = ", ".join(f'"{field.encode_name}": ...' for field in _struct(expected).fields if field.required)
    return f"{{{required}}}"


def _struct(expected: type[Request]) -> msgspec.inspect.StructType:
    kind = msgspec.inspect.type_info(expected)
    if not isinstance(kind, msgspec.inspect.StructType):
        raise TypeError(f"{expected!r} is not a struct")
    return kind
