"""How routes are declared: a handler, a path, and who may call it. Every path is served with and without a slash at
its end and never redirected, because clients turn a redirected POST into a GET.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import TypeAlias

from aiohttp import hdrs, web

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Access(Enum):
    """What a request must show before its handler runs."""

    KEY = "key"
    """The API key in `x-access-token`: every call of the API. These calls also have a deadline."""
    BROWSER = "browser"
    """The API key, in `x-access-token` or as the password of HTTP Basic, which is what a browser can send."""
    CAPABILITY = "capability"
    """Nothing here: the URL itself carries a signed token, and the handler checks it."""
    OPEN = "open"
    """Nothing: it says nothing about what the server holds."""


@dataclass(frozen=True, slots=True)
class Route:
    """One way into the server; `path` has no slash at its end."""

    method: str
    path: str
    handler: Handler
    access: Access


class Routes:
    """The routes of one resource, gathered by decorators; all of them have the same access."""

    def __init__(self, access: Access = Access.KEY) -> None:
        self._access = access
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    def get(self, path: str) -> Callable[[Handler], Handler]:
        """Declare what answers GET, and HEAD, on `path`."""
        return self._declare(hdrs.METH_GET, path)

    def post(self, path: str) -> Callable[[Handler], Handler]:
        """Declare what answers POST on `path`."""
        return self._declare(hdrs.METH_POST, path)

    def patch(self, path: str) -> Callable[[Handler], Handler]:
        """Declare what answers PATCH on `path`."""
        return self._declare(hdrs.METH_PATCH, path)

    def delete(self, path: str) -> Callable[[Handler], Handler]:
        """Declare what answers DELETE on `path`."""
        return self._declare(hdrs.METH_DELETE, path)

    def _declare(self, method: str, path: str) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            self._routes.append(Route(method, path, handler, self._access))
            return handler

        return declare


def install(app: web.Application, routes: Iterable[Route]) -> Mapping[web.AbstractRoute, Access]:
    """Add `routes` to `app` in both slash forms; who may call each, for the middleware that asks."""
    access: dict[web.AbstractRoute, Access] = {}
    for route in routes:
        for path in {route.path, route.path.rstrip("/") + "/"}:
            methods = (hdrs.METH_GET, hdrs.METH_HEAD) if route.method == hdrs.METH_GET else (route.method,)
            for method in methods:
                access[app.router.add_route(method, path, route.handler)] = route.access
    return MappingProxyType(access)
