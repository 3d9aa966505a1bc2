"""The server's core on fakes: models that say what they are told, a camera that tests drive, a publisher that keeps."""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlencode

import numpy as np
from numpy.typing import NDArray

from aiortstream.local.ai.protocols import Description, ModelError, Utterance, Verdict, Word
from aiortstream.local.ingest.source import SourceSpec
from aiortstream.local.ingest.status import IngestState, IngestStatus
from aiortstream.local.media import SAMPLE_RATE, AudioChunk, AudioTap, Frame, FrameTap
from aiortstream.local.ports import Published
from aiortstream.local.profile import Profile
from aiortstream.local.recording.segmenter import Segmenter, SegmentInfo
from aiortstream.local.runtime import StreamManager
from aiortstream.local.runtime.intake import MakeIngest
from aiortstream.local.services import Services
from aiortstream.local.store.database import Database
from aiortstream.records import Alert, CaptureSessionEvent, Scene, TranscriptSegment
from aiortstream.wire.rest import ConnectRequest, RTStreamAnswer, SceneIndexRequest

T0 = 1_700_000_000.0  # unix time at which what cameras show begins
DEADLINE = 10.0  # seconds that anything may take; nothing takes as long
_STATUS = IngestStatus(IngestState.CONNECTING, None, T0, 1, None, 0, 0, None, None)

Record = Published
R = TypeVar("R", TranscriptSegment, Scene, Alert, CaptureSessionEvent)


class FakeEndpointer:
    """Each chunk that is not silent is a stretch of speech."""

    def feed(self, chunk: AudioChunk) -> list[AudioChunk]:
        return [chunk] if chunk.samples.any() else []

    def flush(self) -> list[AudioChunk]:
        return []


@dataclass
class FakeModels:
    """All models in one. `failing` names those that fail; `hold`, where given, is waited for by a judge."""

    said: dict[float, str] = field(default_factory=dict)  # text of the speech that begins at a time
    failing: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None
    model: str = "fake"
    languages: frozenset[str] | None = frozenset({"en"})

    def transcriber(self, engine: str | None = None) -> FakeModels:
        return self

    def endpointer(self) -> FakeEndpointer:
        return FakeEndpointer()

    def describer(self, model_name: str | None = None) -> FakeModels:
        if model_name not in (None, "basic"):
            raise ValueError(f"unknown model_name {model_name!r}")
        return self

    def summariser(self, model_name: str | None = None) -> FakeModels:
        return self

    def embedder(self) -> FakeModels:
        return self

    def judge(self) -> FakeJudge:
        return FakeJudge(self)

    async def warm(self, *, speech: bool = False, vision: bool = False, text: bool = False) -> None:
        self.called("warm")

    def called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.failing:
            raise ModelError(f"the {name} model is out of order")

    async def transcribe(self, speech: AudioChunk) -> Sequence[Utterance]:
        self.called("transcribe")
        text = self.said[speech.start]
        words = text.split()
        step = (speech.end - speech.start) / len(words)
        timed = tuple(
            Word(word, speech.start + number * step, speech.start + (number + 1) * step)
            for number, word in enumerate(words)
        )
        return [Utterance(speech.start, speech.end, text, timed)]

    async def describe(self, frames: Sequence[Frame], prompt: str) -> Description:
        self.called("describe")
        shown = int(frames[0].image[0, 0, 0])
        return Description(f"{prompt}: picture {shown}", {"frames": len(frames), "shown": shown})

    async def summarise(self, text: str, prompt: str) -> str:
        self.called("summarise")
        return f"{prompt}: {text}"

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.called("embed")
        return np.stack([embed(text) for text in texts])


@dataclass
class FakeJudge:
    """An event holds where its prompt stands in the record."""

    models: FakeModels
    model: str = "fake-judge"

    async def judge(self, event_prompt: str, label: str, record: str) -> Verdict:
        self.models.called("judge")
        if self.models.hold is not None:
            await self.models.hold.wait()
        return Verdict(event_prompt in record, 0.9, f"{label}: {record}")


def embed(text: str) -> NDArray[np.float32]:
    """A unit vector of the words in a text: alike texts share words."""
    vector = np.full(64, 1e-6, np.float32)
    for word in re.findall(r"\w+", text.lower()):
        vector[zlib.crc32(word.encode()) % 64] += 1
    return (vector / np.linalg.norm(vector)).astype(np.float32)


class FakeCamera:
    """What an ingest is to the runtime, driven by tests."""

    def __init__(self, recorder: Segmenter | None, on_status: Callable[[IngestStatus], None]) -> None:
        self.status = _STATUS
        self.recorder = recorder
        self.frame_taps: list[FrameTap] = []
        self.audio_taps: list[AudioTap] = []
        self.stopped = False
        self.not_before: float | None = None
        self._on_status = on_status
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def add_frame_tap(self, tap: FrameTap) -> None:
        self.frame_taps.append(tap)

    def remove_frame_tap(self, tap: FrameTap) -> None:
        self.frame_taps.remove(tap)

    def add_audio_tap(self, tap: AudioTap) -> None:
        self.audio_taps.append(tap)

    def remove_audio_tap(self, tap: AudioTap) -> None:
        self.audio_taps.remove(tap)

    async def run(self) -> None:
        self.report(IngestState.LIVE)
        try:
            await self._ended
        except asyncio.CancelledError:
            self.stopped = True
            raise

    def report(self, state: IngestState, reason: str | None = None) -> None:
        self.status = replace(self.status, state=state, reason=reason)
        self._on_status(self.status)

    def end(self, reason: str | None = None) -> None:
        self.report(IngestState.ENDED, reason)
        self._ended.set_result(None)

    def break_off(self) -> None:
        self._ended.set_exception(RuntimeError("a defect"))

    def show(self, start: float, seconds: float, shown: int, *, fps: int = 10) -> None:
        """Frames that all show the same, from `start` seconds after T0 on."""
        for number in range(round(seconds * fps)):
            frame = Frame(T0 + start + number / fps, np.full((4, 4, 3), shown, np.uint8))
            for tap in self.frame_taps:
                tap.on_frame(frame)

    def hear(self, start: float, seconds: float, *, loud: bool = True) -> None:
        """Sound, or silence, from `start` seconds after T0 on."""
        samples = np.full(round(seconds * SAMPLE_RATE), float(loud), np.float32)
        for tap in self.audio_taps:
            tap.on_audio(AudioChunk(T0 + start, samples))


class KeepingPublisher:
    """Keeps what is published, and wakes who waits for it."""

    def __init__(self, deadline: float = DEADLINE) -> None:
        self.published: list[tuple[tuple[str, ...], Record]] = []
        self._deadline = deadline
        self._news = asyncio.Event()

    def publish(self, connection_ids: Iterable[str], record: Record) -> None:
        self.published.append((tuple(connection_ids), record))
        self._news.set()

    def of(self, kind: type[R]) -> list[R]:
        return [record for _, record in self.published if isinstance(record, kind)]

    async def wait_for(self, kind: type[R], count: int) -> list[R]:
        """The records of a kind once there are that many."""
        async with asyncio.timeout(self._deadline):
            while len(self.of(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(kind)


class CountingWaker:
    """An outbox waker."""

    def __init__(self) -> None:
        self.woken = 0

    def wake(self) -> None:
        self.woken += 1


class FakeUrls:
    """URLs that show what they were made of."""

    def manifest(self, rtstream_id: str, start: float, end: float) -> str:
        return f"http://test/{rtstream_id}/{start:.3f}-{end:.3f}.m3u8"

    def video(self, video_id: str) -> str:
        return f"http://test/videos/{video_id}.m3u8"

    def thumbnail(self, video_id: str, number: int) -> str:
        return f"http://test/videos/{video_id}/{number}.jpg"

    def reel(self, reel_id: str) -> str:
        return f"http://test/reels/{reel_id}/reel.m3u8"

    def upload(self, upload_id: str) -> str:
        return f"http://test/uploads/{upload_id}"

    def upload_id(self, url: str) -> str | None:
        prefix, _, upload_id = url.rpartition("/")
        return upload_id if prefix == "http://test/uploads" else None

    def player(self, stream_url: str, *, mp4: bool = True, title: str | None = None) -> str:
        return "http://test/player?" + urlencode({"url": stream_url, "mp4": str(mp4), "title": title or ""})


@dataclass
class Core:
    """An open core and the fakes around it."""

    db: Database
    manager: StreamManager
    services: Services
    models: FakeModels
    publisher: KeepingPublisher
    waker: CountingWaker
    data_dir: Path
    cameras: dict[str, FakeCamera]  # the latest of each stream

    async def connect(
        self, *, media_types: Sequence[str] = ("audio", "video"), store: bool = False, ws: str | None = None
    ) -> tuple[RTStreamAnswer, FakeCamera]:
        """A stream that runs, and its camera, which is live."""
        stream = await self.services.streams.connect(
            ConnectRequest(
                url="rtsp://user:secret@camera/front",
                name="Front door",
                media_types=list(media_types),  # type: ignore[arg-type]
                store=store,
                ws_connection_id=ws,
            )
        )
        await self.status(stream.id, "connected")
        return stream, self.cameras[stream.id]

    async def index(self, stream: RTStreamAnswer, kind: str = "time", **config: object) -> str:
        """An index that runs; its id."""
        request = SceneIndexRequest(
            kind, dict(config), "Seen" if kind == "time" else "Said", ws_connection_id="ws-index"
        )
        return (await self.services.indexes.create(stream.id, request)).rtstream_index_id

    async def status(self, rtstream_id: str, wanted: str) -> RTStreamAnswer:
        """The stream once it has that status."""

        async def reached() -> bool:
            return (await self.services.streams.get(rtstream_id)).status == wanted

        await until(reached)
        return await self.services.streams.get(rtstream_id)

    def say(self, stream: RTStreamAnswer, start: float, seconds: float, text: str) -> None:
        """Have the camera's sound hold a stretch of speech."""
        self.models.said[T0 + start] = text
        self.cameras[stream.id].hear(start, seconds)


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is so. Each asking lets others go on, so nothing waits for the clock."""
    async with asyncio.timeout(DEADLINE):
        while not await reached():  # noqa: ASYNC110 - what is asked for has no event
            await asyncio.sleep(0)


@asynccontextmanager
async def open_core(
    data_dir: Path,
    *,
    models: FakeModels | None = None,
    profile: Profile | None = None,
    make_ingest: MakeIngest | None = None,
) -> AsyncIterator[Core]:
    """A core on a data directory, with cameras unless it is given another way to ingest."""
    cameras: dict[str, FakeCamera] = {}

    def make_camera(
        spec: SourceSpec,
        *,
        media_types: frozenset[str],
        recorder: Segmenter | None,
        on_status: Callable[[IngestStatus], None],
        name: str,
        not_before: float | None,
    ) -> FakeCamera:
        cameras[name] = FakeCamera(recorder, on_status)
        cameras[name].not_before = not_before
        return cameras[name]

    models = models or FakeModels()
    publisher, waker, urls, profile = KeepingPublisher(), CountingWaker(), FakeUrls(), profile or Profile()
    async with await Database.open(data_dir / "test.sqlite3") as db:
        manager = StreamManager(
            db, models, publisher, waker, urls, data_dir, profile, make_ingest=make_ingest or make_camera
        )
        services = Services(db, manager, models, urls, profile, data_dir)
        await manager.start()
        try:
            yield Core(db, manager, services, models, publisher, waker, data_dir, cameras)
        finally:
            await services.captures.aclose()
            await manager.aclose()


def segment(start: float, end: float, *, session: str = "a", continued: bool = False) -> SegmentInfo:
    """A segment between two times after T0, named as the recorder names them."""
    path = Path(session, f"{round((T0 + start) * 1e6)}{'c' if continued else ''}.ts")
    return SegmentInfo(path, T0 + start, T0 + end, 1000, session, has_video=True, has_audio=True)
