"""Lists that come in pages: awaited they are one page, iterated they are every item of every page.

    streams = await coll.list_rtstreams(limit=50)          # one page, as the official SDK gives it
    async for stream in coll.list_rtstreams(limit=50):     # all of them, fifty a request
        ...

A page is asked for when its first item is wanted and not before; there is no prefetch, and nothing to close.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Hashable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeAlias, TypeVar

from aiortstream.errors import ProtocolError

P = TypeVar("P")
I = TypeVar("I")  # noqa: E741 - an item

At: TypeAlias = int | str
"""Where a page begins: an offset, a page's number or a cursor, as its operation has it."""

_KEYS_KEPT = 10_000  # items that are remembered: what is inserted meanwhile shifts others onto the next page
_PAGES_OF_NOTHING_NEW = 3  # in a row; as many pages of insertions between two requests do not happen


@dataclass(frozen=True, slots=True)
class Part(Generic[P, I]):
    """One page as it was answered: what awaiting gives, the items in it, and where the next one begins."""

    page: P
    items: Sequence[I]
    next: At | None = None


Fetch: TypeAlias = Callable[[At | None], Awaitable[Part[P, I]]]
"""Asks for the page that begins there; None is the one that the call's own arguments name."""


class Paged(Coroutine[Any, Any, P], Generic[P, I]):
    """A list that comes in pages. `await` gives one page, `async for` all items from it on, `pages()` all pages.

    It is a coroutine to whoever wants one (`asyncio.create_task`, `gather`), and makes no request before it is awaited
    or read. Each iteration begins anew. The arguments of the call are the size of a page and where to begin.

    Items are handed over once although the list changes meanwhile: an item that comes again among the next ten thousand
    is passed over. What is deleted meanwhile may shift others past the reader: lists are no history, watches are.
    A server that gives the same again and again, as one that ignores the offset does, ends in ProtocolError after three
    pages without anything new.
    """

    def __init__(self, fetch: Fetch[P, I], key: Callable[[I], Hashable]) -> None:
        self._fetch = fetch
        self._key = key
        self._first: Coroutine[Any, Any, P] | None = None  # once it has been awaited as a coroutine

    def __await__(self) -> Generator[Any, Any, P]:
        """One page. Raises what the call documents. Cancelling it changes nothing."""
        return self._page().__await__()

    def __aiter__(self) -> Items[I]:
        return Items(Pages(self._fetch, self._key))

    def pages(self) -> Pages[P, I]:
        """Every page, as awaiting gives the first one: `async for page in coll.list_rtstreams(limit=50).pages()`."""
        return Pages(self._fetch, self._key)

    async def _page(self) -> P:
        return (await self._fetch(None)).page

    # --- a coroutine, for those that drive one ------------------------------------------------------------------------

    def send(self, value: Any, /) -> Any:
        """As a coroutine's."""
        if self._first is None:
            self._first = self._page()
        return self._first.send(value)

    def throw(
        self,
        kind: type[BaseException] | BaseException,
        value: BaseException | object = None,
        trace: TracebackType | None = None,
        /,
    ) -> Any:
        """As a coroutine's."""
        del trace  # the error has it
        error = kind if isinstance(kind, BaseException) else value if isinstance(value, BaseException) else kind()
        if self._first is None:
            self._first = self._page()
        return self._first.throw(error)

    def close(self) -> None:
        """As a coroutine's. A list that was never awaited needs no closing."""
        if self._first is not None:
            self._first.close()


class Pages(Generic[P, I]):
    """The pages of a `Paged`, one request a step. Tasks may share it: each gets other pages.

    Cancelling a step, or an error in it, loses nothing: the next step asks for the same page again.
    """

    def __init__(self, fetch: Fetch[P, I], key: Callable[[I], Hashable]) -> None:
        self._fetch = fetch
        self._key = key
        self._next: At | None = None
        self._ended = False
        self._in_turn = asyncio.Lock()
        self._seen: dict[Hashable, None] = {}  # keys of the newest items, in the order they came
        self._stale = 0  # pages in a row that brought nothing new

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> P:
        """The next page. Cancelling it loses nothing."""
        part, _ = await self._step()
        return part.page

    async def _step(self) -> tuple[Part[P, I], list[I]]:
        """The next page, and the items of it that have not come before. Cancelling it loses nothing."""
        async with self._in_turn:
            if self._ended:
                raise StopAsyncIteration
            part = await self._fetch(self._next)
            fresh = self._fresh(part.items)
            self._stale = 0 if fresh else self._stale + 1
            if not part.items or part.next is None:
                self._ended = True
            elif self._stale >= _PAGES_OF_NOTHING_NEW:
                self._ended = True
                raise ProtocolError(
                    f"{self._stale} pages in a row have brought nothing new, and the server says that more follow: "
                    f"it does not look at where a page is to begin ({part.next!r})"
                )
            self._next = part.next
            return part, fresh

    def _fresh(self, items: Sequence[I]) -> list[I]:
        fresh = []
        for item in items:
            key = self._key(item)
            if key not in self._seen:
                self._seen[key] = None
                fresh.append(item)
        while len(self._seen) > _KEYS_KEPT:
            del self._seen[next(iter(self._seen))]
        return fresh


class Items(Generic[I]):
    """The items of a `Paged`, from page to page. Tasks may share it: each gets other items.

    Cancelling a step, or an error in it, loses nothing: the next step goes on where it was.
    """

    def __init__(self, pages: Pages[Any, I]) -> None:
        self._pages = pages
        self._items: deque[I] = deque()  # of the page that was fetched last

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> I:
        """The next item; a request where its page is not there yet. Cancelling it loses nothing."""
        while not self._items:
            _, fresh = await self._pages._step()  # noqa: SLF001 - of one module
            self._items.extend(fresh)
        return self._items.popleft()


def one_page(fetch: Callable[[], Awaitable[list[I]]], key: Callable[[I], Hashable]) -> Paged[list[I], I]:
    """A list that the wire gives whole."""

    async def whole(_: At | None) -> Part[list[I], I]:
        items = await fetch()
        return Part(items, items)

    return Paged(whole, key)


def by_offset(offset: int, limit: int | None, items: Sequence[Any], count: int | None, following: object) -> int | None:
    """Where the page after one at `offset` begins, by what its answer says of it; an empty page is the last.

    By what came and not by what was asked for: a server may give less. One that says nothing has given its last page
    when that is shorter than was asked for.
    """
    end = offset + len(items)
    if following:
        more = True
    elif count is not None:
        more = end < count
    else:
        more = limit is not None and len(items) >= limit
    return end if more and items else None


def by_number(page: int, *, items: Sequence[Any], more: object) -> int | None:
    """The number of the page after `page`, where the server says that one follows; an empty page is the last."""
    return page + 1 if more and items else None
