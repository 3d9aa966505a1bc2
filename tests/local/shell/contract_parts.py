"""A server with one of everything, and its routes' declarations as calls to be tried."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from core_fakes import segment
from media_clips import sample
from shell_parts import KEY, Shell, Told, open_shell
from shell_videos import post
from video_parts import understand_beeps

from aiortstream.local.paths import segments_folder
from aiortstream.local.settings import ServerSettings
from aiortstream.local.store import outbox, segments

T = TypeVar("T")

VISUAL = {"extraction_type": "time", "extraction_config": {"time": 2, "frame_count": 3}, "prompt": "Seen"}
UNDERSTAND = {"segmentation": {"type": "time", "window": "10s"}, "analyzers": [{"type": "vlm", "name": "scene"}]}
WITHIN = 30.0  # seconds that anything here may take; nothing takes as long


@dataclass(frozen=True)
class Scenery:
    """A server, and the id of one of each thing by the name that it has in paths and in bodies."""

    shell: Shell
    ids: dict[str, str]

    def path(self, template: str) -> str:
        """A path of the route table with this scenery's ids in it."""
        return _fill(template, self.ids)


def foreign_path(template: str) -> str:
    """A path of the route table with ids that nothing has."""
    names = re.findall(r"\{(\w+)", template)
    return _fill(template, {name: f"no-such-{name}" for name in names if name not in ("start", "end", "number")})


def _fill(template: str, ids: dict[str, str]) -> str:
    known = {"start": "1700000000000000", "end": "1700000010000000", "number": "0", **ids}
    return re.sub(r"\{(\w+)(?::(?:[^{}]|\{[^{}]*\})+)?\}", lambda found: known[found[1]], template)


@asynccontextmanager
async def open_scenery(data_dir: Path, settings: ServerSettings | None = None) -> AsyncIterator[Scenery]:
    """A server on fakes with a stream that has a recording, an index, an event, an alert, and with a video."""
    with pytest.MonkeyPatch.context() as patch:
        async with open_shell(data_dir, settings or ServerSettings(api_key=KEY)) as shell:
            understand_beeps(shell.core.models, patch)
            yield Scenery(shell, await _furnish(shell))


async def _furnish(shell: Shell) -> dict[str, str]:
    stream = await shell.connect()
    index = (await shell.post(f"/rtstream/{stream}/index/scene", VISUAL)).data["rtstream_index_id"]
    event = (await shell.post("/rtstream/event", {"event_prompt": "A door opens", "label": "door"})).data["event_id"]
    alerts = f"/rtstream/{stream}/index/{index}/alert"
    alert = (await shell.post(alerts, {"event_id": event, "callback_url": ""})).data["alert_id"]
    und = (await shell.post(f"/rtstream/{stream}/understand", UNDERSTAND)).data
    source = {"source": und["outputs"]["scene"]}
    idx = (await shell.post(f"/rtstream/{stream}/indexes", source)).data["index_id"]
    heard = {"event_id": event, "callback_url": ""}
    idx_alert = (await shell.post(f"/rtstream/{stream}/indexes/{idx}/alert", heard)).data["alert_id"]
    session = (await shell.post("/collection/default/capture/session", {"end_user_id": "user-7"})).data["session_id"]
    recorded = segment(0, 10)
    file = segments_folder(shell.core.data_dir, stream) / recorded.path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x" * 100)
    await shell.core.db.run(lambda conn: segments.add(conn, stream, recorded))
    url, _ = await post(shell, await asyncio.to_thread(sample("clip").read_bytes))
    made = await settled(shell, await shell.post("/collection/default/upload", {"url": url, "name": "Clip"}))
    video = made["data"]["id"]
    upload = (await shell.get("/collection/default/upload_url")).data["upload_url"].rpartition("/")[2]
    delivery = await shell.core.db.run(
        lambda conn: outbox.add(
            conn, message_id="msg-1", alert_id=alert, url="https://hooks.test/", body=b"{}", at=recorded.start
        )
    )
    return {
        "collection_id": "default",
        "delivery_id": str(delivery),
        "rtstream_id": stream,
        "index_id": index,
        "understanding_id": und["understanding_id"],
        "understanding_index_id": idx,
        "understanding_alert_id": idx_alert,
        "session_id": session,
        "event_id": event,
        "alert_id": alert,
        "video_id": video,
        "upload_id": upload,
        "job_id": "no-such-job",
        "reel_id": "no-such-reel",
        "token": "no-such-token",
        "file": "reel.m3u8",
        "name": "index.js",
        "path": str(recorded.path),
    }


async def settled(shell: Shell, told: Told) -> dict[str, Any]:
    """The envelope of an answer, or of the job that it promises once that is over."""
    async with asyncio.timeout(WITHIN):
        while told.body.get("status") == "processing":
            told = await shell.get(told.body["data"]["output_url"])
    response: dict[str, Any] = told.body.get("response", told.body)
    return response


class Elsewhere:
    """An event loop in a thread of its own, for tests whose side of the wire blocks."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="server of contract tests")

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do this there, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WITHIN)

    def __enter__(self) -> Elsewhere:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WITHIN)
        self._loop.close()


@contextmanager
def scenery_elsewhere(data_dir: Path, settings: ServerSettings | None = None) -> Iterator[Scenery]:
    """The same server, in another thread."""
    with Elsewhere() as loop:
        opened = open_scenery(data_dir, settings)
        scenery = loop.run(_entered(opened.__aenter__))
        try:
            yield scenery
        finally:
            loop.run(_entered(lambda: opened.__aexit__(None, None, None)))


async def _entered(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    return await work()


@contextmanager
def no_complaints() -> Iterator[list[str]]:
    """What the server logs as an error meanwhile: there must be nothing."""
    said: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage() + (f": {record.exc_info[1]!r}" if record.exc_info else ""))

    handler = Keep(logging.ERROR)
    loggers = [logging.getLogger(name) for name in ("aiortstream", "aiohttp", "asyncio")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield said
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
