"""The OpenAPI 3.1 document of this server, written from the routes as they are declared and from nothing else.

Shapes of requests are those that bodies are decoded into; shapes of answers are those that are encoded. An answer holds
all its fields, null where there is nothing to say, but for those that a server may leave out (`UNSET`).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET

from aiortstream._version import __version__
from aiortstream.local.routes.answers import Content, Data, Ending, Onward, Promised, Reply, Said, Several
from aiortstream.local.routes.bodies import LARGEST_WHOLE, LONGEST_TEXT, Body, Form, Json
from aiortstream.local.routes.query import LONGEST_TEXT as LONGEST_ID
from aiortstream.local.routes.query import parameters
from aiortstream.local.routes.table import Access, Route
from aiortstream.local.routes.text import PLAIN
from aiortstream.wire.rest import Answer, Request

Schema: TypeAlias = dict[str, Any]

SCHEMAS = "#/components/schemas/"
_PARAMETER = re.compile(r"\{(?P<name>\w+)(?::(?P<pattern>(?:[^{}]|\{[^{}]*\})+))?\}")

REFUSALS: Mapping[int, str] = MappingProxyType(
    {
        400: "invalid_request",
        401: "unauthorized",
        403: "forbidden",
        404: "not_found",
        413: "too_large",
        415: "unsupported_media_type",
        503: "unavailable",
    }
)
"""What a call is refused with, and the `error_code` of each status."""
_SUBCODES = {403: ["forbidden", "forbidden_host", "forbidden_origin"]}

_ABOUT = """What this server answers, written from its own route table.

Every path is served with and without a slash at its end, and never redirected; every GET answers HEAD too. In a
request, null stands for absent wherever a field may be absent, and what is not described here is ignored. Every JSON
answer carries `success`; one that is refused says in `message` what was wrong and what was expected.
"""


def document(routes: Sequence[Route]) -> Schema:
    """The document of a server with these routes, as an object to be encoded."""
    kinds = list(dict.fromkeys(kind for route in routes for kind in _structs(route)))
    _, schemas = msgspec.json.schema_components(kinds, ref_template=SCHEMAS + "{name}")
    for kind in _reachable(kinds):
        _complete(schemas[kind.__name__], kind)
    schemas["Processing"] = _processing()
    promised = [route.reply.kind for route in routes if isinstance(route.reply, Promised)]
    paths: dict[str, Schema] = {}
    for route in routes:
        path = _PARAMETER.sub(lambda found: "{" + found["name"] + "}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, promised)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "aiortstream embedded server",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": {_refusal_name(status): _refusal(status) for status in REFUSALS},
            "securitySchemes": {
                "key": {"type": "apiKey", "in": "header", "name": "x-access-token"},
                "browser": {"type": "http", "scheme": "basic", "description": "Any name, and the key as password."},
            },
        },
    }


# --- operations -------------------------------------------------------------------------------------------------------


def _operation(route: Route, promised: Sequence[type[Answer]]) -> Schema:
    found: Schema = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [_tag(route)],
        "security": _security(route.access),
        "parameters": [*_in_path(route.path), *_in_query(route)],
        "responses": {**_successes(route.reply, promised), **_refusals(route)},
    }
    if route.body is not None:
        found["requestBody"] = _request_body(route.body)
    return found


def _tag(route: Route) -> str:
    return route.module.rpartition(".")[2]


def _security(access: Access) -> list[Schema]:
    match access:
        case Access.KEY | Access.CLIENT:
            return [{"key": []}]
        case Access.BROWSER:
            return [{"key": []}, {"browser": []}]
        case Access.CAPABILITY | Access.OPEN:
            return []


def _in_path(path: str) -> Iterator[Schema]:
    for found in _PARAMETER.finditer(path):
        pattern = found["pattern"]
        schema: Schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_ID}
        if pattern is not None and pattern != ".+":
            schema["pattern"] = f"^{pattern}$"
        yield {"name": found["name"], "in": "path", "required": True, "schema": schema}


def _in_query(route: Route) -> Iterator[Schema]:
    for parameter in parameters(route.query) if route.query is not None else ():
        schema = dict(parameter.kind.schema)
        if parameter.default is not None:
            schema["default"] = parameter.default
        declared = {"name": parameter.name, "in": "query", "required": parameter.required, "schema": schema}
        yield declared if parameter.required else {**declared, "allowEmptyValue": True}


def _request_body(body: Body[Any]) -> Schema:
    match body:
        case Json(kind=kind, alone=alone):
            shape: Schema = {"$ref": SCHEMAS + kind.__name__}
            if alone is not None:
                (inner,) = [each for each in msgspec.structs.fields(kind) if each.name == alone]
                ((alone_shape,), _) = msgspec.json.schema_components([inner.type], ref_template=SCHEMAS + "{name}")
                shape = {"anyOf": [shape, alone_shape]}
            required = any(field.required for field in msgspec.structs.fields(kind))
            return {"required": required, "content": {"application/json": {"schema": shape}}}
        case Form(field=field):
            file = {"type": "string", "contentMediaType": "application/octet-stream"}
            shape = {"type": "object", "required": [field], "properties": {field: file}}
            return {"required": True, "content": {"multipart/form-data": {"schema": shape}}}
        case _:
            raise TypeError(f"it is not known how to describe {body!r}")


# --- answers ----------------------------------------------------------------------------------------------------------


def _successes(reply: Reply[Any], promised: Sequence[type[Answer]]) -> Schema:
    match reply:
        case Data(kind=kind):
            return {str(reply.status): _json(_envelope({"data": {"$ref": SCHEMAS + kind.__name__}}), reply.status)}
        case Several(kind=kind):
            listed = {"type": "array", "items": {"$ref": SCHEMAS + kind.__name__}}
            return {str(reply.status): _json(_envelope({"data": listed}), reply.status)}
        case Said():
            return {"200": _json(_envelope({"message": {"type": "string"}}))}
        case Promised(kind=kind):
            now = _envelope({"data": {"$ref": SCHEMAS + kind.__name__}})
            return {"200": _json({"anyOf": [now, {"$ref": SCHEMAS + "Processing"}]})}
        case Ending():
            return {"200": _json(_ending(promised))}
        case Onward():
            return {str(reply.status): {"description": "It is at the address in `Location`."}}
        case Content(media_type=None):
            return {"101": {"description": "The websocket is open."}}
        case Content(media_type=str(media_type), schema=schema, ranges=ranges):
            content: Schema = {} if schema is None else {"schema": {"$ref": SCHEMAS + schema.__name__}}
            answers: Schema = {"200": {"description": "What was asked for.", "content": {media_type: content}}}
            if ranges:
                answers["206"] = {"description": "The bytes that were asked for.", "content": {media_type: {}}}
                answers["304"] = {"description": "It is as it was."}
                answers["416"] = {"description": "It has no such bytes."}
            return answers
        case _:
            raise TypeError(f"it is not known how to describe {reply!r}")


def _envelope(properties: Schema) -> Schema:
    return {
        "type": "object",
        "required": ["success", *properties],
        "properties": {"success": {"const": True}, **properties},
        "additionalProperties": False,
    }


def _processing() -> Schema:
    url = {"type": "string", "format": "uri", "description": "Asked until `status` is another."}
    return {
        **_envelope(
            {
                "status": {"const": "processing"},
                "request_type": {"const": "sync"},
                "data": {"type": "object", "required": ["output_url"], "properties": {"output_url": url}},
            }
        ),
        "title": "Processing",
        "description": "It takes longer than one request; what comes of it is found at `output_url`.",
    }


def _ending(promised: Iterable[type[Answer]]) -> Schema:
    names = list(dict.fromkeys(kind.__name__ for kind in promised))
    data = _envelope({"data": {"anyOf": [{"$ref": SCHEMAS + name} for name in names]}})
    return {
        "anyOf": [
            {"$ref": SCHEMAS + "Processing"},
            _envelope({"status": {"const": "done"}, "response": data}),
            _envelope({"status": {"const": "failed"}, "response": _refused(None)}),
        ]
    }


def _json(schema: Schema, status: int = 200) -> Schema:
    return {"description": HTTPStatus(status).description, "content": {"application/json": {"schema": schema}}}


# --- refusals ---------------------------------------------------------------------------------------------------------


def _refusals(route: Route) -> Schema:
    return {str(status): {"$ref": f"#/components/responses/{_refusal_name(status)}"} for status in _statuses(route)}


def _statuses(route: Route) -> Iterator[int]:
    takes = route.body is not None or route.query is not None
    yield 400
    if route.access in (Access.KEY, Access.CLIENT, Access.BROWSER):
        yield 401
    yield 403
    if takes or "{" in route.path:
        yield 404
    if isinstance(route.body, Json):
        yield from (413, 415)
    if route.access is not Access.OPEN:
        yield 503


def _refusal_name(status: int) -> str:
    return "".join(word.capitalize() for word in REFUSALS[status].split("_"))


def _refusal(status: int) -> Schema:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {"application/json": {"schema": _refused(_SUBCODES.get(status, [REFUSALS[status]]))}},
    }


def _refused(codes: Sequence[str] | None) -> Schema:
    code: Schema = {"type": "string"} if codes is None else {"enum": list(codes)}
    return {
        "type": "object",
        "required": ["success", "message", "error_code"],
        "properties": {
            "success": {"const": False},
            "message": {"type": "string", "minLength": 1},
            "error_code": code,
        },
        "additionalProperties": False,
    }


# --- shapes -----------------------------------------------------------------------------------------------------------


def _structs(route: Route) -> Iterator[type[msgspec.Struct]]:
    match route.body:
        case Json(kind=kind):
            yield kind
    match route.reply:
        case Data(kind=kind) | Several(kind=kind) | Promised(kind=kind):
            yield kind
        case Content(schema=type() as kind):
            yield kind


def _reachable(kinds: Iterable[type[msgspec.Struct]]) -> Iterator[type[msgspec.Struct]]:
    """These structs, and those that their fields hold, once each."""
    waiting, seen = [msgspec.inspect.type_info(kind) for kind in kinds], set[type]()
    while waiting:
        match waiting.pop():
            case msgspec.inspect.StructType(cls=cls, fields=fields):
                if cls not in seen:
                    seen.add(cls)
                    yield cls
                    waiting.extend(field.type for field in fields)
            case msgspec.inspect.UnionType(types=types):
                waiting.extend(types)
            case msgspec.inspect.ListType(item_type=item) | msgspec.inspect.VarTupleType(item_type=item):
                waiting.append(item)
            case msgspec.inspect.DictType(value_type=item):
                waiting.append(item)


def _complete(schema: Schema, kind: type[msgspec.Struct]) -> None:
    """Say of a shape what its struct does not: that an answer is whole, and what no request may hold."""
    schema["description"] = inspect.cleandoc(kind.__doc__ or "")
    if issubclass(kind, Answer):
        schema["required"] = [field.encode_name for field in msgspec.structs.fields(kind) if field.default is not UNSET]
        for each in schema["properties"].values():
            each.pop("default", None)
    elif issubclass(kind, Request):
        for each in schema["properties"].values():
            _bound(each)


def _bound(schema: Schema) -> None:
    match schema.get("type"):
        case "string" if "enum" not in schema:
            schema.update(maxLength=LONGEST_TEXT, pattern=PLAIN)
        case "integer":
            schema.update(minimum=-LARGEST_WHOLE, maximum=LARGEST_WHOLE)
        case "array" if isinstance(schema.get("items"), dict):
            _bound(schema["items"])
    for each in schema.get("anyOf", ()):
        _bound(each)
