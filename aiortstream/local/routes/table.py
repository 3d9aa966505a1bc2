"""How routes are declared: a handler, a path, and who may call it. Every path is served with and without a slash at
its end and never redirected, because clients turn a redirected POST into a GET.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, TypeAlias, TypeVar, overload

from aiohttp import hdrs, web

from aiortstream.local.routes.answers import Reply
from aiortstream.local.routes.bodies import Body
from aiortstream.local.routes.query import read_query

T = TypeVar("T")
Q = TypeVar("Q")

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]
Plain: TypeAlias = Callable[[web.Request], Awaitable[T]]
Taking: TypeAlias = Callable[[web.Request, Q], Awaitable[T]]


class Access(Enum):
    """What a request must show before its handler runs."""

    KEY = "key"
    """The API key in `x-access-token`: every call of the API. These calls also have a deadline."""
    CLIENT = "client"
    """The API key, or a session token in its place: what a program calls that captures for a user."""
    BROWSER = "browser"
    """The API key, in `x-access-token` or as the password of HTTP Basic, which is what a browser can send."""
    CAPABILITY = "capability"
    """Nothing here: the URL itself carries a signed token, and the handler checks it."""
    OPEN = "open"
    """Nothing: it says nothing about what the server holds."""


@dataclass(frozen=True, slots=True)
class Route:
    """One way into the server; `path` has no slash at its end.

    What it takes and what it answers are what its requests are read by, and what the OpenAPI document is written from.
    """

    method: str
    path: str
    handler: Handler
    access: Access
    reply: Reply[Any]
    query: type[Any] | None
    body: Body[Any] | None
    name: str
    """The handler's, which is unlike any other's."""
    summary: str
    """What the handler's docstring says first."""
    module: str
    """Where the handler is."""


class Routes:
    """The routes of one resource, gathered by decorators; all of them have the same access.

    A handler gets the request and, where its route declares any, the query or the body; it returns what the declared
    answer is made of.
    """

    def __init__(self, access: Access = Access.KEY) -> None:
        self._access = access
        self._routes: list[Route] = []

    def __iter__(self) -> Iterator[Route]:
        return iter(self._routes)

    @overload
    def get(self, path: str, *, answer: Reply[T]) -> Callable[[Plain[T]], Plain[T]]: ...

    @overload
    def get(self, path: str, *, query: type[Q], answer: Reply[T]) -> Callable[[Taking[Q, T]], Taking[Q, T]]: ...

    def get(self, path: str, *, query: type[Any] | None = None, answer: Reply[Any]) -> Any:
        """Declare what answers GET, and HEAD, on `path`."""
        return self._declare(hdrs.METH_GET, path, answer, query=query)

    @overload
    def post(self, path: str, *, answer: Reply[T]) -> Callable[[Plain[T]], Plain[T]]: ...

    @overload
    def post(self, path: str, *, body: Body[Q], answer: Reply[T]) -> Callable[[Taking[Q, T]], Taking[Q, T]]: ...

    def post(self, path: str, *, body: Body[Any] | None = None, answer: Reply[Any]) -> Any:
        """Declare what answers POST on `path`."""
        return self._declare(hdrs.METH_POST, path, answer, body=body)

    def patch(self, path: str, *, body: Body[Q], answer: Reply[T]) -> Callable[[Taking[Q, T]], Taking[Q, T]]:
        """Declare what answers PATCH on `path`."""
        return self._declare(hdrs.METH_PATCH, path, answer, body=body)

    @overload
    def delete(self, path: str, *, answer: Reply[T]) -> Callable[[Plain[T]], Plain[T]]: ...

    @overload
    def delete(self, path: str, *, query: type[Q], answer: Reply[T]) -> Callable[[Taking[Q, T]], Taking[Q, T]]: ...

    def delete(self, path: str, *, query: type[Any] | None = None, answer: Reply[Any]) -> Any:
        """Declare what answers DELETE on `path`."""
        return self._declare(hdrs.METH_DELETE, path, answer, query=query)

    def _declare(
        self,
        method: str,
        path: str,
        reply: Reply[Any],
        *,
        query: type[Any] | None = None,
        body: Body[Any] | None = None,
    ) -> Callable[[Any], Any]:
        def declare(handler: Any) -> Any:
            around = _around(handler, reply, query, body)
            said = (handler.__doc__ or "").partition("\n")[0]
            self._routes.append(
                Route(
                    method, path, around, self._access, reply, query, body, handler.__name__, said, handler.__module__
                )
            )
            return handler

        return declare


def _around(handler: Any, reply: Reply[Any], query: type[Any] | None, body: Body[Any] | None) -> Handler:
    """The handler with what its route declares around it."""

    async def handle(request: web.Request) -> web.StreamResponse:
        if body is not None:
            value = await handler(request, await body.read(request))
        elif query is not None:
            value = await handler(request, read_query(request, query))
        else:
            value = await handler(request)
        return await reply.respond(request, value)

    return handle


def install(app: web.Application, routes: Iterable[Route]) -> Mapping[web.AbstractRoute, Access]:
    """Add `routes` to `app` in both slash forms; who may call each, for the middleware that asks."""
    access: dict[web.AbstractRoute, Access] = {}
    for route in routes:
        for path in {route.path, route.path.rstrip("/") + "/"}:
            methods = (hdrs.METH_GET, hdrs.METH_HEAD) if route.method == hdrs.METH_GET else (route.method,)
            for method in methods:
                access[app.router.add_route(method, path, route.handler)] = route.access
    return MappingProxyType(access)
