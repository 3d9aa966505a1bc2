"""REST bodies of capture sessions: what several channels of one user's machine record together.

A session's streams are told by `rtstream_id`, its channels by `channel_id`, which is the category of the source
(`mic`, `screen`, `system_audio`). Sources: the official Python SDK 0.5.1 and the vendor's OpenAPI file.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from aiortstream.wire.rest import Answer, Request

ChannelType = Literal["audio", "video"]


class CreateSessionRequest(Request):
    """POST /collection/{id}/capture/session."""

    end_user_id: str
    callback_url: str | UnsetType | None = UNSET
    ws_connection_id: str | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType | None = UNSET


class ChannelAnswer(Answer):
    """One channel of a session."""

    channel_id: str
    type: str | None = None
    name: str | None = None
    store: bool | None = None
    is_primary: bool | None = None


class SessionStreamAnswer(Answer):
    """The stream that a channel became."""

    rtstream_id: str | None = None
    id: str | None = None
    channel_id: str | None = None
    name: str | None = None
    status: str | None = None
    media_types: list[str] | None = None


class SessionAnswer(Answer):
    """GET /collection/{id}/capture/session/{session_id}, and each of a list. One of the two ids is there."""

    session_id: str | None = None
    id: str | None = None
    collection_id: str | None = None
    end_user_id: str | None = None
    client_id: str | None = None
    status: str | None = None
    callback_url: str | None = None
    metadata: dict[str, Any] | None = None
    created_at: str | None = None
    channels: list[ChannelAnswer] | None = None
    rtstreams: list[SessionStreamAnswer] | None = None
    primary_video_channel_id: str | None = None
    exported_video_id: str | None = None
    export_status: str | None = None


class SessionsAnswer(Answer):
    """GET /collection/{id}/capture/session. `next_page` is null on the last page."""

    sessions: list[SessionAnswer]
    next_page: str | None = None


class SessionStreamRecord(Answer):
    """The stream of a channel as the embedded server tells of it: with one id, as official clients want it."""

    rtstream_id: str
    channel_id: str
    name: str
    status: str
    media_types: list[str]


class SessionRecord(Answer):
    """One session as the embedded server tells of it: `session_id` and no `id`, and lists that are never null."""

    session_id: str
    collection_id: str
    end_user_id: str
    client_id: str | None
    status: str
    callback_url: str | None
    metadata: dict[str, Any]
    created_at: str
    channels: list[ChannelAnswer]
    rtstreams: list[SessionStreamRecord]
    primary_video_channel_id: str | None
    exported_video_id: str | None
    export_status: str | None


class SessionRecords(Answer):
    """GET /collection/{id}/capture/session, of the embedded server."""

    sessions: list[SessionRecord]
    next_page: str | None = None


class ExportSessionRequest(Request):
    """POST /collection/{id}/capture/session/{session_id}/export. The connection's id has another name here."""

    video_channel_id: str | UnsetType | None = UNSET
    connection_id: str | UnsetType | None = UNSET


class ExportSessionAnswer(Answer):
    """The same, which is asked for again until `export_status` is no longer `exporting`: `exported` or `failed`."""

    export_status: str | None = None
    session_id: str | None = None
    video_channel_id: str | None = None
    video_id: str | None = None
    stream_url: str | None = None
    player_url: str | None = None


class TokenRequest(Request):
    """POST /capture/session/token. `expires_in` is in seconds, a day unless it is given."""

    expires_in: int | None = None


class TokenAnswer(Answer):
    """The same. `expires_at` is in unix seconds."""

    token: str
    expires_at: float | None = None
    expires_in: float | None = None


class StartChannel(Request):
    """One channel of the request below."""

    channel_id: str
    channel_name: str | UnsetType | None = UNSET
    type: ChannelType | None = None
    """`audio` unless it is given."""
    store: bool | None = None
    """True unless it is given."""


class StartSessionRequest(Request):
    """POST /capture/session/start."""

    session_id: str
    channels: list[StartChannel]
    ws_connection_id: str | UnsetType | None = UNSET
    callback_url: str | UnsetType | None = UNSET


class StartSessionAnswer(Answer):
    """The same."""

    session_id: str | None = None
    status: str | None = None


class ChannelUrlAnswer(Answer):
    """Where the source of one channel is."""

    channel_id: str
    rtsp_url: str | None = None


class SessionUrlsAnswer(Answer):
    """GET /capture/session/{session_id}."""

    channels: list[ChannelUrlAnswer] | None = None
    session_id: str | None = None
    status: str | None = None
