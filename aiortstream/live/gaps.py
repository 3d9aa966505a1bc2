"""The gaps of one feed: the one that is open, the last one, and how many. Times are in the server's time."""

from __future__ import annotations

from msgspec.structs import replace

from aiortstream.live.hooks import GapClosed, GapOpened, Hooks
from aiortstream.live.states import ANY_STREAM, FeedKey
from aiortstream.records import Gap, GapCause


class GapLog:
    """What may have been missed, and what became of it; the hooks are told."""

    __slots__ = (
        "_hooks",
        "_key",
        "_open",
        "_recovered",
        "count",
        "last",
        "recovered",
    )

    def __init__(self, key: FeedKey, hooks: Hooks) -> None:
        self.count = 0  # since the feed was opened
        self.recovered = 0  # records that polls have brought
        self.last: Gap | None = None
        self._key = key
        self._hooks = hooks
        self._open: Gap | None = None  # live delivery ended, and the stretch is not fetched yet
        self._recovered = 0  # since it opened

    @property
    def is_open(self) -> bool:
        """Whether a stretch waits for being fetched."""
        return self._open is not None

    def open_now(self) -> Gap | None:
        """The open gap as it stands."""
        return None if self._open is None else replace(self._open, recovered=self._recovered)

    def open(self, since: float, cause: GapCause) -> None:
        """Live delivery ended. A gap that is open already goes on."""
        self.count += 1
        if self._open is None:
            self._open = self._gap(since, None, cause, recoverable=True)
            self._recovered = 0
            if self._hooks.wanted:
                self._hooks.tell(GapOpened(str(self._key), self._open))

    def found(self, count: int) -> None:
        """A poll has brought records that the socket had not."""
        self.recovered += count
        self._recovered += count

    def close(self, now: float) -> None:
        """All of it has been fetched."""
        gap = self.open_now()
        if gap is not None:
            self._open, self.last = None, replace(gap, end=max(gap.start, now))
            if self._hooks.wanted:
                self._hooks.tell(GapClosed(str(self._key), self.last, healed=True))

    def lost(self, start: float, end: float, cause: GapCause) -> Gap:
        """A stretch that cannot be fetched again, for the consumer."""
        self.count += 1
        lost = self.last = self._gap(start, end, cause, recoverable=False)
        if self._hooks.wanted:
            self._hooks.tell(GapClosed(str(self._key), lost, healed=False))
        return lost

    def _gap(self, start: float, end: float | None, cause: GapCause, *, recoverable: bool) -> Gap:
        stream = None if self._key.rtstream_id == ANY_STREAM else self._key.rtstream_id
        return Gap(self._key.kind, start, end, cause, recoverable, stream, self._key.index_id)
