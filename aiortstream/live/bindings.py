"""What the server has been told to send to this client's websocket connection.

The wire binds an index, a transcript or an alert to a connection id when it is created or started, and nothing moves
it to another connection later. So the client keeps what it has bound: to know which frames it may expect, and what to
do about each when a new connection has a new id.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from aiortstream.records import IndexKind


class OwnConnection(Enum):
    """The type of `OWN`."""

    OWN = "own"

    def __repr__(self) -> str:
        return "OWN"


OWN: Final = OwnConnection.OWN
"""Default of every `ws_connection_id`: this client's own connection, opened if it is not."""

ConnectionChoice = str | None | Literal[OwnConnection.OWN]


@dataclass(frozen=True, slots=True)
class TranscriptBinding:
    """`start_transcript` was called with our connection id."""

    rtstream_id: str
    engine: str | None = None


@dataclass(frozen=True, slots=True)
class SceneBinding:
    """An index was created with our connection id."""

    rtstream_id: str
    index_id: str
    kind: IndexKind


@dataclass(frozen=True, slots=True)
class AlertBinding:
    """An alert was created with our connection id.

    A new connection takes a new alert in its place: `alert_id` is the one that the caller was given, and `newest_id`
    the one that stands for it now.
    """

    rtstream_id: str
    index_id: str
    event_id: str
    callback_url: str
    alert_id: str
    replacement: str | None = None

    @property
    def newest_id(self) -> str:
        """The alert that exists on the server."""
        return self.replacement or self.alert_id


Binding = TranscriptBinding | SceneBinding | AlertBinding
