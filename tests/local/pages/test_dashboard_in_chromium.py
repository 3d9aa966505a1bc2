"""The dashboard in a real browser, on a real server with a live source: it shows, finds, plays, and adds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from chromium import Page, open_page

from aiortstream import AsyncClient
from aiortstream.local.ingest.publish import LivePublisher
from aiortstream.local.sample import sample_path
from aiortstream.local.server import LocalServer
from aiortstream.local.settings import ServerSettings

pytestmark = [pytest.mark.media, pytest.mark.timeout(150)]

CARD = "document.querySelector('.card')"
ENTRIES = "[...document.querySelectorAll('#feed .entry')]"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LocalServer]:
    async with LocalServer(ServerSettings(data_dir=tmp_path / "data")) as opened:
        yield opened


@pytest.fixture
async def tab(tmp_path: Path, server: LocalServer) -> AsyncIterator[Page]:
    async with open_page(tmp_path / "profile") as page:
        await page.goto(server.url)
        yield page


async def fill(tab: Page, dialog: str, **values: str) -> None:
    """Write into the fields of an open dialog, and send it."""
    await tab.until(f"document.getElementById('{dialog}').open")
    form = f"document.querySelector('#{dialog} form')"
    for name, value in values.items():
        await tab.evaluate(f"{form}.elements['{name}'].value = {json.dumps(value)}")
    await tab.until(f"!{form}.querySelector('[type=submit]').disabled")
    await tab.evaluate(f"{form}.requestSubmit()")


async def press(tab: Page, text: str) -> None:
    await tab.evaluate(f"[...{CARD}.querySelectorAll('button')].find((b) => b.textContent === '{text}').click()")


async def test_a_stream_is_added_described_watched_for_and_found(tab: Page, server: LocalServer) -> None:
    await tab.until("document.getElementById('summary').innerText.startsWith('None yet.')")
    await tab.evaluate("document.getElementById('add').click()")
    await fill(tab, "stream-dialog", url="gopher://x", name="Front <b>door</b>")
    shown = "document.querySelector('#stream-dialog .notice')"
    await tab.until(f"{shown}.checkVisibility() && {shown}.innerText.includes('gopher')")

    with LivePublisher(sample_path()) as camera:
        await fill(tab, "stream-dialog", url=camera.url)
        await tab.until("!document.getElementById('stream-dialog').open")
        await tab.until(f"{CARD}?.innerText.includes('Connected')")
        assert "Front <b>door</b>" in str(await tab.evaluate(f"{CARD}.innerText"))
        await press(tab, "Describe")
        await fill(tab, "index-dialog", name="porch")
        await tab.until("!document.getElementById('index-dialog').open")
        await press(tab, "Alert me")
        await fill(tab, "alert-dialog", prompt="A person is at the door", label="visitor")
        await tab.until("!document.getElementById('alert-dialog').open")

        for kind in ("transcript", "scene"):
            await tab.until(f"{ENTRIES}.some((e) => e.classList.contains('{kind}'))")
        await tab.until(f"{CARD}.innerText.includes('1280×720') && {CARD}.innerText.includes('packets/s')")
        for _ in range(2):  # twenty seconds and more: the sample comes to it when it will
            if await tab.evaluate(f"{ENTRIES}.some((e) => e.innerText.includes('visitor'))"):
                break
            try:
                await tab.until(f"{ENTRIES}.some((e) => e.innerText.includes('visitor'))")
            except RuntimeError:
                continue
        assert await tab.evaluate(f"{ENTRIES}.some((e) => e.innerText.includes('visitor'))")

        await tab.evaluate("document.getElementById('kind').value = 'alert'")
        await tab.evaluate("document.getElementById('kind').dispatchEvent(new Event('change'))")
        assert await tab.evaluate(
            f"{ENTRIES}.filter((e) => e.checkVisibility()).every((e) => e.dataset.kind === 'alert')"
        )

        await tab.evaluate("document.getElementById('query').value = 'person at the door'")
        await tab.evaluate("document.getElementById('search').requestSubmit()")
        await tab.until("document.querySelectorAll('#hits li').length > 0")
        assert tab.complaints == ["Failed to load resource: the server responded with a status of 400 (Bad Request)"]
        where = await tab.evaluate("document.querySelector('#hits a').href")
        await tab.goto(where)
        await tab.until("document.querySelector('video').currentTime > 0.3")
        await tab.until("document.querySelectorAll('#moment-list li').length > 2")
        await tab.evaluate("document.querySelector('video').pause()")
        last = "[...document.querySelectorAll('#moment-list li')].at(-1)"
        await tab.evaluate(f"{last}.querySelector('button').click()")
        await tab.until(f"{last}.getAttribute('aria-current') === 'true'")
        told = await tab.evaluate(f"Date.parse({last}.querySelector('time').dateTime)")
        shown = await tab.until("Date.parse(document.getElementById('local').dateTime)")
        assert abs(told - shown) < 1000  # the picture of the moment that was chosen

    async with AsyncClient(server.api_key, base_url=server.url) as client:
        (rtstream,) = await client.list_rtstreams()
        assert rtstream.name == "Front <b>door</b>"
        (index,) = await rtstream.list_scene_indexes()
        assert index.name == "porch"
        assert [alert.label for alert in await index.list_alerts()] == ["visitor"]


async def test_a_stream_is_stopped_and_an_ended_server_is_told(tab: Page, server: LocalServer) -> None:
    async with AsyncClient(server.api_key, base_url=server.url) as client:
        await client.connect_rtstream("rtsp://127.0.0.1:9/none", name="Garage")
        await tab.until(f"{CARD}?.innerText.includes('Source down, retrying')")
        await press(tab, "Stop")
        await tab.until(f"{CARD}.innerText.includes('Stopped')")
        assert "topped by request" in str(await tab.evaluate(f"{CARD}.innerText"))
    await tab.until("document.getElementById('connection').innerText === 'Live'")
    await server.aclose()
    await tab.until("document.getElementById('problem').checkVisibility()")
    assert "does not answer" in await tab.text("problem")
    await tab.until("document.getElementById('connection').innerText === 'Connecting'")
