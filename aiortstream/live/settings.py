"""How the streaming core behaves: deadlines, delays, bounds and policies. Durations are seconds."""

from __future__ import annotations

from dataclasses import dataclass

from aiortstream.errors import InvalidArgumentError
from aiortstream.live.failures import ClassifyFailure, classify_failure
from aiortstream.live.hooks import Hook


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """Settings of the websocket, the polls and the watches of one client. Each default has its reason beside it."""

    connect_timeout: float = 10.0
    """Deadline of one attempt to open the socket: URL, handshake and first frame together."""
    heartbeat: float = 10.0
    """Ping interval: a silent peer is noticed after one and a half of it."""
    healthy_after: float = 30.0
    """A connection that lived this long sets the reconnect delay back; one that flaps does not."""
    reconnect_delay: float = 0.25
    """First delay before another attempt; doubled each time, with jitter."""
    max_reconnect_delay: float = 30.0
    """Longest delay before another attempt."""
    idle_timeout: float | None = None
    """A connection on which no frame has come for this long is opened again. None: a stream may be quiet for days, and
    the heartbeat tells whether the peer is there."""
    deaf_after: float = 60.0
    """The same, where a poll has found records that should have come by frame since: the peer is there and mute."""
    max_connection_age: float | None = None
    """A connection this old is replaced before it is broken, for servers and proxies that cut old ones off. None is
    never. Where connections cannot be resumed, scene indexes made on the old one are polled for from then on."""
    max_frame_bytes: int = 4 * 1024 * 1024
    """A larger frame closes the connection, which is then opened again. The hosted service stays below 1 MiB."""

    poll_interval: float = 2.0
    """Between two polls of a watch that has no live frames."""
    max_poll_interval: float = 10.0
    """What `poll_interval` grows to while polls bring nothing."""
    audit_interval: float = 30.0
    """Between two polls of a live watch: the socket is at-most-once, so what it lost is found here."""
    max_concurrent_polls: int = 8
    """Polls under way at once, for all watches together."""
    max_polls_per_second: float = 50.0
    """Polls started per second, for all watches together: a thousand fallbacks must not stampede."""
    overlap: float = 60.0
    """How far polls reach back behind what is known: how late a record may appear and still be found."""
    settle: float = 15.0
    """How long after `until` a watch still waits for late records before it ends."""

    max_buffer: int = 1000
    """Records a watch keeps for a slow consumer before it falls back to polling from where the consumer is."""
    max_buffer_bytes: int = 8 * 1024 * 1024
    """The same, as an estimate of memory."""
    max_keys: int = 10_000
    """Records a watch remembers in order to hand each out once; up to ten times as many while a poll may bring them
    again. What is older than all that is remembered can't be told from new: it is refused, and told as a gap."""

    rebind_transcripts: bool = True
    """Whether a transcript that this client started is started again with a new connection's id."""
    rebind_alerts: bool = True
    """Whether an alert that this client created is replaced by one with a new connection's id."""

    classify_failure: ClassifyFailure = classify_failure
    """Whether an attempt to open the websocket that failed is worth another one. A fatal failure ends the watches that
    live on the websocket alone; the others go on polling, and end by the answer to that."""
    hooks: tuple[Hook, ...] = ()
    """Told what happens; see `aiortstream.live.hooks`."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0:
                raise InvalidArgumentError(f"{name}: expected more than 0, got {value!r}")
