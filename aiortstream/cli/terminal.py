"""Asking the person at the terminal, if there is one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys


def can_ask() -> bool:
    """Whether somebody reads what we print and can answer: a terminal both ways, and ours (not a background job's)."""
    try:
        return sys.stdin.isatty() and sys.stdout.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):  # closed, or no terminal after all
        return False


async def enter_pressed(timeout: float | None) -> bool:
    """Wait for a line on the terminal; False if none came within `timeout` seconds. Cancelling it is safe."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    terminal = sys.stdin.fileno()
    loop.add_reader(terminal, ready.set)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await ready.wait()
    finally:
        loop.remove_reader(terminal)
    if ready.is_set():
        os.read(terminal, 4096)  # does not block: the terminal has a whole line
    return ready.is_set()
