"""What all commands share: exit codes, signals, and what is told when something is missing."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys

import pytest
import typer

import aiortstream
from aiortstream import cli
from aiortstream.cli.app import Signalled, need, run
from aiortstream.cli.demo import DemoError


async def test_nothing_is_missing() -> None:
    need("json", "av")


def test_what_is_missing_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        need("json", "no_such_module", "nor_this")
    assert ended.value.exit_code == 2
    assert capsys.readouterr().err == (
        "aiortstream: not installed: no_such_module, nor_this: pip install 'aiortstream[local,cli]'\n"
    )


@pytest.mark.parametrize("name", ["typer", "rich"])
def test_without_the_extra_of_the_command_line(name: str) -> None:
    program = f"import sys; sys.modules[{name!r}] = None; from aiortstream.cli import main; main()"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.returncode == 2
    assert re.fullmatch(
        rf"aiortstream: {name}\S* is not installed: pip install 'aiortstream\[cli,local\]'\n", ran.stderr
    )


def test_ctrl_c_before_a_command_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_load", interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130


@pytest.mark.parametrize("error", [DemoError("too dark"), aiortstream.InvalidArgumentError("too dark")])
def test_what_can_be_foreseen_is_one_line(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    async def fail() -> None:
        raise error

    with pytest.raises(typer.Exit) as ended:
        run(fail())
    assert ended.value.exit_code == 1
    assert capsys.readouterr().err == "aiortstream: too dark\n"


def test_a_defect_is_not_hidden() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(fail())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_and_a_second_one_does_not_disturb_the_closing(number: signal.Signals) -> None:
    closed = []

    async def work() -> None:
        os.kill(os.getpid(), number)
        try:
            await asyncio.sleep(5)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(0.01)
            closed.append(True)

    with pytest.raises(typer.Exit) as ended:
        run(work())
    assert ended.value.exit_code == 128 + number
    assert closed


def test_a_cancellation_that_is_no_signal_goes_on() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run(work())
    assert str(Signalled(2)) == "signal 2"


def test_help_lists_the_commands() -> None:
    ran = subprocess.run([sys.executable, "-m", "aiortstream", "--help"], capture_output=True, text=True)
    assert ran.returncode == 0
    for command in ("demo", "serve", "version"):
        assert command in ran.stdout
