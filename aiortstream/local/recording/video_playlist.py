"""A video file as HLS: cut at its key frames by its own index, each piece copied when it is asked for.

Nothing is kept on disk beside the file, and nothing is encoded. All of it blocks: call it on a thread.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import av.error
from av.container import InputContainer

from .copying import LEAD, TARGET_SECONDS, Placed, add_streams, mux, playlist_head
from .files import MediaError, open_media, wanted_streams

_SLACK = 2.0  # seconds that sound may stand in a file behind the pictures that it belongs to


@dataclass(frozen=True, slots=True)
class Piece:
    """A segment: from the key frame that is decoded at `first`, in ticks of the leading track, up to the one at `last`.

    The pictures lead, or the sound where there are none. `last` is None for the last segment. `seconds`: how long it
    plays.
    """

    first: int
    last: int | None
    seconds: float


def read_pieces(path: Path) -> list[Piece]:
    """The segments of a video, in order. Raises `MediaError` for a file that cannot be read or cut."""
    try:
        with open_media(path) as container:
            return _pieces(container)
    except av.error.FFmpegError as error:
        raise MediaError(f"the video cannot be read: {error.strerror}") from error


def video_playlist(pieces: Sequence[Piece], url_for: Callable[[int], str]) -> str:
    """An HLS playlist on demand; `url_for` gives the URL of a segment by its number."""
    lines = playlist_head(max(piece.seconds for piece in pieces))
    for number, piece in enumerate(pieces):
        lines += [f"#EXTINF:{piece.seconds:.6f},", url_for(number)]
    return "\n".join([*lines, "#EXT-X-ENDLIST"]) + "\n"


def copy_piece(path: Path, number: int) -> bytes | None:
    """One segment as MPEG-TS; None where the video has none of that number. Raises as `read_pieces` does."""
    try:
        with open_media(path) as container:
            pieces = _pieces(container)
            if not 0 <= number < len(pieces):
                return None
            out = io.BytesIO()
            with av.open(out, "w", format="mpegts") as target:
                targets = add_streams(target, wanted_streams(container))
                last_dts: dict[str, int] = {}
                for packet in _packets(container, pieces[number], begin=None if number else -math.inf):
                    mux(target, targets, last_dts, packet, LEAD)
            return out.getvalue()
    except av.error.FFmpegError as error:
        raise MediaError(f"the video cannot be read: {error.strerror}") from error


def _pieces(container: InputContainer) -> list[Piece]:
    leading = wanted_streams(container)[0]
    keys = [entry.timestamp for entry in leading.index_entries if entry.is_keyframe]
    if not keys or leading.time_base is None:
        raise MediaError("the video has no index, and so nowhere to begin")
    tick = float(leading.time_base)
    firsts = [keys[0]]
    for key in keys:
        if (key - firsts[-1]) * tick >= TARGET_SECONDS:
            firsts.append(key)
    lasts = [*firsts[1:], None]
    end = max(firsts[0] + (leading.duration or 0), firsts[-1] + 1)
    return [
        Piece(first, last, ((end if last is None else last) - first) * tick)
        for first, last in zip(firsts, lasts, strict=True)
    ]


def _packets(container: InputContainer, piece: Piece, begin: float | None) -> Iterator[Placed]:
    """The packets of a piece, in order of decoding: of the leading track, and of the other while that is shown.

    `begin`: from when on the other is wanted, if that is not when the first picture is shown.
    """
    tracks = wanted_streams(container)
    container.seek(piece.first, stream=tracks[0])
    end: float | None = None  # when the first picture of the next piece is shown
    leading: list[Placed] = []
    other: list[Placed] = []
    for packet in container.demux(tracks):
        if packet.dts is None or packet.pts is None:
            continue
        placed = Placed(packet, float(packet.dts * packet.time_base), float(packet.pts * packet.time_base))
        if packet.stream.index != tracks[0].index:
            other.append(placed)
            if end is not None and placed.shown >= end:
                break
        elif piece.last is not None and packet.dts >= piece.last:
            end = placed.shown if end is None else end
            if len(tracks) == 1 or placed.decoded > end + _SLACK:
                break
        elif packet.dts >= piece.first:
            begin = placed.shown if begin is None else begin
            leading.append(placed)
    chosen = [each for each in other if begin is not None and begin <= each.shown and (end is None or each.shown < end)]
    yield from sorted([*leading, *chosen], key=lambda each: each.decoded)
