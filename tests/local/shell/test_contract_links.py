"""Links that carry a good token, with whatever else in them: nothing fails, nothing is served that is not theirs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
from contract_parts import Scenery, no_complaints, open_scenery

from aiortstream.local.app import ROUTES
from aiortstream.local.routes.table import Access, Route
from aiortstream.local.urls import reel_scope, stream_scope, upload_scope, video_scope

SCOPES = {"rtstream_id": stream_scope, "video_id": video_scope, "reel_id": reel_scope, "upload_id": upload_scope}
LINKS = [route for route in ROUTES if route.access is Access.CAPABILITY and "{token}" in route.path]
ODD = [
    "x",
    "..",
    "../..",
    "a\0b",
    "é",
    "%",
    "x" * 2000,
    "/etc/passwd",
    "..\\..",
    "a/../../b",
    ".",
    "-",
    "CON",
]
STRETCHES = [(0, 0), (0, 1), (10**15, 10**15), (2, 1), (0, 10**16 - 1), (10**16 - 2, 10**16 - 1)]
RANGES = ["bytes=0-", "bytes=abc", "bytes=5-1", "bytes=-0", "bytes=-999999", "bytes=99999999999-", "bytes=0-1,3-4"]


@pytest.fixture
async def scenery(tmp_path: Path) -> AsyncIterator[Scenery]:
    with no_complaints() as said:
        async with open_scenery(tmp_path) as opened:
            yield opened
    assert not said


def link(scenery: Scenery, template: str, **odd: str) -> str:
    """A path of a link whose token is good for what it names."""
    named = {**scenery.ids, **odd}
    scope = next(scope(named[name]) for name, scope in SCOPES.items() if "{" + name + "}" in template)
    quoted = {name: quote(value, safe="", errors="surrogateescape") for name, value in named.items()}
    token = scenery.shell.parts.signer.sign(scope, 60)
    return Scenery(scenery.shell, {**quoted, "token": token}).path(template)


async def asked(scenery: Scenery, method: str, path: str, **headers: str) -> tuple[int, bytes]:
    async with scenery.shell.http.request(method, scenery.shell.base + path, headers=headers) as response:
        body = await response.read()
        if response.status >= 400 and response.status != 416 and method != "HEAD":
            assert response.content_type == "application/json", path
            assert set(await response.json()) == {"success", "message", "error_code"}
        return response.status, body


@pytest.mark.parametrize("route", LINKS, ids=lambda route: route.path)
async def test_odd_parts_of_a_link_find_nothing(route: Route, scenery: Scenery) -> None:
    for name in re.findall(r"\{([a-z_]+)", route.path):
        if name in ("token", "start", "end", "number"):
            continue
        for odd in ODD:
            status, _ = await asked(scenery, route.method, link(scenery, route.path, **{name: odd}))
            assert status in (400, 404), (name, odd)
        broken = re.sub(r"\{" + name + r"[^}]*\}", "%ff%ED%A0%80", route.path)  # which is no UTF-8
        assert (await asked(scenery, route.method, scenery.path(broken)))[0] == 403, name


@pytest.mark.parametrize("stretch", STRETCHES)
async def test_odd_stretches_play_nothing(stretch: tuple[int, int], scenery: Scenery) -> None:
    start, end = (f"{each:016d}" for each in stretch)
    for route in LINKS:
        if "{start" in route.path:
            status, _ = await asked(scenery, route.method, link(scenery, route.path, start=start, end=end))
            assert status in (200, 400, 404), route.path


@pytest.mark.parametrize("asked_for", RANGES)
async def test_odd_ranges_of_a_file(asked_for: str, scenery: Scenery) -> None:
    path = link(scenery, "/p/{token}/videos/{video_id}.mp4")
    _, whole = await asked(scenery, "GET", path)
    for method in ("GET", "HEAD"):
        headers = {"Range": asked_for, "If-Modified-Since": "yesterday", "If-Range": "nothing"}
        status, body = await asked(scenery, method, path, **headers)
        assert status in (200, 206, 416)
        assert method == "HEAD" or status == 416 or body in whole
