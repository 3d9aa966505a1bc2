"""Recording beside ingest: what goes wrong with it is noted and tried again, and never stops the stream."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from av.packet import Packet
from av.stream import Stream

from aiortstream.local.recording.segmenter import Segmenter, UnrecordableError

from .clock import Session, Stamped

_log = logging.getLogger(__name__)

_RETRY_AFTER = 5.0  # seconds of stream time after an error of writing


class GuardedRecorder:
    """A segmenter on one connection. `on_note` is told, in words, what is not recorded and why; None when all is."""

    def __init__(
        self, segmenter: Segmenter, streams: Sequence[Stream], name: str, on_note: Callable[[str | None], None]
    ) -> None:
        self._segmenter = segmenter
        self._streams = streams
        self._name = name
        self._on_note = on_note
        self._session: Session | None = None  # the one being recorded; None before and after an error
        self._retry_at = 0.0  # unix seconds on the stream's clock

    def add(self, stamped: Stamped[Packet[Stream]]) -> None:
        """Record a packet, beginning a session where the clock does."""
        if stamped.session != self._session and stamped.time < self._retry_at:
            return
        try:
            if stamped.session != self._session:
                self._session = stamped.session
                left_out = self._segmenter.begin(self._streams)
                self._on_note(f"not recorded: {', '.join(left_out)}" if left_out else None)
            self._segmenter.add(stamped.item, stamped.session.offset)
        except UnrecordableError as error:
            self._retry_at = float("inf")
            self._session = None
            self._on_note(f"not recorded: {error}")
        except (OSError, ValueError) as error:
            self._fail(error, stamped.time)

    def end(self) -> None:
        """Finish the segment being written."""
        try:
            self._segmenter.end()
        except (OSError, ValueError) as error:
            self._fail(error, 0.0)

    def _fail(self, error: Exception, time: float) -> None:
        _log.error("%s: recording failed: %s", self._name, error)
        self._segmenter.abandon()
        self._session = None
        self._retry_at = time + _RETRY_AFTER
        self._on_note(f"recording failed: {error}")
