"""What the streaming core tells whoever wants to know: frozen values, one type each, handed to `LiveSettings.hooks`.

A hook is called on the event loop, in order, and must not block. One that raises is logged and does no harm. Without
hooks none of these values is made.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from aiortstream.errors import VideodbError
    from aiortstream.records import Gap

logger = logging.getLogger("aiortstream.live")

Outcome: TypeAlias = Literal["REBOUND", "POLLING", "UNRECOVERABLE"]
"""What became of something that was bound to a connection which has ended."""


@dataclass(frozen=True, slots=True)
class ConnectionOpened:
    """A websocket is open and has said its id."""

    epoch: int
    resumed: bool
    """Whether it goes on under the id of the one before."""
    complete: bool
    """Whether nothing was missed in between."""
    features: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConnectionLost:
    """A websocket has ended, and was not to."""

    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class ConnectionRetrying:
    """An attempt to open one has failed; the next follows in `delay` seconds, or not at all if it is None."""

    error: VideodbError
    delay: float | None


@dataclass(frozen=True, slots=True)
class BindingSettled:
    """What became of something that was bound to an earlier connection, and why."""

    kind: Literal["transcript", "scene", "alert"]
    id: str
    """The stream of a transcript, the index of scenes, or the alert."""
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class GapOpened:
    """A watch may be missing records from `gap.start` on."""

    watch: str
    gap: Gap


@dataclass(frozen=True, slots=True)
class GapClosed:
    """It is over. `healed`: what was missed has been fetched, `gap.recovered` records of it."""

    watch: str
    gap: Gap
    healed: bool


@dataclass(frozen=True, slots=True)
class StateChanged:
    """A watch has another state."""

    watch: str
    state: str
    reason: str


LiveEvent: TypeAlias = (
    ConnectionOpened | ConnectionLost | ConnectionRetrying | BindingSettled | GapOpened | GapClosed | StateChanged
)
Hook: TypeAlias = Callable[[LiveEvent], None]


class Hooks:
    """The hooks of one client. Whoever has something to tell asks `wanted` first, so that silence costs nothing."""

    def __init__(self, hooks: Sequence[Hook]) -> None:
        self._hooks = tuple(hooks)

    @property
    def wanted(self) -> bool:
        """Whether anybody listens."""
        return bool(self._hooks)

    def tell(self, event: LiveEvent) -> None:
        """Hand `event` to each."""
        for hook in self._hooks:
            try:
                hook(event)
            except Exception:
                logger.exception("a hook failed on %s", type(event).__name__)


SILENT = Hooks(())
