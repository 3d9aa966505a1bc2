"""How routes are declared, and that every one of the server's is declared well."""

from __future__ import annotations

import re

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from aiortstream.local.app import ROUTES
from aiortstream.local.routes.answers import Content
from aiortstream.local.routes.table import Access, Route, Routes, install

TEXT = Content("text/plain")


def declared() -> Routes:
    routes = Routes(Access.OPEN)

    @routes.get("/thing/{name}", answer=TEXT)
    async def get_thing(request: web.Request) -> web.StreamResponse:
        return web.Response(text=request.match_info["name"])

    @routes.post("/thing/{name}", answer=TEXT)
    async def post_thing(request: web.Request) -> web.StreamResponse:
        return web.Response(text="made")

    @routes.get("/", answer=TEXT)
    async def get_root(request: web.Request) -> web.StreamResponse:
        return web.Response(text="root")

    return routes


async def test_both_slash_forms_answer_themselves() -> None:
    app = web.Application()
    access = install(app, declared())
    assert set(access.values()) == {Access.OPEN}
    async with TestClient(TestServer(app)) as client:
        for path, said in (("/thing/a", "a"), ("/thing/a/", "a"), ("/", "root")):
            async with client.get(path, allow_redirects=False) as response:
                assert (response.status, await response.text()) == (200, said)
            async with client.head(path, allow_redirects=False) as response:
                assert response.status == 200
        for path in ("/thing/a", "/thing/a/"):
            async with client.post(path, allow_redirects=False) as response:
                assert (response.status, await response.text()) == (200, "made")


async def test_what_may_be_called_is_known_of_every_route() -> None:
    app = web.Application()
    access = install(app, ROUTES)
    assert set(access) == set(app.router.routes())


def test_every_route_that_asks_for_no_key_is_meant_to() -> None:
    open_to_all = {route.path for route in ROUTES if route.access is Access.OPEN}
    assert open_to_all == {"/watch", "/player", "/embed", "/static/{name}", "/healthz", "/openapi.json"}
    signed = {route.path for route in ROUTES if route.access is Access.CAPABILITY}
    assert all(path == "/ws" or path.startswith("/p/{token}/") for path in signed)
    pages = {route.path for route in ROUTES if route.access is Access.BROWSER}
    assert pages == {"/", "/status.json", "/metrics", "/live", "/moment/{rtstream_id}"}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_paths_are_written_alike(route: Route) -> None:
    path = route.path
    assert path == "/" or re.fullmatch(r"(/[^/ ]+)+", path)
