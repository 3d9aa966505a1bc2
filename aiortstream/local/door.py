"""Where connections come in: requests that are no HTTP are refused in the envelope too, and logged without an alarm."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from aiortstream.local.routes.answers import refusal
from aiortstream.local.routes.middlewares import REQUEST_ID_HEADER, request_id

logger = logging.getLogger("aiortstream.local.http")

BACKLOG = 512  # connections the operating system holds for us
_TOLD = 200  # characters of what the parser says, which may quote the request


class Door(web.RequestHandler):
    """One connection. What the parser does not understand reaches no middleware, so it is answered here."""

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """Refuse, and close the connection. Raises ConnectionError if an answer has begun."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, so it cannot be another")
        if status >= 500:
            logger.error("a request failed before it was understood [%s]", request_id(request), exc_info=exc)
            response = refusal(status, "internal_error", "the server failed; its log says more")
        else:
            told = " ".join((message or type(exc).__name__).split())[:_TOLD]
            logger.debug("a request is no HTTP: %s [%s]", told, request_id(request))
            response = refusal(status, "invalid_request", f"this cannot be read as an HTTP request: {told}")
        response.headers[REQUEST_ID_HEADER] = request_id(request)
        response.force_close()
        return response

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """A body that is not encoded as it says is no alarm: it has been refused, and the connection is closed."""
        if isinstance(kw.get("exc_info"), web.RequestPayloadError):
            logger.debug("a body cannot be read: %s", " ".join(str(kw["exc_info"]).split())[:_TOLD])
        else:
            super().log_exception(*args, **kw)


@asynccontextmanager
async def serving(app: web.Application, listener: socket.socket, *, grace: float) -> AsyncIterator[None]:
    """Serve `app` at `listener` meanwhile. At the end, requests under way get `grace` seconds to end, and again once
    they are cancelled.
    """
    loop = asyncio.get_running_loop()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=grace)
    await runner.setup()
    try:
        requests = runner.server
        assert requests is not None  # as it is once it has been set up
        accepting = await loop.create_server(
            lambda: Door(requests, loop=loop, access_log=None),  # type: ignore[arg-type] # as AppRunner gives it
            sock=listener,
            backlog=BACKLOG,
        )
        try:
            yield
        finally:
            accepting.close()
    finally:
        await runner.cleanup()
