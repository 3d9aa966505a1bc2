"""What holds of every route, tried on every route of the table: a new one is covered by being declared."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from contract_calls import (
    ENDING,
    KEYED,
    WITH_BODY,
    WITH_QUERY,
    bad_texts,
    bad_values,
    call,
    encoded,
    fields_of,
    good_body,
    good_query,
    rows,
)
from contract_parts import Scenery, foreign_path, no_complaints, open_scenery, settled
from shell_parts import KEY

from aiortstream.local.deliver.jobs import JobLimits
from aiortstream.local.routes.answers import Promised
from aiortstream.local.routes.query import PageQuery, parameters
from aiortstream.local.routes.table import Access, Route
from aiortstream.local.services.lookup import LATEST_PAGE
from aiortstream.local.settings import ServerSettings


@pytest.fixture
async def scenery(tmp_path: Path) -> AsyncIterator[Scenery]:
    with no_complaints() as said:
        async with open_scenery(tmp_path, ServerSettings(api_key=KEY, largest_body=600_000)) as opened:
            yield opened
    assert not said


# --- paths and doors --------------------------------------------------------------------------------------------------


async def test_both_slash_forms_answer_alike_and_never_redirect(scenery: Scenery) -> None:
    for route in ENDING:
        told: list[tuple[int, str]] = []
        for slash in ("", "/"):
            url = (
                scenery.shell.base
                + foreign_path(route.path).rstrip("/")
                + (slash or ("/" if route.path == "/" else ""))
            )
            async with scenery.shell.http.request(route.method, url, allow_redirects=False) as response:
                told.append((response.status, response.content_type))
                assert not 300 <= response.status < 400, (route, slash)
                assert b"no such path" not in await response.read(), (route, slash)
        assert told[0] == told[1], route.path


async def test_without_the_key_nothing_is_looked_at(scenery: Scenery) -> None:
    before = await rows(scenery)
    async with aiohttp.ClientSession() as stranger:
        for route in ENDING:
            if route.access not in (Access.KEY, Access.CLIENT, Access.BROWSER):
                continue
            for headers, said in (({}, "no API key"), ({"x-access-token": "sk-other"}, "not the one")):
                url = scenery.shell.base + scenery.path(route.path)
                async with stranger.request(route.method, url, data=b"{", headers=headers) as response:
                    told = await response.json()
                    assert response.status == 401, route.path
                    assert set(told) == {"success", "message", "error_code"}
                    assert (told["success"], told["error_code"]) == (False, "unauthorized")
                    assert said in told["message"]
    assert await rows(scenery) == before


async def test_a_token_that_is_not_ours_opens_nothing(scenery: Scenery) -> None:
    for route in ENDING:
        if route.access is Access.CAPABILITY:
            told = await scenery.shell.call(route.method, scenery.path(route.path))
            assert told.refusal[0] == 403, route.path


async def test_what_no_id_names_is_not_found_and_nothing_is_made(scenery: Scenery) -> None:
    before = await rows(scenery)
    for route in KEYED:
        for name in re.findall(r"\{(\w+)", route.path):
            for foreign in (f"no-such-{name}", "x" * 3000, "a\0b", "%FF", "é", "..."):
                path = Scenery(scenery.shell, {**scenery.ids, name: quote(foreign, safe="%")}).path(route.path)
                status, message = (await call(scenery, route, path)).refusal
                assert status == 404, (route.path, foreign, message)
                assert len(message) < 1100
    assert await rows(scenery) == before


# --- queries ----------------------------------------------------------------------------------------------------------


async def test_a_parameter_that_does_not_fit_is_named(scenery: Scenery) -> None:
    before = await rows(scenery)
    for route in WITH_QUERY:
        for parameter in parameters(route.query) if route.query else ():
            good = good_query(route)
            tried: list[list[tuple[str, str]]] = [
                [*((name, value) for name, value in good.items() if name != parameter.name), (parameter.name, bad)]
                for bad in bad_texts(parameter.kind)
            ]
            tried.append([*good.items(), (parameter.name, "1"), (parameter.name, "2")])
            if parameter.required:
                tried.append([(name, value) for name, value in good.items() if name != parameter.name])
            for query in tried:
                status, message = (await call(scenery, route, params=query)).refusal
                assert status == 400, (route.path, query)
                assert message.startswith(f"{parameter.name}: expected "), (route.path, query, message)
    assert await rows(scenery) == before


async def test_an_empty_parameter_is_absent(scenery: Scenery) -> None:
    for route in WITH_QUERY:
        if route.method != "GET" or route.access is not Access.KEY:
            continue
        good = good_query(route)
        absent = await call(scenery, route)
        empty = await call(scenery, route, params={**dict.fromkeys(_names(route), ""), **good})
        assert (empty.status, empty.body) == (absent.status, absent.body), route.path


def _names(route: Route) -> list[str]:
    return [each.name for each in parameters(route.query)] if route.query is not None else []


async def test_pages_have_the_same_bounds_everywhere(scenery: Scenery) -> None:
    paged = [route for route in KEYED if route.query is not None and issubclass(route.query, PageQuery)]
    assert len(paged) >= 3
    for route in paged:
        for query in ({"page_size": "1"}, {"page_size": "1000"}, {"page": "2.0"}, {"page": str(LATEST_PAGE)}):
            told = await call(scenery, route, params={**good_query(route), **query})
            assert told.status == 200, (route.path, query, told)
            lists = [value for value in told.data.values() if isinstance(value, list)]
            assert lists
            if "page" in query:  # beyond the last one there is nothing, and nothing follows
                assert lists == [[]], route.path
            assert told.data["next_page"] is False
        for name, bad in (("page_size", "0"), ("page_size", "1001"), ("page", "0"), ("page", str(LATEST_PAGE + 1))):
            status, message = (await call(scenery, route, params={name: bad})).refusal
            assert (status, message.partition(" got")[0]) == (400, f"{name}: expected {_bounds(route, name)},")


def _bounds(route: Route, name: str) -> str:
    (found,) = [each for each in parameters(route.query) if each.name == name] if route.query is not None else []
    return found.kind.expected


# --- bodies -----------------------------------------------------------------------------------------------------------


async def test_a_field_that_does_not_fit_is_named_and_nothing_is_made(scenery: Scenery) -> None:
    before = await rows(scenery)
    for route in WITH_BODY:
        good = good_body(route, scenery)
        for field in fields_of(route):
            name = field.encode_name
            for bad in bad_values(field.type, required=field.required):
                raw = encoded({**good, name: bad})
                told = await call(scenery, route, data=raw, headers={"Content-Type": "application/json"})
                status, message = told.refusal
                assert status == 400, (route.path, raw[:200], told)
                named = (name, "not valid JSON", "a: expected it once")
                assert any(each in message for each in named), (route.path, raw[:200], message)
                assert "expected" in message, (route.path, raw[:200], message)
                assert len(message) < 1100
            if field.required:
                lacking = {key: value for key, value in good.items() if key != name}
                status, message = (await call(scenery, route, json=lacking)).refusal
                assert (status, message) == (400, f"{name}: it is required, and the body has none"), route.path
    assert await rows(scenery) == before


BODIES: list[tuple[bytes, str, int, str]] = [
    (b"{", "application/json", 400, "not valid JSON"),
    (b"nope", "application/json", 400, "not valid JSON"),
    (b'{"a":NaN}', "application/json", 400, "not valid JSON"),
    (b'{"a":1}{"a":1}', "application/json", 400, ""),
    (b'{"a":"\xe9"}', "application/json", 400, ""),
    ("{}".encode("utf-16"), "application/json; charset=utf-16", 400, "not valid JSON"),
    (b"[" * 100_000, "application/json", 400, ""),
    (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "application/json", 400, ""),
    (b'"text"', "application/json", 400, "the body: expected an object, got text"),
    (b"1", "application/json", 400, "the body: expected an object, got a whole number"),
    (b"null", "application/json", 400, "the body: expected an object, got null"),
    (b"true", "application/json", 400, "the body: expected an object, got true or false"),
    (b'{"a":1}', "text/plain", 415, "Content-Type: expected application/json, got 'text/plain'"),
    (b'{"a":1}', "application/x-www-form-urlencoded", 415, "Content-Type: expected application/json"),
    (b'{"a":1}', "x/" + "x" * 3000, 415, "Content-Type: expected application/json"),
    (b'{"a":"' + b"x" * 700_000 + b'"}', "application/json", 413, "Maximum request body size"),
]


async def test_what_is_no_body_is_refused_and_nothing_is_made(scenery: Scenery) -> None:
    before = await rows(scenery)
    for route in WITH_BODY:
        for raw, content_type, expected, said in BODIES:
            told = await call(scenery, route, data=raw, headers={"Content-Type": content_type})
            status, message = told.refusal
            assert (status, told.status) == (expected, expected), (route.path, raw[:20], message)
            assert said in message, (route.path, raw[:20], message)
            assert len(message) < 1100
        garbled = {"Content-Encoding": "deflate", "Content-Type": "application/json"}
        told = await call(scenery, route, data=b"\xff" * 40, headers=garbled)
        assert told.refusal[0] == 400, route.path
        twice = b'{"action":"start","action":"stop"}'
        told = await call(scenery, route, data=twice, headers={"Content-Type": "application/json"})
        assert told.refusal[0] == 400, route.path
    assert await rows(scenery) == before


async def test_null_is_absent_in_every_field_that_may_be_absent(tmp_path: Path) -> None:
    for route in WITH_BODY:
        folder = tmp_path / route.name
        folder.mkdir()
        async with open_scenery(folder) as scenery:
            good = good_body(route, scenery)
            first, second = await call(scenery, route), await call(scenery, route)
            varies = {key for key in _told(first) if _told(first)[key] != _told(second).get(key)}
            for field in fields_of(route):
                if field.required or field.encode_name in good:
                    continue
                told = await call(scenery, route, json={**good, field.encode_name: None})
                assert told.status == second.status, (route.path, field.name, told)
                for key, value in _told(second).items():
                    assert key in varies or _told(told)[key] == value, (route.path, field.name)


def _told(answer: Any) -> dict[str, Any]:
    data = answer.body.get("data")
    return data if isinstance(data, dict) else answer.body


# --- jobs -------------------------------------------------------------------------------------------------------------


async def test_whatever_may_take_long_is_promised_and_kept(tmp_path: Path) -> None:
    promised = [route for route in KEYED if isinstance(route.reply, Promised)]
    assert len(promised) >= 6
    impatient = ServerSettings(api_key=KEY, jobs=JobLimits(patience=0))
    async with open_scenery(tmp_path, impatient) as scenery:
        for route in promised:
            began = await call(scenery, route)
            assert began.status == 200, (route.path, began)
            assert isinstance(route.reply, Promised)
            assert {**began.body, "data": None} == {
                "success": True,
                "status": "processing",
                "request_type": "sync",
                "data": None,
            }, route.path
            url = began.body["data"]["output_url"]
            assert url.startswith(scenery.shell.base + "/async-response/")
            response = await settled(scenery.shell, began)
            for form in (url, url + "/"):
                ended = await scenery.shell.get(form)
                assert (ended.status, ended.body["success"], ended.body["response"]) == (200, True, response)
                assert ended.body["status"] == ("done" if response["success"] else "failed"), route.path
            if response["success"]:
                assert set(response) == {"success", "data"}, route.path
                assert set(response["data"]) <= set(route.reply.kind.__struct_fields__)
            else:  # what cannot be done is refused there as it is elsewhere
                assert set(response) == {"success", "message", "error_code"}, route.path
