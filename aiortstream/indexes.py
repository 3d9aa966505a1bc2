"""Scene indexes: what a model says of windows of a stream, of its pictures or of its speech."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypedDict, overload

from aiortstream.alerting import Alerting
from aiortstream.arguments import non_empty, page_params, path_of
from aiortstream.checking import checked
from aiortstream.errors import InvalidArgumentError
from aiortstream.paging import At, Paged, Part, by_number
from aiortstream.records import Gap, Keyed, Scene
from aiortstream.wire import rest
from aiortstream.wire.pages import index_kind, read_scene

if TYPE_CHECKING:
    from aiortstream.context import Context
    from aiortstream.live.watch import Watch
    from aiortstream.records import IndexKind


class VisualBatchConfig(TypedDict, total=False):
    """Which frames a visual index describes: `frame_count` frames of every `value` seconds. `type` is "time"."""

    type: Literal["time"]
    value: int
    frame_count: int


class AudioBatchConfig(TypedDict):
    """Which speech an audio index summarises: every `value` words, sentences or seconds."""

    type: Literal["word", "sentence", "time"]
    value: int


class ScenePage(Keyed, frozen=True):
    """One page of scenes, newest first as the service gives them, and whether there is another."""

    scenes: tuple[Scene, ...]
    next_page: bool


@checked
class RTStreamSceneIndex(Alerting):
    """A scene index of a stream. Iterating it with `async for` is `watch_scenes()`.

    `status` is the server's word (`running`, `stopped`), or `connected` / `stopped` after `start()` / `stop()`, as in
    the official SDK. A handle from `rtstream.scene_index(id)` knows its ids only, until `refresh()`.
    """

    def __init__(self, context: Context, rtstream_id: str, answer: rest.SceneIndexAnswer) -> None:
        self._context = context
        self.rtstream_id = rtstream_id
        self._read(answer)

    def _read(self, answer: rest.SceneIndexAnswer) -> None:
        self.rtstream_index_id = answer.rtstream_index_id
        self.extraction_type = answer.extraction_type
        self.extraction_config = _numbers(answer.extraction_config)
        self.prompt = answer.prompt
        self.name = answer.name
        self.status = answer.status
        self.sandbox_id = answer.sandbox_id

    def __repr__(self) -> str:
        return (
            f"RTStreamSceneIndex(rtstream_index_id={self.rtstream_index_id!r}, rtstream_id={self.rtstream_id!r}, "
            f"extraction_type={self.extraction_type!r}, name={self.name!r}, status={self.status!r})"
        )

    @property
    def kind(self) -> IndexKind:
        """`visual` or `audio`, by its extraction type."""
        return index_kind(self.extraction_type)

    async def refresh(self) -> RTStreamSceneIndex:
        """Read its properties again. Raises NotFoundError. Cancelling it changes nothing."""
        path = path_of("rtstream", self.rtstream_id, "index", self.rtstream_index_id)
        self._read(await self._context.transport.get(path, rest.SceneIndexAnswer))
        return self

    def get_scenes(
        self,
        start: float | datetime | None = None,
        end: float | datetime | None = None,
        page: int = 1,
        page_size: int = 100,
    ) -> Paged[ScenePage, Scene]:
        """Its scenes, newest first: awaited one page, iterated all from that page on.

        `start` and `end` in unix seconds, each may be left out. Cancelling it changes nothing.
        """
        params = page_params(page, page_size, start, end)

        async def fetch(at: At | None) -> Part[ScenePage, Scene]:
            number = page if at is None else int(at)
            if self.extraction_type is None:
                await self.refresh()  # a bare handle does not know what its scenes are of
            asked = {**params, "page": number}
            answer = await self._context.transport.get(self._path(), rest.ScenesAnswer, params=asked)
            scenes = tuple(
                read_scene(record, self.rtstream_id, self.rtstream_index_id, self.kind)
                for record in answer.scene_index_records
            )
            return Part(
                ScenePage(scenes, bool(answer.next_page)),
                scenes,
                by_number(number, items=scenes, more=answer.next_page),
            )

        return Paged(fetch, lambda scene: (scene.start, scene.end, scene.text))

    async def start(self) -> None:
        """Resume indexing. Doing it twice is doing it once; cancelled, it may or may not be done."""
        await self._context.transport.patch(f"{self._path()}/status", body=rest.ActionRequest("start"))
        self.status = "connected"

    async def stop(self) -> None:
        """Stop indexing; what is recorded stays. Doing it twice is doing it once; cancelled, it may be done or not."""
        await self._context.transport.patch(f"{self._path()}/status", body=rest.ActionRequest("stop"))
        self.status = "stopped"

    async def update(self, prompt: str) -> None:
        """Ask something else of the windows that come from now on; what is recorded stays as it is.

        The Node SDK has this call (`updateSceneIndex`), the Python one has not. Raises NotFoundError, and
        InvalidRequestError for a prompt that the server does not take. Cancelled, it may or may not be done.
        """
        body = rest.PromptRequest(non_empty(prompt, "prompt"))
        await self._context.transport.patch(self._path(), body=body)
        self.prompt = prompt

    @overload
    def watch_scenes(
        self,
        *,
        since: float | datetime | str | None = ...,
        until: float | datetime | None = ...,
        follow: bool = ...,
        gaps: Literal["raise"] = ...,
        max_buffer: int | None = ...,
    ) -> Watch[Scene]: ...
    @overload
    def watch_scenes(
        self,
        *,
        since: float | datetime | str | None = ...,
        until: float | datetime | None = ...,
        follow: bool = ...,
        gaps: Literal["yield"],
        max_buffer: int | None = ...,
    ) -> Watch[Scene | Gap]: ...
    def watch_scenes(
        self,
        *,
        since: float | datetime | str | None = None,
        until: float | datetime | None = None,
        follow: bool = True,
        gaps: Literal["raise", "yield"] = "raise",
        max_buffer: int | None = None,
    ) -> Watch[Any]:
        """Its scenes: those since a moment (unix seconds, aware datetime) or a kept cursor, then as they come.

        Without `since` it begins at the present. It ends at `until`, or with `follow=False` when the history is read;
        an outage never ends it. A stretch that cannot be fetched again raises DataLost, after which reading can go on,
        or with `gaps="yield"` is handed over as a `Gap`. `max_buffer`: records kept for a slow consumer.
        """
        return self._context.live.watch_scenes(
            self.rtstream_id,
            self.rtstream_index_id,
            since=since,
            until=until,
            follow=follow,
            gaps=gaps,
            max_buffer=max_buffer,
        )

    def __aiter__(self) -> Watch[Scene]:
        return self.watch_scenes()

    def _path(self) -> str:
        return path_of("rtstream", self.rtstream_id, "index", "scene", self.rtstream_index_id)

    def _alerts_on(self) -> tuple[str, str]:
        return self.rtstream_index_id, "index"


def visual_config(batch_config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """`extraction_config` of a visual index, from the batch config people write; None leaves it to the server."""
    if batch_config is None:
        return None
    kind = batch_config.get("type", "time")
    if kind != "time":
        raise InvalidArgumentError(f'batch_config["type"]: visual indexes take only "time", got {kind!r}')
    _known_keys(batch_config, {"type", "value", "frame_count"})
    config: dict[str, Any] = {"time": _count(batch_config, "value", "seconds")}
    config["frame_count"] = _count(batch_config, "frame_count", "frames") if "frame_count" in batch_config else None
    return config


def audio_config(batch_config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """`extraction_config` of an audio index, from the batch config people write; None leaves it to the server."""
    if batch_config is None:
        return None
    kind = batch_config.get("type")
    if kind not in ("word", "sentence", "time"):
        raise InvalidArgumentError(f'batch_config["type"]: expected "word", "sentence" or "time", got {kind!r}')
    _known_keys(batch_config, {"type", "value"})
    unit = {"word": "words", "sentence": "sentences", "time": "seconds"}[kind]
    return {"segmenter": kind, "segmentation_value": _count(batch_config, "value", unit)}


def _known_keys(config: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(config) - known)
    if unknown:
        raise InvalidArgumentError(f"batch_config: unknown {unknown}; expected the keys {sorted(known)}")


def _count(config: Mapping[str, Any], key: str, unit: str) -> int:
    value = config.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidArgumentError(f'batch_config["{key}"]: expected a whole number of {unit} above 0, got {value!r}')
    return value


def _numbers(config: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The service answers numbers as strings here."""
    if config is None:
        return None
    return {key: int(value) if isinstance(value, str) and value.isdecimal() else value for key, value in config.items()}
