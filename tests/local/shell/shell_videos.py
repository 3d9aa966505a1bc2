"""Videos put on a server over HTTP, as the official SDK puts them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
from shell_parts import Shell, Told


async def post(shell: Shell, content: bytes, *, collection: str = "default", field: str = "file") -> tuple[str, Told]:
    """Post a file as the official SDK does; the URL it went to, and the answer."""
    url: str = (await shell.get(f"/collection/{collection}/upload_url?name=x")).data["upload_url"]
    form = aiohttp.FormData()
    form.add_field(field, BytesIO(content), filename="x", content_type="application/octet-stream")
    return url, await shell.call("POST", url, data=form)


async def add_video(shell: Shell, path: Path, *, collection: str = "default", **fields: Any) -> str:
    """A video made of a file, over HTTP; its id."""
    url, told = await post(shell, path.read_bytes(), collection=collection)  # noqa: ASYNC240 - a small file
    assert told.body["success"] is True, told
    made = await shell.post(f"/collection/{collection}/upload", {"url": url, "name": "Clip", **fields})
    identifier: str = made.data["id"]
    return identifier
