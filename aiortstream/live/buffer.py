"""The buffer between the socket's reader and one consumer: bounded, and safe to cancel.

An item stays in it until it is popped, and popping is synchronous: a consumer cancelled while it waits loses nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import msgspec

from aiortstream.records import CaptureSessionEvent, DecodeFailure, Scene, TranscriptSegment, UnknownEvent

T = TypeVar("T")

# Estimates. A record besides its text: the struct, its floats and its share of the containers.
_RECORD_BYTES = 300
_WORD_BYTES = 150
_BYTES_PER_BYTE_OF_JSON = 4  # of what is decoded into dictionaries and lists
_TOO_DEEP_BYTES = 100_000  # what could be decoded and not be encoded again


# Most watches wait most of the time, and an empty deque takes as much memory as the rest of a buffer.
_NOTHING: deque[Any] = deque()


class Buffer(Generic[T]):
    """Items in order, the end, and the one consumer that may be waiting."""

    __slots__ = (
        "_asleep",
        "_bytes",
        "_end",
        "_ended",
        "_items",
        "_level",
        "_max_bytes",
        "_max_items",
        "_reached",
        "_waiter",
    )

    def __init__(self, max_items: int, max_bytes: int) -> None:
        self._items: deque[tuple[T, int]] = _NOTHING  # each with its weight; one of its own from the first item on
        self._bytes = 0  # the sum of these
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._waiter: asyncio.Future[None] | None = None  # set only while a consumer is suspended in `wait`
        self._asleep = False  # it is to be woken by what comes
        self._reached: asyncio.Event | None = None  # set only while a consumer waits for `_level` items
        self._level = 1
        self._end: BaseException | None = None  # raised once the items before it are gone
        self._ended = False

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return (item for item, _ in self._items)

    @property
    def bytes(self) -> int:
        """An estimate of the memory held, in bytes."""
        return self._bytes

    @property
    def has_room(self) -> bool:
        """Whether another item may be put without passing the bounds."""
        return len(self._items) < self._max_items and self._bytes < self._max_bytes

    @property
    def is_low(self) -> bool:
        """Whether it is less than half full: the moment to fetch more."""
        return len(self._items) * 2 <= self._max_items and self._bytes * 2 <= self._max_bytes

    @property
    def ended(self) -> bool:
        """Whether nothing more will be put."""
        return self._ended

    def put(self, item: T) -> None:
        """Append an item and wake the consumer. The caller has looked at `has_room` where bounds matter."""
        if self._ended:
            return
        weight = _RECORD_BYTES + _WEIGHTS.get(type(item), _text)(item)
        if self._items is _NOTHING:
            self._items = deque()
        self._items.append((item, weight))
        self._bytes += weight
        if self._asleep:
            self._wake()
        elif self._reached is not None and (len(self._items) >= self._level or not self.has_room):
            self._reached.set()

    def put_back(self, item: T) -> None:
        """Put an item that was popped in front again."""
        weight = _weight(item)
        if self._items is _NOTHING:
            self._items = deque()
        self._items.appendleft((item, weight))
        self._bytes += weight

    def extend(self, items: Iterable[T]) -> None:
        """Append several items."""
        for item in items:
            self.put(item)

    def clear(self) -> list[T]:
        """Take all items out without handing them over."""
        items = list(self)
        self._items.clear()
        self._bytes = 0
        return items

    def end(self, error: BaseException | None = None) -> None:
        """Let the consumer see the end, or `error`, after the items that are here. The first call counts."""
        if not self._ended:
            self._ended, self._end = True, error
            self._wake()

    def pop(self) -> T:
        """The next item; LookupError where there is none yet. The end is told by `raise_end`."""
        item, weight = self._items.popleft()
        self._bytes -= weight
        return item

    def raise_end(self) -> None:
        """Raise what `end` was given; StopAsyncIteration for a plain end, each time it is asked."""
        if self._end is not None:
            error, self._end = self._end, None
            raise error
        raise StopAsyncIteration

    async def wait(self) -> None:
        """Return when there is an item, or the end. Cancelling it changes nothing."""
        self._check_alone()
        while not self._items and not self._ended:
            self._waiter = asyncio.get_running_loop().create_future()
            self._asleep = True
            try:
                await self._waiter
            finally:
                self._waiter, self._asleep = None, False

    @contextmanager
    def level(self, count: int) -> Iterator[asyncio.Event]:
        """An event that is set once there are `count` items, no room for more, or the end: to be waited for inside."""
        self._check_alone()
        self._level, self._reached = count, asyncio.Event()
        try:
            self._wake()
            yield self._reached
        finally:
            self._reached = None

    def _check_alone(self) -> None:
        if self._waiter is not None or self._reached is not None:
            raise RuntimeError("this watch is already being read: one consumer a watch; open another watch")

    def _wake(self) -> None:
        if self._reached is not None and (len(self._items) >= self._level or not self.has_room or self._ended):
            self._reached.set()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
            self._asleep = False


def _weight(item: object) -> int:
    weigh = _WEIGHTS.get(type(item), _text)
    return _RECORD_BYTES + weigh(item)


def _text(item: Any) -> int:
    text = getattr(item, "text", "")
    return len(text) if isinstance(text, str) else 0


def _json(value: object) -> int:
    try:
        return _BYTES_PER_BYTE_OF_JSON * len(msgspec.json.encode(value))
    except RecursionError:
        return _TOO_DEEP_BYTES


# By exact type: this is looked at for every record.
_WEIGHTS: Mapping[type, Callable[[Any], int]] = {
    TranscriptSegment: lambda segment: len(segment.text) + _WORD_BYTES * len(segment.words),
    Scene: lambda scene: len(scene.text) + (_json(scene.metadata) if scene.metadata else 0),
    CaptureSessionEvent: lambda event: _json(event.data),
    UnknownEvent: lambda event: _json(event.payload),
    DecodeFailure: lambda failure: len(failure.raw) + len(failure.reason),
}
