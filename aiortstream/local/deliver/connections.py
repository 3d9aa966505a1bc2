"""A connection, which a client knows by its id, and the hold that a socket has on it.

One socket at a time has the hold; another one that resumes the id takes it over, between two frames. What is put
meanwhile, or while there is no socket, waits in the backlog.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiortstream.local.deliver.backlog import Backlog, Outgoing
from aiortstream.wire.extras import RESUMED_ELSEWHERE

if TYPE_CHECKING:
    from aiortstream.local.deliver.limits import HubLimits


@dataclass(frozen=True, slots=True)
class Ending:
    """Why the server ends a socket."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    """The connection that a client wants to go on with, and the number of the last frame it received."""

    connection_id: str
    after: int


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the first frame on a socket says."""

    connection_id: str
    sequence: int | None
    """The number of the frame before the first that follows; None where frames are not numbered."""
    complete: bool = False


class Connection:
    """What waits to be sent to one client, and may have to be sent again."""

    def __init__(self, identifier: str, limits: HubLimits, *, numbered: bool = False, last: int = 0) -> None:
        self.id = identifier
        self.backlog = Backlog(limits, numbered=numbered, last=last)
        self.link: Link | None = None  # of the socket that has the hold on it
        self._limits = limits

    def put(self, frame: Outgoing) -> bool:
        """Append a frame for the socket there is; False if that is too far behind and has to go."""
        self.backlog.forget(frame.at - self._limits.kept_seconds)
        kept_up = self.backlog.put(frame)
        if kept_up and self.link is not None:
            self.link.wake()
        return kept_up

    def hold(self, link: Link, after: int | None) -> Greeting:
        """Give a socket the hold; the one that had it is ended. `after` resumes, None begins."""
        if self.link is not None:
            self.link.end(Ending(RESUMED_ELSEWHERE, "the connection goes on through another socket"))
        self.link, link.connection = link, self
        if after is None:
            return Greeting(self.id, self.backlog.last if self.backlog.numbered else None)
        self.backlog.numbered = True
        return Greeting(self.id, *self.backlog.go_back(after))


class Link:
    """One socket's hold on a connection. It takes frames for as long as it has it."""

    def __init__(self) -> None:
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self.connection: Connection | None = None  # set after the handshake
        self._news = asyncio.Event()

    def end(self, ending: Ending) -> None:
        """Have the socket closed; only the first reason counts."""
        if not self.ended.done():
            self.ended.set_result(ending)

    def wake(self) -> None:
        """There is a frame."""
        self._news.set()

    async def next_frame(self) -> bytes:
        """Take the oldest frame, waiting for one: for ever if another socket has the hold. Cancelling it loses none."""
        while True:
            if self.connection is not None and self.connection.link is self:
                frame = self.connection.backlog.take()
                if frame is not None:
                    return frame
            self._news.clear()
            await self._news.wait()
