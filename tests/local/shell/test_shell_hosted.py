"""Calls of the hosted service that this server has not: refused as such, and not as an id that nobody knows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from shell_parts import KEY, Shell, open_shell

from aiortstream import AsyncClient, InvalidRequestError, NotFoundError
from aiortstream.local.routes.hosted import hosted_only


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with open_shell(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("method", "path", "says"),
    [
        ("POST", "/video/m-1/index/scene", "scene indexes of videos, this server has not: the pictures of streams"),
        ("GET", "/video/m-1/index/scene/7", "scene indexes of videos"),
        ("DELETE", "/video/m-1/scenes/7/", "scene indexes of videos"),
        ("POST", "/collection/default/ask", "this kind of question, this server has not: what is said in videos is"),
        ("POST", "/video/m-1/semantic-search", "this kind of question"),
        ("POST", "/collection/default/search/title", "search in titles"),
        (
            "POST",
            "/collection/default/video/m-1/translate",
            "translations, this server has not: it",
        ),
        ("POST", "/collection/default/generate/image", "what generates media or text, this server has not"),
        ("POST", "/video/m-1/reframe", "edits of videos"),
        ("GET", "/audio", "sounds apart from videos"),
        ("POST", "/image/img-1/generate_url", "pictures apart from videos"),
        ("GET", "/billing/usage", "what is asked for"),
        ("POST", "/collection/default/meeting/record", "recordings of meetings"),
    ],
)
async def test_what_the_hosted_service_has_is_refused_as_such(shell: Shell, method: str, path: str, says: str) -> None:
    told = await shell.call(method, path, {})
    status, said = told.refusal
    assert (status, told.body["error_code"]) == (400, "not_offered")
    assert said.startswith(f"the hosted service has {says}"), said


async def test_what_nobody_has_is_not_found(shell: Shell) -> None:
    for path in ("/videos", "/video/m-1/index/scenes", "/audios", "/collection/default/search/titles/x"):
        assert hosted_only(path) is None
        assert (await shell.get(path)).refusal == (404, f"no such path: {path}")


async def test_clients_tell_one_from_the_other(shell: Shell) -> None:
    async with AsyncClient(KEY, base_url=shell.base) as client:
        transport = client._context.transport
        with pytest.raises(InvalidRequestError, match="the hosted service has") as caught:
            await transport.get("audio", dict)
        assert not isinstance(caught.value, NotFoundError)
        assert caught.value.error_code == "not_offered"
