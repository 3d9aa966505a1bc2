"""Whether every record of the server was delivered once, or lies in a gap that was reported.

oracle.emitted(server.emitted)                       # what there was
watched = oracle.watch("front door", wants=lambda record: record.rtstream_id == "rts-1")
async for item in watched.reading(rtstream.watch_transcript(gaps="yield")): ...
oracle.check()                                       # AssertionError says what was lost, came twice, ...
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeAlias, TypeVar

from aiortstream.errors import DataLost
from aiortstream.live.watch import Watch
from aiortstream.records import Alert, Gap, Scene, TranscriptSegment
from aiortstream.wire.times import to_milliseconds

T = TypeVar("T")
Record: TypeAlias = TranscriptSegment | Scene | Alert
_SHOWN = 5  # examples in a message


def identity(record: Record) -> Hashable:
    """What makes a record the same record, whichever way it came."""
    if isinstance(record, Alert):
        if record.firing_id is not None:
            return "alert", record.firing_id
        at = record.timestamp if record.end is None else record.end
        return "alert", record.rtstream_id, record.label, to_milliseconds(at)
    kind = "scene" if isinstance(record, Scene) else "transcript"
    index = record.index_id if isinstance(record, Scene) else None
    return kind, record.rtstream_id, index, to_milliseconds(record.start), to_milliseconds(record.end)


def moment_of(record: Record) -> float:
    """When it was, unix seconds: what decides in which gap it lies."""
    if isinstance(record, Alert):
        return record.timestamp if record.fired_at is None else record.fired_at
    return record.end


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of one watch."""

    name: str
    emitted: int
    """Records of the server that the watch wanted."""
    delivered: int
    lost: tuple[Record, ...]
    """Neither delivered nor in a gap."""
    in_gaps: tuple[Record, ...]
    """Not delivered, and in a gap that was reported."""
    twice: tuple[Record, ...]
    unknown: tuple[Record, ...]
    """Delivered, and never emitted."""
    gaps: tuple[Gap, ...]
    invented: tuple[Gap, ...]
    """Gaps in which nothing can have been missed; known only where the outages are."""
    disordered: int
    """How often a record came before an older one of its feed, while the watch was healing or not."""

    @property
    def ok(self) -> bool:
        """Whether the promise was kept."""
        return not (self.lost or self.twice or self.unknown or self.invented)

    def __str__(self) -> str:
        parts = [f"{self.name}: {self.delivered} of {self.emitted} delivered, {len(self.gaps)} gaps"]
        for what, items in (
            ("lost in silence", self.lost),
            ("delivered twice", self.twice),
            ("never emitted", self.unknown),
            ("gaps without an outage", self.invented),
        ):
            if items:
                parts.append(f"{len(items)} {what}, for instance {', '.join(map(repr, items[:_SHOWN]))}")
        return "; ".join(parts)


class Watched:
    """What one watch handed over. `wants`: which of the server's records it should."""

    def __init__(self, name: str, wants: Callable[[Record], bool]) -> None:
        self.name = name
        self.wants = wants
        self.records: list[Record] = []
        self.gaps: list[Gap] = []

    def note(self, item: object) -> None:
        """The watch has handed this over: a record, a gap, or the DataLost it has raised; other events are ignored."""
        if isinstance(item, DataLost):
            self.gaps.append(item.gap)
        elif isinstance(item, Gap):
            self.gaps.append(item)
        elif isinstance(item, TranscriptSegment | Scene | Alert):
            self.records.append(item)

    def reading(self, watch: Watch[T]) -> Reading[T]:
        """The same watch, each item of it noted on its way to the consumer."""
        return Reading(watch, self)


class Reading(Generic[T]):
    """An iterator over a watch that notes what it hands on. Closing is the watch's business."""

    def __init__(self, watch: Watch[T], watched: Watched) -> None:
        self._watch = watch
        self._watched = watched

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """The watch's next item. Cancelling it loses nothing."""
        try:
            item = await anext(self._watch)
        except DataLost as lost:
            self._watched.note(lost)
            raise
        self._watched.note(item)
        return item


class Oracle:
    """Knows what the server emitted and what each watch handed over, and compares."""

    def __init__(self) -> None:
        self._emitted: dict[Hashable, Record] = {}
        self._watched: list[Watched] = []

    def emitted(self, records: Iterable[Record]) -> None:
        """The server has these. Telling of one again is nothing."""
        for record in records:
            self._emitted.setdefault(identity(record), record)

    def watch(self, name: str = "watch", *, wants: Callable[[Record], bool] = lambda _: True) -> Watched:
        """Begin to note what a watch hands over."""
        watched = Watched(name, wants)
        self._watched.append(watched)
        return watched

    def reports(self, outages: Sequence[tuple[float, float]] | None = None) -> list[Report]:
        """What was found of each watch. `outages`: from when to when something can have been missed, unix seconds."""
        return [self._report(watched, outages) for watched in self._watched]

    def check(self, outages: Sequence[tuple[float, float]] | None = None) -> list[Report]:
        """The reports; AssertionError where a promise was broken, with examples."""
        reports = self.reports(outages)
        broken = [str(report) for report in reports if not report.ok]
        if broken:
            raise AssertionError("\n".join(broken))
        return reports

    def _report(self, watched: Watched, outages: Sequence[tuple[float, float]] | None) -> Report:
        wanted = {key: record for key, record in self._emitted.items() if watched.wants(record)}
        counts = Counter(identity(record) for record in watched.records)
        missing = [record for key, record in wanted.items() if key not in counts]
        told = [record for record in missing if any(_covers(gap, record) for gap in watched.gaps)]
        once = {identity(record): record for record in watched.records}
        return Report(
            name=watched.name,
            emitted=len(wanted),
            delivered=len(watched.records),
            lost=tuple(record for record in missing if record not in told),
            in_gaps=tuple(told),
            twice=tuple(once[key] for key, count in counts.items() if count > 1),
            unknown=tuple(record for key, record in once.items() if key not in self._emitted),
            gaps=tuple(watched.gaps),
            invented=tuple(gap for gap in watched.gaps if outages is not None and not _explained(gap, outages)),
            disordered=_disordered(watched.records),
        )


def _covers(gap: Gap, record: Record) -> bool:
    """Whether this record may be what that gap tells of."""
    stream = getattr(record, "rtstream_id", None)
    same_stream = gap.rtstream_id is None or stream is None or gap.rtstream_id == stream
    return same_stream and gap.start <= moment_of(record) <= (float("inf") if gap.end is None else gap.end)


def _explained(gap: Gap, outages: Sequence[tuple[float, float]]) -> bool:
    end = float("inf") if gap.end is None else gap.end
    return any(start <= end and gap.start <= stop for start, stop in outages)


def _disordered(records: Sequence[Record]) -> int:
    newest: dict[Any, float] = {}
    count = 0
    for record in records:
        feed = type(record), record.rtstream_id, getattr(record, "index_id", None)
        at = moment_of(record)
        count += at < newest.get(feed, at)
        newest[feed] = max(at, newest.get(feed, at))
    return count
