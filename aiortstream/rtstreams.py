"""Live streams: starting and stopping, playing and exporting, transcripts, indexes, search, and their watches."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, overload

import msgspec
from msgspec import UNSET

from aiortstream.arguments import non_empty, page_params, path_of, seconds_above_zero
from aiortstream.checking import checked
from aiortstream.embeds import embed_code
from aiortstream.errors import InvalidArgumentError, InvalidRequestError, ProtocolError, RequestTimeoutError
from aiortstream.exports import RTStreamExportResult, export
from aiortstream.indexes import RTStreamSceneIndex, audio_config, visual_config
from aiortstream.live.bindings import OWN, ConnectionChoice, SceneBinding, TranscriptBinding
from aiortstream.paging import At, Paged, Part, by_number, one_page
from aiortstream.records import Alert, Gap, PartialTranscript, TranscriptSegment
from aiortstream.search import RTStreamSearchResult, read_shot, search_request
from aiortstream.transcripts import TranscriptPage, TranscriptStatus, read_page, read_status
from aiortstream.understandings import Understanding
from aiortstream.wire import rest
from aiortstream.wire.pages import index_kind
from aiortstream.wire.times import moment, to_seconds, window

if TYPE_CHECKING:
    from aiortstream.context import Context
    from aiortstream.indexes import AudioBatchConfig, VisualBatchConfig
    from aiortstream.jobs import Job, OnProgress
    from aiortstream.live.watch import Watch


@checked
class RTStream(Understanding):
    """A live stream. A handle from `client.rtstream(id)` knows its id only, until `refresh()`.

    `status` is the server's word: `connecting`, `connected`, `error`, `stopped`; the hosted service knows `connected`
    and `stopped`. `status_reason` says why, in words, where the server tells.
    """

    def __init__(self, context: Context, answer: rest.RTStreamAnswer) -> None:
        self._context = context
        self._read(answer)

    def _read(self, answer: rest.RTStreamAnswer) -> None:
        self.id = answer.id
        self.name = answer.name
        self.collection_id = answer.collection_id
        self.created_at = answer.created_at
        self.sample_rate = answer.sample_rate
        self.status = answer.status
        self.status_reason = answer.status_reason
        self.media_types = answer.media_types
        self.store = answer.store
        self.channel_id = answer.channel_id
        self.stream_url = answer.stream_url
        self.player_url = answer.player_url

    def __repr__(self) -> str:
        return f"RTStream(id={self.id!r}, name={self.name!r}, status={self.status!r})"

    @property
    def created_time(self) -> datetime | None:
        """`created_at` as an aware datetime in UTC. Raises ProtocolError where it is no time."""
        if self.created_at is None:
            return None
        try:
            return datetime.fromtimestamp(to_seconds(self.created_at), UTC)
        except ValueError as error:
            raise ProtocolError(f"created_at of {self.id}: {error}") from error

    async def refresh(self) -> RTStream:
        """Read its properties again. Raises NotFoundError. Cancelling it changes nothing."""
        self._read(await self._context.transport.get(self._path(), rest.RTStreamAnswer))
        return self

    async def update(self, name: str | None = None, sample_rate: int | None = None) -> RTStream:
        """Give it another name, or another sample rate in frames a second; None leaves one as it is.

        Only the vendor's API description has this call. Its properties are those of the answer afterwards. Raises
        NotFoundError, and InvalidRequestError for what the server does not take. Cancelled, it may or may not be done.
        """
        if name is not None:
            non_empty(name, "name")
        if name is not None or sample_rate is not None:
            body = rest.UpdateStreamRequest(name, sample_rate)
            self._read(await self._context.transport.change(self._path(), rest.RTStreamAnswer, body=body))
        return self

    async def start(self) -> None:
        """Begin ingestion. Starting a stream that runs is no error. Cancelled, it may or may not be done."""
        await self._act("start", "connected", "connecting")

    async def stop(self) -> None:
        """Stop ingestion. Stopping a stream that is stopped is no error. Cancelled, it may or may not be done."""
        await self._act("stop", "stopped")

    async def wait_until_connected(self, timeout: float = 60.0) -> RTStream:
        """Wait until the server has the source: `status` is `connected`. The stream itself, for chaining.

        Raises RequestTimeoutError after `timeout` seconds, and InvalidRequestError at once for a stream that is
        stopped, which it stays by itself; both say what the server says of it. Cancelling it changes nothing.
        """
        from aiortstream.retry import job_delays

        end = asyncio.get_running_loop().time() + seconds_above_zero(timeout, "timeout")
        for delay in job_delays():
            await self.refresh()
            if self.status == "connected":
                break
            why = f"{self.status}, {self.status_reason}" if self.status_reason else str(self.status)
            if self.status == "stopped":
                raise InvalidRequestError(f"stream {self.id} is {why}: start() it")
            if asyncio.get_running_loop().time() + delay > end:
                raise RequestTimeoutError(f"stream {self.id} is not connected after {timeout:g} s: {why}")
            await asyncio.sleep(delay)
        return self

    async def _act(self, action: rest.Action, *wanted: str) -> None:
        """Set a state; the first of `wanted` is what it is then called."""
        try:
            await self._context.transport.patch(f"{self._path()}/status", body=rest.ActionRequest(action))
        except InvalidRequestError as error:
            if error.status == 404:
                raise
            await self.refresh()  # the service refuses to start what runs: then what was wanted is so
            if self.status not in wanted:
                raise
        else:
            self.status = wanted[0]

    async def generate_stream(
        self, start: float | datetime, end: float | datetime, player_config: Mapping[str, str] | None = None
    ) -> str:
        """The URL of an HLS stream of what was recorded between `start` and `end` (unix seconds or aware datetimes).

        Sets `stream_url` and `player_url` (a page that plays it). `player_config` may have `title`, `description` and
        `slug`. Raises InvalidRequestError where nothing is recorded in that window. Cancelling it changes nothing.
        """
        first, last = window(start, end)
        config = player_config or {}
        unknown = sorted(set(config) - {"title", "description", "slug"})
        if unknown:
            raise InvalidArgumentError(f"player_config: unknown {unknown}; expected title, description, slug")
        answer = await self._context.transport.get(
            f"{self._path()}/stream",
            rest.StreamAnswer,
            params={
                "start": first,
                "end": last,
                "player_title": config.get("title") or None,
                "player_description": config.get("description") or None,
                "player_slug_prefix": config.get("slug") or None,
            },
        )
        self.stream_url, self.player_url = answer.stream_url, answer.player_url
        return answer.stream_url

    def get_embed_code(
        self,
        width: str = "100%",
        height: int = 405,
        title: str = "VideoDB Player",
        allow_fullscreen: bool = True,
    ) -> str:
        """An HTML iframe that plays what `generate_stream` was last asked for; InvalidArgumentError before it was."""
        return embed_code(self.player_url, width, height, title, allow_fullscreen=allow_fullscreen)

    def export(
        self, name: str | None = None, *, timeout: float | None = None, on_progress: OnProgress | None = None
    ) -> Job[RTStreamExportResult]:
        """Make a permanent video of the latest recording; the same one again while nothing new is recorded.

        Needs `store=True` at connect, and on the hosted service a stopped stream. Await it, or follow it as `Job` says,
        `timeout` and `on_progress` included. Raises InvalidRequestError ("No recordings available"), JobTimeoutError.
        Cancelling it leaves the export going on.
        """
        return export(self._context, self.id, name, timeout, on_progress)

    # --- transcripts --------------------------------------------------------------------------------------------------

    async def start_transcript(
        self, ws_connection_id: ConnectionChoice = OWN, engine: str | None = None
    ) -> TranscriptStatus:
        """Start live transcription; see `watch_transcript`. `engine` None is the server's default.

        `ws_connection_id`: where the segments are sent; by default this client's own websocket. Cancelling it leaves
        unknown whether it was started; starting again is safe.
        """
        connection = await self._context.live.connection_id(ws_connection_id)
        status = await self._transcription("start", engine, connection)
        self._context.live.bind(TranscriptBinding(self.id, engine), connection or ws_connection_id)
        return status

    async def stop_transcript(self, engine: str | None = None) -> TranscriptStatus:
        """Stop live transcription; what is transcribed stays. Cancelled, it may or may not be stopped."""
        status = await self._transcription("stop", engine, None)
        self._context.live.unbind_transcript(self.id)
        return status

    async def get_transcription_status(self, engine: str | None = None) -> TranscriptStatus:
        """Whether it is being transcribed, since when, and by which engine. Cancelling it changes nothing."""
        path = f"{self._path()}/transcription/status"
        params = {"engine": engine}
        return read_status(await self._context.transport.get(path, rest.TranscriptionStatusAnswer, params=params))

    def get_transcript(
        self,
        page: int = 1,
        page_size: int = 100,
        start: float | datetime | None = None,
        end: float | datetime | None = None,
        since: float | datetime | None = None,
        engine: str | None = None,
    ) -> Paged[TranscriptPage, TranscriptSegment]:
        """Final segments between `start` and `end`, or after `since`: awaited one page, iterated all from it on.

        A page has at most 1000. Times are unix seconds or aware datetimes. Cancelling it changes nothing.
        """
        params = page_params(page, page_size, start, end)
        params |= {"since": None if since is None else moment(since, "since"), "engine": engine}

        async def fetch(at: At | None) -> Part[TranscriptPage, TranscriptSegment]:
            number = page if at is None else int(at)
            answer = await self._context.transport.get(
                f"{self._path()}/transcription", rest.TranscriptAnswer, params={**params, "page": number}
            )
            read = read_page(answer, self.id)
            return Part(read, read.segments, by_number(number, items=read.segments, more=read.next_page))

        return Paged(fetch, lambda segment: (segment.start, segment.end, segment.text))

    @overload
    def watch_transcript(
        self,
        *,
        since: float | datetime | str | None = ...,
        until: float | datetime | None = ...,
        follow: bool = ...,
        partials: Literal[False] = ...,
        gaps: Literal["raise"] = ...,
        engine: str | None = ...,
        max_buffer: int | None = ...,
    ) -> Watch[TranscriptSegment]: ...
    @overload
    def watch_transcript(
        self,
        *,
        since: float | datetime | str | None = ...,
        until: float | datetime | None = ...,
        follow: bool = ...,
        partials: Literal[True],
        gaps: Literal["raise"] = ...,
        engine: str | None = ...,
        max_buffer: int | None = ...,
    ) -> Watch[TranscriptSegment | PartialTranscript]: ...
    @overload
    def watch_transcript(
        self,
        *,
        since: float | datetime | str | None = ...,
        until: float | datetime | None = ...,
        follow: bool = ...,
        partials: Literal[False] = ...,
        gaps: Literal["yield"],
        engine: str | None = ...,
        max_buffer: int | None = ...,
    ) -> Watch[TranscriptSegment | Gap]: ...
    @overload
    def watch_transcript(
        self,
        *,
        since: float | datetime | str | None = ...,
        until: float | datetime | None = ...,
        follow: bool = ...,
        partials: Literal[True],
        gaps: Literal["yield"],
        engine: str | None = ...,
        max_buffer: int | None = ...,
    ) -> Watch[TranscriptSegment | PartialTranscript | Gap]: ...
    def watch_transcript(
        self,
        *,
        since: float | datetime | str | None = None,
        until: float | datetime | None = None,
        follow: bool = True,
        partials: bool = False,
        gaps: Literal["raise", "yield"] = "raise",
        engine: str | None = None,
        max_buffer: int | None = None,
    ) -> Watch[Any]:
        """Its transcript: final segments since a moment (unix seconds, aware datetime) or a kept cursor, then live.

        Without `since` it begins at the present. It ends at `until`, or with `follow=False` when the history is read;
        an outage never ends it. `partials=True` hands over preliminary pieces too; only finals move the cursor. A
        stretch that cannot be fetched again raises DataLost, after which reading can go on, or with `gaps="yield"` is
        handed over as a `Gap`. `max_buffer`: records kept for a slow consumer.
        """
        return self._context.live.watch_transcript(
            self.id,
            since=since,
            until=until,
            follow=follow,
            partials=partials,
            gaps=gaps,
            engine=engine,
            max_buffer=max_buffer,
        )

    def watch_alerts(
        self, *, label: str | None = None, since: float | datetime | str | None = None, max_buffer: int | None = None
    ) -> Watch[Alert | Gap]:
        """The alerts of this stream; a `Gap` for each stretch in which one may have been missed.

        since: unix seconds, an aware datetime or a cursor. A server that keeps a log of alerts (the embedded one does)
        gives what fired since then, and leaves no gap; the hosted service keeps none, so that stretch is a gap.
        """
        return self._context.live.watch_alerts(self.id, label=label, since=since, max_buffer=max_buffer)

    # --- indexes ------------------------------------------------------------------------------------------------------

    async def index_visuals(
        self,
        prompt: str | None = None,
        batch_config: VisualBatchConfig | None = None,
        model_name: str | None = None,
        model_config: Mapping[str, Any] | None = None,
        name: str | None = None,
        ws_connection_id: ConnectionChoice = OWN,
        sandbox_id: str | None = None,
    ) -> RTStreamSceneIndex:
        """Have a model describe its pictures, a window at a time; see `RTStreamSceneIndex.watch_scenes`.

        `batch_config`: `{"type": "time", "value": seconds, "frame_count": frames}`. `model_name`: "mini", "basic",
        "pro" or "ultra". Scenes are sent to this client's websocket, or to the connection that is given. Every call
        makes another index. OutcomeUnknownError, which says that the answer was lost, and cancelling it leave unknown
        whether one was made: see `list_scene_indexes`.
        """
        return await self._index(
            "time", visual_config(batch_config), prompt, model_name, model_config, name, ws_connection_id, sandbox_id
        )

    async def index_audio(
        self,
        prompt: str | None = None,
        batch_config: AudioBatchConfig | None = None,
        model_name: str | None = None,
        model_config: Mapping[str, Any] | None = None,
        name: str | None = None,
        ws_connection_id: ConnectionChoice = OWN,
        sandbox_id: str | None = None,
    ) -> RTStreamSceneIndex:
        """Have a model summarise what is said in it, a batch at a time.

        `batch_config`: `{"type": "word" | "sentence" | "time", "value": words, sentences or seconds}`. For the rest,
        cancelling it included, see `index_visuals`.
        """
        return await self._index(
            "transcript",
            audio_config(batch_config),
            prompt,
            model_name,
            model_config,
            name,
            ws_connection_id,
            sandbox_id,
        )

    async def index_scenes(
        self,
        extraction_type: Literal["time", "transcript"] = "time",
        extraction_config: Mapping[str, Any] | None = None,
        prompt: str | None = "Describe the scene",
        model_name: str | None = None,
        model_config: Mapping[str, Any] | None = None,
        name: str | None = None,
        ws_connection_id: ConnectionChoice = OWN,
        sandbox_id: str | None = None,
    ) -> RTStreamSceneIndex:
        """What `index_visuals` and `index_audio` do, in the wire's words; the older of the official SDK's names.

        `extraction_config`: `{"time": seconds, "frame_count": frames}`, which is 2 and 5 unless it is given, or for
        "transcript" `{"segmenter": "word" | "sentence" | "time", "segmentation_value": how many}`. For the rest,
        cancelling it included, see `index_visuals`.
        """
        config = dict(extraction_config) if extraction_config is not None else None
        if config is None and extraction_type == "time":
            config = {"time": 2, "frame_count": 5}
        return await self._index(
            extraction_type, config, prompt, model_name, model_config, name, ws_connection_id, sandbox_id
        )

    async def index_spoken_words(
        self,
        prompt: str | None = None,
        segmenter: Literal["word", "sentence", "time"] = "word",
        length: int = 10,
        model_name: str | None = None,
        model_config: Mapping[str, Any] | None = None,
        name: str | None = None,
        ws_connection_id: ConnectionChoice = OWN,
        sandbox_id: str | None = None,
    ) -> RTStreamSceneIndex:
        """What `index_audio` does, a batch being `length` words, sentences or seconds; the older name.

        For the rest, cancelling it included, see `index_visuals`.
        """
        return await self.index_audio(
            prompt, {"type": segmenter, "value": length}, model_name, model_config, name, ws_connection_id, sandbox_id
        )

    def list_scene_indexes(self) -> Paged[list[RTStreamSceneIndex], RTStreamSceneIndex]:
        """Its scene indexes, which come at once; to be awaited or iterated. Cancelling it changes nothing."""

        async def fetch() -> list[RTStreamSceneIndex]:
            answer = await self._context.transport.get(f"{self._path()}/index/scene", rest.SceneIndexesAnswer)
            return [RTStreamSceneIndex(self._context, self.id, index) for index in answer.scene_indexes]

        return one_page(fetch, lambda index: index.rtstream_index_id)

    async def get_scene_index(self, index_id: str) -> RTStreamSceneIndex:
        """One of its scene indexes. Raises NotFoundError. Cancelling it changes nothing."""
        return await self.scene_index(index_id).refresh()

    def scene_index(self, index_id: str) -> RTStreamSceneIndex:
        """A handle of one of its scene indexes, with no request: it knows its id only."""
        return RTStreamSceneIndex(self._context, self.id, rest.SceneIndexAnswer(index_id))

    async def search(
        self,
        query: str,
        index_id: str | None = None,
        result_threshold: int | None = None,
        score_threshold: float | None = None,
        dynamic_score_percentage: float | None = None,
        filter: Sequence[Mapping[str, Any]] | None = None,  # noqa: A002 - the official SDK's name
    ) -> RTStreamSearchResult:
        """Search what its indexes have recorded; no hit is an empty result. Cancelling it changes nothing."""
        body = search_request(
            query,
            index_id=index_id,
            result_threshold=result_threshold,
            score_threshold=score_threshold,
            dynamic_score_percentage=dynamic_score_percentage,
            filter=filter,
        )
        answer = await self._context.transport.search(f"{self._path()}/search", rest.SearchAnswer, body=body)
        shots = [read_shot(self._context, record, self.id, self.name) for record in answer.results]
        return RTStreamSearchResult(self.collection_id, shots)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _path(self) -> str:
        return path_of("rtstream", self.id)

    async def _transcription(self, action: rest.Action, engine: str | None, connection: str | None) -> TranscriptStatus:
        body = rest.TranscriptionRequest(action, engine=engine or UNSET, ws_connection_id=connection or UNSET)
        answer = await self._context.transport.post(
            f"{self._path()}/transcription", rest.TranscriptionStatusAnswer, body=body
        )
        return read_status(answer)

    async def _index(
        self,
        extraction_type: str,
        extraction_config: dict[str, Any] | None,
        prompt: str | None,
        model_name: str | None,
        model_config: Mapping[str, Any] | None,
        name: str | None,
        ws_connection_id: ConnectionChoice,
        sandbox_id: str | None,
    ) -> RTStreamSceneIndex:
        connection = await self._context.live.connection_id(ws_connection_id)
        body = rest.SceneIndexRequest(
            extraction_type,
            extraction_config,
            prompt,
            model_name,
            dict(model_config or {}),
            name,
            connection or UNSET,
            sandbox_id or UNSET,
        )
        with self._context.live.binding_scenes(self.id, connection):
            answer = await self._context.transport.post(f"{self._path()}/index/scene", rest.SceneIndexAnswer, body=body)
            if answer.extraction_type is None:
                answer = msgspec.structs.replace(answer, extraction_type=extraction_type)
            binding = SceneBinding(self.id, answer.rtstream_index_id, index_kind(answer.extraction_type))
            self._context.live.bind(binding, connection)
        return RTStreamSceneIndex(self._context, self.id, answer)
