"""Exports of what streams have recorded: `rtstream.export()`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from aiortstream.arguments import path_of
from aiortstream.embeds import embed_code
from aiortstream.jobs import Job
from aiortstream.records import Keyed
from aiortstream.wire import rest

if TYPE_CHECKING:
    from aiortstream.context import Context
    from aiortstream.jobs import OnProgress
    from aiortstream.undertakings import Undertaking

EXPORT_TIMEOUT = 120.0  # seconds until the server answers, be it that it is still processing


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


def export(
    context: Context, rtstream_id: str, name: str | None, timeout: float | None, on_progress: OnProgress | None
) -> Job[RTStreamExportResult]:
    """The job that makes a video of a stream's recording."""
    path = f"{path_of('rtstream', rtstream_id)}/export"
    body = rest.ExportRequest(name=UNSET if name is None else name)
    return Job(
        context,
        f"export of {rtstream_id}",
        lambda _: context.transport.begin("POST", path, body=body, timeout=EXPORT_TIMEOUT),
        _exported,
        timeout=timeout,
        on_progress=on_progress,
    )


def _exported(asked: Undertaking) -> RTStreamExportResult:
    answer = asked.read(rest.ExportAnswer)
    return RTStreamExportResult(answer.video_id, answer.stream_url, answer.player_url, answer.name, answer.duration)
