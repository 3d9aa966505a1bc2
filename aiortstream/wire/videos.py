"""REST bodies of collections as they are managed, of videos, and of the search in them.

As in `wire.rest`: requests keep the official SDK's habit of sending `null` for some absent fields and omitting others,
answers are read leniently. Times are seconds from the beginning of the video. Sources of each shape: the official
Python SDK 0.5.1, and the vendor's OpenAPI file of SDK 0.4.5 where it agrees.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from aiortstream.wire.rest import Answer, Request

NO_RESULTS = "No results found"
"""What a legacy search that finds nothing is refused with; programs look for these words."""

# --- collections ------------------------------------------------------------------------------------------------------


class CreateCollectionRequest(Request):
    """POST /collection."""

    name: str
    description: str | None = None
    is_public: bool | None = None


class UpdateCollectionRequest(Request):
    """PATCH /collection/{id}."""

    name: str | None = None
    description: str | None = None
    is_public: bool | UnsetType | None = UNSET


class SetPublicRequest(Request):
    """The same, where that alone is to change."""

    is_public: bool


# --- videos -----------------------------------------------------------------------------------------------------------


class VideoAnswer(Answer):
    """GET /video/{id}. `length` is in seconds; a server never sends null: the official SDK computes with it."""

    id: str
    collection_id: str | None = None
    name: str | None = None
    description: str | None = None
    length: float | None = 0.0
    stream_url: str | None = None
    player_url: str | None = None
    thumbnail_url: str | None = None


class VideosAnswer(Answer):
    """GET /video."""

    videos: list[VideoAnswer]


class UpdateVideoRequest(Request):
    """PATCH /video/{id}."""

    name: str | None = None


class UploadUrlAnswer(Answer):
    """GET /collection/{id}/upload_url: where a file is posted to, as the field `file` of a form."""

    upload_url: str


class UploadRequest(Request):
    """POST /collection/{id}/upload. `url` is what was uploaded to, or where the file is in the world."""

    url: str
    name: str | None = None
    description: str | None = None
    callback_url: str | None = None
    media_type: str | None = None


class VideoStreamRequest(Request):
    """POST /video/{id}/stream. `timeline` is a list of stretches, in the order in which they are to play."""

    timeline: list[tuple[float, float]] | None = None
    length: float | str | None = None


class ThumbnailRequest(Request):
    """POST /video/{id}/thumbnail. `time` is in seconds."""

    time: float


class ThumbnailAnswer(Answer):
    """GET /video/{id}/thumbnail."""

    thumbnail_url: str


class ImageAnswer(Answer):
    """A picture: the answer to the request above; GET /video/{id}/thumbnails answers with a list of them."""

    id: str
    collection_id: str | None = None
    name: str | None = None
    url: str | None = None


# --- transcripts and the index of spoken words ------------------------------------------------------------------------


class GenerateTranscriptRequest(Request):
    """POST /video/{id}/transcription."""

    force: bool | None = None
    language_code: str | None = None
    engine: str | UnsetType | None = UNSET
    callback_url: str | UnsetType | None = UNSET


class SpokenRecord(Answer):
    """One piece of a video's transcript: a word, a sentence, or what was said in a stretch of time."""

    start: float
    end: float
    text: str


class VideoTranscriptAnswer(Answer):
    """GET and POST /video/{id}/transcription. The pieces are under this name, whatever they are pieces of."""

    word_timestamps: list[SpokenRecord] = msgspec.field(default_factory=list)
    text: str = ""


class VideoIndexRequest(Request):
    """POST /video/{id}/index."""

    index_type: str | None = None
    language_code: str | None = None
    segmentation_type: str | None = None
    force: bool | None = None
    callback_url: str | None = None
    engine: str | UnsetType | None = UNSET


class VideoIndexAnswer(Answer):
    """Its answer; the official SDK looks at none of it."""

    index_type: str | None = None
    video_id: str | None = None
    moments: int | None = None
    """How many sentences can be found. Only the embedded server says so."""


# --- search -----------------------------------------------------------------------------------------------------------


class VideoSearchRequest(Request, kw_only=True):
    """POST /video/{id}/search and /collection/{id}/search: the legacy search."""

    search_type: str | None = None
    index_type: str | None = None
    query: str
    score_threshold: float | None = None
    result_threshold: int | None = None
    dynamic_score_percentage: float | UnsetType | None = UNSET
    filter: list[dict[str, Any]] | UnsetType | None = UNSET
    sort_docs_on: str | UnsetType | None = UNSET
    scene_index_id: str | UnsetType | None = UNSET
    algorithm: str | UnsetType | None = UNSET
    stitch: bool | UnsetType | None = UNSET
    rerank: bool | UnsetType | None = UNSET
    rerank_params: dict[str, Any] | UnsetType | None = UNSET


class VideoSearchV2Request(Request, kw_only=True):
    """POST /video/{id}/search/v2 and /collection/{id}/search/v2."""

    query: str
    top_k: int | UnsetType | None = UNSET
    mode: str | UnsetType | None = UNSET
    return_fields: Any = UNSET
    include_clip: bool | UnsetType | None = UNSET
    session_id: str | UnsetType | None = UNSET
    config: dict[str, Any] | UnsetType | None = UNSET
    score_threshold: float | UnsetType | None = UNSET
    filter: Any = UNSET


class VideoHit(Answer):
    """One moment in a video. The link, where there is one, comes under either name."""

    start: float
    end: float
    text: str | None = None
    score: float | None = None
    scene_index_id: str | None = None
    scene_index_name: str | None = None
    metadata: dict[str, Any] | None = None
    stream_link: str | UnsetType | None = UNSET
    stream_url: str | None = None
    player_url: str | None = None


class VideoHits(Answer):
    """The moments found in one video. `length` is of the video, in seconds."""

    video_id: str
    collection_id: str | None = None
    length: float | None = None
    title: str | None = None
    docs: list[VideoHit] | None = msgspec.field(default_factory=list)


class SearchWarning(Answer):
    """What a server has to say about a search."""

    code: str | None = None
    message: str | None = None
    docs: list[dict[str, Any]] | None = None


class VideoSearchAnswer(Answer):
    """The answer of the legacy search: best video first."""

    results: list[VideoHits] = msgspec.field(default_factory=list)
    warnings: list[SearchWarning] | None = msgspec.field(default_factory=list)


class VideoSearchV2Answer(Answer):
    """The answer of Search v2. What `results` holds depends on `response_type`; of shots it is a list of `VideoHits`."""  # noqa: E501

    response_type: str | None = None
    results: msgspec.Raw = msgspec.Raw(b"[]")
    warnings: list[SearchWarning] | None = msgspec.field(default_factory=list)
    session_id: str | None = None
    waiting_for: str | None = None
    clarification: Any = None
    trace: Any = None


class FoundAnswer(Answer):
    """The answer of Search v2 as the embedded server gives it."""

    results: list[VideoHits]
    warnings: list[SearchWarning]
    response_type: str = "shots"


# --- compile ----------------------------------------------------------------------------------------------------------


class CompileInput(Request):
    """One video's part. The official SDK sends `video_id` and `shots`; the vendor's OpenAPI file has the other names."""  # noqa: E501

    video_id: str | UnsetType | None = UNSET
    collection_id: str | UnsetType | None = UNSET
    shots: list[tuple[float, float]] | UnsetType | None = UNSET
    media_id: str | UnsetType | None = UNSET
    start_time: float | UnsetType | None = UNSET
    end_time: float | UnsetType | None = UNSET


class CompileRequest(Request):
    """POST /compile. The official SDK sends the list by itself."""

    inputs: list[CompileInput]
