"""`aiortstream serve`: an embedded server in a process of its own.

One line of JSON on standard output says that it is ready, `{"url", "data_dir", "pid"}`; everything else goes to
standard error. SIGTERM and Ctrl-C stop it cleanly.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys

from aiortstream.local.server import LocalServer
from aiortstream.local.settings import ServerSettings


async def serve(settings: ServerSettings) -> None:
    """Serve until SIGTERM or Ctrl-C, which are no failures: this is how a server is stopped."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with LocalServer(settings) as server:
        if stopped.is_set():  # told to stop while it was starting
            return
        print(json.dumps({"url": server.url, "data_dir": server.data_dir, "pid": os.getpid()}), flush=True)
        await stopped.wait()


def configure_logging(level: str) -> None:
    """Logs to standard error; of the models' libraries, which report every call, only what is wrong."""
    logging.basicConfig(
        stream=sys.stderr, level=level.upper(), format="%(asctime)s %(levelname)-7s %(name)s %(message)s"
    )
    for library in ("faster_whisper", "RapidOCR"):
        logging.getLogger(library).setLevel(logging.WARNING)
