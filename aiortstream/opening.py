"""What a client needs before its first request: a key, an address, and, where it has one, its own server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from aiortstream.errors import AuthenticationError, InvalidArgumentError, ServerStartError

if TYPE_CHECKING:
    from aiortstream.local.server import LocalServer


def credential(api_key: str | None, session_token: str | None, default: str | None) -> str:
    """What travels in the header: the key, the token in its place, or else the default key.

    Keys that are read from files often end in a line break. Raises AuthenticationError, and InvalidArgumentError for
    both of them.
    """
    if api_key and session_token:
        raise InvalidArgumentError("session_token: expected it in place of api_key, got both")
    name = "session_token" if session_token else "api_key"
    token = (api_key or session_token or default or "").strip()
    if not token:
        raise AuthenticationError(
            "no credentials: pass api_key=, set VIDEO_DB_API_KEY, or use AsyncClient.local(), which needs none"
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise AuthenticationError(f"{name}: expected printable ASCII without spaces; this is something else than a key")
    return token


def server_url(url: str) -> str:
    """A server's address, checked. Raises InvalidArgumentError."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if "@" in url:
        raise InvalidArgumentError("base_url: expected no user and password in it: the key travels in a header")
    if not good or parts.query or parts.fragment:
        bare = url.partition("?")[0]  # people put keys into queries
        raise InvalidArgumentError(
            f"base_url: expected something like https://api.example.org, without a query, got {bare!r}"
        )
    return url


async def start_server(settings: Mapping[str, Any]) -> LocalServer:
    """The embedded server, started. Raises ServerStartError. Cancelled, none is running."""
    try:
        # On a thread: it brings the media libraries, which take half a second that the loop has other uses for.
        await asyncio.to_thread(import_module, "aiortstream.local.server")
        from aiortstream.local.server import LocalServer
        from aiortstream.local.settings import ServerSettings
    except ImportError as error:
        raise ServerStartError(
            f"the embedded server needs packages that are missing ({error.name}): pip install 'aiortstream[local]'"
        ) from error
    server = LocalServer(ServerSettings(**settings))
    await server.start()
    return server
