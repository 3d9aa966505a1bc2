"""When two records are one: what was emitted, found again by what was delivered, whichever way it came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Literal, TypeAlias

from msgspec.structs import replace

from aiortstream.records import Alert, Scene, TranscriptSegment
from aiortstream.wire.times import to_milliseconds

Record: TypeAlias = TranscriptSegment | Scene | Alert


def kind_of(record: Record) -> Literal["transcript", "scene", "alert"]:
    """As gaps and watches name it."""
    match record:
        case TranscriptSegment():
            return "transcript"
        case Scene():
            return "scene"
        case Alert():
            return "alert"


def span_of(record: Record) -> tuple[float, float]:
    """From when to when it is, unix seconds: an alert is at the moment at which it fired."""
    if isinstance(record, Alert):
        at = record.timestamp if record.fired_at is None else record.fired_at
        return at, at
    return record.start, record.end


def moment_of(record: Record) -> float:
    """When it was, unix seconds: what decides in which gap it lies."""
    return span_of(record)[1]


def _identity(record: Record) -> Hashable:
    """What makes a record the same record: as the watches have it, they are told apart by their times."""
    if isinstance(record, Alert):
        if record.firing_id is not None:
            return "alert", record.firing_id
        return "alert", record.rtstream_id, record.label, to_milliseconds(record.timestamp), record.text
    index = record.index_id if isinstance(record, Scene) else None
    return kind_of(record), record.rtstream_id, index, to_milliseconds(record.start), to_milliseconds(record.end)


class Emitted:
    """The records of a server, in the order in which they were emitted."""

    def __init__(self) -> None:
        self._told: dict[int, Record] = {}  # by the object's id, which it keeps as long as it is kept here
        self._records: dict[Hashable, Record] = {}
        self._numbers: dict[Hashable, int] = {}
        self._counts: Counter[Hashable] = Counter()
        self._of_span: dict[Hashable, list[Scene]] = {}  # scenes by all but their index

    def add(self, record: Record) -> None:
        """It was emitted. The same object again is nothing."""
        if id(record) in self._told:
            return
        self._told[id(record)] = record
        key = _identity(record)
        self._counts[key] += 1
        if key in self._records:
            return
        self._records[key] = record
        self._numbers[key] = len(self._numbers)
        if isinstance(record, Scene):
            self._of_span.setdefault(_identity(replace(record, index_id=None)), []).append(record)

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records.values())

    def __getitem__(self, key: Hashable) -> Record:
        return self._records[key]

    def find(self, delivered: Record) -> Record | None:
        """What was emitted that this is; None if nothing was, or its text is another."""
        found = self._records.get(_identity(delivered))
        if found is None and isinstance(delivered, Scene) and delivered.index_id is None:
            # A frame need not say which index it is of.
            candidates = self._of_span.get(_identity(delivered), [])
            found = next((scene for scene in candidates if scene.text == delivered.text), None)
        return found if found is not None and found.text == delivered.text else None

    def key_of(self, record: Record) -> Hashable:
        """What tells a record that was emitted from others."""
        return _identity(record)

    def count(self, key: Hashable) -> int:
        """How often it may be delivered: two alerts of one moment cannot be told apart, other records are one."""
        record = self._records[key]
        return self._counts[key] if isinstance(record, Alert) and record.firing_id is None else 1

    def number(self, record: Record) -> int:
        """How many were emitted before it."""
        return self._numbers[_identity(record)]
