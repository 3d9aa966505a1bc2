"""What a media player sees of a URL, and fetching a file. Both block, and both go to the server without a proxy."""

from __future__ import annotations

import shutil
import urllib.request
from pathlib import Path

TIMEOUT = 15.0  # seconds for each wait for the server


class MediaError(Exception):
    """Something cannot be played or fetched; the message says what and why."""


def inspect_media(url: str) -> str:
    """Open and decode it whole, and say in words what was found. Raises MediaError."""
    import av

    try:
        with av.open(url, timeout=(TIMEOUT, TIMEOUT), options={"http_proxy": ""}) as container:
            length = "" if container.duration is None else f", {container.duration / av.time_base:.1f} s"
            if not container.streams.video:
                return f"sound only{length}"
            video = container.streams.video[0]
            frames = sum(1 for _ in container.decode(video))
    except (OSError, av.FFmpegError) as error:
        raise MediaError(f"{url} cannot be played: {error}") from error
    return f"{video.codec_context.name} {video.width}x{video.height}, {frames} frames decoded{length}"


def download(url: str, path: Path) -> None:
    """Fetch it into `path`, whole or not at all; the folder is made if need be. Raises MediaError."""
    part = path.with_name(f"{path.name}.part")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with opener.open(url, timeout=TIMEOUT) as answer, part.open("wb") as file:
            shutil.copyfileobj(answer, file)
        missing = answer.length or 0  # bytes that were announced and have not come
        if not missing:
            part.replace(path)
    except OSError as error:
        raise MediaError(f"{url} cannot be fetched into {path}: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    if missing:
        raise MediaError(f"{url} cannot be fetched into {path}: it broke off {missing} bytes before its end")
