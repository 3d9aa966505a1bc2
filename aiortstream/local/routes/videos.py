"""Videos: looked up, uploaded, transcribed, searched, and put together."""

from __future__ import annotations

from aiohttp import web

from aiortstream.local.routes.answers import done, ok
from aiortstream.local.routes.bodies import decode_body, read_body
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.query import Query
from aiortstream.local.routes.running import answer_or_promise
from aiortstream.local.routes.table import Routes
from aiortstream.local.services.videos import LARGEST_LIST
from aiortstream.wire.videos import (
    CompileRequest,
    GenerateTranscriptRequest,
    UpdateVideoRequest,
    UploadRequest,
    VideoIndexRequest,
    VideoSearchRequest,
    VideoSearchV2Request,
    VideoStreamRequest,
)

routes = Routes()


@routes.get("/video")
async def list_videos(request: web.Request) -> web.Response:
    """The videos of a collection, newest first; all of them unless `count` is given."""
    query = Query(request)
    count = query.integer("count", 0, most=LARGEST_LIST) or None
    page = query.integer("page_index", 0)
    videos = request.app[SERVICES].videos
    return ok(await videos.list(query.text("collection_id"), limit=count, offset=page * (count or 0)))


@routes.get("/video/{video_id}")
async def get_video(request: web.Request) -> web.Response:
    """One video."""
    collection_id = Query(request).text("collection_id")
    return ok(await request.app[SERVICES].videos.get(request.match_info["video_id"], collection_id))


@routes.patch("/video/{video_id}")
async def update_video(request: web.Request) -> web.Response:
    """Another name."""
    body = await read_body(request, UpdateVideoRequest)
    return ok(await request.app[SERVICES].videos.update(request.match_info["video_id"], body.name))


@routes.delete("/video/{video_id}")
async def delete_video(request: web.Request) -> web.Response:
    """Delete a video with all that was made of it."""
    collection_id = Query(request).text("collection_id")
    await request.app[SERVICES].videos.delete(request.match_info["video_id"], collection_id)
    return done("video deleted")


# --- uploading --------------------------------------------------------------------------------------------------------


@routes.get("/collection/{collection_id}/upload_url")
async def get_upload_url(request: web.Request) -> web.Response:
    """Where a file is posted to before a video is made of it."""
    return ok(await request.app[SERVICES].uploads.url(request.match_info["collection_id"]))


@routes.post("/collection/{collection_id}/upload")
async def upload(request: web.Request) -> web.Response:
    """A video of what was posted to an upload URL, or of what is at a URL elsewhere."""
    body = await read_body(request, UploadRequest)
    operation = request.app[SERVICES].uploads.take(request.match_info["collection_id"], body)
    return await answer_or_promise(request, operation, "upload")


# --- playing ----------------------------------------------------------------------------------------------------------


@routes.post("/video/{video_id}/stream")
async def stream_video(request: web.Request) -> web.Response:
    """URLs that play a video, or stretches of it."""
    body = await read_body(request, VideoStreamRequest)
    video_id = request.match_info["video_id"]
    operation = request.app[SERVICES].videos.stream(video_id, body.timeline)
    return await answer_or_promise(request, operation, f"stream of {video_id}")


@routes.post("/compile")
async def compile_shots(request: web.Request) -> web.Response:
    """URLs that play shots of videos one after the other. The body is a list, or an object that holds it."""
    raw = (await request.read()).strip()
    body = decode_body(b'{"inputs":' + raw + b"}" if raw.startswith(b"[") else raw, CompileRequest)
    return await answer_or_promise(request, request.app[SERVICES].videos.compile(body), "compile")


# --- what is said -----------------------------------------------------------------------------------------------------


@routes.get("/video/{video_id}/transcription")
async def get_transcript(request: web.Request) -> web.Response:
    """What is said in a video, in pieces; made now if it has not been."""
    query = Query(request)
    video_id = request.match_info["video_id"]
    operation = request.app[SERVICES].spoken.transcript(
        video_id,
        start=query.number("start"),
        end=query.number("end", absent=-1.0),
        segmenter=query.text("segmenter") or "word",
        length=query.integer("length", 1, least=1),
        force=query.flag("force"),
    )
    return await answer_or_promise(request, operation, f"transcript of {video_id}")


@routes.post("/video/{video_id}/transcription")
async def generate_transcript(request: web.Request) -> web.Response:
    """The transcript of a video; made anew if that is asked for."""
    body = await read_body(request, GenerateTranscriptRequest)
    video_id = request.match_info["video_id"]
    operation = request.app[SERVICES].spoken.generate(video_id, body)
    return await answer_or_promise(request, operation, f"transcript of {video_id}")


@routes.post("/video/{video_id}/index")
async def index_video(request: web.Request) -> web.Response:
    """Make what is said in a video searchable."""
    body = await read_body(request, VideoIndexRequest)
    video_id = request.match_info["video_id"]
    return await answer_or_promise(request, request.app[SERVICES].spoken.index(video_id, body), f"index of {video_id}")


# --- search -----------------------------------------------------------------------------------------------------------


@routes.post("/video/{video_id}/search")
async def search_video(request: web.Request) -> web.Response:
    """The legacy search in one video."""
    body = await read_body(request, VideoSearchRequest)
    return ok(await request.app[SERVICES].video_search.legacy_video(request.match_info["video_id"], body))


@routes.post("/video/{video_id}/search/v2")
async def search_video_v2(request: web.Request) -> web.Response:
    """Search v2 in one video."""
    body = await read_body(request, VideoSearchV2Request)
    return ok(await request.app[SERVICES].video_search.video(request.match_info["video_id"], body))


@routes.post("/collection/{collection_id}/search")
async def search_collection(request: web.Request) -> web.Response:
    """The legacy search in the videos of a collection."""
    body = await read_body(request, VideoSearchRequest)
    return ok(await request.app[SERVICES].video_search.legacy_collection(request.match_info["collection_id"], body))


@routes.post("/collection/{collection_id}/search/v2")
async def search_collection_v2(request: web.Request) -> web.Response:
    """Search v2 in the videos of a collection."""
    body = await read_body(request, VideoSearchV2Request)
    return ok(await request.app[SERVICES].video_search.collection(request.match_info["collection_id"], body))
