"""Videos: looked up, uploaded, transcribed, searched, and put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from aiohttp import web

from aiortstream.local.routes.answers import Data, Operation, Promised, Said, Several
from aiortstream.local.routes.bodies import Json
from aiortstream.local.routes.keys import SERVICES
from aiortstream.local.routes.query import Flag, Number, OptionalText, Text, Whole
from aiortstream.local.routes.table import Routes
from aiortstream.local.services.spoken import SEGMENTERS
from aiortstream.local.services.videos import LARGEST_LIST
from aiortstream.wire.rest import StreamAnswer
from aiortstream.wire.videos import (
    CompileRequest,
    FoundAnswer,
    GenerateTranscriptRequest,
    ImageAnswer,
    ThumbnailAnswer,
    ThumbnailRequest,
    UpdateVideoRequest,
    UploadRequest,
    UploadUrlAnswer,
    VideoAnswer,
    VideoIndexAnswer,
    VideoIndexRequest,
    VideosAnswer,
    VideoSearchAnswer,
    VideoSearchRequest,
    VideoSearchV2Request,
    VideoStreamRequest,
    VideoTranscriptAnswer,
)

routes = Routes()


@dataclass(frozen=True, slots=True, kw_only=True)
class VideosQuery:
    """A page of the videos of a collection; all of them without a `count`, or with 0."""

    collection_id: OptionalText = None
    count: Annotated[int, Whole(most=LARGEST_LIST)] = 0
    page_index: Annotated[int, Whole()] = 0


@routes.get("/video", query=VideosQuery, answer=Data(VideosAnswer))
async def list_videos(request: web.Request, query: VideosQuery) -> VideosAnswer:
    """The videos of a collection, newest first; all of them unless `count` is given."""
    videos = request.app[SERVICES].videos
    return await videos.list(query.collection_id, limit=query.count or None, offset=query.page_index * query.count)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerQuery:
    """The collection that a video must be in, if it is named."""

    collection_id: OptionalText = None


@routes.get("/video/{video_id}", query=OwnerQuery, answer=Data(VideoAnswer))
async def get_video(request: web.Request, query: OwnerQuery) -> VideoAnswer:
    """One video."""
    return await request.app[SERVICES].videos.get(request.match_info["video_id"], query.collection_id)


@routes.patch("/video/{video_id}", body=Json(UpdateVideoRequest), answer=Data(VideoAnswer))
async def update_video(request: web.Request, body: UpdateVideoRequest) -> VideoAnswer:
    """Another name."""
    return await request.app[SERVICES].videos.update(request.match_info["video_id"], body.name)


@routes.delete("/video/{video_id}", query=OwnerQuery, answer=Said())
async def delete_video(request: web.Request, query: OwnerQuery) -> str:
    """Delete a video with all that was made of it."""
    await request.app[SERVICES].videos.delete(request.match_info["video_id"], query.collection_id)
    return "video deleted"


@routes.delete("/video/{video_id}/storage", answer=Said())
async def remove_storage(request: web.Request) -> str:
    """Delete a video's file, and keep what was made of its words."""
    await request.app[SERVICES].videos.remove_storage(request.match_info["video_id"])
    return "storage removed"


# --- uploading --------------------------------------------------------------------------------------------------------


@routes.get("/collection/{collection_id}/upload_url", answer=Data(UploadUrlAnswer))
async def get_upload_url(request: web.Request) -> UploadUrlAnswer:
    """Where a file is posted to before a video is made of it."""
    return await request.app[SERVICES].uploads.url(request.match_info["collection_id"])


@routes.post("/collection/{collection_id}/upload", body=Json(UploadRequest), answer=Promised(VideoAnswer))
async def upload(request: web.Request, body: UploadRequest) -> Operation[VideoAnswer]:
    """A video of what was posted to an upload URL, or of what is at a URL elsewhere."""
    return Operation(request.app[SERVICES].uploads.take(request.match_info["collection_id"], body), "upload")


# --- playing ----------------------------------------------------------------------------------------------------------


@routes.post("/video/{video_id}/stream", body=Json(VideoStreamRequest), answer=Promised(StreamAnswer))
async def stream_video(request: web.Request, body: VideoStreamRequest) -> Operation[StreamAnswer]:
    """URLs that play a video, or stretches of it."""
    video_id = request.match_info["video_id"]
    return Operation(request.app[SERVICES].videos.stream(video_id, body.timeline), f"stream of {video_id}")


@routes.post("/compile", body=Json(CompileRequest, alone="inputs"), answer=Promised(StreamAnswer))
async def compile_shots(request: web.Request, body: CompileRequest) -> Operation[StreamAnswer]:
    """URLs that play shots of videos one after the other. The body is a list, or an object that holds it."""
    return Operation(request.app[SERVICES].videos.compile(body), "compile")


# --- pictures ---------------------------------------------------------------------------------------------------------


@routes.get("/video/{video_id}/thumbnail", answer=Data(ThumbnailAnswer))
async def get_thumbnail(request: web.Request) -> ThumbnailAnswer:
    """A picture of a video, made if need be."""
    return await request.app[SERVICES].thumbnails.usual(request.match_info["video_id"])


@routes.post("/video/{video_id}/thumbnail", body=Json(ThumbnailRequest), answer=Data(ImageAnswer))
async def make_thumbnail(request: web.Request, body: ThumbnailRequest) -> ImageAnswer:
    """The picture of a video at a time, made if need be."""
    return await request.app[SERVICES].thumbnails.at(request.match_info["video_id"], body.time)


@routes.get("/video/{video_id}/thumbnails", answer=Several(ImageAnswer))
async def list_thumbnails(request: web.Request) -> Sequence[ImageAnswer]:
    """The pictures of a video that have been made."""
    return await request.app[SERVICES].thumbnails.every(request.match_info["video_id"])


# --- what is said -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenQuery:
    """Which stretch of a video's transcript, and in which pieces. An `end` of -1 is the video's."""

    start: Annotated[float | None, Number()] = None
    end: Annotated[float | None, Number()] = None
    segmenter: Annotated[str, Text(SEGMENTERS)] = "word"
    length: Annotated[int, Whole(least=1)] = 1
    force: Annotated[bool, Flag()] = False


@routes.get("/video/{video_id}/transcription", query=SpokenQuery, answer=Promised(VideoTranscriptAnswer))
async def get_transcript(request: web.Request, query: SpokenQuery) -> Operation[VideoTranscriptAnswer]:
    """What is said in a video, in pieces; made now if it has not been."""
    video_id = request.match_info["video_id"]
    operation = request.app[SERVICES].spoken.transcript(
        video_id,
        start=query.start,
        end=None if query.end == -1 else query.end,
        segmenter=query.segmenter,
        length=query.length,
        force=query.force,
    )
    return Operation(operation, f"transcript of {video_id}")


@routes.post(
    "/video/{video_id}/transcription", body=Json(GenerateTranscriptRequest), answer=Promised(VideoTranscriptAnswer)
)
async def generate_transcript(
    request: web.Request, body: GenerateTranscriptRequest
) -> Operation[VideoTranscriptAnswer]:
    """The transcript of a video; made anew if that is asked for."""
    video_id = request.match_info["video_id"]
    return Operation(request.app[SERVICES].spoken.generate(video_id, body), f"transcript of {video_id}")


@routes.post("/video/{video_id}/index", body=Json(VideoIndexRequest), answer=Promised(VideoIndexAnswer))
async def index_video(request: web.Request, body: VideoIndexRequest) -> Operation[VideoIndexAnswer]:
    """Make what is said in a video searchable."""
    video_id = request.match_info["video_id"]
    return Operation(request.app[SERVICES].spoken.index(video_id, body), f"index of {video_id}")


# --- search -----------------------------------------------------------------------------------------------------------


@routes.post("/video/{video_id}/search", body=Json(VideoSearchRequest), answer=Data(VideoSearchAnswer))
async def search_video(request: web.Request, body: VideoSearchRequest) -> VideoSearchAnswer:
    """The legacy search in one video."""
    return await request.app[SERVICES].video_search.legacy_video(request.match_info["video_id"], body)


@routes.post("/video/{video_id}/search/v2", body=Json(VideoSearchV2Request), answer=Data(FoundAnswer))
async def search_video_v2(request: web.Request, body: VideoSearchV2Request) -> FoundAnswer:
    """Search v2 in one video."""
    return await request.app[SERVICES].video_search.video(request.match_info["video_id"], body)


@routes.post("/collection/{collection_id}/search", body=Json(VideoSearchRequest), answer=Data(VideoSearchAnswer))
async def search_collection(request: web.Request, body: VideoSearchRequest) -> VideoSearchAnswer:
    """The legacy search in the videos of a collection."""
    return await request.app[SERVICES].video_search.legacy_collection(request.match_info["collection_id"], body)


@routes.post("/collection/{collection_id}/search/v2", body=Json(VideoSearchV2Request), answer=Data(FoundAnswer))
async def search_collection_v2(request: web.Request, body: VideoSearchV2Request) -> FoundAnswer:
    """Search v2 in the videos of a collection."""
    return await request.app[SERVICES].video_search.collection(request.match_info["collection_id"], body)
