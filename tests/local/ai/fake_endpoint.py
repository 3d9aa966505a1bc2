"""An OpenAI-compatible endpoint for tests: a real HTTP server that answers what it is told, and keeps what it got."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

KEY = "sk-very-secret-0123456789"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Received:
    """One request: its path, headers, and body (JSON, or form fields)."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class FakeEndpoint:
    """Answers with `answers` one after the other, the last one again and again."""

    answers: list[Answer] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    url: str = ""
    server: TestServer | None = None
    release: asyncio.Event = field(default_factory=asyncio.Event)
    arrival: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/{path:.*}", self._handle)
        self.server = TestServer(app)
        await self.server.start_server()
        self.url = str(self.server.make_url("/v1"))

    async def stop(self) -> None:
        self.release.set()
        assert self.server is not None
        await self.server.close()

    async def has_received(self, count: int) -> None:
        """Return when so many requests have come in."""
        async with asyncio.timeout(10), self.arrival:
            await self.arrival.wait_for(lambda: len(self.received) >= count)

    def chat(self, *contents: str) -> None:
        """Answer chat completions with these texts."""
        self.json(*({"choices": [{"message": {"role": "assistant", "content": content}}]} for content in contents))

    def json(self, *bodies: Any, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Answer with these bodies."""
        for body in bodies:
            self.text(json.dumps(body), status=status, headers=headers)

    def text(self, body: str, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        """Answer with this body as it is."""

        async def answer(_: web.Request) -> web.Response:
            return web.Response(text=body, status=status, headers=headers)

        self.answers.append(answer)

    def hang(self) -> None:
        """Answer when `release` is set."""

        async def answer(_: web.Request) -> web.Response:
            await self.release.wait()
            return web.json_response({"choices": [{"message": {"content": "late"}}]})

        self.answers.append(answer)

    def drop(self) -> None:
        """Break the connection."""

        async def answer(request: web.Request) -> web.Response:
            assert request.transport is not None
            request.transport.close()
            return web.Response()

        self.answers.append(answer)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.content_type == "multipart/form-data":
            fields = await request.post()
            body: Any = [
                (name, value.file.read() if isinstance(value, web.FileField) else value)
                for name, value in fields.items()
            ]
        else:
            body = await request.json()
        async with self.arrival:
            self.received.append(Received(request.path, dict(request.headers), body))
            self.arrival.notify_all()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)
