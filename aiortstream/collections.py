"""Collections: where streams are connected, found and searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from msgspec import UNSET

from aiortstream.arguments import non_empty, path_of
from aiortstream.errors import InvalidArgumentError
from aiortstream.live.bindings import OWN, ConnectionChoice, TranscriptBinding
from aiortstream.rtstreams import RTStream
from aiortstream.search import RTStreamSearchResult, read_shot, search_request
from aiortstream.wire import rest

if TYPE_CHECKING:
    from aiortstream.context import Context

MEDIA_TYPES: tuple[rest.MediaType, ...] = ("audio", "video")


class Collection:
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
        self._read(await self._context.transport.get(path_of("collection", self.id), rest.CollectionAnswer))
        return self

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
        InvalidRequestError, PaymentRequiredError. Cancelling it leaves unknown whether it was made: see
        `list_rtstreams`.
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
        answer = await self._context.transport.post("rtstream", rest.RTStreamAnswer, body=body, look="list_rtstreams()")
        stream = RTStream(self._context, answer)
        if enable_transcript:
            self._context.live.bind(TranscriptBinding(stream.id), connection or ws_connection_id)
        return stream

    async def get_rtstream(self, id: str) -> RTStream:  # noqa: A002 - the official SDK's name
        """A stream by its id. Raises NotFoundError. Cancelling it changes nothing."""
        return await RTStream(self._context, rest.RTStreamAnswer(id)).refresh()

    async def list_rtstreams(
        self,
        limit: int | None = None,
        offset: int | None = None,
        status: str | None = None,
        name: str | None = None,
        ordering: str | None = None,
    ) -> list[RTStream]:
        """One page of the account's streams, newest first unless `ordering` says otherwise.

        The service gives ten unless `limit` asks for more, filters by exact `status` and by part of the `name`, and
        does not look at the collection. Cancelling it changes nothing.
        """
        answer = await self._context.transport.get(
            "rtstream",
            rest.RTStreamsAnswer,
            params={"limit": limit, "offset": offset, "status": status, "name": name, "ordering": ordering},
        )
        return [RTStream(self._context, stream) for stream in answer.results]

    async def search(
        self,
        query: str,
        *,
        namespace: Literal["rtstream"] = "rtstream",
        result_threshold: int | None = None,
        score_threshold: float | None = None,
        dynamic_score_percentage: float | None = None,
        filter: Sequence[Mapping[str, Any]] | None = None,  # noqa: A002 - the official SDK's name
        index_id: str | None = None,
        scene_index_id: str | None = None,
    ) -> RTStreamSearchResult:
        """Search what the indexes of all its streams have recorded; no hit is an empty result.

        `index_id`, or `scene_index_id`, keeps to one index. For the rest see `RTStream.search`. Cancelling it changes
        nothing.
        """
        if namespace != "rtstream":
            raise InvalidArgumentError(f'namespace: expected "rtstream", got {namespace!r}')
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
