"""Drives Debian's Chromium over its DevTools protocol, for tests of pages."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import re
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PATIENCE = 20.0  # seconds for anything asked of the browser
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--remote-debugging-port=0",
    "--window-size=1280,900",
)
# Looks again and again until an expression is true, for so many milliseconds.
_UNTIL = """
new Promise((done, fail) => {
  const patience = Date.now() + DEADLINE;
  (function look() {
    const value = (EXPRESSION);
    if (value) done(value);
    else if (Date.now() > patience) fail(new Error("never true; the page says: " + document.body.innerText));
    else setTimeout(look, 20);
  })();
})
"""


class Page:
    """One tab. `complaints` is what its console has been told of errors and refused requests."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._session: str | None = None

    async def attach(self) -> None:
        """Make the tab and listen to its console."""
        target = await self.call("Target.createTarget", url="about:blank")
        attached = await self.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command and its result. Raises RuntimeError for what the browser refuses."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        await self._socket.send_json(message if self._session is None else {**message, "sessionId": self._session})
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = json.loads(await self._socket.receive_str())
                if answer.get("id") == number:
                    if "error" in answer:
                        raise RuntimeError(f"{method}: {answer['error']}")
                    result: dict[str, Any] = answer["result"]
                    return result
                self._note(answer)

    async def goto(self, url: str) -> None:
        """Open a page, and wait until it and its scripts have been loaded."""
        await self.call("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def evaluate(self, expression: str) -> Any:
        """The value of an expression, awaited if it is a promise."""
        answer = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def until(self, expression: str) -> Any:
        """Wait until an expression is true in the page, and give its value."""
        deadline = str(round(PATIENCE * 900))
        return await self.evaluate(_UNTIL.replace("DEADLINE", deadline).replace("EXPRESSION", expression))

    async def text(self, element_id: str) -> str:
        """What is written in an element; nothing if it is hidden."""
        found = f"document.getElementById({json.dumps(element_id)})"
        return str(await self.evaluate(f"{found}.checkVisibility() ? {found}.innerText.trim() : ''"))

    async def picture(self, path: Path) -> None:
        """Save what the tab shows as PNG."""
        shot = await self.call("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))

    def _note(self, event: dict[str, Any]) -> None:
        if event["method"] == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(event["params"]["exceptionDetails"]))
        elif event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
            self.complaints.append(event["params"]["entry"]["text"])


@asynccontextmanager
async def open_page(profile: Path) -> AsyncIterator[Page]:
    """A tab of a browser of its own, whose profile directory is fresh; both end with the block."""
    process = await asyncio.create_subprocess_exec(
        "chromium",
        *_FLAGS,
        f"--user-data-dir={profile}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        address = await _debugging_address(process)
        drained = asyncio.create_task(_drain(process))
        async with aiohttp.ClientSession() as http, http.ws_connect(address, max_msg_size=0) as socket:
            page = Page(socket)
            try:
                await page.attach()
                yield page
            finally:
                await page.call("Browser.close")
        async with asyncio.timeout(PATIENCE):
            await process.wait()
            await drained
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)  # it has helpers, which are in its process group
            await process.wait()


async def _debugging_address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        async for line in process.stderr:
            if found := re.search(r"DevTools listening on (ws://\S+)", line.decode(errors="replace")):
                return found[1]
    raise RuntimeError("chromium ended before it could be spoken to")


async def _drain(process: asyncio.subprocess.Process) -> None:
    """Read what the browser says, so that it never waits for somebody to."""
    assert process.stderr is not None
    while await process.stderr.read(65536):
        pass
