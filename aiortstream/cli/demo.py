"""`aiortstream demo`: the main job on one live stream, from connecting to an exported file, told as it happens."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiortstream import Alert, AsyncClient, RTStream, RTStreamSceneIndex, Scene, TranscriptSegment

if TYPE_CHECKING:
    from rich.console import Console

CONNECT_DEADLINE = 30.0  # seconds for the source to be live
REPORT_EVERY = 2.5  # seconds: the demo is never silent for longer
PREROLL = 1.0  # seconds before an alert's window that its clip begins


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


@dataclass(slots=True)
class Findings:
    """What has arrived, and a signal for whoever waits for more of it."""

    transcript: list[TranscriptSegment] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def summary(self) -> str:
        """Counts, in words."""
        return f"{len(self.transcript)} transcript segments, {len(self.scenes)} scenes, {len(self.alerts)} alerts"


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What to show. `source` None plays the bundled sample; `seconds` is how long to watch."""

    source: str | None
    seconds: float
    output: Path
    data_dir: Path | None
    event_prompt: str
    query: str
    hold: bool


class Narrator:
    """Prints what happens with the seconds since the start."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._last = self._began

    def say(self, kind: str, text: str, style: str = "") -> None:
        """One line."""
        self._last = time.monotonic()
        self._console.print(
            f"[dim]{self._last - self._began:6.1f}s[/dim]  [{style or 'bold'}]{kind:<10}[/]", end=" ", highlight=False
        )
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    async def while_waiting(self, what: str) -> None:
        """Say what is waited for, again and again, until cancelled."""
        while True:
            await asyncio.sleep(REPORT_EVERY)
            if time.monotonic() - self._last >= REPORT_EVERY:
                self.say("...", what, "dim")


async def run_demo(options: DemoOptions, console: Console) -> None:
    """The whole demo. Cancelling it closes all that it has opened."""
    narrator = Narrator(console)
    with live_source(options.source, narrator) as url:
        narrator.say("server", "starting the embedded server")
        async with AsyncClient.local(data_dir=options.data_dir) as client:
            narrator.say("server", f"{client.server.url}   data in {client.server.data_dir}")
            stream = await connect(client, url, narrator)
            findings = Findings()
            async with pipelines(client, stream, options, findings, narrator):
                await watch_until_done(findings, options.seconds, narrator)
            await show_results(client, stream, options, findings, narrator)
            if options.hold:
                narrator.say("hold", "still serving; Ctrl-C ends it", "bold")
                await asyncio.Event().wait()
    narrator.say("done", findings.summary, "bold green")


@contextlib.contextmanager
def live_source(source: str | None, narrator: Narrator) -> Iterator[str]:
    """The URL to connect to: the person's own, or the sample played live on loopback while this lasts."""
    if source is not None:
        yield source
        return
    from aiortstream.local.ingest.publish import LivePublisher
    from aiortstream.local.sample import sample_path

    with LivePublisher(sample_path()) as publisher:
        narrator.say("source", f"the bundled sample, live at {publisher.url}")
        yield publisher.url


async def connect(client: AsyncClient, url: str, narrator: Narrator) -> RTStream:
    """Connect the source and wait until its packets arrive."""
    from aiortstream.local.ingest.source import redact

    stream = await client.connect_rtstream(url=url, name="demo", media_types=["audio", "video"], store=True)
    narrator.say("stream", f"{stream.id} connecting to {redact(url)}")
    deadline = time.monotonic() + CONNECT_DEADLINE
    async with background(narrator.while_waiting("waiting for the source")):
        while (await stream.refresh()).status != "connected" and stream.status != "stopped":
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(0.2)
    if stream.status != "connected":
        raise DemoError(f"the source cannot be reached: {stream.status_reason or stream.status}")
    narrator.say("stream", "live: recording, one clock for pictures, sound and recording")
    return stream


@contextlib.asynccontextmanager
async def pipelines(
    client: AsyncClient, stream: RTStream, options: DemoOptions, findings: Findings, narrator: Narrator
) -> AsyncIterator[None]:
    """Transcript, pictures, speech and an alert, each printed as it arrives on the client's one websocket."""
    async with background(narrator.while_waiting("loading the models")):
        await stream.start_transcript()
        visuals = await stream.index_visuals(
            prompt="Describe who and what is visible", batch_config={"type": "time", "value": 2, "frame_count": 5}
        )
        speech = await stream.index_audio(
            prompt="Summarize what is said", batch_config={"type": "sentence", "value": 2}
        )
        event_id = await client.create_event(event_prompt=options.event_prompt, label="demo_event")
        await visuals.create_alert(event_id, callback_url="")
    narrator.say("watching", f'transcript, pictures, speech; alert when: "{options.event_prompt}"')
    async with (
        background(print_transcript(stream, findings, narrator)),
        background(print_scenes(visuals, "scene", "cyan", findings, narrator)),
        background(print_scenes(speech, "speech", "blue", findings, narrator)),
        background(print_alerts(stream, findings, narrator)),
    ):
        yield


async def print_transcript(stream: RTStream, findings: Findings, narrator: Narrator) -> None:
    """`async for` over the transcript."""
    async with stream.watch_transcript() as segments:
        async for segment in segments:
            narrator.say("transcript", segment.text, "green")
            findings.transcript.append(segment)
            findings.changed.set()


async def print_scenes(
    index: RTStreamSceneIndex, kind: str, style: str, findings: Findings, narrator: Narrator
) -> None:
    """`async for` over the scenes of an index."""
    async with index.watch_scenes() as scenes:
        async for scene in scenes:
            narrator.say(kind, scene.text, style)
            findings.scenes.append(scene)
            findings.changed.set()


async def print_alerts(stream: RTStream, findings: Findings, narrator: Narrator) -> None:
    """`async for` over the alerts."""
    async with stream.watch_alerts() as alerts:
        async for alert in alerts:
            if isinstance(alert, Alert):
                narrator.say(
                    "ALERT", f"{alert.label} (confidence {alert.confidence or 0:.2f}): {alert.text}", "bold red"
                )
                findings.alerts.append(alert)
            else:
                narrator.say("gap", str(alert), "yellow")
            findings.changed.set()


async def watch_until_done(findings: Findings, seconds: float, narrator: Narrator) -> None:
    """Watch for that long, and not longer."""
    async with background(narrator.while_waiting("watching")):
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    findings.changed.clear()
                    await findings.changed.wait()


async def show_results(
    client: AsyncClient, stream: RTStream, options: DemoOptions, findings: Findings, narrator: Narrator
) -> None:
    """A search hit, a playback URL, an exported file."""
    hits = await stream.search(query=options.query)
    if len(hits):
        best = hits.shots[0]
        narrator.say("search", f'"{options.query}" -> {best.text} (score {best.search_score or 0:.2f})', "magenta")
    else:
        narrator.say("search", f'"{options.query}" -> no hit', "magenta")
    start, end = clip_window(findings)
    await stream.generate_stream(start=start, end=end)
    narrator.say("playback", f"{stream.stream_url}", "magenta")
    if stream.stream_url is not None:
        narrator.say("", f"opened by a player: {await asyncio.to_thread(describe_media, stream.stream_url)}")
    narrator.say("player", f"{stream.player_url}   (while the demo runs; --hold keeps it)", "magenta")
    await stream.stop()
    async with background(narrator.while_waiting("exporting")):
        result = await stream.export(name="demo")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    recorded = await client.server.services.videos.path(result.video_id)
    await asyncio.to_thread(shutil.copyfile, recorded, options.output)
    narrator.say("export", f"{options.output}   {result.duration:.1f} s", "magenta")


def clip_window(findings: Findings) -> tuple[float, float]:
    """What to play: the window of the first alert, or of the last scene where nothing fired."""
    for alert in findings.alerts:
        if alert.start is not None and alert.end is not None:
            return alert.start - PREROLL, alert.end
    for record in [*reversed(findings.scenes), *reversed(findings.transcript)]:
        return record.start, record.end
    raise DemoError("nothing was seen or heard: does the source carry pictures or sound?")


@contextlib.asynccontextmanager
async def background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """A coroutine that runs beside the block and is cancelled at its end; if it fails, the block ends too."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)
        yield
        task.cancel()


def describe_media(url: str) -> str:
    """What a player finds at `url`; blocks."""
    import av

    with av.open(url, timeout=(10.0, 10.0)) as container:
        video = container.streams.video[0] if container.streams.video else None
        frames = sum(1 for _ in container.decode(video)) if video is not None else 0
    size = f"{video.codec_context.name} {video.width}x{video.height}, " if video is not None else "sound only, "
    return f"{size}{frames} frames decoded"
