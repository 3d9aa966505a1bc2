"""Fixtures for tests of the client against mocked REST answers."""

from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest
from aiohttp import ClientResponse
from aioresponses import CallbackResult, aioresponses
from yarl import URL

from aiortstream import AsyncClient, ConnectionFailedError
from aiortstream.live.bindings import OWN, Binding, ConnectionChoice, OwnConnection

BASE = "https://api.test"


class MockedResponse(ClientResponse):
    """aiohttp 3.14 wants a stream writer that aioresponses does not know of."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, stream_writer=Mock(), **keywords)


class MockedRest:
    """Answers by method and path, and what was asked: the tests of handles look at both sides of the wire."""

    def __init__(self, mock: aioresponses) -> None:
        self._mock = mock
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []

    def answer(self, method: str, path: str, data: object = None, *, status: int = 200, **envelope: object) -> None:
        """The next request of this method and path is answered so, in the wire's envelope."""

        def keep(url: URL, **keywords: Any) -> CallbackResult:
            raw = keywords.get("data")
            body = None if raw is None else msgspec.json.decode(raw)
            query = {**dict(url.query), **(keywords.get("params") or {})}
            self.requests.append((method, url.path, query, body))
            payload = {"success": status < 400, "data": data, **envelope}
            if "status_of_job" in payload:
                payload["status"] = payload.pop("status_of_job")  # beside the HTTP status, which is the argument
            return CallbackResult(status=status, payload=payload, response_class=MockedResponse)

        self._mock.add(re.compile(re.escape(BASE + path) + r"(\?.*)?$"), method, callback=keep)

    @property
    def last(self) -> tuple[str, str, dict[str, str], Any]:
        """Method, path, query and body of the newest request."""
        return self.requests[-1]


@pytest.fixture(autouse=True)
def opened_pages(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What `play()` would have opened: no test opens anybody's browser."""
    pages: list[str] = []

    def note(url: str) -> bool:
        pages.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", note)
    return pages


class FakeHub:
    """Stands in for the live hub: has a websocket or not, and keeps what handles told it."""

    def __init__(self) -> None:
        self.own: str | None = "own-connection"
        self.asked: list[tuple[ConnectionChoice, bool]] = []
        self.bound: list[tuple[Binding, str | None]] = []
        self.told: list[tuple[str, str]] = []
        self.replacements: dict[str, str] = {}

    async def connection_id(self, choice: ConnectionChoice = OWN, *, required: bool = False) -> str | None:
        self.asked.append((choice, required))
        if not isinstance(choice, OwnConnection):
            return choice
        if self.own is None and required:
            raise ConnectionFailedError("no websocket to deliver to")
        return self.own

    @contextmanager
    def binding_scenes(self, rtstream_id: str, connection: str | None) -> Iterator[None]:
        yield

    def bind(self, binding: Binding, connection_id: str | None) -> None:
        self.bound.append((binding, connection_id))

    def unbind_transcript(self, rtstream_id: str) -> None:
        self.told.append(("unbind_transcript", rtstream_id))

    def newest_alert(self, alert_id: str) -> str:
        return self.replacements.get(alert_id, alert_id)

    def alert_enabled(self, alert_id: str) -> None:
        self.told.append(("alert_enabled", alert_id))

    def alert_disabled(self, alert_id: str) -> None:
        self.told.append(("alert_disabled", alert_id))

    async def aclose(self) -> None:
        self.own = None


@pytest.fixture(scope="session", autouse=True)
def hangups_are_heard() -> Iterator[None]:
    """Under nohup a hangup is ignored, here and in every process started from here, and tests send some."""
    previous = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, previous)


@pytest.fixture
def rest() -> Iterator[MockedRest]:
    """A server made of answers."""
    with aioresponses(passthrough=["http://127.0.0.1"]) as mock:
        yield MockedRest(mock)


@pytest.fixture
async def client(rest: MockedRest) -> AsyncIterator[AsyncClient]:
    """A client of that server. It has no websocket: pass `ws_connection_id`, or ask for `hub` too."""
    async with AsyncClient("sk-test", base_url=BASE, max_retries=0) as opened:
        yield opened


@pytest.fixture
def hub(client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    """The live hub of `client`, faked."""
    fake = FakeHub()
    monkeypatch.setattr(client._context, "_live", fake)
    return fake
