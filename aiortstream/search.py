"""Search over what indexes have recorded: `rtstream.search(...)` and `coll.search(..., namespace="rtstream")`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypedDict

from msgspec import UNSET

from aiortstream.arguments import non_empty, path_of
from aiortstream.checking import checked
from aiortstream.embeds import embed_code
from aiortstream.errors import InvalidArgumentError, ProtocolError
from aiortstream.playing import open_in_browser
from aiortstream.wire import rest
from aiortstream.wire.times import to_seconds

if TYPE_CHECKING:
    from aiortstream.context import Context


class RTStreamSearchOptions(TypedDict, total=False):
    """Options of a search in streams; those that are None are as if they were not there."""

    result_threshold: int | None
    score_threshold: float | None
    dynamic_score_percentage: float | None
    filter: Sequence[Mapping[str, Any]] | None
    index_id: str | None
    scene_index_id: str | None


@checked
class RTStreamShot:
    """One hit: a stretch of a stream whose record fits the query. Times are unix seconds.

    Its attributes can be read by key too: `shot["text"]`.
    """

    def __init__(
        self,
        context: Context,
        record: rest.SearchRecord,
        rtstream_id: str,
        rtstream_name: str | None,
        span: tuple[float, float],
    ) -> None:
        self._context = context
        self.rtstream_id = rtstream_id
        self.rtstream_name = rtstream_name
        self.start, self.end = span
        self.text = record.text
        self.search_score = record.score
        self.scene_index_id = record.scene_index_id
        self.scene_index_name = record.scene_index_name
        self.metadata = record.metadata
        self.stream_url: str | None = None
        self.player_url: str | None = None

    def __repr__(self) -> str:
        return (
            f"RTStreamShot(rtstream_id={self.rtstream_id!r}, start={self.start}, end={self.end}, "
            f"search_score={self.search_score}, text={self.text!r})"
        )

    def __getitem__(self, key: str) -> Any:
        if key.startswith("_") or key not in vars(self):
            raise KeyError(key)
        return vars(self)[key]

    @property
    def start_time(self) -> datetime:
        """`start` as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.start, UTC)

    @property
    def end_time(self) -> datetime:
        """`end` as an aware datetime in UTC."""
        return datetime.fromtimestamp(self.end, UTC)

    async def generate_stream(self) -> str:
        """A URL that plays the shot; asked for once, then kept. Whole seconds around it, as the service plays them.

        Sets `stream_url` and `player_url`. Raises InvalidRequestError where nothing of it is recorded. Cancelling it
        changes nothing.
        """
        if self.stream_url is None:
            answer = await self._context.transport.get(
                path_of("rtstream", self.rtstream_id, "stream"),
                rest.StreamAnswer,
                params={"start": math.floor(self.start), "end": math.ceil(self.end)},
            )
            self.stream_url, self.player_url = answer.stream_url, answer.player_url
        return self.stream_url

    async def play(self) -> str:
        """Have it played in the default browser; the URL of the player's page.

        Raises what `generate_stream` does. Cancelling it does not close the page.
        """
        await self.generate_stream()
        return await open_in_browser(self.player_url, self.stream_url)

    async def get_embed_code(
        self,
        width: str = "100%",
        height: int = 405,
        title: str = "VideoDB Player",
        allow_fullscreen: bool = True,
        auto_generate: bool = True,
    ) -> str:
        """An HTML iframe that plays the shot; `auto_generate` asks for its stream first where that is needed.

        Raises InvalidArgumentError where there is no player's URL, or it is none that can be embedded. Cancelling it
        changes nothing.
        """
        if not self.player_url and auto_generate:
            await self.generate_stream()
        return embed_code(self.player_url, width, height, title, allow_fullscreen=allow_fullscreen)


@checked
class RTStreamSearchResult:
    """Hits, best first; iterable, with `len()`."""

    def __init__(self, collection_id: str | None, shots: Sequence[RTStreamShot]) -> None:
        self.collection_id = collection_id
        self.shots = list(shots)

    def __repr__(self) -> str:
        return f"RTStreamSearchResult(collection_id={self.collection_id!r}, shots={len(self.shots)})"

    def __iter__(self) -> Iterator[RTStreamShot]:
        return iter(self.shots)

    def __len__(self) -> int:
        return len(self.shots)

    def get_shots(self) -> list[RTStreamShot]:
        """The hits as a list."""
        return self.shots


def read_shot(
    context: Context, record: rest.SearchRecord, rtstream_id: str | None, rtstream_name: str | None = None
) -> RTStreamShot:
    """A hit in an answer; ProtocolError where its times are of another epoch, or nothing says which stream it is of."""
    if not rtstream_id:
        raise ProtocolError("a search hit that does not say which stream it is of")
    try:
        span = to_seconds(record.start), to_seconds(record.end)
    except ValueError as error:
        raise ProtocolError(f"a search hit in {rtstream_id}: {error}") from error
    return RTStreamShot(context, record, rtstream_id, record.rtstream_name or rtstream_name, span)


def search_request(
    query: str,
    *,
    index_id: str | None,
    result_threshold: int | None,
    score_threshold: float | None,
    dynamic_score_percentage: float | None,
    filter: Sequence[Mapping[str, Any]] | None,  # noqa: A002 - the wire's and the official SDK's name
) -> rest.SearchRequest:
    """The body of a search, checked; what is None is left out."""
    if result_threshold is not None and result_threshold < 1:
        raise InvalidArgumentError(f"result_threshold: expected a number of results above 0, got {result_threshold!r}")
    for item in filter or ():
        if not hasattr(item, "keys"):
            raise InvalidArgumentError(f"filter: expected a list of dicts, got one that holds a {type(item).__name__}")
    return rest.SearchRequest(
        non_empty(query, "query"),
        scene_index_id=UNSET if index_id is None else index_id,
        result_threshold=UNSET if result_threshold is None else result_threshold,
        score_threshold=UNSET if score_threshold is None else score_threshold,
        dynamic_score_percentage=UNSET if dynamic_score_percentage is None else dynamic_score_percentage,
        filter=UNSET if filter is None else [dict(item) for item in filter],
    )
