"""Records in lists, for streams that bring many: fewer turns of the event loop, and a natural unit for a database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, Self, TypeVar

from aiortstream.arguments import batch_bounds

if TYPE_CHECKING:
    from aiortstream.live.watch import Watch

T_co = TypeVar("T_co", covariant=True)


class Batches(Generic[T_co]):
    """An iterator over lists of a watch's records; made by `Watch.batch`. Closing is the watch's business."""

    def __init__(self, watch: Watch[T_co], max_items: int, max_wait: float) -> None:
        batch_bounds(max_items, max_wait)
        self._watch = watch
        self._max_items = max_items
        self._max_wait = max_wait

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[T_co]:
        """The next list, of at least one record. Cancelling it loses none: they stay with the watch."""
        return await self._watch.next_batch(self._max_items, self._max_wait)
