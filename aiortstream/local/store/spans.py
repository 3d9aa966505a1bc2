"""Records as stretches of time: which of them touch a window, found through an index on their starts.

A record touches a window if it ends at its start or later, and starts at its end or earlier. The starts are indexed,
the ends are not; but no record of an owner (an index, or a stream's transcript) is longer than its longest one so far,
so one that touches the window starts at most that long before it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from typing import Self


@dataclass(frozen=True, slots=True)
class Window:
    """Bounds in milliseconds, both inclusive; None is open."""

    start_ms: int | None = None
    end_ms: int | None = None

    @classmethod
    def of_seconds(cls, start: float | None, end: float | None) -> Self:
        """From unix seconds, rounded outwards."""
        return cls(
            None if start is None else math.floor(start * 1000),
            None if end is None else math.ceil(end * 1000),
        )

    def condition(self, conn: sqlite3.Connection, owner: str) -> tuple[str, list[int]]:
        """A condition on `start_ms` and `end_ms` of the owner's records, to follow another one, and its values."""
        text, values = "", list[int]()
        if self.start_ms is not None:
            text += " AND start_ms >= ? AND end_ms >= ?"
            values += [self.start_ms - _longest(conn, owner), self.start_ms]
        if self.end_ms is not None:
            text += " AND start_ms <= ?"
            values.append(self.end_ms)
        return text, values


def note_length(conn: sqlite3.Connection, owner: str, milliseconds: int) -> None:
    """Account for a record that is written."""
    conn.execute(
        "INSERT INTO longest (owner, milliseconds) VALUES (?, ?)"
        " ON CONFLICT (owner) DO UPDATE SET milliseconds = max(milliseconds, excluded.milliseconds)",
        (owner, milliseconds),
    )


def _longest(conn: sqlite3.Connection, owner: str) -> int:
    row = conn.execute("SELECT milliseconds FROM longest WHERE owner = ?", (owner,)).fetchone()
    return 0 if row is None else int(row[0])
