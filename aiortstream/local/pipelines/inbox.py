"""From a stream's decoding thread to its pipelines on the event loop, without either waiting for the other."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Inbox(Generic[T]):
    """A bounded line of items of some weight: `put` on any thread, the rest on the loop it was made on.

    What is put beyond `limit` pushes the oldest out. `batch` is the weight that is worth waking the taker for.
    """

    def __init__(self, *, limit: float, batch: float, weight: Callable[[T], float]) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = limit
        self._batch = batch
        self._weight = weight
        self._ready = asyncio.Event()  # set when there may be enough to take, or no more will come
        self._lock = threading.Lock()
        self._items: deque[T] = deque()  # guarded by _lock, like all below
        self._weighs = 0.0  # the sum of the items' weights
        self._dropped = 0.0
        self._closed = False

    @property
    def dropped(self) -> float:
        """Weight of what was pushed out so far."""
        return self._dropped

    @property
    def exhausted(self) -> bool:
        """Whether all has been taken and no more will come."""
        with self._lock:
            return self._closed and not self._items

    def put(self, item: T) -> None:
        """Append an item; never waits. After `close` it is ignored."""
        with self._lock:
            if self._closed:
                return
            enough = self._weighs >= self._batch
            self._items.append(item)
            self._weighs += self._weight(item)
            while self._weighs > self._limit and len(self._items) > 1:
                oldest = self._weight(self._items.popleft())
                self._weighs -= oldest
                self._dropped += oldest
            wake = not enough and self._weighs >= self._batch
        if wake:
            self._loop.call_soon_threadsafe(self._ready.set)

    async def take(self, *, seconds: float | None = None) -> list[T]:
        """All there is, once it is worth it; what little there is after `seconds` without. Cancelling takes nothing."""
        try:
            async with asyncio.timeout(seconds):
                while (items := self._take_batch()) is None:
                    await self._ready.wait()
                    self._ready.clear()
        except TimeoutError:
            with self._lock:
                return self._take_all()
        return items

    def _take_batch(self) -> list[T] | None:
        """All there is if it is worth taking or no more will come, else None."""
        with self._lock:
            return self._take_all() if self._closed or self._weighs >= self._batch else None

    def _take_all(self) -> list[T]:
        items = list(self._items)
        self._items.clear()
        self._weighs = 0.0
        return items

    def close(self) -> None:
        """No more will come: what is there can be taken at once."""
        with self._lock:
            self._closed = True
        self._ready.set()
