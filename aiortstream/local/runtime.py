"""All streams at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from aiortstream.local.ports import Models, OutboxWaker, Publisher, Urls
    from aiortstream.local.profile import Profile
    from aiortstream.local.store.database import Database


class StreamManager:
    """All streams at work: `start` resumes what was not stopped, `aclose` ends everything within a deadline."""

    def __init__(
        self,
        db: Database,
        models: Models,
        publisher: Publisher,
        outbox_waker: OutboxWaker,
        urls: Urls,
        data_dir: Path,
        profile: Profile,
    ) -> None:
        pass

    async def start(self) -> None:
        """Resume."""

    async def aclose(self) -> None:
        """End."""
