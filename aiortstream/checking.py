"""What every call refuses by itself: arguments that its own signature rules out, and bodies the wire has no form of.

Both are made of declarations, so that a method, an argument or a field that is new is checked without being told of.
"""

from __future__ import annotations

import ast
import enum
import functools
import inspect
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from os import PathLike
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from aiortstream.errors import InvalidArgumentError

T = TypeVar("T")


def checked(handle: type[T]) -> type[T]:
    """Have every public method of a class refuse what its own annotations rule out, before it does anything.

    InvalidArgumentError names the argument. What an annotation says beyond plain types is for the method to check, and
    what lies within mappings and lists for `wire_body`.
    """
    for name, method in list(vars(handle).items()):
        if not name.startswith("_") and inspect.isfunction(method):
            setattr(handle, name, _checked(method))
    return handle


def _checked(method: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(method)
    checks = {
        name: check
        for name, parameter in list(signature.parameters.items())[1:]
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
        and (check := _check_of(str(parameter.annotation))) is not None
    }
    if not checks:
        return method

    def check_all(arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        for name, value in signature.bind(*arguments, **keywords).arguments.items():
            if (check := checks.get(name)) is not None:
                check(name, value)

    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def call_later(*arguments: Any, **keywords: Any) -> Any:
            check_all(arguments, keywords)
            return await method(*arguments, **keywords)

        return call_later

    @functools.wraps(method)
    def call(*arguments: Any, **keywords: Any) -> Any:
        check_all(arguments, keywords)
        return method(*arguments, **keywords)

    return call


_PLAIN: Mapping[str, tuple[str, Callable[[Any], bool]]] = MappingProxyType(
    {
        "None": ("None", lambda value: value is None),
        "str": ("text", lambda value: isinstance(value, str) and _is_unicode(value)),
        "bool": ("True or False", lambda value: isinstance(value, bool)),
        "int": ("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool)),
        "float": ("a number", lambda value: isinstance(value, int | float) and _is_number(value)),
        "datetime": ("a datetime", lambda value: isinstance(value, datetime)),
        "Sequence": ("a list", lambda value: isinstance(value, Sequence) and not isinstance(value, str | bytes)),
        "Mapping": ("a dict", lambda value: isinstance(value, Mapping)),
        "VisualBatchConfig": ("a dict", lambda value: isinstance(value, Mapping)),
        "AudioBatchConfig": ("a dict", lambda value: isinstance(value, Mapping)),
        "ConnectionChoice": ("a connection_id", lambda value: value is None or _is_choice(value)),
        "PathLike": ("a path", lambda value: isinstance(value, PathLike)),
    }
)
_ALTERNATIVE = re.compile(r"\s*(?P<name>[\w.]+)(?P<inner>\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\])?\s*")


def _check_of(annotation: str) -> Callable[[str, Any], None] | None:
    """The check of an annotation as it is written, or None if it says more than is known here."""
    kinds: list[tuple[str, Callable[[Any], bool]]] = []
    for part in re.split(r"\|(?![^\[]*\])", annotation):
        found = _ALTERNATIVE.fullmatch(part)
        if found is None:
            return None
        if found["name"] == "Literal" and found["inner"]:
            values = ast.literal_eval(found["inner"])
            kinds.append((" or ".join(map(repr, values)), lambda value, values=values: value in values))  # type: ignore[misc]
        elif found["name"] in _PLAIN:
            kinds.append(_PLAIN[found["name"]])
        else:
            return None
    chosen = "Literal" in annotation
    expected = " or ".join(words for words, _ in kinds)
    expected = expected.replace("a number or a datetime", "unix seconds or an aware datetime")

    def check(name: str, value: Any) -> None:
        if not any(fits(value) for _, fits in kinds):
            # Of text its type only: it may hold a password, as the URL of a source does. A choice holds none.
            shown = value is None or isinstance(value, bool | int | float) or (chosen and isinstance(value, str))
            got = f"{value!r:.60}" if shown else type(value).__name__
            raise InvalidArgumentError(f"{name}: expected {expected}, got {got}")

    return check


def _is_choice(value: object) -> bool:
    return _is_unicode(value) if isinstance(value, str) else isinstance(value, enum.Enum)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _is_number(value: float) -> bool:
    return not isinstance(value, bool) and math.isfinite(value)


def wire_body(body: object) -> bytes:
    """A request's body as JSON. InvalidArgumentError names a field that holds what the wire has no form of."""
    try:
        plain = msgspec.to_builtins(body, enc_hook=_opened)
        if isinstance(body, msgspec.Struct):
            msgspec.convert(plain, type(body))
        _check_numbers(plain, "")
        return msgspec.json.encode(body)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        raise InvalidArgumentError(f"{where.strip('`.') or 'the request'}: {what[:1].lower()}{what[1:]}") from None
    except (TypeError, UnicodeEncodeError, RecursionError, OverflowError) as error:
        raise InvalidArgumentError(f"this cannot be sent as JSON: {error}") from None


def _opened(value: object) -> object:
    if isinstance(value, msgspec.Raw):  # JSON already
        return msgspec.json.decode(value)
    raise TypeError(f"an object of the type {type(value).__name__} has no form in it")


def _check_numbers(value: object, where: str) -> None:
    match value:
        case float() if not math.isfinite(value):
            raise InvalidArgumentError(f"{where}: expected a number, got {value}")
        case dict():
            for name, each in value.items():
                _check_numbers(each, f"{where}.{name}" if where else str(name))
        case list() | tuple():
            for number, each in enumerate(value):
                _check_numbers(each, f"{where}[{number}]")
