"""An embedded server: opened, serving, closed, in the caller's event loop.

    async with LocalServer(ServerSettings()) as server:
        print(server.url)

Parts are opened in the order in which they need each other and closed in the reverse: first nothing new comes in, then
what is under way ends, then the data directory is unlocked.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import socket
import sqlite3
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from aiortstream.errors import ServerStartError
from aiortstream.local.ai.models import Models
from aiortstream.local.app import Parts, build_app
from aiortstream.local.datadir import DataDir
from aiortstream.local.deliver.clips import ClipCache
from aiortstream.local.deliver.hub import WebsocketHub
from aiortstream.local.deliver.jobs import Jobs
from aiortstream.local.deliver.live_page import LivePage
from aiortstream.local.deliver.webhooks import WebhookSender
from aiortstream.local.door import serving
from aiortstream.local.recording.export import export_mp4
from aiortstream.local.recording.segmenter import SegmentInfo
from aiortstream.local.runtime import StreamManager
from aiortstream.local.services import Services
from aiortstream.local.settings import ServerSettings
from aiortstream.local.store.database import Database
from aiortstream.local.store.schema import SchemaTooNew
from aiortstream.local.urls import Signer, Urls

logger = logging.getLogger("aiortstream.local")

GRACE = 0.75  # seconds that requests under way get to end when the server closes, and again once they are cancelled
TIDY_SECONDS = 600.0  # between two looks at which connections are open, which matters by the day
DATABASE = "aiortstream.sqlite3"
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - how an address to call is made of one to listen on


class LocalServer:
    """One server. Start it once and close it; everything it does happens on the event loop it was started on."""

    def __init__(self, settings: ServerSettings | None = None) -> None:
        self.settings = settings or ServerSettings()
        self._key = self.settings.api_key or f"local-{secrets.token_hex(4)}"
        self._stack = AsyncExitStack()
        self._parts: Parts | None = None
        self._data: DataDir | None = None
        self._url = ""

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    @property
    def url(self) -> str:
        """Where it is reached, without a slash at its end."""
        return self._url

    @property
    def api_key(self) -> str:
        """What clients send; a server without a key takes anything, and this is as good as any."""
        return self._key

    @property
    def data_dir(self) -> str:
        """Its data directory."""
        if self._data is None:
            raise ServerStartError("this server is not open")
        return str(self._data.path)

    @property
    def services(self) -> Services:
        """What its routes call, for programs that hold the server itself."""
        if self._parts is None:
            raise ServerStartError("this server is not open")
        return self._parts.services

    async def start(self) -> None:
        """Open everything and serve. Raises ServerStartError. Cancelling it closes what was opened."""
        if self._data is not None:
            raise ServerStartError("this server has been started before: make another one")
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def aclose(self) -> None:
        """Stop serving, end what is under way, unlock the data directory. Closing twice is nothing."""
        await self._stack.aclose()

    async def _start(self) -> None:
        settings, stack = self.settings, self._stack
        opening = asyncio.ensure_future(asyncio.to_thread(DataDir, settings.data_dir))
        stack.push_async_callback(_unlock, opening)  # before it is awaited: being cancelled does not end the thread
        self._data = data = await asyncio.shield(opening)
        listener = _listen(settings.host, settings.port)
        stack.callback(listener.close)
        self._url = _public_url(settings, listener)

        try:
            db = await stack.enter_async_context(await Database.open(data.path / DATABASE))
        except SchemaTooNew as error:
            raise ServerStartError(str(error)) from error
        except sqlite3.Error as error:
            raise ServerStartError(f"the database {data.path / DATABASE} cannot be used: {error}") from error
        models = Models(settings.models)
        stack.push_async_callback(models.aclose)
        signer = Signer(data.secret)
        urls = Urls(
            self._url,
            signer,
            playback_lifetime=settings.playback_lifetime,
            ticket_lifetime=settings.ticket_lifetime,
        )
        profile = settings.profile
        hub = WebsocketHub(visual=profile.visual_channel, audio=profile.audio_channel, limits=settings.hub)
        sender = WebhookSender(db, secret=settings.webhook_secret, reach=settings.reach)
        self._begin(self._send_webhooks(sender), "aiortstream webhooks")
        page = LivePage(hub)
        manager = StreamManager(db, models, page, sender, urls, data.path, settings.profile, files=settings.files)
        stack.push_async_callback(manager.aclose)
        jobs = Jobs(settings.jobs)
        stack.push_async_callback(jobs.aclose)
        clips = ClipCache(data.path / "clips", _cut)
        stack.push_async_callback(clips.aclose)
        services = Services(
            db,
            manager,
            models,
            urls,
            settings.profile,
            data.path,
            settings.uploads,
            reach=settings.reach,
            files=settings.files,
        )
        stack.push_async_callback(services.captures.aclose)
        await services.uploads.tidy()
        await services.videos.tidy()
        self._parts = Parts(services, hub, page, jobs, clips, urls, signer)

        await manager.start()
        self._begin(self._tidy_bindings(manager, hub), "aiortstream bindings")
        await stack.enter_async_context(serving(build_app(self._parts, settings), listener, grace=GRACE))
        # First of all: the handlers of sockets and pages end, so that nothing waits for them.
        stack.callback(hub.close)
        stack.callback(page.close)
        logger.info("serving at %s, data in %s", self._url, data.path)

    def _begin(self, work: Coroutine[object, object, None], name: str) -> None:
        """Have work done for as long as the server runs."""
        task = asyncio.create_task(work, name=name)

        async def end() -> None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        self._stack.push_async_callback(end)

    async def _send_webhooks(self, sender: WebhookSender) -> None:
        """Send for as long as the server runs: a defect is logged, and what stands in the outbox is tried again."""
        while True:
            try:
                await sender.run()
            except Exception:
                logger.exception("sending webhooks failed, beginning again")
                await asyncio.sleep(1.0)

    async def _tidy_bindings(self, manager: StreamManager, hub: WebsocketHub) -> None:
        """Keep what connections that are open are bound to: a defect, or a full disk, is logged, and tried again."""
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            try:
                await manager.tidy_bindings(hub.connection_ids())
            except Exception:
                logger.exception("bindings of connections are not tidied")


async def _unlock(opening: asyncio.Future[DataDir]) -> None:
    try:
        data = await opening
    except ServerStartError:
        return  # it was never locked, and whoever started the server has been told why
    await asyncio.to_thread(data.close)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ServerStartError(f"cannot listen on {host} port {port}: {error.strerror}") from error


def _cut(found: Sequence[SegmentInfo], root: Path, out: Path, start: float, end: float) -> None:
    export_mp4(found, root, out, start=start, end=end)


def _public_url(settings: ServerSettings, listener: socket.socket) -> str:
    if settings.public_url is not None:
        return settings.public_url.rstrip("/")
    host = _WILDCARDS.get(settings.host, settings.host)
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"
