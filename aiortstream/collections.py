"""Collections: where streams are connected, videos are kept, and both are found and searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Unpack, overload

from msgspec import UNSET

from aiortstream.arguments import non_empty, path_of
from aiortstream.capture_sessions import CaptureSession, create_session, get_session, list_sessions
from aiortstream.checking import checked
from aiortstream.errors import InvalidArgumentError
from aiortstream.handles import Handle
from aiortstream.live.bindings import OWN, ConnectionChoice, TranscriptBinding
from aiortstream.paging import At, Paged, Part, by_offset, one_page
from aiortstream.rtstreams import RTStream
from aiortstream.search import RTStreamSearchOptions, RTStreamSearchResult, read_shot, search_request
from aiortstream.video_search import (
    LegacySearchOptions,
    SearchResponse,
    SearchResult,
    VideoSearchOptions,
    legacy_search,
    search_videos,
)
from aiortstream.videos import Video, upload
from aiortstream.wire import rest, videos

if TYPE_CHECKING:
    from aiortstream.context import Context
    from aiortstream.jobs import Job, OnProgress

MEDIA_TYPES: tuple[rest.MediaType, ...] = ("audio", "video")


@checked
class Collection(Handle):
    """A collection. A handle from `client.collection(id)` knows its id only, until `refresh()`."""

    def __init__(self, context: Context, answer: rest.CollectionAnswer) -> None:
        self._context = context
        self._read(answer)

    def _read(self, answer: rest.CollectionAnswer) -> None:
        self.id = answer.id
        self.name = answer.name
        self.description = answer.description
        self.is_public = answer.is_public

    def __repr__(self) -> str:
        return f"Collection(id={self.id!r}, name={self.name!r})"

    async def refresh(self) -> Collection:
        """Read its properties again. Raises NotFoundError. Cancelling it changes nothing."""
        self._read(await self._context.transport.get(self._path(), rest.CollectionAnswer))
        return self

    async def delete(self) -> None:
        """Delete it for good. Raises NotFoundError, and InvalidRequestError where the server keeps it.

        The embedded server keeps the default collection, and one that still has streams or videos. Cancelling it leaves
        unknown whether it was done: see `client.get_collections`.
        """
        await self._context.transport.delete(self._path())

    async def make_public(self) -> None:
        """Let everybody see it. Raises InvalidRequestError where the server has no public collections, as the embedded
        one has none. Cancelled, it may or may not be done.
        """
        await self._set_public(True)

    async def make_private(self) -> None:
        """Let nobody else see it. Cancelled, it may or may not be done."""
        await self._set_public(False)

    async def _set_public(self, public: bool) -> None:
        body = videos.SetPublicRequest(public)
        await self._context.transport.patch(self._path(), body=body)
        self.is_public = public

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
        """Connect a live source (RTSP, RTMP, ...) and begin to ingest it; the answer does not wait for the source.

        `media_types` defaults to `["video"]`; `sample_rate` in frames a second; `store=True` records it, for playback
        and export; `enable_transcript=True` transcribes it from the start. Every call makes another stream. Raises
        InvalidRequestError, PaymentRequiredError, and OutcomeUnknownError where its answer is lost. That, and
        cancelling it, leaves unknown whether it was made: see `list_rtstreams`.
        """
        kinds: list[rest.MediaType] = list(media_types) if media_types is not None else ["video"]
        if not kinds or any(kind not in MEDIA_TYPES for kind in kinds):
            raise InvalidArgumentError(f'media_types: expected one or both of "audio" and "video", got {media_types!r}')
        non_empty(url, "url")
        connection = await self._context.live.connection_id(ws_connection_id)
        body = rest.ConnectRequest(
            collection_id=self.id,
            url=url,
            name=name,
            media_types=kinds,
            sample_rate=UNSET if sample_rate is None else sample_rate,
            store=UNSET if store is None else store,
            enable_transcript=UNSET if enable_transcript is None else enable_transcript,
            ws_connection_id=connection or UNSET,
        )
        answer = await self._context.transport.post("rtstream", rest.RTStreamAnswer, body=body)
        stream = RTStream(self._context, answer)
        if enable_transcript:
            self._context.live.bind(TranscriptBinding(stream.id), connection or ws_connection_id)
        return stream

    async def get_rtstream(self, id: str) -> RTStream:  # noqa: A002 - the official SDK's name
        """A stream by its id. Raises NotFoundError. Cancelling it changes nothing."""
        return await RTStream(self._context, rest.RTStreamAnswer(id)).refresh()

    def list_rtstreams(
        self,
        limit: int | None = None,
        offset: int | None = None,
        status: str | None = None,
        name: str | None = None,
        ordering: str | None = None,
    ) -> Paged[list[RTStream], RTStream]:
        """The account's streams, newest first unless `ordering` says otherwise: awaited one page, iterated all.

        The service gives ten a page unless `limit` asks for more, filters by exact `status` and by part of the `name`,
        and does not look at the collection. `offset`: how many are passed over. Cancelling it changes nothing.
        """
        wanted = {"limit": limit, "status": status, "name": name, "ordering": ordering}

        async def fetch(at: At | None) -> Part[list[RTStream], RTStream]:
            params = {**wanted, "offset": offset if at is None else at}
            answer = await self._context.transport.get("rtstream", rest.RTStreamsAnswer, params=params)
            streams = [RTStream(self._context, stream) for stream in answer.results]
            begun = int((offset if at is None else at) or 0)
            return Part(streams, streams, by_offset(begun, limit, streams, answer.count, answer.next))

        return Paged(fetch, lambda stream: stream.id)

    # --- videos -------------------------------------------------------------------------------------------------------

    async def get_video(self, video_id: str) -> Video:
        """A video of it by its id. Raises NotFoundError. Cancelling it changes nothing."""
        return await Video(self._context, videos.VideoAnswer(video_id, self.id)).refresh()

    def get_videos(self) -> Paged[list[Video], Video]:
        """All its videos, which come at once; to be awaited or iterated. Cancelling it changes nothing."""

        async def fetch() -> list[Video]:
            answer = await self._context.transport.get("video", videos.VideosAnswer, params={"collection_id": self.id})
            return [Video(self._context, each) for each in answer.videos]

        return one_page(fetch, lambda video: video.id)

    async def delete_video(self, video_id: str) -> None:
        """Delete a video of it for good. Raises NotFoundError.

        Cancelling it leaves unknown whether it was done: see `get_videos`.
        """
        params = {"collection_id": self.id}
        await self._context.transport.delete(path_of("video", video_id), params=params)

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
        """Make a video of a file of this machine, of any size, or of what is at a URL.

        `source` is either; `file_path` and `url` say which. `name` is the file's unless given. With a `callback_url`
        the answer is None, and the service tells of the video there. Raises InvalidArgumentError for a file that cannot
        be read, InvalidRequestError for what is no video. Await it, or follow it as `Job` says: its updates are
        `sending`, with the percentage that has left, and then the server's. Cancelling it while the file is sent leaves
        nothing; later, it leaves unknown whether it became a video: see `get_videos`.
        """
        return upload(
            self._context,
            self.id,
            source,
            media_type,
            name,
            description,
            callback_url,
            file_path,
            url,
            timeout,
            on_progress,
        )

    # --- capture sessions ---------------------------------------------------------------------------------------------

    async def create_capture_session(
        self,
        end_user_id: str,
        callback_url: str | None = None,
        ws_connection_id: ConnectionChoice = OWN,
        metadata: Mapping[str, Any] | None = None,
    ) -> CaptureSession:
        """A new capture session of one of your users, which is to be started.

        `callback_url` is told whatever becomes of it, and so is the websocket `ws_connection_id`, by default this
        client's own: `client.watch_events()` gives a `CaptureSessionEvent` for each. `metadata` is kept. Raises
        InvalidRequestError, NotFoundError. Cancelling it leaves unknown whether it was made: see
        `list_capture_sessions`.
        """
        return await create_session(self._context, self.id, end_user_id, callback_url, ws_connection_id, metadata)

    async def get_capture_session(self, session_id: str) -> CaptureSession:
        """A capture session of it by its id. Raises NotFoundError. Cancelling it changes nothing."""
        return await get_session(self._context, self.id, session_id)

    def list_capture_sessions(self, status: str | None = None) -> Paged[list[CaptureSession], CaptureSession]:
        """Its capture sessions, those of one `status` or all: awaited one page, iterated all of them.

        Cancelling it changes nothing.
        """
        return list_sessions(self._context, self.id, status)

    # --- search -------------------------------------------------------------------------------------------------------

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
        """Search its videos, as `Video.search` does one; or, with `namespace="rtstream"`, its streams.

        Of the streams it searches what their indexes have recorded, as `RTStream.search` does of one; no hit is an
        empty result, and `index_id`, or `scene_index_id`, keeps to one index. Cancelling it changes nothing.
        """
        if namespace is None:
            return await search_videos(
                self._context, self._path(), query, search_type, index_type, options, in_collection=True
            )
        if namespace != "rtstream":
            raise InvalidArgumentError(f'namespace: expected "rtstream", or none for videos, got {namespace!r}')
        return await self._search_streams(query, **options)

    async def legacy_search(
        self,
        query: str,
        search_type: str | None = "semantic",
        index_type: str | None = "spoken_word",
        **options: Unpack[LegacySearchOptions],
    ) -> SearchResult:
        """The legacy search in its videos, whatever the options. Raises NoResultsError.

        Cancelling it changes nothing.
        """
        return await legacy_search(
            self._context, self._path(), query, search_type, index_type, options, in_collection=True
        )

    async def _search_streams(
        self,
        query: str,
        result_threshold: int | None = None,
        score_threshold: float | None = None,
        dynamic_score_percentage: float | None = None,
        filter: Sequence[Mapping[str, Any]] | None = None,  # noqa: A002 - the official SDK's name
        index_id: str | None = None,
        scene_index_id: str | None = None,
    ) -> RTStreamSearchResult:
        body = search_request(
            query,
            index_id=scene_index_id if scene_index_id is not None else index_id,
            result_threshold=result_threshold,
            score_threshold=score_threshold,
            dynamic_score_percentage=dynamic_score_percentage,
            filter=filter if filter is not None else [],
        )
        path = path_of("rtstream", "collection", self.id, "search")
        answer = await self._context.transport.search(path, rest.SearchAnswer, body=body)
        shots = [read_shot(self._context, record, record.rtstream_id or record.id) for record in answer.results]
        return RTStreamSearchResult(self.id, shots)

    def _path(self) -> str:
        return path_of("collection", self.id)
