"""Search in videos: `video.search(...)`, `coll.search(...)`, their shots, and streams made of them.

There are two searches. What is asked decides: an option of the legacy search sends it there, everything else goes to
Search v2. Times are seconds from the beginning of the video.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec

from aiortstream.arguments import non_empty, path_of
from aiortstream.checking import checked
from aiortstream.embeds import embed_code
from aiortstream.errors import (
    InvalidArgumentError,
    InvalidRequestError,
    NoResultsError,
    ProtocolError,
    SearchError,
)
from aiortstream.jobs import Job, known
from aiortstream.playing import open_in_browser
from aiortstream.wire import rest, videos

if TYPE_CHECKING:
    from aiortstream.context import Context
    from aiortstream.jobs import OnProgress
    from aiortstream.undertakings import Undertaking

COMPILE_TIMEOUT = 120.0  # seconds until the server answers, be it that it is still processing
_SHOT_RESPONSES = ("shots", "deepsearch")
_SEARCH_TYPES = ("semantic", "keyword", "scene")
_RESULTS, _SCORE = 5, 0.2  # what the official SDK asks the legacy search for


class LegacySearchOptions(TypedDict, total=False):
    """Options of the legacy search; those that are None are as if they were not there."""

    result_threshold: int | None
    """How many results; 5 unless given."""
    score_threshold: float | None
    """Least score, from 0 to 1; 0.2 unless given."""
    dynamic_score_percentage: float | None
    filter: Sequence[Mapping[str, Any]] | None
    sort_docs_on: str | None
    """`score` or `start`: the order of the shots of one video."""
    scene_index_id: str | None
    index_id: str | None
    """Another name for `scene_index_id`."""
    algorithm: str | None
    stitch: bool | None
    rerank: bool | None
    rerank_params: Mapping[str, Any] | None


class VideoSearchOptions(LegacySearchOptions, total=False):
    """Options of both searches, which cannot be mixed; `score_threshold` and `filter` belong to either."""

    top_k: int | None
    """How many results of Search v2."""
    mode: str | None
    return_fields: Sequence[str] | Mapping[str, Any] | str | None
    include_clip: bool | None
    session_id: str | None
    config: Mapping[str, Any] | None


_LEGACY = frozenset(LegacySearchOptions.__annotations__)
_ALL = frozenset(VideoSearchOptions.__annotations__) | _LEGACY
_MODERN = _ALL - _LEGACY
_EITHER = frozenset({"score_threshold", "filter"})


@checked
class Shot:
    """One hit: a stretch of a video. Its attributes can be read by key too: `shot["text"]`."""

    def __init__(self, context: Context, found: videos.VideoHits, hit: videos.VideoHit) -> None:
        self._context = context
        self._collection_id = found.collection_id
        self.video_id = found.video_id
        self.video_length = found.length
        self.video_title = found.title
        self.start, self.end = hit.start, hit.end
        self.text = hit.text
        self.search_score = hit.score
        self.scene_index_id = hit.scene_index_id
        self.scene_index_name = hit.scene_index_name
        self.metadata = hit.metadata
        self.stream_url = (hit.stream_link or None) or hit.stream_url
        self.player_url = hit.player_url

    def __repr__(self) -> str:
        return (
            f"Shot(video_id={self.video_id!r}, video_title={self.video_title!r}, start={self.start}, end={self.end}, "
            f"search_score={self.search_score}, text={self.text!r})"
        )

    def __getitem__(self, key: str) -> Any:
        if key.startswith("_") or key not in vars(self):
            raise KeyError(key)
        return vars(self)[key]

    def generate_stream(self, *, timeout: float | None = None, on_progress: OnProgress | None = None) -> Job[str]:
        """A URL that plays the shot; asked for once, then kept. Sets `stream_url` and `player_url`.

        Await it, or follow it as `Job` says. Raises InvalidRequestError, NotFoundError once the video is deleted.
        Cancelling it changes nothing.
        """
        name = f"stream of {self.video_id}"
        if self.stream_url is not None:
            return known(self._context, name, self.stream_url, on_progress)
        path = path_of("video", self.video_id, "stream")
        body = videos.VideoStreamRequest([(self.start, self.end)], self.video_length)
        return _played(self, name, path, body, timeout, on_progress)

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

    def _as_input(self) -> videos.CompileInput:
        """The shot as a part of what is compiled."""
        return videos.CompileInput(self.video_id, self._collection_id, [(self.start, self.end)])


@checked
class SearchResult:
    """Shots, the best video first; iterable, with `len()` and by number. `warnings` is what the server adds."""

    def __init__(
        self, context: Context, found: Sequence[videos.VideoHits], warnings: Sequence[videos.SearchWarning] = ()
    ) -> None:
        self._context = context
        self.shots = [Shot(context, each, hit) for each in found for hit in each.docs or ()]
        self.collection_id = found[-1].collection_id if found else None
        self.warnings = list(warnings)
        self.stream_url: str | None = None
        self.player_url: str | None = None

    def __repr__(self) -> str:
        return f"SearchResult(collection_id={self.collection_id!r}, shots={len(self.shots)})"

    def __iter__(self) -> Iterator[Shot]:
        return iter(self.shots)

    def __len__(self) -> int:
        return len(self.shots)

    def __getitem__(self, index: int) -> Shot:
        return self.shots[index]

    def get_shots(self) -> list[Shot]:
        """The hits as a list."""
        return self.shots

    def compile(self, *, timeout: float | None = None, on_progress: OnProgress | None = None) -> Job[str]:
        """The URL of a stream of all shots, one after the other; asked for once, then kept.

        Sets `stream_url` and `player_url`. Await it, or follow it as `Job` says. Raises NoResultsError, which is a
        SearchError, without shots. Cancelling it changes nothing.
        """
        if self.stream_url is not None:
            return known(self._context, "compile", self.stream_url, on_progress)
        if not self.shots:
            raise NoResultsError(f"{videos.NO_RESULTS}: no shots found in search results to compile")
        body = [shot._as_input() for shot in self.shots]  # noqa: SLF001 - they are of one module
        return _played(self, "compile", "compile", body, timeout, on_progress)

    async def play(self) -> str:
        """Have all shots played in the default browser; the URL of the player's page.

        Raises what `compile` does. Cancelling it does not close the page.
        """
        await self.compile()
        return await open_in_browser(self.player_url, self.stream_url)

    async def get_embed_code(
        self,
        width: str = "100%",
        height: int = 405,
        title: str = "VideoDB Player",
        allow_fullscreen: bool = True,
        auto_generate: bool = True,
    ) -> str:
        """An HTML iframe that plays all shots; `auto_generate` compiles them first where that is needed.

        Raises InvalidArgumentError where there is no player's URL, or it is none that can be embedded, and what
        `compile` raises. Cancelling it changes nothing.
        """
        if not self.player_url and auto_generate:
            await self.compile()
        return embed_code(self.player_url, width, height, title, allow_fullscreen=allow_fullscreen)


@checked
class SearchResponse:
    """The answer of Search v2. `results` is a `SearchResult` where `response_type` is "shots" or "deepsearch".

    For another `response_type` it is what the server sent. Iterable, with `len()` and by number, over the results.
    """

    def __init__(self, context: Context, answer: videos.VideoSearchV2Answer) -> None:
        self.response_type = answer.response_type
        self.session_id = answer.session_id
        self.waiting_for = answer.waiting_for or "none"
        self.clarification = answer.clarification
        self.trace = answer.trace
        self.warnings = list(answer.warnings or ())
        self.results: Any
        """A `SearchResult`, or what the server sent."""
        self._shots: SearchResult | None = None
        if self.response_type in _SHOT_RESPONSES:
            self.results = self._shots = SearchResult(context, _read_hits(answer.results), self.warnings)
        else:
            self.results = msgspec.json.decode(bytes(answer.results) or b"null")

    def __repr__(self) -> str:
        return f"SearchResponse(response_type={self.response_type!r}, results={self.results!r})"

    def __iter__(self) -> Iterator[Any]:
        return iter(self._listed())

    def __len__(self) -> int:
        return len(self._listed())

    def __getitem__(self, index: int) -> Any:
        return self._listed()[index]

    @property
    def shots(self) -> list[Shot]:
        """The hits; none where the results are of another kind."""
        return [] if self._shots is None else self._shots.shots

    def get_shots(self) -> list[Shot]:
        """The hits as a list; empty where the results are of another kind."""
        return self.shots

    def get_shot_results(self) -> SearchResult:
        """The results as shots. Raises SearchError where they are of another kind."""
        if self._shots is None:
            raise SearchError(f"a response of the type {self.response_type!r} has no shots, so nothing can play")
        return self._shots

    def compile(self, *, timeout: float | None = None, on_progress: OnProgress | None = None) -> Job[str]:
        """The URL of a stream of all shots; see `SearchResult.compile`. Cancelling it changes nothing."""
        return self.get_shot_results().compile(timeout=timeout, on_progress=on_progress)

    async def play(self) -> str:
        """Have all shots played in the default browser; the URL of the player's page.

        Raises what `compile` does. Cancelling it does not close the page.
        """
        return await self.get_shot_results().play()

    async def get_embed_code(
        self,
        width: str = "100%",
        height: int = 405,
        title: str = "VideoDB Player",
        allow_fullscreen: bool = True,
        auto_generate: bool = True,
    ) -> str:
        """An HTML iframe that plays all shots; see `SearchResult.get_embed_code`. Cancelling it changes nothing."""
        return await self.get_shot_results().get_embed_code(width, height, title, allow_fullscreen, auto_generate)

    def _listed(self) -> Sequence[Any]:
        if self._shots is not None:
            return self._shots.shots
        if isinstance(self.results, list):
            return self.results
        return [] if self.results is None else [self.results]


def _played(
    played: Shot | SearchResult,
    name: str,
    path: str,
    body: Any,
    timeout: float | None,
    on_progress: OnProgress | None,
) -> Job[str]:
    """The job that has something made into a stream, whose URLs are kept where it is known."""
    context = played._context  # noqa: SLF001 - they are of one module

    def keep(asked: Undertaking) -> str:
        answer = asked.read(rest.StreamAnswer)
        played.stream_url, played.player_url = answer.stream_url, answer.player_url
        return answer.stream_url

    return Job(
        context,
        name,
        lambda _: context.transport.begin("POST", path, body=body, timeout=COMPILE_TIMEOUT),
        keep,
        timeout=timeout,
        on_progress=on_progress,
    )


async def search_videos(
    context: Context,
    path: str,
    query: str,
    search_type: str | None,
    index_type: str | None,
    options: Mapping[str, Any],
    *,
    in_collection: bool,
) -> SearchResponse | SearchResult:
    """The search that the options are of. `path` is a video's or a collection's."""
    given = _given(options, _ALL)
    modern = _MODERN & given.keys()
    legacy = given.keys() - _MODERN - _EITHER
    if search_type is None and index_type is None and not legacy:
        return await _search_v2(context, path, query, given)
    if modern:
        raise InvalidArgumentError(
            f"{', '.join(sorted(modern))}: options of Search v2 cannot be mixed with those of the legacy search "
            f"({', '.join(sorted(legacy)) or 'search_type, index_type'})"
        )
    return await legacy_search(context, path, query, search_type, index_type, given, in_collection=in_collection)


async def legacy_search(
    context: Context,
    path: str,
    query: str,
    search_type: str | None,
    index_type: str | None,
    options: Mapping[str, Any],
    *,
    in_collection: bool,
) -> SearchResult:
    """The legacy search. Raises NoResultsError where nothing is found."""
    given = _given(options, _LEGACY)
    body = _legacy_body(
        query, search_type or "semantic", index_type or "spoken_word", given, in_collection=in_collection
    )
    try:
        answer = await context.transport.search(f"{path}/search", videos.VideoSearchAnswer, body=body)
    except InvalidRequestError as error:
        if videos.NO_RESULTS not in error.message:
            raise
        raise NoResultsError(
            error.message,
            status=error.status,
            error_code=error.error_code,
            request_id=error.request_id,
            method=error.method,
            path=error.path,
        ) from error
    return SearchResult(context, answer.results, answer.warnings or ())


def _given(options: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    """Those of the options that are given. Raises TypeError for one that is not known, as a call would."""
    unknown = sorted(options.keys() - known)
    if unknown:
        raise TypeError(f"search() got an unexpected keyword argument {unknown[0]!r}")
    given = {name: value for name, value in options.items() if value is not None}
    for name in ("result_threshold", "top_k"):
        count = given.get(name)
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
            raise InvalidArgumentError(f"{name}: expected a number of results above 0, got {count!r}")
    return given


async def _search_v2(context: Context, path: str, query: str, given: Mapping[str, Any]) -> SearchResponse:
    body = videos.VideoSearchV2Request(query=non_empty(query, "query"), **given)
    answer = await context.transport.search(f"{path}/search/v2", videos.VideoSearchV2Answer, body=body)
    return SearchResponse(context, answer)


def _legacy_body(
    query: str, search_type: str, index_type: str, given: Mapping[str, Any], *, in_collection: bool
) -> videos.VideoSearchRequest:
    """What the official SDK sends: some of what is absent as null, the rest not at all."""
    if search_type not in _SEARCH_TYPES:
        raise SearchError(f"Invalid search type: {search_type}. Valid search types are: {', '.join(_SEARCH_TYPES)}")
    if in_collection and search_type != "semantic":
        raise SearchError(f"search_type: {search_type!r} searches in one video, not in a collection: use video.search")
    fields = {name: value for name, value in given.items() if name not in ("index_id", "filter")}
    fields.setdefault("result_threshold", _RESULTS if search_type == "semantic" else None)
    fields.setdefault("score_threshold", _SCORE if search_type == "semantic" else None)
    if search_type == "keyword":
        fields.pop("dynamic_score_percentage", None)
    else:
        fields.setdefault("dynamic_score_percentage", None)
    if "index_id" in given:
        fields.setdefault("scene_index_id", given["index_id"])
    if in_collection:
        for name in ("sort_docs_on", "scene_index_id", "algorithm"):
            fields.setdefault(name, None)
    return videos.VideoSearchRequest(
        search_type=search_type,
        index_type="scene" if search_type == "scene" else index_type,
        query=non_empty(query, "query"),
        filter=[dict(each) for each in given.get("filter") or ()],
        **fields,
    )


def _read_hits(results: msgspec.Raw) -> list[videos.VideoHits]:
    try:
        return msgspec.json.decode(bytes(results) or b"[]", type=list[videos.VideoHits] | None, strict=False) or []
    except msgspec.ValidationError as error:
        raise ProtocolError(f"the results of a search are outside the protocol: {error}") from None
