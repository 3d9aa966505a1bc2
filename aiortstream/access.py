"""How the network is reached: one aiohttp session for requests and websocket, ours or the caller's.

A session of ours takes the proxy and the certificates that the client was given; a caller's has its own, is not
closed by us, and has to belong to the event loop that the client is opened on.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import urllib.request
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any

from yarl import URL

from aiortstream.errors import InvalidArgumentError, WrongLoopError

if TYPE_CHECKING:
    import aiohttp


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """What a session of ours is made with."""

    proxy: str | None = field(default=None, repr=False)  # it may hold a password
    proxy_auth: tuple[str, str] | None = field(default=None, repr=False)
    trust_env: bool = False
    ssl: ssl.SSLContext | None = None
    ca_file: str | PathLike[str] | None = None

    def check(self, session: object) -> None:
        """Raise InvalidArgumentError for what makes no sense; no error quotes a proxy's URL."""
        proxy_url(self.proxy, self.proxy_auth)
        if not isinstance(self.trust_env, bool):
            raise InvalidArgumentError(f"trust_env: expected True or False, got {type(self.trust_env).__name__}")
        if self.ssl is not None and not isinstance(self.ssl, ssl.SSLContext):
            raise InvalidArgumentError(f"ssl: expected an ssl.SSLContext, got {type(self.ssl).__name__}")
        if self.ca_file is not None:
            if self.ssl is not None:
                raise InvalidArgumentError("ca_file: give it, or ssl=, not both: load the file into your context")
            if not isinstance(self.ca_file, str | PathLike):
                raise InvalidArgumentError(f"ca_file: expected a path, got {type(self.ca_file).__name__}")
        if session is None:
            return
        import aiohttp

        if not isinstance(session, aiohttp.ClientSession):
            raise InvalidArgumentError(f"session: expected an aiohttp.ClientSession, got {type(session).__name__}")
        given = [name for name in ("proxy", "proxy_auth", "trust_env", "ssl", "ca_file") if getattr(self, name)]
        if given:
            raise InvalidArgumentError(f"{given[0]}: a session of your own has its own settings: give it to that")


class Access:
    """One session, made when first used."""

    def __init__(self, settings: AccessSettings, session: aiohttp.ClientSession | None = None) -> None:
        self._settings = settings
        self._context = settings.ssl
        self._session = session
        self._owned = session is None

    async def prepare(self) -> None:
        """Read the file of certificates, on a thread. Raises InvalidArgumentError. Cancelling it changes nothing."""
        if self._settings.ca_file is not None and self._context is None:
            self._context = await asyncio.to_thread(_trusting, self._settings.ca_file)

    def check_loop(self) -> None:
        """Refuse a caller's session that is closed, or of another event loop."""
        if self._session is None or self._owned:
            return
        if self._session.closed:
            raise InvalidArgumentError("session: it is closed")
        loop = getattr(self._session, "_loop", None)  # aiohttp deprecates `loop` and has no other way to ask
        if loop is not None and loop is not asyncio.get_running_loop():
            raise WrongLoopError("session: it belongs to another event loop than the client is opened on")

    def session(self) -> aiohttp.ClientSession:
        """The session."""
        if self._session is None:
            import aiohttp

            connector = aiohttp.TCPConnector(
                limit=0,  # callers bound their own concurrency; the poller does
                ssl=True if self._context is None else self._context,
            )
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=None),  # every call has its own deadline
                connector=connector,
                proxy=proxy_url(self._settings.proxy, self._settings.proxy_auth),
                trust_env=self._settings.trust_env,
            )
        return self._session

    def websocket_url(self, url: str) -> str:
        """`url` as the session is to be given it.

        The environment's proxies are found by scheme, and it has one for `https` where it has none for `wss`.
        """
        scheme, _, rest = url.partition("://")
        instead = {"ws": "http", "wss": "https"}.get(scheme.lower())
        if instead is None or not self.session().trust_env or scheme.lower() in urllib.request.getproxies():
            return url
        return f"{instead}://{rest}"

    async def aclose(self) -> None:
        """Close the session, unless it is the caller's."""
        if self._session is not None and self._owned:
            await self._session.close()


def proxy_url(proxy: str | None, auth: object) -> URL | None:
    """The proxy with user and password in it, as aiohttp wants it; InvalidArgumentError quotes neither."""
    user, password = _user(auth)
    if proxy is None:
        if auth is not None:
            raise InvalidArgumentError("proxy_auth: there is no proxy= that it is for")
        return None
    try:
        url = URL(proxy)
    except (TypeError, ValueError):
        url = URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise InvalidArgumentError("proxy: expected something like http://proxy.example.org:3128")
    return url if auth is None else url.with_user(user).with_password(password)


def _user(auth: object) -> tuple[str, str]:
    match auth:
        case None:
            return "", ""
        case (str(user), str(password)):
            return user, password
    raise InvalidArgumentError("proxy_auth: expected (user, password)")


def _trusting(ca_file: str | PathLike[str]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        context.load_verify_locations(cafile=os.fspath(ca_file))
    except (OSError, ssl.SSLError) as error:
        why = error.strerror or getattr(error, "reason", None) or type(error).__name__
        raise InvalidArgumentError(f"ca_file: no certificates can be read from {str(ca_file)!r}: {why}") from None
    return context


def describe(error: Any) -> str:
    """Why no connection could be made, in words that hold no secret."""
    refused = getattr(error, "certificate_error", None)
    if refused is not None:
        why = getattr(refused, "verify_message", None) or type(refused).__name__
        return f"its certificate is not trusted: {why} (ca_file= or ssl= says whom to trust)"
    return getattr(error, "strerror", None) or type(error).__name__
