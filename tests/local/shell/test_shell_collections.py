"""Collections over HTTP: made, changed, deleted, and kept where something would be lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from media_clips import sample
from shell_parts import Shell, open_shell
from shell_videos import add_video


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with open_shell(tmp_path) as opened:
        yield opened


async def ids(shell: Shell) -> list[str]:
    return [each["id"] for each in (await shell.get("/collection")).data["collections"]]


async def test_a_collection_from_beginning_to_end(shell: Shell) -> None:
    made = (await shell.post("/collection", {"name": "Yard", "description": "Behind", "is_public": False})).data
    assert made["id"].startswith("c-")
    path = f"/collection/{made['id']}"
    assert (await shell.get(path)).data == made == {**made, "name": "Yard", "description": "Behind"}
    assert len(await ids(shell)) == 2
    changed = (await shell.patch(path, {"name": "Garden", "description": None})).data
    assert (changed["name"], changed["description"]) == ("Garden", "Behind")
    told = await shell.call("DELETE", path)
    assert told.body == {"success": True, "message": "collection deleted"}
    assert len(await ids(shell)) == 1
    for again in (await shell.call("DELETE", path), await shell.get(path), await shell.patch(path, {"name": "x"})):
        assert again.refusal[0] == 404


async def test_the_default_collection_stays(shell: Shell) -> None:
    (default,) = await ids(shell)
    for name in ("default", default):
        status, said = (await shell.call("DELETE", f"/collection/{name}")).refusal
        assert (status, said.startswith("the default collection cannot be deleted")) == (400, True)
    assert await ids(shell) == [default]


async def test_a_collection_with_something_in_it_stays(shell: Shell) -> None:
    made = (await shell.post("/collection", {"name": "Yard"})).data["id"]
    video = await add_video(shell, sample("silent"), collection=made)
    status, said = (await shell.call("DELETE", f"/collection/{made}")).refusal
    assert (status, said) == (400, f"collection {made!r} still has 1 video: delete them first")
    await shell.connect(collection_id=made)
    await shell.connect(collection_id=made)
    said = (await shell.call("DELETE", f"/collection/{made}")).refusal[1]
    assert "still has 2 streams and 1 video" in said
    await shell.call("DELETE", f"/video/{video}")
    assert "still has 2 streams" in (await shell.call("DELETE", f"/collection/{made}")).refusal[1]
    assert made in await ids(shell)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "name: it is required"),
        ({"name": None}, "name: "),
        ({"name": " "}, "name: expected 1 to 500 characters"),
        ({"name": "x" * 501}, "name: expected 1 to 500 characters"),
        ({"name": "x", "description": "d" * 10_001}, "description: expected at most 10000 characters"),
        ({"name": "x", "is_public": True}, "is_public: this server has no public collections"),
        ({"name": "x", "description": 5}, "description: expected text or null, got a whole number"),
    ],
)
async def test_collections_that_are_refused(shell: Shell, body: dict[str, Any], says: str) -> None:
    status, said = (await shell.post("/collection", body)).refusal
    assert (status, said.startswith(says)) == (400, True), said
    assert len(await ids(shell)) == 1
    if body and body["name"] is not None:
        assert (await shell.patch("/collection/default", body)).refusal == (status, said)
