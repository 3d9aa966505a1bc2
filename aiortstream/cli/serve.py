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


async def serve(settings: ServerSettings) -> int:
    """Serve until told to stop; the exit code: 0 after SIGTERM, 130 after Ctrl-C."""
    stopped: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def stop(code: int) -> None:
        if not stopped.done():
            stopped.set_result(code)

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop, 0)
    loop.add_signal_handler(signal.SIGINT, stop, 130)
    async with LocalServer(settings) as server:
        print(json.dumps({"url": server.url, "data_dir": server.data_dir, "pid": os.getpid()}), flush=True)
        return await stopped


def configure_logging(level: str) -> None:
    """Logs to standard error."""
    logging.basicConfig(
        stream=sys.stderr, level=level.upper(), format="%(asctime)s %(levelname)-7s %(name)s %(message)s"
    )
