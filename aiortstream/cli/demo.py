"""`aiortstream demo`: the main job on one live stream, from connecting to an exported file, told as it happens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiortstream import Alert, AsyncClient, RTStream, RTStreamSceneIndex, Scene, TranscriptSegment
from aiortstream.cli.media import download, inspect_media
from aiortstream.cli.narrator import Narrator
from aiortstream.cli.terminal import can_ask, enter_pressed

if TYPE_CHECKING:
    from rich.console import Console

CONNECT_DEADLINE = 30.0  # seconds for the source to be live
ASK_EVERY = 0.25  # seconds between two looks at the stream's status: the wire has no event for it
OFFER = 15.0  # seconds in which a person may say that they want to look at the player
PREROLL = 1.0  # seconds before an alert's window that its clip begins

VISUALS = "Describe who and what is visible"
SPEECH = "Summarize what is said"
LABEL = "demo_event"


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What to show. `source` None plays the bundled sample; `data_dir` None is deleted at the end.

    `duration` is how long to watch, in seconds; `hold` keeps serving at the end, until Ctrl-C.
    """

    source: str | None
    duration: float
    output: Path
    data_dir: Path | None
    event_prompt: str
    query: str
    hold: bool


@dataclass(slots=True)
class Findings:
    """What has arrived."""

    transcript: list[TranscriptSegment] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """Counts, in words."""
        return f"{len(self.transcript)} transcript segments, {len(self.scenes)} scenes, {len(self.alerts)} alerts"


async def run_demo(options: DemoOptions, console: Console) -> None:
    """The whole demo. Raises DemoError and VideodbError. Cancelling it closes all that it has opened."""
    await asyncio.to_thread(check_output, options.output)
    findings = Findings()
    async with Narrator(console) as narrator, live_source(options.source, narrator) as url:
        narrator.say("server", "starting the embedded server")
        narrator.doing = "starting the embedded server"
        async with AsyncClient.local(options.data_dir) as client:
            narrator.say("server", f"{client.server.url}   data in {client.server.data_dir}")
            try:
                await show(client, url, options, findings, narrator)
            finally:
                narrator.doing = "stopping the server"
        if options.data_dir is not None:
            narrator.say("kept", f"aiortstream serve --data-dir {options.data_dir}   serves it again")
        narrator.say("done", findings.summary, "bold green")


async def show(client: AsyncClient, url: str, options: DemoOptions, findings: Findings, narrator: Narrator) -> None:
    """What the demo is about, on a running server."""
    stream = await connect(client, url, narrator)
    indexes = await set_up(client, stream, options, narrator)
    await watch(stream, indexes, findings, options.duration, narrator)
    await search(stream, options.query, narrator)
    await show_clip(stream, findings, narrator)
    await stream.stop()
    await export(stream, options.output, narrator)
    await hold(options, narrator)


def check_output(output: Path) -> None:
    """Make sure, before the long part, that the film can be written. Raises DemoError; makes nothing."""
    if output.is_dir():
        raise DemoError(f"--output: expected the name of a file, got the folder {output}")
    folder = next(parent for parent in output.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise DemoError(f"--output: nothing can be written to {folder}")


@contextlib.asynccontextmanager
async def live_source(source: str | None, narrator: Narrator) -> AsyncIterator[str]:
    """The URL to connect to: the person's own, or the sample played live on loopback while this lasts."""
    if source is not None:
        yield source
        return
    from aiortstream.local.ingest.publish import LivePublisher
    from aiortstream.local.sample import sample_path

    async with LivePublisher(sample_path()) as publisher:
        narrator.say("source", f"the bundled sample, played live at {publisher.url}")
        yield publisher.url


async def connect(client: AsyncClient, url: str, narrator: Narrator) -> RTStream:
    """Connect the source and wait until its packets arrive. Raises DemoError when they do not in time."""
    from aiortstream.local.ingest.source import redact

    stream = await client.connect_rtstream(url=url, name="demo", media_types=["audio", "video"], store=True)
    narrator.say("stream", f"{stream.id} connecting to {redact(url)}")
    deadline = time.monotonic() + CONNECT_DEADLINE
    narrator.doing = lambda: f"waiting for the source: {stream.status_reason or stream.status}"
    while stream.status not in ("connected", "stopped") and time.monotonic() < deadline:
        await asyncio.sleep(ASK_EVERY)
        await stream.refresh()
    if stream.status != "connected":
        raise DemoError(
            f"nothing came from {redact(url)} within {CONNECT_DEADLINE:.0f} s: {stream.status_reason or stream.status}"
        )
    narrator.say("stream", "live, and being recorded")
    return stream


async def set_up(
    client: AsyncClient, stream: RTStream, options: DemoOptions, narrator: Narrator
) -> dict[str, RTStreamSceneIndex]:
    """Have it transcribed, described, summarised, and watched for an event; the indexes by what they are of."""
    narrator.doing = "setting up"
    await stream.start_transcript()
    visuals = await stream.index_visuals(VISUALS, {"type": "time", "value": 2, "frame_count": 5})
    speech = await stream.index_audio(SPEECH, {"type": "sentence", "value": 2})
    event_id = await client.create_event(options.event_prompt, LABEL)
    await visuals.create_alert(event_id, callback_url="")
    narrator.say("watching", f'speech and pictures, on one websocket; an alert when: "{options.event_prompt}"')
    return {"scene": visuals, "speech": speech}


async def watch(
    stream: RTStream,
    indexes: dict[str, RTStreamSceneIndex],
    findings: Findings,
    duration: float,
    narrator: Narrator,
) -> None:
    """Print what arrives until the time is up or the source has ended."""
    narrator.doing = lambda: "watching" if findings.scenes else "loading the models, which happens when they are needed"
    await until_one_ends(
        [
            follow_status(stream, narrator),
            print_transcript(stream, findings, narrator),
            print_scenes(indexes["scene"], "scene", "cyan", findings, narrator),
            print_scenes(indexes["speech"], "speech", "blue", findings, narrator),
            print_alerts(stream, findings, narrator),
        ],
        duration,
    )
    if not findings.alerts:
        narrator.say("no alert", "the event was not seen; --event says what to look for", "yellow")


async def until_one_ends(jobs: list[Coroutine[Any, Any, None]], timeout: float) -> None:
    """Run them together until one of them ends or the time is up; raises what one of them has raised."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        ended, _ = await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in ended:
        task.result()


async def follow_status(stream: RTStream, narrator: Narrator) -> None:
    """Tell how the source fares; return when it has ended."""
    while stream.status != "stopped":
        before = stream.status
        await asyncio.sleep(ASK_EVERY)
        await stream.refresh()
        if stream.status != before:
            narrator.say("stream", f"{stream.status}: {stream.status_reason or 'no reason given'}", "yellow")


async def print_transcript(stream: RTStream, findings: Findings, narrator: Narrator) -> None:
    """`async for` over the transcript."""
    async with stream.watch_transcript() as segments:
        async for segment in segments:
            narrator.say("transcript", segment.text, "green")
            findings.transcript.append(segment)


async def print_scenes(
    index: RTStreamSceneIndex, kind: str, style: str, findings: Findings, narrator: Narrator
) -> None:
    """`async for` over the scenes of an index."""
    async with index.watch_scenes() as scenes:
        async for scene in scenes:
            narrator.say(kind, scene.text, style)
            findings.scenes.append(scene)


async def print_alerts(stream: RTStream, findings: Findings, narrator: Narrator) -> None:
    """`async for` over the alerts."""
    async with stream.watch_alerts(label=LABEL) as alerts:
        async for alert in alerts:
            if isinstance(alert, Alert):
                sure = "" if alert.confidence is None else f" ({alert.confidence:.2f})"
                narrator.say("ALERT", f"{alert.label}{sure}: {alert.text}", "bold red")
                findings.alerts.append(alert)
            else:
                narrator.say("gap", f"{alert.cause}: alerts may have been missed", "yellow")


async def search(stream: RTStream, query: str, narrator: Narrator) -> None:
    """The best hit among what was seen and said."""
    narrator.doing = "searching"
    hits = await stream.search(query=query)
    if len(hits):
        best = hits.shots[0]
        narrator.say("search", f'"{query}" found, score {best.search_score or 0:.2f}: {best.text}', "magenta")
    else:
        narrator.say("search", f'"{query}" was not found; --query says what to search', "yellow")


async def show_clip(stream: RTStream, findings: Findings, narrator: Narrator) -> None:
    """The playback URL of the alert's window, opened as a player opens it."""
    start, end = clip_window(findings)
    narrator.doing = "opening the clip"
    url = await stream.generate_stream(start=start, end=end)
    content = await asyncio.to_thread(inspect_media, url)
    narrator.say("playback", url, "magenta")
    narrator.say("", f"opened by a player: {content}")
    narrator.say("player", f"{stream.player_url}", "magenta")


def clip_window(findings: Findings) -> tuple[float, float]:
    """What to play: the window of the first alert, or of the newest record where nothing fired."""
    for alert in findings.alerts:
        if alert.start is not None and alert.end is not None:
            return alert.start - PREROLL, alert.end
    for record in [*reversed(findings.scenes), *reversed(findings.transcript)]:
        return record.start, record.end
    raise DemoError("nothing was seen or heard: does the source carry pictures or speech?")


async def export(stream: RTStream, output: Path, narrator: Narrator) -> None:
    """All that was recorded, as a file of the person's."""
    narrator.doing = "exporting"
    video = await stream.export(name="demo")
    if video.stream_url is None:
        narrator.say("export", f"{video.video_id}: sound alone, which has no URL to fetch it from", "yellow")
        return
    await asyncio.to_thread(download, video.stream_url.removesuffix(".m3u8") + ".mp4", output)
    content = await asyncio.to_thread(inspect_media, str(output))
    narrator.say("export", f"{output}   {content}", "magenta")


async def hold(options: DemoOptions, narrator: Narrator) -> None:
    """Keep serving for a person who wants to look at the player; without a terminal only if told to."""
    narrator.doing = None
    if options.hold:
        narrator.say("serving", "until Ctrl-C")
        await asyncio.Event().wait()
    elif can_ask():
        narrator.say("serving", f"press Enter within {OFFER:.0f} s to keep the player's URL alive; or do nothing")
        if await enter_pressed(OFFER):
            narrator.say("serving", "until you press Enter again")
            await enter_pressed(None)
