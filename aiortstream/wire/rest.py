"""REST bodies: requests as clients send them, answers as the service gives them.

Requests keep the official SDK's habit of sending `null` for some absent fields and omitting others; a server takes
`null` for absent. Answers are read leniently: unknown fields are ignored, numbers may come as strings.
Sources of each shape: the vendor's OpenAPI file of SDK 0.4.5 and the official Python SDK 0.5.1.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

MediaType = Literal["audio", "video"]
Action = Literal["start", "stop"]


class Request(msgspec.Struct):
    """Base of request bodies."""


class Answer(msgspec.Struct):
    """Base of answer bodies. Fields that are None are sent as null, as the service does."""


# --- collections ------------------------------------------------------------------------------------------------------


class CollectionAnswer(Answer):
    """GET /collection/{id}."""

    id: str
    name: str | None = None
    description: str | None = None
    is_public: bool = False


class CollectionsAnswer(Answer):
    """GET /collection."""

    collections: list[CollectionAnswer]
    default_collection: str | None = None


class WebsocketAnswer(Answer):
    """GET /collection/{id}/websocket."""

    websocket_url: str
    features: tuple[str, ...] | UnsetType | None = UNSET
    """What the server offers beyond the hosted wire (`wire.extras`); the hosted service has no such field."""


# --- streams ----------------------------------------------------------------------------------------------------------


class ConnectRequest(Request, kw_only=True):
    """POST /rtstream."""

    collection_id: str | None = None
    url: str
    name: str | None = None
    media_types: list[MediaType] | None = None
    sample_rate: int | UnsetType | None = UNSET
    store: bool | UnsetType | None = UNSET
    enable_transcript: bool | UnsetType | None = UNSET
    ws_connection_id: str | UnsetType | None = UNSET


class RTStreamAnswer(Answer):
    """One stream. `status`: connecting, connected, error or stopped; the hosted service knows connected and stopped."""

    id: str
    name: str | None = None
    collection_id: str | None = None
    created_at: str | None = None
    sample_rate: int | None = None
    status: str | None = None
    media_types: list[str] | None = None
    store: bool | None = None
    channel_id: str | None = None
    stream_url: str | None = None
    player_url: str | None = None
    status_reason: str | None = None
    """Why it is in that status, in words. Only the embedded server says so."""


class RTStreamsAnswer(Answer):
    """GET /rtstream."""

    results: list[RTStreamAnswer]
    count: int | None = None
    next: str | None = None
    previous: str | None = None


class UpdateStreamRequest(Request):
    """PATCH /rtstream/{id}."""

    name: str | None = None
    sample_rate: int | None = None


class ActionRequest(Request):
    """PATCH .../status of a stream or an index."""

    action: Action


class ExportRequest(Request):
    """POST /rtstream/{id}/export."""

    name: str | UnsetType | None = UNSET


class ExportAnswer(Answer):
    """The exported video; `duration` in seconds, URLs null for sound alone."""

    video_id: str
    name: str | None = None
    stream_url: str | None = None
    player_url: str | None = None
    duration: float | None = None


class StreamAnswer(Answer):
    """GET /rtstream/{id}/stream."""

    stream_url: str
    player_url: str | None = None


# --- transcripts ------------------------------------------------------------------------------------------------------


class TranscriptionRequest(Request):
    """POST /rtstream/{id}/transcription. `mode` is the Node SDK's."""

    action: Action
    engine: str | UnsetType | None = UNSET
    mode: str | UnsetType | None = UNSET
    ws_connection_id: str | UnsetType | None = UNSET


class TranscriptionStatusAnswer(Answer):
    """Its answer, and that of GET /rtstream/{id}/transcription/status."""

    status: str
    engine: str | None = None
    language: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


class WordRecord(Answer):
    """One word; times in unix seconds. The hosted service's own shape is not documented, so nothing is required."""

    word: str | None = None
    start: float | None = None
    end: float | None = None
    text: str | UnsetType | None = UNSET
    """The word under the name that other answers of the service have; read, never sent."""


class TranscriptRecord(Answer):
    """One final segment; times in unix seconds."""

    start: float
    end: float
    text: str
    word_timestamps: list[WordRecord] | None = []


class TranscriptAnswer(Answer):
    """GET /rtstream/{id}/transcription: one page."""

    transcription_records: list[TranscriptRecord] = []
    next_page: bool | int | None = False
    total_count: int | None = None
    page: int | None = None
    page_size: int | None = None


# --- scene indexes ----------------------------------------------------------------------------------------------------


class SceneIndexRequest(Request):
    """POST /rtstream/{id}/index/scene. The field order and the nulls are the official SDK's."""

    extraction_type: str | None = None
    extraction_config: dict[str, Any] | None = None
    prompt: str | None = None
    model_name: str | None = None
    model_config: dict[str, Any] | None = None
    name: str | None = None
    ws_connection_id: str | UnsetType | None = UNSET
    sandbox_id: str | UnsetType | None = UNSET
    auto_start_transcript: bool | UnsetType | None = UNSET


class SceneIndexAnswer(Answer):
    """One scene index. The service gives the values of `extraction_config` as strings."""

    rtstream_index_id: str
    extraction_type: str | None = None
    extraction_config: dict[str, Any] | None = None
    prompt: str | None = None
    name: str | None = None
    status: str | None = None
    sandbox_id: str | None = None


class PromptRequest(Request):
    """PATCH /rtstream/{id}/index/scene/{idx}: the Node SDK's."""

    prompt: str


class SceneIndexesAnswer(Answer):
    """GET /rtstream/{id}/index/scene."""

    scene_indexes: list[SceneIndexAnswer] = []


class SceneRecord(Answer):
    """One scene; times in unix seconds. Sources disagree on the key of the text, so both are sent and read."""

    start: float
    end: float
    description: str | None = None
    text: str | None = None
    metadata: dict[str, Any] | None = None


class ScenesAnswer(Answer):
    """GET /rtstream/{id}/index/scene/{idx}: one page, newest first."""

    scene_index_records: list[SceneRecord] = []
    next_page: bool | int | None = False


# --- understandings and their indexes ---------------------------------------------------------------------------------


class UnderstandRequest(Request):
    """POST /rtstream/{id}/understand."""

    segmentation: dict[str, Any] | None = None
    analyzers: list[dict[str, Any]] | None = None
    store: bool | UnsetType | None = UNSET
    ws_connection_id: str | UnsetType | None = UNSET


class UnderstandingAnswer(Answer):
    """One understanding. `outputs` has a descriptor for each analyzer, which is what an index takes as its source."""

    understanding_id: str
    rtstream_id: str | None = None
    status: str | None = None
    store: bool = True
    segmentation: dict[str, Any] = {}
    analyzers: list[dict[str, Any]] = []
    outputs: dict[str, dict[str, Any]] = {}


class UnderstandingsAnswer(Answer):
    """GET /rtstream/{id}/understand."""

    understandings: list[UnderstandingAnswer] = []


class IndexRequest(Request):
    """POST /rtstream/{id}/indexes. `source` is a descriptor out of an understanding's `outputs`."""

    source: dict[str, Any]
    name: str | UnsetType | None = UNSET
    use_for: list[str] | UnsetType | None = UNSET


class IndexAnswer(Answer):
    """One index of what an understanding records."""

    index_id: str
    rtstream_id: str | None = None
    name: str | None = None
    status: str | None = None
    use_for: list[str] | None = None
    source_understanding_id: str | None = None
    output: str | None = "scene"


class IndexesAnswer(Answer):
    """GET /rtstream/{id}/indexes."""

    indexes: list[IndexAnswer] = []


class IndexRecord(SceneRecord):
    """One record of an understanding or of its index. No source documents it: the server gives what a scene has."""

    output: str | None = None


class RecordsAnswer(Answer):
    """GET .../records of either: one page, newest first."""

    records: list[IndexRecord] = []
    next_page: bool | int | None = False


# --- events and alerts ------------------------------------------------------------------------------------------------


class EventRequest(Request):
    """POST /rtstream/event."""

    event_prompt: str
    label: str


class EventIdAnswer(Answer):
    """Its answer."""

    event_id: str


class EventAnswer(Answer):
    """One event definition."""

    event_id: str
    event_prompt: str | None = None
    label: str | None = None


class EventsAnswer(Answer):
    """GET /rtstream/event."""

    events: list[EventAnswer] = []


class AlertRequest(Request):
    """POST /rtstream/{id}/index/{idx}/alert."""

    event_id: str
    callback_url: str | None = None
    ws_connection_id: str | UnsetType | None = UNSET


class AlertIdAnswer(Answer):
    """Its answer."""

    alert_id: str


class AlertAnswer(Answer):
    """One alert on an index."""

    alert_id: str
    event_id: str | None = None
    prompt: str | None = None
    label: str | None = None
    callback_url: str | None = None
    status: str | None = None


class AlertsAnswer(Answer):
    """GET /rtstream/{id}/index/{idx}/alert."""

    alerts: list[AlertAnswer] = []


class FiringRecord(Answer, kw_only=True):
    """One alert that fired, in the log of the embedded server; times in unix seconds."""

    firing_id: int
    fired_at: float
    label: str
    timestamp: float
    rtstream_id: str
    index_id: str
    alert_id: str
    event_id: str
    start: float
    end: float
    rtstream_name: str | None = None
    explanation: str | None = None
    confidence: float | None = None
    stream_url: str | None = None
    player_url: str | None = None


class DeliveryRecord(Answer):
    """One callback of the embedded server's outbox; times in unix seconds. `url` lacks what may be a secret."""

    delivery_id: int
    message_id: str
    """`webhook-id`: the same at every attempt."""
    alert_id: str | None
    """None where it tells of a capture session."""
    url: str
    status: Literal["pending", "delivered", "failed"]
    attempts: int
    created_at: float
    next_attempt_at: float | None
    delivered_at: float | None
    last_error: str | None


class DeliveriesAnswer(Answer):
    """GET /alert/delivery."""

    deliveries: list[DeliveryRecord] = []
    next_page: bool = False


class AlertLogAnswer(Answer):
    """GET /alert/log, which the embedded server alone has: what fired, by the time it was logged, oldest first."""

    firings: list[FiringRecord]
    next_page: bool = False


class AlertStatusRequest(Request):
    """PATCH .../alert/{id}/status: the SDKs send `action`, the documentation `status`; one of them must be there."""

    action: Literal["enable", "disable"] | UnsetType | None = UNSET
    status: Literal["enabled", "disabled"] | UnsetType | None = UNSET


# --- search -----------------------------------------------------------------------------------------------------------


class SearchRequest(Request):
    """POST /rtstream/{id}/search and /rtstream/collection/{id}/search."""

    query: str
    scene_index_id: str | UnsetType | None = UNSET
    result_threshold: int | UnsetType | None = UNSET
    score_threshold: float | UnsetType | None = UNSET
    dynamic_score_percentage: float | UnsetType | None = UNSET
    filter: list[dict[str, Any]] | UnsetType | None = UNSET


class SearchRecord(Answer):
    """One hit; times in unix seconds. A collection's search also says which stream."""

    start: float
    end: float
    text: str | None = None
    score: float | None = None
    scene_index_id: str | None = None
    scene_index_name: str | None = None
    metadata: dict[str, Any] | None = None
    rtstream_id: str | None = None
    rtstream_name: str | None = None
    id: str | None = None
    """The stream's id under the name that some answers of the service have instead."""


class SearchAnswer(Answer):
    """Hits, best first."""

    results: list[SearchRecord] = []
