"""Whether every record of the server was delivered once, or lies in a gap that was reported.

watched = oracle.watch("front door", kind="transcript", rtstream_id="rts-1", since=t0)
async for item in watched.reading(rtstream.watch_transcript(since=t0, gaps="yield")): ...
oracle.emitted(server.emitted)                       # what there was
oracle.check(outages=gate.outages)                   # AssertionError says what was lost, came twice, ...
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Self, TypeAlias, TypeVar

from aiortstream.errors import DataLost
from aiortstream.live.states import WatchState
from aiortstream.live.watch import Watch
from aiortstream.records import Alert, Gap, Scene, TranscriptSegment
from aiortstream.testing.identity import Emitted, Record, kind_of, moment_of, span_of

T = TypeVar("T")
Outage: TypeAlias = tuple[float, float]
_SHOWN = 5  # examples in a message
_NOTICED = 1.0  # seconds in which what was sent arrives, and what went wrong is noticed


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of one watch."""

    name: str
    emitted: int
    """Records of the server that the watch should hand over."""
    delivered: int
    """Records it has handed over, repetitions included."""
    lost: tuple[Record, ...]
    """Neither delivered nor in a gap."""
    in_gaps: tuple[Record, ...]
    """Not delivered, and in a gap that was reported."""
    twice: tuple[Record, ...]
    """Delivered more often than emitted."""
    unknown: tuple[Record, ...]
    """Delivered, and never emitted, or with another text."""
    foreign: tuple[Record, ...]
    """Delivered to a watch that it is none of the business of: of another stream, for instance."""
    gaps: tuple[Gap, ...]
    invented: tuple[Gap, ...]
    """Gaps in which nothing can have been missed; known only where the outages are."""
    misplaced: tuple[Record, ...]
    """Delivered while the watch was healing, after a newer one that was emitted later."""
    disordered: int
    """How often a record came before an older one of its feed, while the watch was healing or not."""

    @property
    def broken(self) -> dict[str, tuple[Record | Gap, ...]]:
        """What must not be, by what it is called; empty where the promise was kept."""
        found: dict[str, tuple[Record | Gap, ...]] = {
            "lost in silence": self.lost,
            "delivered twice": self.twice,
            "never emitted": self.unknown,
            "of another watch": self.foreign,
            "out of order while healing": self.misplaced,
            "gaps without an outage": self.invented,
        }
        return {what: items for what, items in found.items() if items}

    @property
    def ok(self) -> bool:
        """Whether the promise was kept."""
        return not self.broken

    def __str__(self) -> str:
        parts = [f"{self.name}: {self.delivered} of {self.emitted} delivered, {len(self.gaps)} gaps"]
        for what, items in self.broken.items():
            parts.append(f"{len(items)} {what}, for instance {', '.join(map(repr, items[:_SHOWN]))}")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class _Delivery:
    record: Record
    healing: bool
    """The watch was not live when it handed it over."""


class Watched:
    """What one watch handed over, and what it should: see `Oracle.watch`."""

    def __init__(
        self,
        name: str,
        belongs: Callable[[Record], bool],
        since: float | None,
        until: float | None,
    ) -> None:
        self.name = name
        self.gaps: list[Gap] = []
        self._belongs = belongs
        self._since = since
        self._until = until
        self._deliveries: list[_Delivery] = []

    @property
    def records(self) -> list[Record]:
        """What was noted, gaps apart."""
        return [delivery.record for delivery in self._deliveries]

    def note(self, item: object, *, healing: bool = False) -> None:
        """The watch has handed this over: a record, a gap, or the DataLost it has raised; other events are ignored.

        healing: whether the watch was fetching what it had missed; then its records have to come in order.
        """
        match item:
            case DataLost(gap=gap):
                self.gaps.append(gap)
            case Gap():
                self.gaps.append(item)
            case TranscriptSegment() | Scene() | Alert():
                self._deliveries.append(_Delivery(item, healing))

    def reading(self, watch: Watch[T]) -> Reading[T]:
        """The same watch, each item of it noted on its way to the consumer."""
        return Reading(watch, self)

    def report(self, emitted: Emitted, outages: Sequence[Outage] | None) -> Report:
        """Compare what was handed over with what was emitted."""
        wanted = [record for record in emitted if self._wants(record)]
        known = [(delivery, emitted.find(delivery.record)) for delivery in self._deliveries]
        counts = Counter(emitted.key_of(found) for _, found in known if found is not None)
        missing = [record for record in wanted if emitted.key_of(record) not in counts]
        told = {emitted.key_of(record) for record in missing if any(_covers(gap, record) for gap in self.gaps)}
        twice = [key for key, count in counts.items() if count > emitted.count(key)]
        return Report(
            name=self.name,
            emitted=len(wanted),
            delivered=len(self._deliveries),
            lost=tuple(record for record in missing if emitted.key_of(record) not in told),
            in_gaps=tuple(record for record in missing if emitted.key_of(record) in told),
            twice=tuple(emitted[key] for key in twice),
            unknown=tuple(delivery.record for delivery, found in known if found is None),
            foreign=tuple(delivery.record for delivery, found in known if found and not self._belongs(found)),
            gaps=tuple(self.gaps),
            invented=tuple(gap for gap in self.gaps if outages is not None and not _explained(gap, outages)),
            misplaced=_misplaced([(delivery, found) for delivery, found in known if found is not None], emitted),
            disordered=_disordered(self.records),
        )

    def _wants(self, record: Record) -> bool:
        if not self._belongs(record):
            return False
        start, end = span_of(record)
        return (self._since is None or end > self._since) and (self._until is None or start < self._until)


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
        self._watched.note(item, healing=self._watch.state is not WatchState.LIVE)
        return item


class Oracle:
    """Knows what the server emitted and what each watch handed over, and compares."""

    def __init__(self) -> None:
        self._emitted = Emitted()
        self._watched: list[Watched] = []

    def emitted(self, records: Iterable[Record]) -> None:
        """The server has these, in the order in which they came to be. Telling of one again is nothing."""
        for record in records:
            self._emitted.add(record)

    def watch(
        self,
        name: str = "watch",
        *,
        kind: Literal["transcript", "scene", "alert"] | None = None,
        rtstream_id: str | None = None,
        index_id: str | None = None,
        label: str | None = None,
        since: float | None = None,
        until: float | None = None,
        wants: Callable[[Record], bool] | None = None,
    ) -> Watched:
        """Begin to note what a watch hands over, and say which of the server's records it should.

        Those of a kind, a stream, an index, a label (of alerts), which end after `since` and begin before `until` (unix
        seconds), and for which `wants` is true; what is left out selects nothing. What the watch hands over besides is
        wrong, except for what is only of another time.
        """

        def belongs(record: Record) -> bool:
            return (
                kind in (None, kind_of(record))
                and rtstream_id in (None, record.rtstream_id)
                and (index_id is None or index_id == getattr(record, "index_id", None))
                and (label is None or label == getattr(record, "label", None))
                and (wants is None or wants(record))
            )

        watched = Watched(name, belongs, since, until)
        self._watched.append(watched)
        return watched

    def reports(self, outages: Sequence[Outage] | None = None) -> list[Report]:
        """What was found of each watch.

        outages: from when to when something can have been missed, unix seconds, as `FaultGate.outages` has it. A gap
        that begins more than a second after all of them, or ends before, is an invention.
        """
        return [watched.report(self._emitted, outages) for watched in self._watched]

    def check(self, outages: Sequence[Outage] | None = None) -> list[Report]:
        """The reports; AssertionError where a promise was broken, with examples."""
        reports = self.reports(outages)
        broken = [str(report) for report in reports if not report.ok]
        if broken:
            raise AssertionError("\n".join(broken))
        return reports


def _covers(gap: Gap, record: Record) -> bool:
    """Whether this record may be what that gap tells of."""
    index = getattr(record, "index_id", None)
    # A gap of what has no history begins with the newest frame that came. What fired a moment before that may have been
    # on its way still, behind it.
    sent_by = gap.start - (_NOTICED if isinstance(record, Alert) and record.firing_id is None else 0.0)
    return (
        gap.kind in ("event", kind_of(record))
        and (gap.rtstream_id is None or record.rtstream_id is None or gap.rtstream_id == record.rtstream_id)
        and (gap.index_id is None or index is None or gap.index_id == index)
        and sent_by <= moment_of(record) <= (float("inf") if gap.end is None else gap.end)
    )


def _explained(gap: Gap, outages: Sequence[Outage]) -> bool:
    end = float("inf") if gap.end is None else gap.end
    return any(start <= end and gap.start <= stop + _NOTICED for start, stop in outages)


def _feed_of(record: Record) -> tuple[str, str | None, str | None]:
    return kind_of(record), record.rtstream_id, getattr(record, "index_id", None)


def _misplaced(known: Sequence[tuple[_Delivery, Record]], emitted: Emitted) -> tuple[Record, ...]:
    """What came after a newer record of its feed although it had been there first, in one stretch of healing.

    A record that was emitted after a newer one cannot come before it, and a live watch hands over what comes.
    """
    healed: dict[object, list[tuple[tuple[float, float], int]]] = {}  # of each feed: what nothing newer and later hides
    misplaced = []
    for delivery, record in known:
        feed = _feed_of(record)
        if not delivery.healing:
            healed.pop(feed, None)
            continue
        span, number = span_of(record), emitted.number(record)
        before = healed.setdefault(feed, [])
        if any(span < newer and number < later for newer, later in before):
            misplaced.append(delivery.record)
        before[:] = [each for each in before if not (each[0] <= span and each[1] <= number)]
        before.append((span, number))
    return tuple(misplaced)


def _disordered(records: Sequence[Record]) -> int:
    newest: dict[object, float] = {}
    count = 0
    for record in records:
        feed, at = _feed_of(record), moment_of(record)
        count += at < newest.get(feed, at)
        newest[feed] = max(at, newest.get(feed, at))
    return count
