"""The whole shell around a core on fakes: a real HTTP server on loopback, real services and database, no models."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from core_fakes import Core, open_core

from aiortstream.local.app import Parts, build_app
from aiortstream.local.deliver.clips import ClipCache
from aiortstream.local.deliver.hub import WebsocketHub
from aiortstream.local.deliver.jobs import Jobs
from aiortstream.local.deliver.live_page import LivePage
from aiortstream.local.door import serving
from aiortstream.local.recording.segmenter import SegmentInfo
from aiortstream.local.services import Services
from aiortstream.local.settings import ServerSettings
from aiortstream.local.urls import Signer, Urls

KEY = "sk-shell"
SECRET = b"s" * 32
SOURCE = "rtsp://camera.test/front"


class VirtualClock:
    """Unix seconds that pass when a test says so."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class VirtualCall:
    """A call that is to come, unless it is cancelled."""

    def __init__(self, when: float, callback: Callable[[], object]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class VirtualTimer:
    """An event loop's clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.calls: list[VirtualCall] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], object], /) -> VirtualCall:
        self.calls.append(VirtualCall(when, callback))
        return self.calls[-1]

    @property
    def pending(self) -> list[float]:
        """When calls are to come, from now on in seconds."""
        self.calls = [call for call in self.calls if not call.cancelled]
        return sorted(call.when - self.now for call in self.calls)

    def advance(self, seconds: float) -> None:
        """Let time pass, with what it brings, in order."""
        until = self.now + seconds
        while self.pending and self.pending[0] <= until - self.now:
            call = min(self.calls, key=lambda each: each.when)
            self.calls.remove(call)
            self.now = max(self.now, call.when)
            call.callback()
        self.now = until


@dataclass(frozen=True)
class Told:
    """One answer: its status, its envelope, its headers."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def data(self) -> Any:
        """`data` of an answer that must be a success."""
        assert self.body["success"] is True, self
        return self.body["data"]

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and message of an answer that must be a refusal in the wire's shape."""
        assert self.body["success"] is False, self
        assert set(self.body) == {"success", "message", "error_code"}
        assert "Traceback" not in self.body["message"]
        return self.status, self.body["message"]


@dataclass
class Shell:
    """A server that answers, and what is behind it."""

    core: Core
    parts: Parts
    http: aiohttp.ClientSession
    base: str
    clock: VirtualClock
    timer: VirtualTimer

    async def call(self, method: str, path: str, body: object = None, **options: Any) -> Told:
        """One call of the API with the key; nothing is followed, and every answer must be an envelope."""
        if body is not None:
            options["json"] = body
        url = path if path.startswith("http") else self.base + path
        async with self.http.request(method, url, allow_redirects=False, **options) as response:
            assert response.content_type == "application/json", await response.text()
            told = await response.json()
            assert isinstance(told, dict)
            return Told(response.status, told, response.headers)

    async def get(self, path: str, **options: Any) -> Told:
        """GET."""
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: object = None, **options: Any) -> Told:
        """POST."""
        return await self.call("POST", path, body, **options)

    async def patch(self, path: str, body: object = None, **options: Any) -> Told:
        """PATCH."""
        return await self.call("PATCH", path, body, **options)

    async def connect(self, **fields: object) -> str:
        """A stream made over HTTP; its id."""
        body = {"url": SOURCE, "name": "Front", "media_types": ["audio", "video"], "store": True, **fields}
        identifier: str = (await self.post("/rtstream", body)).data["id"]
        return identifier


def _no_cut(segments: Sequence[SegmentInfo], root: Path, out: Path, start: float, end: float) -> None:
    out.write_bytes(b"".join((root / each.path).read_bytes() for each in segments))


@asynccontextmanager
async def open_shell(data_dir: Path, settings: ServerSettings | None = None) -> AsyncIterator[Shell]:
    """A server over a core; its signer's clock, and its jobs', is the shell's, and so is its websockets' timer."""
    settings = settings or ServerSettings(api_key=KEY)
    clock, timer, listener = VirtualClock(), VirtualTimer(), socket.create_server(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    signer = Signer(SECRET, clock)
    urls = Urls(base, signer, playback_lifetime=settings.playback_lifetime, ticket_lifetime=settings.ticket_lifetime)
    async with open_core(data_dir, profile=settings.profile) as core:
        hub = WebsocketHub(
            visual=settings.profile.visual_channel,
            audio=settings.profile.audio_channel,
            limits=settings.hub,
            timer=timer,
        )
        parts = Parts(
            Services(core.db, core.manager, core.models, urls, settings.profile, data_dir, settings.uploads),
            hub,
            LivePage(hub),
            Jobs(settings.jobs, clock),
            ClipCache(data_dir / "clips", _no_cut),
            urls,
            signer,
        )
        headers = {"x-access-token": settings.api_key or "anything"}
        try:
            async with serving(build_app(parts, settings), listener, grace=1.0):
                try:
                    async with aiohttp.ClientSession(headers=headers) as http:
                        yield Shell(core, parts, http, base, clock, timer)
                finally:
                    parts.hub.close()
                    parts.page.close()
        finally:
            await parts.services.captures.aclose()
            await parts.jobs.aclose()
            await parts.clips.aclose()
