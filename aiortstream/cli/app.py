"""The commands and what is common to them: one module a command, registered here."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from aiortstream import VideodbError, __version__
from aiortstream.cli import MISSING_EXTRA
from aiortstream.cli.demo import DemoError, DemoOptions, run_demo

app = typer.Typer(
    name="aiortstream",
    help="Live video streams: an embedded server with VideoDB's RTStream protocol, and a client of both.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

INTERRUPTED = 130


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command's coroutine; what it can foresee to go wrong is one line on stderr, not a traceback."""
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except (VideodbError, DemoError) as error:
        fail(str(error))


def fail(message: str, code: int = 1) -> None:
    """End with a message on stderr."""
    typer.echo(f"aiortstream: {message}", err=True)
    raise typer.Exit(code)


def need_local() -> None:
    """End with a line that names the extra, unless the server's packages are there."""
    try:
        import av  # noqa: F401 - only to see whether it is there
        import numpy  # noqa: F401, ICN001
    except ImportError as error:
        fail(f"{error.name} is not installed: pip install 'aiortstream[local,cli]'", MISSING_EXTRA)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@app.command()
def demo(
    source: Annotated[
        str | None, typer.Option(help="A stream of your own (rtsp://, rtmp://, ...) instead of the bundled sample.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=5, help="How long to watch.")] = 42.0,
    output: Annotated[Path, typer.Option(help="Where the exported MP4 goes.")] = Path("aiortstream-demo.mp4"),
    data_dir: Annotated[
        Path | None, typer.Option(help="Keep the server's data here; by default it is deleted at the end.")
    ] = None,
    event: Annotated[str, typer.Option(help="What the alert looks for.")] = "A person is at the door",
    query: Annotated[str, typer.Option(help="What is searched for at the end.")] = "delivery van",
    hold: Annotated[bool, typer.Option(help="Keep serving at the end, for the player, until Ctrl-C.")] = False,
) -> None:
    """The main job on one live stream: connect, record, transcribe, describe, alert, search, play, export."""
    need_local()
    console = Console(file=sys.stdout)
    run(run_demo(DemoOptions(source, seconds, output, data_dir, event, query, hold), console))
