"""The frames of one connection: those that are still to be sent and, where they are numbered, those sent lately.

Each frame has the next number, 1, 2, ...; what is held is the newest of them, without a hole:

    kept: sent, oldest first | waiting: to be sent, oldest first
                             ^ sent                             ^ last

So a socket that takes the connection over has the line moved back behind the last frame that its client received. No
I/O, and no clock: a frame says when it was published.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiortstream.wire.frames import number_frame

if TYPE_CHECKING:
    from aiortstream.local.deliver.limits import HubLimits


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A frame without its number, which all connections that get it share. `at` is the hub's monotonic time."""

    data: bytes
    at: float


class Backlog:
    """What one connection has been told and is to be told. `last` is the number of the newest frame."""

    def __init__(self, limits: HubLimits, *, numbered: bool, last: int = 0) -> None:
        self.numbered = numbered
        self.last = last
        self.bytes = 0  # the sum of the lengths in _kept and _waiting
        self._limits = limits
        self._kept: deque[Outgoing] = deque()  # stays empty unless numbered
        self._waiting: deque[Outgoing] = deque()
        self._again_to = last  # up to it, waiting frames are sent again and do not count as being behind
        self._behind_bytes = 0  # the sum of the lengths of waiting frames after _again_to

    @property
    def sent(self) -> int:
        """The number of the frame that was taken last."""
        return self.last - len(self._waiting)

    @property
    def behind(self) -> int:
        """How many frames have been put since the socket came and are still to be sent."""
        return min(len(self._waiting), self.last - self._again_to)

    def put(self, frame: Outgoing) -> bool:
        """Append a frame. False if the socket is too far behind by it and has to go.

        Without numbers the frame is dropped then, for nobody can ask for it.
        """
        kept_up = self.behind < self._limits.frames and self._behind_bytes + len(frame.data) <= self._limits.bytes
        if not (kept_up or self.numbered):
            return False
        self.last += 1
        self._waiting.append(frame)
        self.bytes += len(frame.data)
        self._behind_bytes += len(frame.data)
        return (not self.numbered or self._make_room()) and kept_up

    def take(self) -> bytes | None:
        """The next frame to be sent, with its number where frames are numbered; None if there is none."""
        if not self._waiting:
            return None
        frame = self._pop_waiting()
        if not self.numbered:
            self.bytes -= len(frame.data)
            return frame.data
        self._kept.append(frame)
        return number_frame(frame.data, self.sent)

    def forget(self, before: float) -> None:
        """Forget frames that were sent and are older than that."""
        while self._kept and self._kept[0].at < before:
            self.bytes -= len(self._kept.popleft().data)

    def go_back(self, after: int) -> tuple[int, bool]:
        """Have everything after that number sent, again or for the first time.

        Returns the number it goes on after, and whether nothing is missing between `after` and that. Something is if
        it is no longer kept, or if the number is none of ours; then numbering goes on above both.
        """
        oldest = self.last - len(self._waiting) - len(self._kept)
        if after > self.last:
            self._kept.clear()
            self._waiting.clear()
            self.bytes, self.last, oldest, complete = 0, after, after, False
        else:
            complete = after >= oldest
        begin = max(after, oldest)
        while self.sent > begin:
            self._waiting.appendleft(self._kept.pop())
        while self.sent < begin:
            self._kept.append(self._waiting.popleft())
        self._again_to, self._behind_bytes = self.last, 0
        return begin, complete

    def _make_room(self) -> bool:
        """Drop the oldest frames beyond the bounds; whether all of them had been sent."""
        limits, all_sent = self._limits, True
        while len(self._kept) + len(self._waiting) > limits.kept_frames or self.bytes > limits.kept_bytes:
            if not self._kept:
                all_sent = False
            self.bytes -= len((self._kept.popleft() if self._kept else self._pop_waiting()).data)
        return all_sent

    def _pop_waiting(self) -> Outgoing:
        frame = self._waiting.popleft()
        if self.sent > self._again_to:
            self._behind_bytes -= len(frame.data)
        return frame
