"""What may be tried again, operation by operation: the one table of it, which the transport goes by.

    always    doing it twice is doing it once: repeated on a broken connection and on 429, 502, 503 and 504
    unsent    it makes something: repeated only where the request surely was not taken, as no connection could be made
              or the answer is 429. Where that is not sure, an error that is an OutcomeUnknownError names what tells

Nothing is repeated past its deadline, more often than `max_retries`, or where the server asks for more than a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Repeating: TypeAlias = Literal["always", "unsent"]


@dataclass(frozen=True, slots=True)
class OperationRule:
    """One operation of the wire: its path with names for what differs, who calls it, and whether it is repeated."""

    method: str
    path: str
    calls: tuple[str, ...]
    repeat: Repeating
    check: str | None = None
    """What tells whether it was done, where an error leaves that unknown."""
    why: str = ""


def _reads(path: str, *calls: str, method: str = "GET", why: str = "it only reads") -> OperationRule:
    return OperationRule(method, path, calls, "always", None, why)


def _sets(path: str, *calls: str, method: str = "PATCH", why: str = "it sets a state") -> OperationRule:
    return OperationRule(method, path, calls, "always", None, why)


def _makes(path: str, *calls: str, check: str, why: str) -> OperationRule:
    return OperationRule("POST", path, calls, "unsent", check, why)


_AGAIN = "the same again gives the same"
_GONE = "404 to a repetition is taken as done"

OPERATIONS: tuple[OperationRule, ...] = (
    _reads("collection", "AsyncClient.get_collections"),
    _makes("collection", "AsyncClient.create_collection", check="get_collections()", why="names need not be unique"),
    _reads("collection/{collection_id}", "Collection.refresh"),
    _sets(
        "collection/{collection_id}",
        "AsyncClient.update_collection",
        "Collection.make_public",
        "Collection.make_private",
    ),
    _sets("collection/{collection_id}", "Collection.delete", method="DELETE", why=_GONE),
    _reads("collection/{collection_id}/websocket", "the websocket"),
    _reads("collection/{collection_id}/upload_url", "Collection.upload"),
    _makes("collection/{collection_id}/upload", "Collection.upload", check="get_videos()", why="it makes a video"),
    _reads("collection/{collection_id}/search", "Collection.legacy_search", method="POST"),
    _reads("collection/{collection_id}/search/v2", "Collection.search", method="POST"),
    _reads("collection/{collection_id}/capture/session", "Collection.list_capture_sessions"),
    _makes(
        "collection/{collection_id}/capture/session",
        "Collection.create_capture_session",
        check="list_capture_sessions()",
        why="a user may have several",
    ),
    _reads(
        "collection/{collection_id}/capture/session/{session_id}",
        "Collection.get_capture_session",
        "CaptureSession.refresh",
    ),
    _sets(
        "collection/{collection_id}/capture/session/{session_id}/export",
        "CaptureSession.export",
        method="POST",
        why="it is how an export is looked at, too",
    ),
    _sets(
        "capture/session/token",
        "AsyncClient.generate_client_token",
        method="POST",
        why="a token that nobody got does no harm",
    ),
    _makes(
        "capture/session/start",
        "CaptureSession.start",
        check="refresh()",
        why="one that has started is not started again",
    ),
    _reads("capture/session/{session_id}", "CaptureSession.get_rtsp_urls"),
    _makes(
        "capture/session/{session_id}/stop",
        "CaptureSession.stop",
        check="refresh()",
        why="one that has stopped may not be stopped again",
    ),
    _reads("rtstream", "Collection.list_rtstreams"),
    _makes("rtstream", "Collection.connect_rtstream", check="list_rtstreams()", why="the list does not tell URLs"),
    _reads("rtstream/{rtstream_id}", "RTStream.refresh"),
    _sets("rtstream/{rtstream_id}", "RTStream.update"),
    _sets("rtstream/{rtstream_id}/status", "RTStream.start", "RTStream.stop", why="what is so already is no error"),
    _sets("rtstream/{rtstream_id}/export", "RTStream.export", method="POST", why=_AGAIN),
    _reads("rtstream/{rtstream_id}/stream", "RTStream.generate_stream", "RTStreamShot.generate_stream"),
    _reads("rtstream/{rtstream_id}/search", "RTStream.search", method="POST"),
    _reads("rtstream/collection/{collection_id}/search", "Collection.search", method="POST"),
    _reads("rtstream/{rtstream_id}/transcription", "RTStream.get_transcript", "watches"),
    _sets(
        "rtstream/{rtstream_id}/transcription",
        "RTStream.start_transcript",
        "RTStream.stop_transcript",
        "watches",
        method="POST",
    ),
    _reads("rtstream/{rtstream_id}/transcription/status", "RTStream.get_transcription_status"),
    _reads("rtstream/{rtstream_id}/index/scene", "RTStream.list_scene_indexes"),
    _makes(
        "rtstream/{rtstream_id}/index/scene",
        "RTStream.index_visuals",
        "RTStream.index_audio",
        "RTStream.index_scenes",
        "RTStream.index_spoken_words",
        check="list_scene_indexes()",
        why="another index is paid for, and one that is there may be older",
    ),
    _reads("rtstream/{rtstream_id}/index/{index_id}", "RTStreamSceneIndex.refresh"),
    _reads("rtstream/{rtstream_id}/index/scene/{index_id}", "RTStreamSceneIndex.get_scenes", "watches"),
    _sets("rtstream/{rtstream_id}/index/scene/{index_id}", "RTStreamSceneIndex.update"),
    _sets(
        "rtstream/{rtstream_id}/index/scene/{index_id}/status", "RTStreamSceneIndex.start", "RTStreamSceneIndex.stop"
    ),
    _reads("rtstream/{rtstream_id}/index/{index_id}/alert", "RTStreamSceneIndex.list_alerts"),
    _makes(
        "rtstream/{rtstream_id}/index/{index_id}/alert",
        "RTStreamSceneIndex.create_alert",
        "watches",
        check="list_alerts()",
        why="the list does not tell to which connection one is sent; watches that replace theirs know which were there",
    ),
    _sets(
        "rtstream/{rtstream_id}/index/{index_id}/alert/{alert_id}/status",
        "RTStreamSceneIndex.enable_alert",
        "RTStreamSceneIndex.disable_alert",
    ),
    _reads("rtstream/{rtstream_id}/understand", "RTStream.list_understanding"),
    _makes(
        "rtstream/{rtstream_id}/understand",
        "RTStream.understand",
        check="list_understanding()",
        why="another understanding is paid for, and one that is there may be older",
    ),
    _reads(
        "rtstream/{rtstream_id}/understand/{understanding_id}",
        "RTStream.get_understanding",
        "RTStreamUnderstanding.refresh",
    ),
    _sets(
        "rtstream/{rtstream_id}/understand/{understanding_id}/status",
        "RTStreamUnderstanding.start",
        "RTStreamUnderstanding.stop",
    ),
    _reads(
        "rtstream/{rtstream_id}/understand/{understanding_id}/records", "RTStreamUnderstanding.get_records", "watches"
    ),
    _reads("rtstream/{rtstream_id}/indexes", "RTStream.list_indexes"),
    _makes(
        "rtstream/{rtstream_id}/indexes",
        "RTStream.index",
        check="list_indexes()",
        why="another index is paid for, and one that is there may be older",
    ),
    _reads("rtstream/{rtstream_id}/indexes/{index_id}", "RTStream.get_index", "RTStreamIndex.refresh"),
    _sets("rtstream/{rtstream_id}/indexes/{index_id}/status", "RTStreamIndex.start", "RTStreamIndex.stop"),
    _reads("rtstream/{rtstream_id}/indexes/{index_id}/records", "RTStreamIndex.get_records", "watches"),
    _reads("rtstream/{rtstream_id}/indexes/{index_id}/alert", "RTStreamIndex.list_alerts"),
    _makes(
        "rtstream/{rtstream_id}/indexes/{index_id}/alert",
        "RTStreamIndex.create_alert",
        "watches",
        check="list_alerts()",
        why="as on an index of scenes",
    ),
    _sets(
        "rtstream/{rtstream_id}/indexes/{index_id}/alert/{alert_id}/status",
        "RTStreamIndex.enable_alert",
        "RTStreamIndex.disable_alert",
    ),
    _reads("rtstream/event", "AsyncClient.list_events"),
    _makes(
        "rtstream/event",
        "AsyncClient.create_event",
        check="list_events()",
        why="one of the same label and prompt is as good: it is looked for, and made again where there is none",
    ),
    _reads("alert/log", "watches"),
    _reads("video", "Collection.get_videos"),
    _reads("video/{video_id}", "Video.refresh"),
    _sets("video/{video_id}", "Video.update"),
    _sets("video/{video_id}", "Video.delete", "Collection.delete_video", method="DELETE", why=_GONE),
    _sets("video/{video_id}/storage", "Video.remove_storage", method="DELETE", why=_GONE),
    _reads("video/{video_id}/thumbnail", "Video.generate_thumbnail"),
    _makes(
        "video/{video_id}/thumbnail", "Video.generate_thumbnail", check="get_thumbnails()", why="it makes a picture"
    ),
    _reads("video/{video_id}/thumbnails", "Video.get_thumbnails"),
    _sets("video/{video_id}/stream", "Video.generate_stream", "Shot.generate_stream", method="POST", why=_AGAIN),
    _reads("video/{video_id}/transcription", "Video.get_transcript", "Video.get_transcript_text"),
    _makes(
        "video/{video_id}/transcription", "Video.generate_transcript", check="get_transcript()", why="it is paid for"
    ),
    _makes("video/{video_id}/index", "Video.index_spoken_words", check="search()", why="it is paid for"),
    _reads("video/{video_id}/search", "Video.legacy_search", method="POST"),
    _reads("video/{video_id}/search/v2", "Video.search", method="POST"),
    _sets("compile", "SearchResult.compile", "SearchResponse.compile", method="POST", why=_AGAIN),
)

UNLISTED = "{path}"
"""What stands for the path of an operation that is not in the table."""


@dataclass(slots=True)
class _Node:
    """A tree of paths, a segment a level."""

    named: dict[str, _Node] = field(default_factory=dict)
    any: _Node | None = None
    rules: dict[str, OperationRule] = field(default_factory=dict)  # by method


def _tree(rules: Iterable[OperationRule]) -> _Node:
    root = _Node()
    for rule in rules:
        node = root
        for segment in rule.path.split("/"):
            if segment.startswith("{"):
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.named.setdefault(segment, _Node())
        node.rules[rule.method] = rule
    return root


_ROOT = _tree(OPERATIONS)


def rule_of(method: str, path: str) -> OperationRule | None:
    """The rule for a request; None for one that the table does not have."""
    return _find(_ROOT, method, path.split("/"))


def _find(node: _Node, method: str, segments: list[str]) -> OperationRule | None:
    if not segments:
        return node.rules.get(method)
    first, *rest = segments
    if first in node.named and (found := _find(node.named[first], method, rest)) is not None:
        return found
    return None if node.any is None else _find(node.any, method, rest)


def table() -> str:
    """The table as it stands in docs/operations.md."""
    lines = ["| operation | calls | repeated | |", "|---|---|---|---|"]
    for rule in OPERATIONS:
        calls = ", ".join(f"`{call}`" if "." in call else call for call in rule.calls)
        says = f"{rule.why}; `{rule.check}` tells" if rule.check else rule.why
        lines.append(f"| `{rule.method} /{rule.path}` | {calls} | {rule.repeat} | {says} |")
    return "\n".join(lines) + "\n"
