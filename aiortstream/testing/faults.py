"""What is to go wrong, and when: a script that a `FaultGate` follows. No I/O.

    plan.requests(Status(429, retry_after=1.0), path="*/transcription", times=2)
    plan.handshakes(Refused())                       # the websocket's URL has expired
    plan.frames(Duplicate(), after=10)               # the eleventh frame from now on
    plan.at_random(7, [Reset(), DropFrame(), GarbageFrame()], probability=0.01)
    plan.at_random(7, requests=[Status(503), Stall(0.5)], probability=0.1, path="*/index/*")

Each entry is used up after `times`. What was done stands in `plan.applied` and `plan.log`.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Generic, Literal, TypeAlias, TypeVar

from aiortstream.errors import InvalidArgumentError

F = TypeVar("F")
Target: TypeAlias = Literal["request", "handshake", "frame"]
_LOGGED = 100_000  # faults


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
class Slow:
    """The answer comes at so many bytes a second; of a websocket, this frame and all after it, on that connection."""

    bytes_per_second: float


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


RequestFault: TypeAlias = Status | Garbage | Reset | BlackHole | Stall | Slow | LostAnswer
HandshakeFault: TypeAlias = Refused | Reset | BlackHole | Stall | FrameBeforeHello
FrameFault: TypeAlias = (
    Close
    | GarbageFrame
    | OversizedFrame
    | Duplicate
    | Reorder
    | LateFrame
    | DropFrame
    | Reset
    | BlackHole
    | Stall
    | Slow
)
Fault: TypeAlias = RequestFault | HandshakeFault | FrameFault


@dataclass(frozen=True, slots=True)
class Applied:
    """One fault that was done."""

    fault: Fault
    target: Target
    path: str
    """Of the request or of the websocket."""
    at: float
    """Unix seconds."""


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
    path: str
    times: int | None


@dataclass(slots=True)
class _Script(Generic[F]):
    """What is to be done to one kind of target."""

    entries: list[_Entry[F]] = field(default_factory=list)
    chance: _Chance[F] | None = None

    def add(self, fault: F, *, path: str, after: int, times: int) -> None:
        if after < 0:
            raise InvalidArgumentError(f"after: expected how many go unharmed before, from 0 on, got {after!r}")
        if times < 1:
            raise InvalidArgumentError(f"times: expected how often to do it, from 1 on, got {times!r}")
        self.entries.append(_Entry(fault, times, after, path))

    def next(self, path: str) -> F | None:
        for entry in self.entries:
            if not fnmatchcase(path, entry.path):
                continue
            if entry.after > 0:
                entry.after -= 1
                break
            entry.times -= 1
            if entry.times <= 0:
                self.entries.remove(entry)
            return entry.fault
        return self._by_chance(path)

    def _by_chance(self, path: str) -> F | None:
        chance = self.chance
        if chance is None or chance.times == 0 or not fnmatchcase(path, chance.path):
            return None
        if chance.random.random() >= chance.probability:
            return None
        if chance.times is not None:
            chance.times -= 1
        return chance.random.choice(chance.faults)


class FaultPlan:
    """A script of faults. Entries of one kind are used in the order in which they were added."""

    def __init__(self) -> None:
        self.applied: Counter[str] = Counter()
        """How often each was done, by its name."""
        self._log: deque[Applied] = deque(maxlen=_LOGGED)
        self._requests: _Script[RequestFault] = _Script()
        self._handshakes: _Script[HandshakeFault] = _Script()
        self._frames: _Script[FrameFault] = _Script()

    @property
    def log(self) -> list[Applied]:
        """What was done, to what and when, oldest first: the newest hundred thousand."""
        return list(self._log)

    def requests(self, fault: RequestFault, *, path: str = "*", after: int = 0, times: int = 1) -> None:
        """Do it to the next `times` requests whose path matches, after `after` such requests.

        `path`: a pattern, as of file names, of the path without the query. This and its like raise
        InvalidArgumentError for counts that make no sense.
        """
        self._requests.add(fault, path=path, after=after, times=times)

    def handshakes(self, fault: HandshakeFault, *, after: int = 0, times: int = 1) -> None:
        """Do it to the next `times` websockets that are opened, after `after` others."""
        self._handshakes.add(fault, path="*", after=after, times=times)

    def frames(self, fault: FrameFault, *, after: int = 0, times: int = 1) -> None:
        """Do it to the next `times` frames that the server sends, of all connections, after `after` others.

        The first frame of a connection is not counted: `handshakes` are for what happens to that.
        """
        self._frames.add(fault, path="*", after=after, times=times)

    def at_random(
        self,
        seed: int,
        faults: Sequence[FrameFault] = (),
        *,
        probability: float,
        requests: Sequence[RequestFault] = (),
        handshakes: Sequence[HandshakeFault] = (),
        path: str = "*",
        times: int | None = None,
    ) -> None:
        """Besides, do one of these to each frame, request and opening with this probability, at most `times` of each.

        The same seed gives the same faults, whatever the order in which frames and requests come. `path` is of the
        requests. It takes the place of what it was told before of those kinds that it is given.
        """
        if not 0.0 <= probability <= 1.0:
            raise InvalidArgumentError(f"probability: expected 0 to 1, got {probability!r}")
        if not (faults or requests or handshakes):
            raise InvalidArgumentError("faults, requests, handshakes: expected one fault at least")

        def drawn(kind: Target) -> random.Random:
            return random.Random(f"{seed} {kind}")  # noqa: S311 - chooses faults

        if faults:
            self._frames.chance = _Chance(tuple(faults), probability, drawn("frame"), "*", times)
        if requests:
            self._requests.chance = _Chance(tuple(requests), probability, drawn("request"), path, times)
        if handshakes:
            self._handshakes.chance = _Chance(tuple(handshakes), probability, drawn("handshake"), "*", times)

    def clear(self) -> None:
        """Nothing goes wrong from now on. What was done is remembered."""
        self._requests, self._handshakes, self._frames = _Script(), _Script(), _Script()

    @property
    def is_done(self) -> bool:
        """Whether all that was asked for has been done; what comes at random is never done."""
        return not (self._requests.entries or self._handshakes.entries or self._frames.entries)

    # --- for whoever follows it ---------------------------------------------------------------------------------------

    def for_request(self, path: str, at: float = 0.0) -> RequestFault | None:
        """What to do to this request, at this moment in unix seconds."""
        return self._noted(self._requests.next(path), "request", path, at)

    def for_handshake(self, path: str = "", at: float = 0.0) -> HandshakeFault | None:
        """What to do to this opening of a websocket."""
        return self._noted(self._handshakes.next(path), "handshake", path, at)

    def for_frame(self, path: str = "", at: float = 0.0) -> FrameFault | None:
        """What to do to this frame."""
        return self._noted(self._frames.next(path), "frame", path, at)

    def _noted(self, fault: F, target: Target, path: str, at: float) -> F:
        if isinstance(fault, Fault):
            self.applied[type(fault).__name__] += 1
            self._log.append(Applied(fault, target, path, at))
        return fault
