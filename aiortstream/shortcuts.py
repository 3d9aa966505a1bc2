"""What the client does in its default collection, so that small programs need no collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from aiortstream.checking import checked
from aiortstream.collections import Collection
from aiortstream.live.bindings import OWN, ConnectionChoice
from aiortstream.wire import rest

if TYPE_CHECKING:
    from aiortstream.capture_sessions import CaptureSession
    from aiortstream.context import Context
    from aiortstream.jobs import Job, OnProgress
    from aiortstream.paging import Paged
    from aiortstream.rtstreams import RTStream
    from aiortstream.search import RTStreamSearchOptions, RTStreamSearchResult
    from aiortstream.video_search import SearchResponse, SearchResult, VideoSearchOptions
    from aiortstream.videos import Video


@checked
class DefaultCollection:
    """The calls of a collection, without naming one."""

    _context: Context

    def collection(self, id: str = "default") -> Collection:  # noqa: A002 - the official SDK's name
        """A handle of a collection, with no request."""
        return Collection(self._context, rest.CollectionAnswer(id))

    async def connect_rtstream(
        self,
        url: str,
        name: str | None = None,
        media_types: Sequence[rest.MediaType] | None = None,
        sample_rate: int | None = None,
        store: bool | None = None,
        enable_transcript: bool | None = None,
        ws_connection_id: ConnectionChoice = OWN,
    ) -> RTStream:
        """Connect a live source in the default collection; see `Collection.connect_rtstream`."""
        return await self.collection().connect_rtstream(
            url, name, media_types, sample_rate, store, enable_transcript, ws_connection_id
        )

    def list_rtstreams(
        self,
        limit: int | None = None,
        offset: int | None = None,
        status: str | None = None,
        name: str | None = None,
        ordering: str | None = None,
    ) -> Paged[list[RTStream], RTStream]:
        """The account's streams: awaited one page, iterated all; see `Collection.list_rtstreams`."""
        return self.collection().list_rtstreams(limit, offset, status, name, ordering)

    async def create_capture_session(
        self,
        end_user_id: str,
        collection_id: str = "default",
        callback_url: str | None = None,
        ws_connection_id: ConnectionChoice = OWN,
        metadata: Mapping[str, Any] | None = None,
    ) -> CaptureSession:
        """A new capture session; see `Collection.create_capture_session`."""
        return await self.collection(collection_id).create_capture_session(
            end_user_id, callback_url, ws_connection_id, metadata
        )

    async def get_capture_session(self, session_id: str, collection_id: str = "default") -> CaptureSession:
        """A capture session by its id. Raises NotFoundError. Cancelling it changes nothing."""
        return await self.collection(collection_id).get_capture_session(session_id)

    def list_capture_sessions(
        self, collection_id: str = "default", status: str | None = None
    ) -> Paged[list[CaptureSession], CaptureSession]:
        """The capture sessions of a collection; see `Collection.list_capture_sessions`."""
        return self.collection(collection_id).list_capture_sessions(status)

    def get_videos(self) -> Paged[list[Video], Video]:
        """All videos of the default collection; see `Collection.get_videos`."""
        return self.collection().get_videos()

    @overload
    def upload(
        self,
        source: str | PathLike[str] | None = None,
        media_type: str | None = None,
        name: str | None = None,
        description: str | None = None,
        callback_url: None = None,
        file_path: str | PathLike[str] | None = None,
        url: str | None = None,
        *,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Job[Video]: ...

    @overload
    def upload(
        self,
        source: str | PathLike[str] | None = None,
        media_type: str | None = None,
        name: str | None = None,
        description: str | None = None,
        callback_url: str | None = None,
        file_path: str | PathLike[str] | None = None,
        url: str | None = None,
        *,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Job[Video | None]: ...

    def upload(
        self,
        source: str | PathLike[str] | None = None,
        media_type: str | None = None,
        name: str | None = None,
        description: str | None = None,
        callback_url: str | None = None,
        file_path: str | PathLike[str] | None = None,
        url: str | None = None,
        *,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Job[Any]:
        """Make a video in the default collection; see `Collection.upload`."""
        made: Job[Any] = self.collection().upload(
            source,
            media_type,
            name,
            description,
            callback_url,
            file_path,
            url,
            timeout=timeout,
            on_progress=on_progress,
        )
        return made

    @overload
    async def search(
        self, query: str, *, namespace: Literal["rtstream"], **options: Unpack[RTStreamSearchOptions]
    ) -> RTStreamSearchResult: ...

    @overload
    async def search(
        self,
        query: str,
        search_type: str | None = None,
        index_type: str | None = None,
        *,
        namespace: None = None,
        **options: Unpack[VideoSearchOptions],
    ) -> SearchResponse | SearchResult: ...

    async def search(
        self,
        query: str,
        search_type: str | None = None,
        index_type: str | None = None,
        *,
        namespace: Literal["rtstream"] | None = None,
        **options: Any,
    ) -> RTStreamSearchResult | SearchResponse | SearchResult:
        """Search the default collection's videos, or its streams; see `Collection.search`."""
        search: Any = self.collection().search
        found: RTStreamSearchResult | SearchResponse | SearchResult = await search(
            query, search_type, index_type, namespace=namespace, **options
        )
        return found
