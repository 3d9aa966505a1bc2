"""What players fetch: playlists and segments of streams, videos and reels, each as MP4 too.

The permission is in the path.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ParamSpec, TypeVar
from urllib.parse import quote

import msgspec
from aiohttp import hdrs, web

from aiortstream.local.recording.export import ExportError
from aiortstream.local.recording.files import MediaError
from aiortstream.local.recording.playlist import EmptyWindow, select_window, window_playlist
from aiortstream.local.recording.segmenter import SegmentInfo
from aiortstream.local.recording.video_playlist import copy_piece, read_pieces, video_playlist
from aiortstream.local.routes.answers import Content
from aiortstream.local.routes.keys import CLIPS, SERVICES, SIGNER
from aiortstream.local.routes.table import Access, Routes
from aiortstream.local.services.errors import BadRequest, Forbidden, NotFound, Unavailable
from aiortstream.local.services.moments import MomentsAnswer
from aiortstream.local.urls import TokenRefused, reel_scope, stream_scope, video_scope

routes = Routes(Access.CAPABILITY)

P = ParamSpec("P")
T = TypeVar("T")
MP4 = "video/mp4"
PLAYLIST = "application/vnd.apple.mpegurl"
TS = "video/mp2t"
JPEG = "image/jpeg"

_WINDOW = r"{start:\d{16}}-{end:\d{16}}"
# A page of any site may play what it has a link to, since the link is the permission.
_ANYWHERE = {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*"}
_FRESH = {**_ANYWHERE, hdrs.CACHE_CONTROL: "no-cache"}
_REEL_TYPES = {".mp4": MP4, ".m3u8": PLAYLIST, ".ts": TS}
_KEPT = {**_ANYWHERE, hdrs.CACHE_CONTROL: "private, max-age=86400"}


@routes.get("/p/{token}/manifests/{rtstream_id}/" + _WINDOW + ".m3u8", answer=Content(PLAYLIST))
async def get_playlist(request: web.Request) -> web.StreamResponse:
    """The HLS playlist of a window; its segments stand beside it, under the same token."""
    rtstream_id, start, end = _window(request)
    segments = await _recorded(request, rtstream_id, start, end)

    def url_for(segment: SegmentInfo) -> str:
        return f"../../segments/{rtstream_id}/{segment.path}"

    text = window_playlist(segments, start, end, url_for)
    return web.Response(text=text, content_type=PLAYLIST, headers=_FRESH)


@routes.get("/p/{token}/manifests/{rtstream_id}/" + _WINDOW + ".mp4", answer=Content(MP4, ranges=True))
async def get_window_mp4(request: web.Request) -> web.StreamResponse:
    """The same window as one MP4, for players without HLS; byte ranges are served."""
    rtstream_id, start, end = _window(request)
    segments = await _recorded(request, rtstream_id, start, end)
    root = request.app[SERVICES].streams.recording_root(rtstream_id)
    try:
        clip = await request.app[CLIPS].clip(rtstream_id, segments, root, start, end)
    except ExportError as error:
        raise NotFound(str(error)) from error
    except OSError as error:
        raise Unavailable(f"this window cannot be written: {error.strerror or type(error).__name__}") from error
    return web.FileResponse(clip, headers={**_FRESH, hdrs.CONTENT_TYPE: MP4})


@routes.get(
    "/p/{token}/manifests/{rtstream_id}/" + _WINDOW + ".json", answer=Content("application/json", MomentsAnswer)
)
async def get_moments(request: web.Request) -> web.StreamResponse:
    """What was seen, said and alerted in the same window, and which of it is recorded."""
    rtstream_id, start, end = _window(request)
    answer = await request.app[SERVICES].moments.within(rtstream_id, start, end)
    return web.Response(body=msgspec.json.encode(answer), content_type="application/json", headers=_FRESH)


@routes.get("/p/{token}/segments/{rtstream_id}/{path:.+}", answer=Content(TS, ranges=True))
async def get_segment(request: web.Request) -> web.StreamResponse:
    """One recorded segment. Only what the database knows as a segment of that stream can be named."""
    rtstream_id = request.match_info["rtstream_id"]
    _check(request, stream_scope(rtstream_id))
    path = await request.app[SERVICES].streams.segment_path(rtstream_id, request.match_info["path"])
    return web.FileResponse(path, headers={**_KEPT, hdrs.CONTENT_TYPE: TS})


@routes.get("/p/{token}/videos/{video_id}.mp4", answer=Content(MP4, ranges=True))
async def get_video_file(request: web.Request) -> web.StreamResponse:
    """A video as one file; byte ranges are served."""
    return web.FileResponse(await _video(request), headers={**_KEPT, hdrs.CONTENT_TYPE: MP4})


@routes.get("/p/{token}/videos/{video_id}.m3u8", answer=Content(PLAYLIST))
async def get_video_playlist(request: web.Request) -> web.StreamResponse:
    """The HLS playlist of a video; its segments stand below it, under the same token."""
    path = await _video(request)
    pieces = await _read_media(read_pieces, path)
    folder = quote(request.match_info["video_id"], safe="")
    text = video_playlist(pieces, lambda number: f"{folder}/{number}.ts")
    return web.Response(text=text, content_type=PLAYLIST, headers=_KEPT)


@routes.get(r"/p/{token}/videos/{video_id}/{number:\d{1,9}}.ts", answer=Content(TS))
async def get_video_segment(request: web.Request) -> web.StreamResponse:
    """One segment of a video."""
    number = int(request.match_info["number"])
    piece = await _read_media(copy_piece, await _video(request), number)
    if piece is None:
        raise NotFound(f"the video has no segment {number}")
    return web.Response(body=piece, content_type=TS, headers=_KEPT)


@routes.get(r"/p/{token}/videos/{video_id}/{number:\d{1,9}}.jpg", answer=Content(JPEG, ranges=True))
async def get_thumbnail_file(request: web.Request) -> web.StreamResponse:
    """A picture of a video."""
    video_id = request.match_info["video_id"]
    _check(request, video_scope(video_id))
    path = await request.app[SERVICES].thumbnails.file(video_id, int(request.match_info["number"]))
    return web.FileResponse(path, headers={**_KEPT, hdrs.CONTENT_TYPE: JPEG})


@routes.get("/p/{token}/reels/{reel_id}/{file}", answer=Content("*/*", ranges=True))
async def get_reel(request: web.Request) -> web.StreamResponse:
    """A reel: a playlist whose segments stand beside it, under the same token, and mostly one MP4 file too."""
    reel_id = request.match_info["reel_id"]
    _check(request, reel_scope(reel_id))
    path = await request.app[SERVICES].videos.reel_file(reel_id, request.match_info["file"])
    return web.FileResponse(path, headers={**_KEPT, hdrs.CONTENT_TYPE: _REEL_TYPES[path.suffix]})


def _window(request: web.Request) -> tuple[str, float, float]:
    rtstream_id = request.match_info["rtstream_id"]
    _check(request, stream_scope(rtstream_id))
    start, end = int(request.match_info["start"]) / 1e6, int(request.match_info["end"]) / 1e6
    if end <= start:
        raise BadRequest(f"this link's window ends at {end}, which is not after its start, {start}")
    return rtstream_id, start, end


async def _recorded(request: web.Request, rtstream_id: str, start: float, end: float) -> Sequence[SegmentInfo]:
    """The segments of a window, from one on that can be decoded by itself. Raises NotFound where there are none."""
    found = await request.app[SERVICES].streams.segments(rtstream_id, start, end)
    try:
        return select_window(found, start, end)
    except EmptyWindow:  # its message tells of what was found, which is not all there is
        raise NotFound(
            f"nothing of stream {rtstream_id!r} is recorded between {start} and {end}, or it is gone"
        ) from None


async def _video(request: web.Request) -> Path:
    video_id = request.match_info["video_id"]
    _check(request, video_scope(video_id))
    return await request.app[SERVICES].videos.path(video_id)


async def _read_media(read: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(read, *arguments, **keywords)
    except MediaError as error:
        raise NotFound(str(error)) from error
    except OSError as error:
        raise Unavailable(f"the video cannot be read: {error.strerror or type(error).__name__}") from error


def _check(request: web.Request, scope: str) -> None:
    try:
        request.app[SIGNER].check(scope, request.match_info["token"])
    except TokenRefused as refused:
        raise Forbidden(str(refused)) from None
