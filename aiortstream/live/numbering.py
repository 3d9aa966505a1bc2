"""The numbers of the frames of one connection: which have come, and which have not. No I/O."""

from __future__ import annotations

_LARGEST_JUMP = 1_000_000
_MISSING_KEPT = 1000  # numbers that may still come late


class Numbering:
    """Counts on where a server numbers its frames 1, 2, ... `last` is what the next connection goes on after."""

    def __init__(self, connection_id: str, last: int) -> None:
        self.connection_id = connection_id
        self.last = last
        self._missing: dict[int, None] = {}

    def restart(self, last: int) -> None:
        """The server goes on after `last`, and what is between will not come."""
        self.last = last
        self._missing.clear()

    def skipped(self, sequence: int) -> int | None:
        """How many frames are missing before the one of this number; None if it has come before."""
        if sequence < 1:
            return 0  # it is no number: the frame is taken as one without
        if sequence <= self.last:
            if sequence not in self._missing:
                return None
            del self._missing[sequence]
            return 0
        skipped = sequence - self.last - 1
        if skipped > _LARGEST_JUMP:
            return 1  # no server has lost as many: a number that is wrong must not make all later ones look old
        if skipped:
            for number in range(max(self.last + 1, sequence - _MISSING_KEPT), sequence):
                self._missing[number] = None
            while len(self._missing) > _MISSING_KEPT:
                del self._missing[next(iter(self._missing))]
        self.last = sequence
        return skipped
