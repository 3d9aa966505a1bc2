"""Understandings: what a model makes of a stream's pictures, kept to be indexed, and the indexes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, overload

from msgspec import UNSET

from aiortstream.alerting import Alerting
from aiortstream.arguments import non_empty, page_params, path_of
from aiortstream.checking import checked
from aiortstream.errors import InvalidArgumentError
from aiortstream.handles import Handle
from aiortstream.live.bindings import OWN, ConnectionChoice, SceneBinding
from aiortstream.paging import At, Paged, Part, by_number, one_page
from aiortstream.records import Gap, Keyed, Scene
from aiortstream.wire import rest
from aiortstream.wire.pages import read_scene

if TYPE_CHECKING:
    from aiortstream.context import Context
    from aiortstream.live.watch import Watch


class RecordPage(Keyed, frozen=True):
    """One page of records, newest first as the service gives them, and whether there is another."""

    records: tuple[Scene, ...]
    next_page: bool


@checked
class Recording(Handle):
    """What has records: an understanding, or an index of one. Iterating it with `async for` is `watch_records()`."""

    _context: Context
    id: str
    rtstream_id: str

    @overload
    def watch_records(
        self,
        *,
        since: float | datetime | str | None = ...,
        until: float | datetime | None = ...,
        follow: bool = ...,
        gaps: Literal["raise"] = ...,
        max_buffer: int | None = ...,
    ) -> Watch[Scene]: ...
    @overload
    def watch_records(
        self,
        *,
        since: float | datetime | str | None = ...,
        until: float | datetime | None = ...,
        follow: bool = ...,
        gaps: Literal["yield"],
        max_buffer: int | None = ...,
    ) -> Watch[Scene | Gap]: ...
    def watch_records(
        self,
        *,
        since: float | datetime | str | None = None,
        until: float | datetime | None = None,
        follow: bool = True,
        gaps: Literal["raise", "yield"] = "raise",
        max_buffer: int | None = None,
    ) -> Watch[Any]:
        """Its records, each a `Scene` whose `index_id` is its id: those since a moment or a cursor, then as they come.

        Those of an understanding come by websocket where the server sends them; those of an index are always polled
        for, as nothing binds one to a connection. For the arguments see `RTStreamSceneIndex.watch_scenes`.
        """
        return self._context.live.watch_scenes(
            self.rtstream_id, self.id, since=since, until=until, follow=follow, gaps=gaps, max_buffer=max_buffer
        )

    def __aiter__(self) -> Watch[Scene]:
        return self.watch_records()

    def _page_of(self, path: str, params: Mapping[str, Any], page: int) -> Paged[RecordPage, Scene]:
        async def fetch(at: At | None) -> Part[RecordPage, Scene]:
            number = page if at is None else int(at)
            answer = await self._context.transport.get(path, rest.RecordsAnswer, params={**params, "page": number})
            records = tuple(read_scene(record, self.rtstream_id, self.id, "visual") for record in answer.records)
            more = answer.next_page
            return Part(RecordPage(records, bool(more)), records, by_number(number, items=records, more=more))

        return Paged(fetch, lambda record: (record.start, record.end, record.text))


@checked
class RTStreamUnderstanding(Recording):
    """A model at work on a stream's pictures, a window at a time, whether its records are searched or not.

    `status`: `running`, `stopped` or `failed`. `store`: whether records are kept. `segmentation`, `analyzers` and
    `outputs` are the wire's; a descriptor in `outputs`, by the analyzer's name, is what `RTStream.index` takes.
    """

    def __init__(self, context: Context, rtstream_id: str, answer: rest.UnderstandingAnswer) -> None:
        self._context = context
        self.rtstream_id = rtstream_id
        self._read(answer)

    def _read(self, answer: rest.UnderstandingAnswer) -> None:
        self.id = answer.understanding_id
        self.status = answer.status
        self.store = answer.store
        self.segmentation = answer.segmentation
        self.analyzers = answer.analyzers
        self.outputs = answer.outputs

    def __repr__(self) -> str:
        return (
            f"RTStreamUnderstanding(id={self.id!r}, rtstream_id={self.rtstream_id!r}, status={self.status!r}, "
            f"store={self.store!r}, outputs={sorted(self.outputs)!r})"
        )

    async def refresh(self) -> RTStreamUnderstanding:
        """Read its properties again. Raises NotFoundError. Cancelling it changes nothing."""
        self._read(await self._context.transport.get(self._path(), rest.UnderstandingAnswer))
        return self

    async def start(self) -> None:
        """Resume with what comes from now on. Doing it twice is doing it once; cancelled, it may be done or not."""
        await self._context.transport.patch(f"{self._path()}/status", body=rest.ActionRequest("start"))
        self.status = "running"

    async def stop(self) -> None:
        """Pause; records stay. Doing it twice is doing it once; cancelled, it may or may not be done."""
        await self._context.transport.patch(f"{self._path()}/status", body=rest.ActionRequest("stop"))
        self.status = "stopped"

    def get_records(
        self,
        start: float | datetime,
        end: float | datetime,
        output: str = "scene",
        page: int = 1,
        page_size: int = 100,
    ) -> Paged[RecordPage, Scene]:
        """Its records between two moments, newest first: awaited one page, iterated all from that page on.

        `start` and `end` in unix seconds or aware datetimes; `output` is the name of the analyzer. Cancelling it
        changes nothing.
        """
        params = page_params(page, page_size, start, end) | {"output": non_empty(output, "output")}
        return self._page_of(f"{self._path()}/records", params, page)

    def _path(self) -> str:
        return path_of("rtstream", self.rtstream_id, "understand", self.id)


@checked
class RTStreamIndex(Recording, Alerting):
    """An index of what an understanding records: searchable, and with alerts of its own.

    `status`: `running`, `stopped` or `failed`. `use_for`: what it can be used for, `["semantic"]` by default.
    """

    def __init__(self, context: Context, rtstream_id: str, answer: rest.IndexAnswer) -> None:
        self._context = context
        self.rtstream_id = rtstream_id
        self._read(answer)

    def _read(self, answer: rest.IndexAnswer) -> None:
        self.id = answer.index_id
        self.name = answer.name
        self.status = answer.status
        self.use_for = answer.use_for or ["semantic"]
        self.source_understanding_id = answer.source_understanding_id
        self.output = answer.output or "scene"

    def __repr__(self) -> str:
        return (
            f"RTStreamIndex(id={self.id!r}, rtstream_id={self.rtstream_id!r}, status={self.status!r}, "
            f"use_for={self.use_for!r}, source_understanding_id={self.source_understanding_id!r})"
        )

    async def refresh(self) -> RTStreamIndex:
        """Read its properties again. Raises NotFoundError. Cancelling it changes nothing."""
        self._read(await self._context.transport.get(self._path(), rest.IndexAnswer))
        return self

    async def start(self) -> None:
        """Take up what was recorded meanwhile, and what comes. Twice is once; cancelled, it may be done or not."""
        await self._context.transport.patch(f"{self._path()}/status", body=rest.ActionRequest("start"))
        self.status = "running"

    async def stop(self) -> None:
        """Take nothing more; what is indexed stays searchable. Twice is once; cancelled, it may be done or not."""
        await self._context.transport.patch(f"{self._path()}/status", body=rest.ActionRequest("stop"))
        self.status = "stopped"

    def get_records(
        self,
        start: float | datetime | None = None,
        end: float | datetime | None = None,
        page: int = 1,
        page_size: int = 100,
    ) -> Paged[RecordPage, Scene]:
        """What it has indexed, newest first: awaited one page, iterated all from that page on.

        `start` and `end` in unix seconds or aware datetimes, each may be left out. Cancelling it changes nothing.
        """
        return self._page_of(f"{self._path()}/records", page_params(page, page_size, start, end), page)

    def _path(self) -> str:
        return path_of("rtstream", self.rtstream_id, "indexes", self.id)

    def _alerts_on(self) -> tuple[str, str]:
        return self.id, "indexes"


@checked
class Understanding(Handle):
    """The part of a stream that makes understandings, and indexes of them."""

    _context: Context
    id: str

    async def understand(
        self,
        segmentation: Mapping[str, Any] | None = None,
        analyzers: Sequence[Mapping[str, Any]] | None = None,
        store: bool = True,
        ws_connection_id: ConnectionChoice = OWN,
    ) -> RTStreamUnderstanding:
        """Have a model understand its pictures from now on; see `RTStreamUnderstanding.watch_records`.

        `segmentation`: `{"type": "time", "window": "10s"}`. `analyzers`: exactly one such as `{"type": "vlm", "name":
        "scene", "sampling": {"frame_count": 5}, "config": {"prompt": "...", "model": "basic"}}`. `store=False` keeps no
        records: they come by websocket only, and cannot be indexed. Every call makes another one. Raises
        InvalidRequestError for what the server does not take. OutcomeUnknownError, which says that the answer was
        lost, and cancelling it leave unknown whether one was made: see `list_understanding`.
        """
        for number, analyzer in enumerate(analyzers or ()):
            if not isinstance(analyzer, Mapping):
                raise InvalidArgumentError(f"analyzers[{number}]: expected a dict, got {type(analyzer).__name__}")
        connection = await self._context.live.connection_id(ws_connection_id)
        body = rest.UnderstandRequest(
            dict(segmentation or {}), [dict(analyzer) for analyzer in analyzers or ()], store, connection or UNSET
        )
        with self._context.live.binding_scenes(self.id, connection):
            answer = await self._context.transport.post(
                path_of("rtstream", self.id, "understand"), rest.UnderstandingAnswer, body=body
            )
            self._context.live.bind(SceneBinding(self.id, answer.understanding_id, "visual"), connection)
        return RTStreamUnderstanding(self._context, self.id, answer)

    async def get_understanding(self, understanding_id: str) -> RTStreamUnderstanding:
        """One of its understandings. Raises NotFoundError. Cancelling it changes nothing."""
        path = path_of("rtstream", self.id, "understand", non_empty(understanding_id, "understanding_id"))
        answer = await self._context.transport.get(path, rest.UnderstandingAnswer)
        return RTStreamUnderstanding(self._context, self.id, answer)

    def list_understanding(self) -> Paged[list[RTStreamUnderstanding], RTStreamUnderstanding]:
        """Its understandings, which come at once; to be awaited or iterated. Cancelling it changes nothing."""

        async def fetch() -> list[RTStreamUnderstanding]:
            path = path_of("rtstream", self.id, "understand")
            answer = await self._context.transport.get(path, rest.UnderstandingsAnswer)
            return [RTStreamUnderstanding(self._context, self.id, each) for each in answer.understandings]

        return one_page(fetch, lambda understanding: understanding.id)

    async def index(
        self, source: Mapping[str, Any], name: str | None = None, use_for: Sequence[str] | None = None
    ) -> RTStreamIndex:
        """Make what an understanding has recorded, and will, searchable.

        `source`: a descriptor of its `outputs`, as `understanding.outputs["scene"]`. `use_for`: `["semantic"]` unless
        it is given. Every call makes another index. Raises InvalidRequestError for a source that is none, or whose
        records are not kept. OutcomeUnknownError, which says that the answer was lost, and cancelling it leave unknown
        whether one was made: see `list_indexes`.
        """
        if not source:
            raise InvalidArgumentError('source: expected a descriptor such as understanding.outputs["scene"], got none')
        if isinstance(use_for, str):
            raise InvalidArgumentError(f'use_for: expected a list such as ["semantic"], got the text {use_for!r}')
        body = rest.IndexRequest(
            dict(source), UNSET if name is None else name, UNSET if use_for is None else list(use_for)
        )
        answer = await self._context.transport.post(
            path_of("rtstream", self.id, "indexes"), rest.IndexAnswer, body=body
        )
        return RTStreamIndex(self._context, self.id, answer)

    async def get_index(self, index_id: str) -> RTStreamIndex:
        """One of these indexes. Raises NotFoundError. Cancelling it changes nothing."""
        path = path_of("rtstream", self.id, "indexes", non_empty(index_id, "index_id"))
        return RTStreamIndex(self._context, self.id, await self._context.transport.get(path, rest.IndexAnswer))

    def list_indexes(self) -> Paged[list[RTStreamIndex], RTStreamIndex]:
        """These indexes, which come at once; to be awaited or iterated. Cancelling it changes nothing."""

        async def fetch() -> list[RTStreamIndex]:
            path = path_of("rtstream", self.id, "indexes")
            answer = await self._context.transport.get(path, rest.IndexesAnswer)
            return [RTStreamIndex(self._context, self.id, each) for each in answer.indexes]

        return one_page(fetch, lambda index: index.id)
