"""The client: settings, lifetime, misuse."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys

import pytest
from conftest import BASE, MockedRest

import aiortstream
from aiortstream import AsyncClient, AuthenticationError, ClientClosedError, InvalidArgumentError, WrongLoopError


def test_without_a_key_the_error_names_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VIDEO_DB_API_KEY", raising=False)
    with pytest.raises(AuthenticationError) as caught:
        AsyncClient()
    assert "VIDEO_DB_API_KEY" in str(caught.value)
    assert "AsyncClient.local()" in str(caught.value)


async def test_settings_come_from_arguments_then_the_environment(
    monkeypatch: pytest.MonkeyPatch, rest: MockedRest
) -> None:
    monkeypatch.setenv("VIDEO_DB_API_KEY", "from-environment")
    monkeypatch.setenv("VIDEO_DB_API", BASE)
    rest.answer("GET", "/collection/default", {"id": "c-1"})
    conn = await aiortstream.connect()
    assert (await conn.get_collection()).id == "c-1"
    await conn.aclose()
    assert "other" in repr(AsyncClient("k", base_url="https://other.test"))


@pytest.mark.parametrize(
    ("arguments", "says"), [({"timeout": 0}, "timeout"), ({"max_retries": -1}, "max"), ({"base_url": "x"}, "base_url")]
)
def test_settings_that_make_no_sense(arguments: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says):
        AsyncClient("key", **arguments)  # type: ignore[arg-type] # wrong on purpose


async def test_events_are_defined_and_listed(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/rtstream/event", {"event_id": "e1"})
    assert await client.create_event(event_prompt="A person enters", label="person") == "e1"
    assert rest.last[3] == {"event_prompt": "A person enters", "label": "person"}
    rest.answer("GET", "/rtstream/event", {"events": [{"event_id": "e1", "label": "person"}]})
    (event,) = await client.list_events()
    assert f"{event['event_id']}: {event['label']}" == "e1: person"
    with pytest.raises(InvalidArgumentError, match="label"):
        await client.create_event("A person", " ")


async def test_before_opening_and_after_closing_the_error_says_so() -> None:
    client = AsyncClient("key", base_url=BASE)
    with pytest.raises(ClientClosedError, match="not open"):
        await client.get_collection()
    await client.open()
    await client.open()
    await client.aclose()
    await client.aclose()
    with pytest.raises(ClientClosedError, match="closed"):
        await client.get_collection()
    with pytest.raises(ClientClosedError, match="closed"):
        client.watch_events()


async def test_another_loop_is_told(client: AsyncClient) -> None:
    def elsewhere() -> None:
        asyncio.run(client.get_collection())

    with pytest.raises(WrongLoopError, match="another event loop"):
        await asyncio.to_thread(elsewhere)


async def test_outside_a_loop_is_told(client: AsyncClient) -> None:
    with pytest.raises(WrongLoopError, match="outside its event loop"):
        await asyncio.to_thread(client.watch_events)


async def test_dropping_an_open_client_warns() -> None:
    async def drop() -> None:
        client = await AsyncClient("key", base_url=BASE)
        assert repr(client)

    with pytest.warns(ResourceWarning, match="dropped without aclose"):
        await drop()
    gc.collect()


def test_importing_costs_nothing_heavy() -> None:
    code = (
        "import sys, aiortstream; aiortstream.AsyncClient; aiortstream.LiveSettings\n"
        "heavy = 'aiohttp', 'anyio', 'backoff', 'av', 'numpy', 'typer', 'rich', 'onnxruntime'\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
