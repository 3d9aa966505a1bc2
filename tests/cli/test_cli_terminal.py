"""Asking at a terminal, on pseudo-terminals."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from aiortstream.cli.terminal import can_ask, enter_pressed

ASKS = "from aiortstream.cli.terminal import can_ask; print('can ask:', can_ask())"


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The far end of a terminal that is our standard input."""
    keys, terminal = os.openpty()
    with os.fdopen(terminal) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield keys
    os.close(keys)


async def test_enter(keyboard: int) -> None:
    os.write(keyboard, b"yes\n")
    assert await enter_pressed(5) is True
    assert await enter_pressed(0.01) is False  # the line was taken


async def test_nobody_answers(keyboard: int) -> None:
    os.write(keyboard, b"no line yet")
    assert await enter_pressed(0.01) is False


async def test_it_can_be_cancelled(keyboard: int) -> None:
    asking = asyncio.create_task(enter_pressed(None))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    os.write(keyboard, b"\n")
    assert await enter_pressed(5) is True


def test_nobody_is_asked_without_a_terminal() -> None:
    ran = subprocess.run([sys.executable, "-c", ASKS], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert ran.stdout == "can ask: False\n", ran.stderr


def test_a_terminal_that_is_not_ours_is_left_alone(keyboard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdin)
    assert can_ask() is False


def test_a_person_at_a_terminal_is_asked() -> None:
    spawn = f"import pty; pty.spawn([{sys.executable!r}, '-c', {ASKS!r}])"
    ran = subprocess.run([sys.executable, "-c", spawn], input="", capture_output=True, text=True, timeout=30)
    assert "can ask: True" in ran.stdout, ran.stderr
