"""Videos: exported from recordings or uploaded; played, transcribed, searched, deleted.

Times are seconds from the beginning of the video.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload
from urllib.parse import urlsplit

from aiortstream.arguments import non_empty, path_of
from aiortstream.checking import checked
from aiortstream.embeds import embed_code
from aiortstream.errors import InvalidArgumentError, ProtocolError
from aiortstream.handles import Handle
from aiortstream.jobs import Job, known
from aiortstream.paging import Paged, one_page
from aiortstream.playing import open_in_browser
from aiortstream.records import Keyed
from aiortstream.video_search import (
    COMPILE_TIMEOUT,
    LegacySearchOptions,
    SearchResponse,
    SearchResult,
    VideoSearchOptions,
    legacy_search,
    search_videos,
)
from aiortstream.wire import rest, videos

if TYPE_CHECKING:
    from aiortstream.context import Context
    from aiortstream.jobs import OnProgress
    from aiortstream.undertakings import Undertaking

T = TypeVar("T")
Segmenter = Literal["word", "sentence", "time"]
_SEGMENTERS: tuple[Segmenter, ...] = ("word", "sentence", "time")
_VIDEO = "m-"  # what ids of videos begin with; of sounds it is a-, of pictures img-
UPLOAD_TIMEOUT = 120.0  # seconds until the server answers, be it that it is still processing


class SpokenPiece(Keyed, frozen=True):
    """A word, a sentence, or what was said in a stretch of time, in seconds from the beginning of the video."""

    start: float
    end: float
    text: str


class Image(Keyed, frozen=True):
    """A picture on the server: here one of a video. `url` is where it is."""

    id: str
    collection_id: str | None = None
    name: str | None = None
    url: str | None = None


@checked
class Video(Handle):
    """A video. A handle from `client.video(id)` knows its id only, until `refresh()`.

    `length` is in seconds; URLs are None for sound alone. Its attributes can be read by key too: `video["name"]`.
    """

    def __init__(self, context: Context, answer: videos.VideoAnswer) -> None:
        self._context = context
        self.transcript: list[SpokenPiece] | None = None
        self.transcript_text: str | None = None
        self._read(answer)

    def _read(self, answer: videos.VideoAnswer) -> None:
        self.id = answer.id
        self.collection_id = answer.collection_id
        self.name = answer.name
        self.description = answer.description
        self.length = answer.length or 0.0
        self.stream_url = answer.stream_url
        self.player_url = answer.player_url
        self.thumbnail_url = answer.thumbnail_url

    def __repr__(self) -> str:
        return f"Video(id={self.id!r}, name={self.name!r}, length={self.length})"

    def __getitem__(self, key: str) -> Any:
        if key.startswith("_") or key not in vars(self):
            raise KeyError(key)
        return vars(self)[key]

    async def refresh(self) -> Video:
        """Read its properties again. Raises NotFoundError. Cancelling it changes nothing."""
        params = {"collection_id": self.collection_id}
        self._read(await self._context.transport.get(self._path(), videos.VideoAnswer, params=params))
        return self

    async def update(self, name: str | None = None) -> None:
        """Give it another name; None changes nothing. Cancelled, it may or may not be done."""
        if name is not None:
            body = videos.UpdateVideoRequest(non_empty(name, "name"))
            await self._context.transport.patch(self._path(), body=body)
            self.name = name

    async def delete(self) -> None:
        """Delete it for good, with its transcript and its index. Raises NotFoundError.

        Cancelling it leaves unknown whether it was done: see `refresh`.
        """
        await self._context.transport.delete(self._path())

    async def remove_storage(self) -> None:
        """Delete its file for good; it plays no longer, and what was made of its words stays. Raises NotFoundError.

        Cancelling it leaves unknown whether it was done.
        """
        await self._context.transport.delete(self._path("storage"))

    # --- playing ------------------------------------------------------------------------------------------------------

    def generate_stream(
        self,
        timeline: Sequence[tuple[float, float]] | None = None,
        *,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Job[str]:
        """The URL of a stream of the video, or of stretches of it one after the other: `[(start, end), ...]`.

        Sets `stream_url` and `player_url`; without a timeline a URL that is known is not asked for again. Await it, or
        follow it as `Job` says. Raises InvalidRequestError for stretches outside the video. Cancelling it changes
        nothing.
        """
        name = f"stream of {self.id}"
        if not timeline and self.stream_url:
            return known(self._context, name, self.stream_url, on_progress)
        for stretch in timeline or ():
            try:
                start, end = stretch
                ordered = 0 <= start < end
            except (TypeError, ValueError):
                kind = type(stretch).__name__
                raise InvalidArgumentError(f"timeline: expected (start, end) in seconds, got a {kind}") from None
            if not ordered:
                raise InvalidArgumentError(f"timeline: expected 0 <= start < end in seconds, got ({start}, {end})")
        body = videos.VideoStreamRequest(list(timeline) if timeline else None, self.length)

        def keep(asked: Undertaking) -> str:
            answer = asked.read(rest.StreamAnswer)
            self.stream_url, self.player_url = answer.stream_url, answer.player_url
            return answer.stream_url

        return self._job(
            name,
            "POST",
            "stream",
            keep,
            body=body,
            within=COMPILE_TIMEOUT,
            timeout=timeout,
            on_progress=on_progress,
        )

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
        """An HTML iframe that plays it; `auto_generate` asks for its stream first where that is needed.

        Raises InvalidArgumentError where there is no player's URL, or it is none that can be embedded. Cancelling it
        changes nothing.
        """
        if not self.player_url and auto_generate:
            await self.generate_stream()
        return embed_code(self.player_url, width, height, title, allow_fullscreen=allow_fullscreen)

    # --- pictures -----------------------------------------------------------------------------------------------------

    @overload
    async def generate_thumbnail(self, time: None = None) -> str: ...
    @overload
    async def generate_thumbnail(self, time: float) -> Image: ...
    async def generate_thumbnail(self, time: float | None = None) -> str | Image:
        """The URL of a picture of it, asked for once, then kept in `thumbnail_url`; or its picture at `time` seconds.

        Raises InvalidRequestError for a time outside the video, or one without pictures. Cancelling it changes nothing.
        """
        path = self._path("thumbnail")
        if time is not None:
            if time < 0:
                raise InvalidArgumentError(f"time: expected seconds from 0, got {time!r}")
            body = videos.ThumbnailRequest(time)
            return _image(await self._context.transport.post(path, videos.ImageAnswer, body=body))
        if self.thumbnail_url is None:
            self.thumbnail_url = (await self._context.transport.get(path, videos.ThumbnailAnswer)).thumbnail_url
        return self.thumbnail_url

    def get_thumbnails(self) -> Paged[list[Image], Image]:
        """The pictures that have been made of it, which come at once; to be awaited or iterated.

        Cancelling it changes nothing.
        """

        async def fetch() -> list[Image]:
            answers = await self._context.transport.get(self._path("thumbnails"), list[videos.ImageAnswer])
            return [_image(answer) for answer in answers]

        return one_page(fetch, lambda image: image.id)

    # --- what is said -------------------------------------------------------------------------------------------------

    def get_transcript(
        self,
        start: float | None = None,
        end: float | None = None,
        segmenter: Segmenter = "word",
        length: int = 1,
        force: bool | None = None,
        *,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Job[list[SpokenPiece]]:
        """What is said in it between `start` and `end`, in pieces; kept in `transcript` and `transcript_text` too.

        segmenter: `word`, `sentence`, or `time` for stretches of `length` seconds. force: have it made again. Await it,
        or follow a long transcription as `Job` says. Cancelling it leaves the transcription going on.
        """
        if segmenter not in _SEGMENTERS:
            raise InvalidArgumentError(f"segmenter: expected one of {', '.join(_SEGMENTERS)}, got {segmenter!r}")
        for name, value in (("start", start), ("end", end)):
            if value is not None and value < 0:
                raise InvalidArgumentError(f"{name}: expected seconds from 0, got {value!r}")
        if start is not None and end is not None and start > end:
            raise InvalidArgumentError(f"end: expected no time before start ({start}), got {end}")
        params = {
            "start": start,
            "end": end,
            "segmenter": segmenter,
            "length": length,
            "force": "true" if force else "false",
        }
        return self._job(
            f"transcript of {self.id}",
            "GET",
            "transcription",
            self._keep,
            params=params,
            timeout=timeout,
            on_progress=on_progress,
        )

    async def get_transcript_text(self, start: float | None = None, end: float | None = None) -> str:
        """The same as one text. Cancelling it leaves the transcription going on."""
        await self.get_transcript(start, end)
        return self.transcript_text or ""

    def generate_transcript(
        self,
        force: bool | None = None,
        language_code: str | None = None,
        *,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Job[str]:
        """Have it transcribed, again with `force`; the whole text. Raises InvalidRequestError where it has no sound.

        Await it, or follow it as `Job` says. `language_code`: "en", "en_us", ...; the embedded server's own model knows
        English alone, and anything else is refused. Cancelling it leaves the transcription going on.
        """

        def keep(asked: Undertaking) -> str:
            self._keep(asked)
            return self.transcript_text or ""

        return self._job(
            f"transcript of {self.id}",
            "POST",
            "transcription",
            keep,
            body=videos.GenerateTranscriptRequest(bool(force), language_code),
            timeout=timeout,
            on_progress=on_progress,
        )

    def index_spoken_words(
        self,
        language_code: str | None = None,
        segmentation_type: str | None = "sentence",
        force: bool = False,
        callback_url: str | None = None,
        *,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
    ) -> Job[None]:
        """Make what is said in it searchable; returns when it is, or at once with a `callback_url`.

        Await it, or follow it as `Job` says. Raises InvalidRequestError where it is indexed already, unless `force` has
        it made again, and for a language that the server does not know. Cancelling it leaves the indexing going on.
        """
        return self._job(
            f"index of {self.id}",
            "POST",
            "index",
            lambda _: None,
            body=videos.VideoIndexRequest("spoken_word", language_code, segmentation_type, force, callback_url),
            timeout=timeout,
            on_progress=on_progress,
        )

    # --- search -------------------------------------------------------------------------------------------------------

    async def search(
        self,
        query: str,
        search_type: str | None = None,
        index_type: str | None = None,
        **options: Unpack[VideoSearchOptions],
    ) -> SearchResponse | SearchResult:
        """Moments of it that fit the query, the best first.

        Search v2, which answers with a `SearchResponse`, unless `search_type`, `index_type` or another option of the
        legacy search is given; that answers with a `SearchResult`, and raises NoResultsError where it finds nothing.
        The two cannot be mixed. Cancelling it changes nothing.
        """
        return await search_videos(
            self._context, self._path(), query, search_type, index_type, options, in_collection=False
        )

    async def legacy_search(
        self,
        query: str,
        search_type: str | None = "semantic",
        index_type: str | None = "spoken_word",
        **options: Unpack[LegacySearchOptions],
    ) -> SearchResult:
        """The legacy search, whatever the options. Raises NoResultsError. Cancelling it changes nothing."""
        return await legacy_search(
            self._context, self._path(), query, search_type, index_type, options, in_collection=False
        )

    def _path(self, *parts: str) -> str:
        return path_of("video", self.id, *parts)

    def _job(
        self,
        name: str,
        method: Literal["GET", "POST"],
        what: str,
        read: Callable[[Undertaking], T],
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        within: float | None = None,
        timeout: float | None,
        on_progress: OnProgress | None,
    ) -> Job[T]:
        path = self._path(what)
        return Job(
            self._context,
            name,
            lambda _: self._context.transport.begin(method, path, params=params, body=body, timeout=within),
            read,
            timeout=timeout,
            on_progress=on_progress,
        )

    def _keep(self, asked: Undertaking) -> list[SpokenPiece]:
        answer = asked.read(videos.VideoTranscriptAnswer)
        self.transcript = [SpokenPiece(each.start, each.end, each.text) for each in answer.word_timestamps]
        self.transcript_text = answer.text
        return self.transcript


def _image(answer: videos.ImageAnswer) -> Image:
    return Image(answer.id, answer.collection_id, answer.name, answer.url)


def upload(
    context: Context,
    collection_id: str,
    source: str | os.PathLike[str] | None,
    media_type: str | None,
    name: str | None,
    description: str | None,
    callback_url: str | None,
    file_path: str | os.PathLike[str] | None,
    url: str | None,
    timeout: float | None,
    on_progress: OnProgress | None,
) -> Job[Video | None]:
    """The job that makes a video of a file of this machine or of a URL; None where a callback is to tell of it."""
    path, url = _source(source, file_path, url)
    where = path_of("collection", collection_id)

    async def begin(sent: Callable[[float], None]) -> Undertaking:
        transport, title, source_url = context.transport, name, url
        if path is not None:
            title = name or path.stem
            place = await transport.get(f"{where}/upload_url", videos.UploadUrlAnswer, params={"name": title})
            source_url = place.upload_url
            await transport.post_file(source_url, path, title, on_sent=sent)
        body = videos.UploadRequest(non_empty(source_url, "url"), title, description, callback_url, media_type)
        seconds = None if callback_url else UPLOAD_TIMEOUT
        return await transport.begin("POST", f"{where}/upload", body=body, timeout=seconds)

    def read(asked: Undertaking) -> Video | None:
        if callback_url:
            return None
        made = asked.read(videos.VideoAnswer)
        if not made.id.startswith(_VIDEO):
            raise ProtocolError(
                f"what was uploaded is kept as {made.id!r}, which is no video: this client has videos only"
            )
        return Video(context, made)

    return Job(context, "upload", begin, read, timeout=timeout, on_progress=on_progress)


def _source(
    source: str | os.PathLike[str] | None, file_path: str | os.PathLike[str] | None, url: str | None
) -> tuple[Path | None, str | None]:
    """The path of a file, or a URL: one of both."""
    if sum(each is not None for each in (source, file_path, url)) != 1:
        raise InvalidArgumentError("source, file_path, url: expected one of them: a file's path or a URL")
    given = next(each for each in (source, file_path, url) if each is not None)
    text = non_empty(os.fspath(given), "source")
    if isinstance(given, str) and _is_url(text):
        return None, text
    return Path(text), None


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc)
