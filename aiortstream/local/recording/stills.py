"""Single pictures out of video files, as JPEG. Blocks: call it on a thread."""

from __future__ import annotations

from pathlib import Path

import av.error
from av.video.frame import VideoFrame
from PIL import Image

from aiortstream.local.recording.files import MediaError, open_media, wanted_streams

LARGEST_SIDE = 1280  # pixels
_QUALITY = 85


def write_still(video: Path, at: float, out: Path) -> None:
    """The picture that a video shows at `at` seconds from its beginning, or its last one before; whole or not at all.

    Raises `MediaError` where it has no pictures or cannot be read, OSError.
    """
    unfinished = out.with_name(f"{out.name}.part")
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        image = _picture(video, at)
        image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        image.save(unfinished, "JPEG", quality=_QUALITY)
        unfinished.replace(out)
    except av.error.FFmpegError as error:
        raise MediaError(f"its picture at {at:g} s cannot be read: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _picture(video: Path, at: float) -> Image.Image:
    with open_media(video) as container:
        pictures = next((stream for stream in wanted_streams(container) if stream.type == "video"), None)
        if pictures is None or pictures.time_base is None:
            raise MediaError("it has no pictures")
        container.seek(int(at / pictures.time_base), stream=pictures)  # to the key frame before
        shown: VideoFrame | None = None
        for frame in container.decode(pictures):
            if not isinstance(frame, VideoFrame) or (shown is not None and (frame.time or 0.0) > at):
                break
            shown = frame
        if shown is None:
            raise MediaError(f"it has no picture at {at:g} s")
        return Image.fromarray(shown.to_ndarray(format="rgb24"))
