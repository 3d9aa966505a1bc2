"""Calling a model: with a deadline, and again after a while where that makes sense."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from aiortstream.local.ai.protocols import BackendMissing, ModelError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")


async def call_model(call: Callable[[], Awaitable[T]], *, seconds: float, delays: Sequence[float] = ()) -> T:
    """What `call` returns, tried once and then once more after each of `delays` (seconds).

    Raises the last `ModelError`; a call that takes longer than `seconds` is one too. A backend that is not installed
    is not tried again. Cancelling cancels the call.
    """
    for delay in delays:
        try:
            return await _once(call, seconds)
        except BackendMissing:
            raise
        except ModelError:
            await asyncio.sleep(delay)
    return await _once(call, seconds)


async def _once(call: Callable[[], Awaitable[T]], seconds: float) -> T:
    try:
        async with asyncio.timeout(seconds) as deadline:
            return await call()
    except TimeoutError as error:
        if not deadline.expired():
            raise
        raise ModelError(f"the model has not answered within {seconds:g} s") from error
