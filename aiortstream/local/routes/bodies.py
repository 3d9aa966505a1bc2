"""Request bodies: JSON into the wire's requests, with refusals that name the field, what it held and what fits.

`null` is taken for absent wherever a field may be absent, since the official SDK sends it so; where a field is
required, a null is refused as such.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from aiortstream.local.services.errors import BadRequest
from aiortstream.wire.rest import Request

R = TypeVar("R", bound=Request)

_WHERE = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_MISSING = re.compile(r"Object missing required field `(?P<field>.*?)`")
_TYPES = re.compile(r"Expected `(?P<expected>.*?)`, got `(?P<got>.*?)`")
_CHOICE = re.compile(r"Invalid enum value (?P<got>.*)")
_NAMES = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false", "object": "an object"}
_NAMES |= {"array": "a list", "null": "null"}


async def read_body(request: web.Request, expected: type[R]) -> R:
    """The body as `expected`; an empty body counts as `{}`. Raises BadRequest."""
    return decode_body(await request.read(), expected)


def decode_body(raw: bytes, expected: type[R]) -> R:
    """The same for a body that has been read."""
    try:
        decoder: msgspec.json.Decoder[R] = _decoder(expected)
        return decoder.decode(raw or b"{}")
    except msgspec.ValidationError as error:
        raise BadRequest(_explain(str(error), expected)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(
            f"the body is not valid JSON ({error}): expected an object such as {_example(expected)}"
        ) from None


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
    return f"{path or 'the body'}: {what}"


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
