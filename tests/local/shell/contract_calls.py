"""Calls made of the routes' declarations: good ones, and every way in which one can be bad."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec
from contract_parts import Scenery
from msgspec import inspect
from shell_parts import SOURCE

from aiortstream.local.app import ROUTES
from aiortstream.local.routes.bodies import LONGEST_TEXT, Json
from aiortstream.local.routes.query import Flag, Kind, Moment, Number, Text, Whole, parameters
from aiortstream.local.routes.table import Access, Route

# What goes on for as long as somebody listens has tests of its own.
ENDING = [route for route in ROUTES if route.name != "get_live"]
KEYED = [route for route in ROUTES if route.access in (Access.KEY, Access.CLIENT)]
WITH_BODY = [route for route in ROUTES if isinstance(route.body, Json)]
WITH_QUERY = [route for route in ROUTES if route.query is not None]

# What a required field holds where any value of its type would not do.
SAMPLES: dict[str, Any] = {"url": SOURCE, "prompt": "Seen"}


def besides(kind: type[msgspec.Struct], ids: dict[str, str]) -> dict[str, Any]:
    """What a body must hold besides: one of several fields, or a value that only it has."""
    match kind.__name__:
        case "AlertStatusRequest":
            return {"action": "enable"}
        case "UploadRequest":
            return {"url": "http://127.0.0.1:9/clip.mp4"}  # where nothing listens
        case "CompileRequest":
            return {"inputs": [{"video_id": ids["video_id"], "shots": [[0, 1]]}]}
        case "StartSessionRequest":
            return {"session_id": ids["session_id"], "channels": [{"channel_id": "mic"}]}
        case "UnderstandRequest":
            return {"analyzers": [{"type": "vlm"}]}
        case "IndexRequest":
            return {"source": {"understanding_id": ids["understanding_id"]}}
        case _:
            return {}


def struct_of(route: Route) -> type[msgspec.Struct]:
    """What the body of a route is decoded into."""
    assert isinstance(route.body, Json)
    kind: type[msgspec.Struct] = route.body.kind
    return kind


def fields_of(route: Route) -> tuple[inspect.Field, ...]:
    """The fields of a route's body."""
    found = inspect.type_info(struct_of(route))
    assert isinstance(found, inspect.StructType)
    return found.fields


def good_body(route: Route, scenery: Scenery) -> dict[str, Any]:
    """The smallest body that a route takes."""
    known = {**SAMPLES, **scenery.ids}
    required = [field for field in fields_of(route) if field.required]
    return {
        **{field.encode_name: known.get(field.encode_name, value_of(field.type)) for field in required},
        **besides(struct_of(route), scenery.ids),
    }


def value_of(kind: inspect.Type) -> Any:
    """A value of a type."""
    match kind:
        case inspect.StrType():
            return "door"
        case inspect.IntType() | inspect.FloatType():
            return 1
        case inspect.BoolType():
            return True
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.ListType() | inspect.VarTupleType():
            return []
        case inspect.StructType(fields=fields):
            return {field.encode_name: value_of(field.type) for field in fields if field.required}
        case inspect.UnionType(types=types):
            return value_of(types[0])
        case _:
            return {}


def good_query(route: Route) -> dict[str, str]:
    """The smallest query that a route takes."""
    required = [each for each in parameters(route.query) if each.required] if route.query is not None else []
    return {each.name: str(1_700_000_000 + 5 * number) for number, each in enumerate(required)}


async def call(scenery: Scenery, route: Route, path: str | None = None, **changes: Any) -> Any:
    """The route's good call, with something changed."""
    options: dict[str, Any] = {"params": good_query(route)}
    if isinstance(route.body, Json):
        options["json"] = good_body(route, scenery)
    if "data" in changes:
        options.pop("json", None)
    options.update(changes)
    return await scenery.shell.call(route.method, path or scenery.path(route.path), **options)


# --- bad values -------------------------------------------------------------------------------------------------------


def bad_texts(kind: Kind) -> Iterator[str]:
    """What a parameter of this kind may not be."""
    match kind:
        case Whole(least=least, most=most):
            yield from (
                "many",
                "1.5",
                "nan",
                "inf",
                "1e999",
                str(least - 1),
                str(most + 1),
                "9" * 400,
                "0x1",
                "\x00",
                "½",
            )
        case Number():
            yield from ("many", "nan", "-inf", "1e999", "\x00")
        case Flag():
            yield from ("maybe", "2", "\x00")
        case Moment():
            yield from ("tomorrow", "12", "-1", "nan", "inf", "1e99", "9" * 400, "2023-99-99", "\x00")
        case Text(choices=choices) if choices:
            yield from ("no-such-choice", choices[0] + "x", "\x00")
        case Text():
            yield from ("a\x00b", "x" * 5000)


class Raw(str):
    """JSON as it stands."""

    __slots__ = ()


def bad_values(kind: inspect.Type, *, required: bool) -> Iterator[Any]:
    """What a field of this type may not hold."""
    types = set(_alternatives(kind))
    if required:
        yield None
    if inspect.AnyType in types:
        yield "x\0"
        return
    texts = inspect.StrType in types
    if not texts and inspect.LiteralType not in types:
        yield from ("text", "")
    if texts:
        yield from ("x" * (LONGEST_TEXT + 1), "y" * 100_000, "a\0b", Raw('"\\ud800"'), Raw('"\\udc00x"'))
    if inspect.LiteralType in types:
        yield from ("no-such-choice", "", 1)
    if inspect.BoolType not in types:
        yield True
    if not types & {inspect.IntType, inspect.FloatType}:
        yield from (1, -1.5)
    else:
        yield from (Raw("NaN"), Raw("Infinity"), Raw("1e999"), Raw("-"), Raw("01"))
    if inspect.IntType in types:
        yield 2**70
        yield -(2**70)
        if inspect.FloatType not in types:
            yield 1.5
    if not types & {inspect.ListType, inspect.VarTupleType, inspect.TupleType}:
        yield [[]]
    if inspect.DictType in types:
        yield {"a": {"b": "x\0"}}
        yield {"a": 2**70}
        yield Raw('{"a":' * 40 + "1" + "}" * 40)
        yield Raw('{"a":1,"a":2}')
    elif inspect.StructType not in types:
        yield {}


def _alternatives(kind: inspect.Type) -> Iterator[type[inspect.Type]]:
    if isinstance(kind, inspect.UnionType):
        for each in kind.types:
            yield from _alternatives(each)
    else:
        yield type(kind)


def encoded(body: dict[str, Any]) -> bytes:
    """JSON in which `Raw` values stand as they are."""
    parts = [
        f"{json.dumps(name)}:{value if isinstance(value, Raw) else json.dumps(value)}" for name, value in body.items()
    ]
    return ("{" + ",".join(parts) + "}").encode()


async def rows(scenery: Scenery) -> dict[str, list[Any]]:
    """All that the server's database holds."""

    def read(conn: sqlite3.Connection) -> dict[str, list[Any]]:
        names = [name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {
            name: sorted((tuple(row) for row in conn.execute(f'SELECT * FROM "{name}"')), key=repr)
            for name in names
            if "_fts" not in name and not name.startswith("sqlite_")
        }

    return await scenery.shell.core.db.read(read)
