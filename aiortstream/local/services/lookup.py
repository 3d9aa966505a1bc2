"""What most services look up first, or refuse to go on without."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, TypeVar

from msgspec import UNSET, UnsetType

from aiortstream.local.ai.protocols import BackendMissing, ModelError
from aiortstream.local.services.errors import BadRequest, NotFound, Unavailable
from aiortstream.local.store import alerts, collections, indexes, streams, videos
from aiortstream.local.store.spans import Window

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

T = TypeVar("T")

LARGEST_PAGE = 1000
LARGEST_NAME = 500  # characters
LATEST_PAGE = 1_000_000_000


def collection_of(conn: sqlite3.Connection, collection_id: str | None) -> collections.CollectionRow:
    """The collection; None and `default` mean the default one. Raises NotFound."""
    if collection_id is None or collection_id == "default":
        return collections.default(conn)
    found = collections.get(conn, collection_id)
    if found is None:
        raise NotFound(f"there is no collection {collection_id!r}")
    return found


def stream_of(conn: sqlite3.Connection, rtstream_id: str) -> streams.StreamRow:
    """The stream. Raises NotFound."""
    found = streams.get(conn, rtstream_id)
    if found is None:
        raise NotFound(f"there is no stream {rtstream_id!r}")
    return found


def index_of(conn: sqlite3.Connection, rtstream_id: str, index_id: str) -> indexes.IndexRow:
    """The index of that stream that can be searched and have alerts: of scenes, or of records. Raises NotFound."""
    found = indexes.get(conn, stream_of(conn, rtstream_id).id, index_id)
    if found is None or found.role == "understanding":
        raise NotFound(f"stream {rtstream_id!r} has no index {index_id!r}")
    return found


def scene_index_of(conn: sqlite3.Connection, rtstream_id: str, index_id: str) -> indexes.IndexRow:
    """The scene index of that stream. Raises NotFound."""
    found = indexes.get(conn, stream_of(conn, rtstream_id).id, index_id)
    if found is None or found.role != "scene":
        raise NotFound(f"stream {rtstream_id!r} has no scene index {index_id!r}")
    return found


def alert_of(conn: sqlite3.Connection, rtstream_id: str, index_id: str, alert_id: str) -> alerts.AlertRow:
    """The alert on that index. Raises NotFound."""
    found = alerts.get(conn, index_of(conn, rtstream_id, index_id).id, alert_id)
    if found is None:
        raise NotFound(f"index {index_id!r} has no alert {alert_id!r}")
    return found


def video_of(conn: sqlite3.Connection, video_id: str, collection_id: str | None = None) -> videos.VideoRow:
    """The video, which must be in that collection if one is named. Raises NotFound."""
    found = videos.get(conn, video_id)
    if found is None:
        raise NotFound(f"there is no video {video_id!r}")
    if collection_id is not None and collection_of(conn, collection_id).id != found.collection_id:
        raise NotFound(f"there is no video {video_id!r} in collection {collection_id!r}")
    return found


def check_name(field: str, name: str) -> None:
    """Raise BadRequest for a name that is empty or too long."""
    if not name.strip() or len(name) > LARGEST_NAME:
        raise BadRequest(f"{field}: expected 1 to {LARGEST_NAME} characters, got {len(name.strip())}")


def given(value: T | UnsetType | None) -> T | None:
    """The value of a field that may be absent or null: both mean that it was not given."""
    return None if value is UNSET or isinstance(value, UnsetType) else value


def page_bounds(page: int, page_size: int) -> tuple[int, int]:
    """Limit and offset of a page; the limit is one more than its size, to see whether another follows."""
    if not 1 <= page <= LATEST_PAGE:
        raise BadRequest(f"page: expected a whole number from 1 to {LATEST_PAGE}, got {page}")
    if not 1 <= page_size <= LARGEST_PAGE:
        raise BadRequest(f"page_size: expected a whole number from 1 to {LARGEST_PAGE}, got {page_size}")
    return page_size + 1, (page - 1) * page_size


def window_of(start: float | None, end: float | None) -> Window:
    """The window of a page; either end may be open. Raises BadRequest if it ends before it starts."""
    if start is not None and end is not None and end < start:
        raise BadRequest(f"end: expected a time not before start ({start}), got {end}")
    return Window.of_seconds(start, end)


def window_since(start: float | None, end: float | None, since: float | None) -> Window:
    """The same, without what ends before `since`. Raises BadRequest if it ends before it starts."""
    window = window_of(start, end)
    if since is None:
        return window
    return window_of(since if start is None else max(start, since), None if end is None else max(end, since))


@contextlib.contextmanager
def model_refusals(field: str) -> Iterator[None]:
    """Around asking for a model: one that is not installed is Unavailable, one that is not known a BadRequest."""
    try:
        yield
    except BackendMissing as error:
        raise Unavailable(str(error)) from error
    except (ModelError, ValueError) as error:
        raise BadRequest(f"{field}: {error}") from error
