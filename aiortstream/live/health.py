"""How a client's live side is, as one frozen value: for a health endpoint, a dashboard, a log line a minute."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiortstream.live.states import WatchState

if TYPE_CHECKING:
    from aiortstream.errors import VideodbError
    from aiortstream.live.clock import ServerTime
    from aiortstream.live.connection import Connection
    from aiortstream.live.poller import Poller
    from aiortstream.live.session import Session


@dataclass(frozen=True, slots=True)
class LiveHealth:
    """A picture of one moment. Moments are unix seconds by this machine's clock, durations seconds."""

    connected: bool
    """Whether the websocket is open."""
    connected_since: float | None
    epoch: int
    """How many connections there have been, the present one included."""
    reconnects: int
    """How many of them followed another."""
    features: tuple[str, ...]
    """What the server offers beyond the hosted wire."""
    last_error: VideodbError | None
    """Why the newest attempt to open the websocket failed; None once one has succeeded."""
    last_frame_at: float | None
    round_trip: float | None
    """How long the newest answer to a request took."""
    server_ahead: float
    """How far the server's clock is ahead of ours, as its answers tell."""
    loop_lag: float
    """By how much the event loop was late when it was last looked at: something blocks it if this is not near 0."""
    watches: Mapping[WatchState, int]
    """How many watches there are in each state."""
    open_gaps: int
    """Watches that may be missing records now."""
    buffered: int
    """Records that wait for slow consumers."""
    buffered_bytes: int
    polls_waiting: int
    """Polls that are due, or will be."""
    polls_under_way: int
    decode_failures: int
    """Frames that could not be read."""
    lost_frames: int
    """Frames that a server which numbers them has sent and that have not come."""

    @property
    def ok(self) -> bool:
        """Connected where there are watches, and none of them misses anything that is known of."""
        return (self.connected or not self.watches) and not self.open_gaps


def take_picture(
    session: Session,
    connection: Connection,
    poller: Poller,
    server_time: ServerTime,
    *,
    reconnects: int,
) -> LiveHealth:
    """What the parts say. Looks at each watch: for once a second, not for each record."""
    statistics = [feed.statistics() for feed in session.feeds()]
    opened_at = connection.opened_at
    return LiveHealth(
        connected=opened_at is not None,
        connected_since=opened_at,
        epoch=session.epoch,
        reconnects=reconnects,
        features=session.features,
        last_error=connection.last_error,
        last_frame_at=session.last_frame_at,
        round_trip=server_time.round_trip,
        server_ahead=server_time.offset,
        loop_lag=connection.loop_lag,
        watches=dict(Counter(each.state for each in statistics)),
        open_gaps=sum(each.open_gap is not None for each in statistics),
        buffered=sum(each.buffered for each in statistics),
        buffered_bytes=sum(each.buffered_bytes for each in statistics),
        polls_waiting=poller.waiting,
        polls_under_way=poller.under_way,
        decode_failures=session.decode_failures,
        lost_frames=session.lost_frames,
    )
