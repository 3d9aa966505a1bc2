"""The server's OpenAPI document: whole, valid, and written from what requests are read by."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from openapi_spec_validator import OpenAPIV31SpecValidator
from shell_parts import open_shell

from aiortstream import __version__
from aiortstream.local.app import ROUTES
from aiortstream.local.routes.answers import Data, Reply
from aiortstream.local.routes.bodies import LONGEST_TEXT, Json
from aiortstream.local.routes.openapi import REFUSALS, document
from aiortstream.local.routes.query import PageQuery, parameters
from aiortstream.local.routes.table import Access, Route, Routes
from aiortstream.local.services import errors
from aiortstream.wire.rest import Answer, Request

DOCUMENT: dict[str, Any] = json.loads(msgspec.json.encode(document(ROUTES)))
EVERY_ROUTE = pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")


def operations() -> Iterator[dict[str, Any]]:
    for path in DOCUMENT["paths"].values():
        yield from path.values()


def operation(route: Route) -> dict[str, Any]:
    (found,) = [each for each in operations() if each["operationId"] == route.name]
    return found


def test_it_is_a_valid_document() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()
    assert DOCUMENT["info"]["version"] == __version__


async def test_it_is_served_to_anyone_as_it_is(tmp_path: Path) -> None:
    async with open_shell(tmp_path) as shell:
        for path in ("/openapi.json", "/openapi.json/"):
            async with shell.http.get(shell.base + path, headers={"x-access-token": "none"}) as response:
                assert (response.status, response.content_type) == (200, "application/json")
                assert await response.json() == DOCUMENT
        async with shell.http.get(shell.base + "/") as page:
            assert 'href="/openapi.json"' in await page.text()


def test_it_has_every_route_and_nothing_else() -> None:
    assert sorted(each["operationId"] for each in operations()) == sorted(route.name for route in ROUTES)


@EVERY_ROUTE
def test_every_route_declares_what_it_takes_and_answers(route: Route) -> None:
    assert route.summary
    assert not route.summary.endswith("...")
    found = operation(route)
    assert {each["name"] for each in found["parameters"] if each["in"] == "query"} == {
        each.name for each in (parameters(route.query) if route.query else ())
    }
    assert ("requestBody" in found) == (route.body is not None)
    assert [each["name"] for each in found["parameters"] if each["in"] == "path"] == [
        part.partition(":")[0].partition("}")[0] for part in route.path.split("{")[1:] if not part[0].isdigit()
    ]


@EVERY_ROUTE
def test_who_may_call_is_said(route: Route) -> None:
    found = operation(route)
    asks = {"key" in each for each in found["security"]}
    assert asks == (
        {True}
        if route.access in (Access.KEY, Access.CLIENT)
        else {True, False}
        if route.access is Access.BROWSER
        else set()
    )
    assert ("401" in found["responses"]) == bool(asks)


def test_refusals_are_those_that_services_and_doors_have() -> None:
    for kind in errors.ServiceError.__subclasses__():
        assert REFUSALS[kind.status] == kind.error_code
    assert set(DOCUMENT["components"]["responses"]) == {
        "".join(word.capitalize() for word in code.split("_")) for code in REFUSALS.values()
    }


def test_a_field_that_may_be_absent_may_be_null() -> None:
    shapes = DOCUMENT["components"]["schemas"]
    requests = [route.body.kind for route in ROUTES if isinstance(route.body, Json)]
    assert len(requests) > 15
    for kind in {*requests, *Request.__subclasses__()}:
        if kind.__name__ not in shapes:
            continue
        shape = shapes[kind.__name__]
        for name, field in shape["properties"].items():
            if name not in shape["required"] and field != {}:
                assert {"type": "null"} in field["anyOf"], f"{kind.__name__}.{name}"


def test_answers_are_whole_and_requests_bounded() -> None:
    shapes = DOCUMENT["components"]["schemas"]
    stream = shapes["RTStreamAnswer"]
    assert stream["required"] == list(stream["properties"])
    assert shapes["WebsocketAnswer"]["required"] == ["websocket_url"]
    assert shapes["SearchRequest"]["properties"]["query"]["maxLength"] == LONGEST_TEXT
    assert shapes["ConnectRequest"]["properties"]["media_types"]["anyOf"][0]["items"] == {"enum": ["audio", "video"]}


def test_pages_are_declared_alike() -> None:
    """A route whose answer has `next_page` takes the same page, and the same stretch of time, as any other."""
    paged = [
        route for route in ROUTES if isinstance(route.reply, Data) and "next_page" in route.reply.kind.__struct_fields__
    ]
    assert len(paged) >= 3
    for route in paged:
        assert route.query is not None
        if route.name != "list_capture_sessions":  # whose pages go by a cursor, and by no time
            assert issubclass(route.query, PageQuery), route.path


def test_a_new_route_is_described_by_itself() -> None:
    class MadeUpRequest(Request):
        """POST /made/{up}."""

        size: int
        label: str | None = None

    class MadeUpAnswer(Answer):
        """Its answer."""

        id: str

    routes = Routes(Access.KEY)

    @routes.post("/made/{up}", body=Json(MadeUpRequest), answer=Data(MadeUpAnswer))
    async def make_up(request: web.Request, body: MadeUpRequest) -> MadeUpAnswer:
        """Make something up."""
        return MadeUpAnswer(request.match_info["up"] + str(body.size))

    made = json.loads(msgspec.json.encode(document([*routes])))
    OpenAPIV31SpecValidator(made).validate()
    found = made["paths"]["/made/{up}"]["post"]
    assert (found["operationId"], found["summary"]) == ("make_up", "Make something up.")
    assert set(found["responses"]) == {"200", "400", "401", "403", "404", "413", "415", "503"}
    assert made["components"]["schemas"]["MadeUpRequest"]["required"] == ["size"]


def test_what_cannot_be_described_is_refused() -> None:
    class Odd(Reply[str]):
        async def respond(self, request: web.Request, value: str, /) -> web.StreamResponse:
            return web.Response(text=value)

    route = dataclasses.replace(ROUTES[0], reply=Odd())
    with pytest.raises(TypeError, match="it is not known how to describe"):
        document([route])
