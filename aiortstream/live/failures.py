"""What made an attempt to open the websocket fail, and whether another one is worth it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from aiortstream.errors import AuthenticationError, PaymentRequiredError, VideodbError

Verdict: TypeAlias = Literal["transient", "fatal"]
Stage: TypeAlias = Literal["url", "handshake", "hello"]

# A presigned URL may expire between being handed out and being used; a key that is refused stays refused.
_REFUSED_HANDSHAKES = 3


@dataclass(frozen=True, slots=True)
class ConnectionFailure:
    """One attempt that failed."""

    error: VideodbError
    stage: Stage
    """Where: asking for the URL, opening the socket, or waiting for the first frame."""
    attempts: int
    """How many have failed in a row, this one included."""


ClassifyFailure: TypeAlias = Callable[[ConnectionFailure], Verdict]


def classify_failure(failure: ConnectionFailure) -> Verdict:
    """The default: a refused key or an empty account is fatal, everything else may pass.

    A handshake that is refused is an expired URL until it has been refused three times in a row with fresh ones.
    """
    if not isinstance(failure.error, AuthenticationError | PaymentRequiredError):
        return "transient"
    return "transient" if failure.stage == "handshake" and failure.attempts < _REFUSED_HANDSHAKES else "fatal"
