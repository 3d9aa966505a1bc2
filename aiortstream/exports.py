"""What an export of a stream's recording gives."""

from __future__ import annotations

from aiortstream.embeds import embed_code
from aiortstream.records import Keyed


class RTStreamExportResult(Keyed, frozen=True):
    """The video an export made. URLs are None for sound alone; `duration` is in seconds, None where not told."""

    video_id: str
    stream_url: str | None = None
    player_url: str | None = None
    name: str | None = None
    duration: float | None = None

    def get_embed_code(
        self,
        width: str = "100%",
        height: int = 405,
        title: str = "VideoDB Player",
        allow_fullscreen: bool = True,
    ) -> str:
        """An HTML iframe that plays the video. Raises InvalidArgumentError without a player's URL."""
        return embed_code(self.player_url, width, height, title, allow_fullscreen=allow_fullscreen)
