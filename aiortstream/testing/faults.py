"""What is to go wrong, and when: a script that a `FaultGate` follows. No I/O.

    plan.requests(Status(429, retry_after=1.0), path="*/transcription", times=2)
    plan.handshakes(Refused())                       # the websocket's URL has expired
    plan.frames(Duplicate(), after=10)               # the eleventh frame from now on
    plan.at_random(7, [Reset(), DropFrame(), GarbageFrame()], probability=0.01)

Each entry is used up after `times`. What was done stands in `plan.applied`.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Generic, TypeAlias, TypeVar

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Status:
    """The request is answered with an error status, in the service's envelope."""

    code: int
    retry_after: float | None = None
    """Seconds, in a `Retry-After` header."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """The request is answered with something that is no JSON."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The connection is reset: before the request is passed on, or after the frame before."""


@dataclass(frozen=True, slots=True)
class BlackHole:
    """Nothing comes any more, and nothing is closed: of a websocket, not even the answers to pings."""


@dataclass(frozen=True, slots=True)
class Stall:
    """It takes `seconds` longer; of a websocket, all frames after it as well."""

    seconds: float


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """The request is passed on and carried out, and the connection is reset instead of its answer."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The websocket's handshake is refused with 403, as for a URL that has expired."""


@dataclass(frozen=True, slots=True)
class FrameBeforeHello:
    """A frame comes before the first one."""

    raw: str = '{"channel":"unheard_of","data":{}}'


@dataclass(frozen=True, slots=True)
class Close:
    """The websocket is closed with this code, in place of the frame."""

    code: int = 1001


@dataclass(frozen=True, slots=True)
class GarbageFrame:
    """A frame that is none comes before this one."""

    raw: str = '{"channel":"transcript","data":{"text":'


@dataclass(frozen=True, slots=True)
class OversizedFrame:
    """A frame of so many bytes comes before this one."""

    size: int = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The frame comes twice."""


@dataclass(frozen=True, slots=True)
class Reorder:
    """The frame comes after the next one."""


@dataclass(frozen=True, slots=True)
class LateFrame:
    """The frame comes after so many others, or when the connection ends."""

    after: int = 5


@dataclass(frozen=True, slots=True)
class DropFrame:
    """The frame does not come. No TCP connection does this; a service that loses records does."""


RequestFault: TypeAlias = Status | Garbage | Reset | BlackHole | Stall | LostAnswer
HandshakeFault: TypeAlias = Refused | Reset | BlackHole | Stall | FrameBeforeHello
FrameFault: TypeAlias = (
    Close | GarbageFrame | OversizedFrame | Duplicate | Reorder | LateFrame | DropFrame | Reset | BlackHole | Stall
)


@dataclass(slots=True)
class _Entry(Generic[F]):
    fault: F
    times: int
    after: int = 0
    path: str = "*"


@dataclass(slots=True)
class _Chance(Generic[F]):
    faults: Sequence[F]
    probability: float
    random: random.Random


@dataclass(slots=True)
class FaultPlan:
    """A script of faults. Entries of one kind are used in the order in which they were added."""

    applied: Counter[str] = field(default_factory=Counter)
    """How often each was done, by its name."""
    _requests: list[_Entry[RequestFault]] = field(default_factory=list)
    _handshakes: list[_Entry[HandshakeFault]] = field(default_factory=list)
    _frames: list[_Entry[FrameFault]] = field(default_factory=list)
    _chance: _Chance[FrameFault] | None = None

    def requests(self, fault: RequestFault, *, path: str = "*", after: int = 0, times: int = 1) -> None:
        """Do it to the next `times` requests whose path matches, after `after` such requests."""
        self._requests.append(_Entry(fault, times, after, path))

    def handshakes(self, fault: HandshakeFault, *, after: int = 0, times: int = 1) -> None:
        """Do it to the next `times` websockets that are opened, after `after` others."""
        self._handshakes.append(_Entry(fault, times, after))

    def frames(self, fault: FrameFault, *, after: int = 0, times: int = 1) -> None:
        """Do it to the next `times` frames that the server sends, of all connections, after `after` others."""
        self._frames.append(_Entry(fault, times, after))

    def at_random(self, seed: int, faults: Sequence[FrameFault], *, probability: float) -> None:
        """Besides, do one of these to each frame with this probability; the same seed gives the same faults."""
        self._chance = _Chance(tuple(faults), probability, random.Random(seed))  # noqa: S311 - chooses faults

    def clear(self) -> None:
        """Nothing goes wrong from now on."""
        self._requests.clear()
        self._handshakes.clear()
        self._frames.clear()
        self._chance = None

    @property
    def is_done(self) -> bool:
        """Whether all that was asked for has been done; what comes at random is never done."""
        return not (self._requests or self._handshakes or self._frames)

    # --- for whoever follows it ---------------------------------------------------------------------------------------

    def for_request(self, path: str) -> RequestFault | None:
        """What to do to this request."""
        return self._use(self._requests, path)

    def for_handshake(self) -> HandshakeFault | None:
        """What to do to this opening of a websocket."""
        return self._use(self._handshakes, "")

    def for_frame(self) -> FrameFault | None:
        """What to do to this frame."""
        fault = self._use(self._frames, "")
        chance = self._chance
        if fault is None and chance is not None and chance.random.random() < chance.probability:
            fault = chance.random.choice(chance.faults)
            self._note(fault)
        return fault

    def _use(self, entries: list[_Entry[F]], path: str) -> F | None:
        for entry in entries:
            if not fnmatchcase(path, entry.path):
                continue
            if entry.after > 0:
                entry.after -= 1
                return None
            entry.times -= 1
            if entry.times <= 0:
                entries.remove(entry)
            self._note(entry.fault)
            return entry.fault
        return None

    def _note(self, fault: object) -> None:
        self.applied[type(fault).__name__] += 1
