"""Posting a file to a URL that carries its own permission, as presigned ones do. Part of the transport."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from aiortstream.answers import Operation, Reply, open_envelope
from aiortstream.errors import ConnectionFailedError, InvalidArgumentError, ProtocolError, RequestTimeoutError

IDLE = 60.0  # seconds in which some of the file must leave, and after its end the answer must come
FIELD = "file"
_MOST = 64 * 1024  # bytes of an answer that are read: it says little


class _WatchedFile(io.FileIO):
    """A file that tells when it is read, and how many bytes of it have been before."""

    def __init__(self, path: Path, on_read: Callable[[int], None]) -> None:
        super().__init__(path)
        self._on_read = on_read

    def readinto(self, buffer: Any, /) -> int | None:
        """Read, and tell."""
        self._on_read(self.tell())
        return super().readinto(buffer)


async def post_file(
    session: aiohttp.ClientSession,
    url: str,
    path: Path,
    name: str,
    secret: str,
    *,
    idle: float = IDLE,
    on_sent: Callable[[float], None] | None = None,
) -> Reply:
    """Post a file as the official SDK does; the answer. Its size does not matter, for it is read as it leaves.

    `on_sent` is called on the event loop with the part that has left, from 0 to 1.

    Raises InvalidArgumentError for a file that cannot be read, ConnectionFailedError, RequestTimeoutError where nothing
    of it leaves for `idle` seconds, and what a refusal says. None of them tells the URL, which is a secret. Cancelling
    it ends it; what has arrived is worth nothing.
    """
    operation = Operation("POST", "upload URL", secret)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(idle) as deadline:

            def extend(read: int) -> None:
                with suppress(RuntimeError):  # it is over already
                    deadline.reschedule(loop.time() + idle)
                    if on_sent is not None and size:
                        on_sent(min(read / size, 1.0))

            def on_read(read: int) -> None:  # on a thread
                with suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(extend, read)

            size = 0
            file = await asyncio.to_thread(_open, path, on_read)
            size = os.fstat(file.fileno()).st_size
            try:
                reply = await _post(session, url, file, name)
            finally:
                await asyncio.to_thread(file.close)
    except TimeoutError as error:
        raise RequestTimeoutError(f"{operation}: nothing of the file has left for {idle:g} s") from error
    except aiohttp.ClientConnectorError as error:
        raise ConnectionFailedError(f"{operation}: cannot connect: {error.strerror or type(error).__name__}") from None
    except (aiohttp.ClientError, OSError) as error:
        # `from None`: aiohttp's error may hold the URL
        raise ConnectionFailedError(f"{operation}: the connection broke ({type(error).__name__})") from None
    if reply.status >= 400:
        open_envelope(reply, operation)
    if reply.status >= 300:
        raise ProtocolError(f"{operation}: a redirect (HTTP {reply.status}), which uploads do not have")
    return reply


async def _post(session: aiohttp.ClientSession, url: str, file: io.BufferedReader, name: str) -> Reply:
    form = aiohttp.FormData()
    form.add_field(FIELD, file, filename=name, content_type="application/octet-stream")
    no_timeout = aiohttp.ClientTimeout(total=None)  # the caller has one that counts progress
    async with session.post(url, data=form, allow_redirects=False, timeout=no_timeout) as response:
        return Reply(response.status, await response.content.read(_MOST))


def _open(path: Path, on_read: Callable[[int], None]) -> io.BufferedReader:
    try:
        return io.BufferedReader(_WatchedFile(path, on_read))
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidArgumentError(f"file_path: {str(path)!r} cannot be read: {why}") from error
