"""`aiortstream serve` as a process: the line that says it is ready, stopping, restarting, refusing."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aiortstream import AsyncClient, AuthenticationError

KEY = "cli-key"


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "aiortstream", *map(str, arguments)]


@contextmanager
def serving(data_dir: Path) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    arguments = ("serve", "--port", "0", "--data-dir", data_dir, "--api-key", KEY)
    process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_that_it_is_ready_and_stops_when_told(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path / "data") as (process, ready):
        assert set(ready) == {"url", "data_dir", "pid"}
        assert (ready["pid"], ready["data_dir"]) == (process.pid, str(tmp_path / "data"))
        async with AsyncClient(KEY, base_url=ready["url"]) as client:
            assert await client.list_rtstreams() == []
        async with AsyncClient("wrong", base_url=ready["url"]) as client:
            with pytest.raises(AuthenticationError, match="not the one"):
                await client.get_collection()
        process.send_signal(number)
        out, log = process.communicate(timeout=15)
        assert process.returncode == 0
        assert out == ""  # one line and no more
        assert "Traceback" not in log
        assert KEY not in log


async def test_it_finds_its_data_again_and_lets_nobody_else_have_it(tmp_path: Path) -> None:
    with serving(tmp_path) as (process, ready):
        async with AsyncClient(KEY, base_url=ready["url"]) as client:
            collection = (await client.get_collection()).id
            event = await client.create_event("A person enters", "person")
        second = await asyncio.to_thread(
            subprocess.run,
            command("serve", "--port", "0", "--data-dir", tmp_path),
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert second.returncode == 1
        assert "another server is running on" in second.stderr
        assert "Traceback" not in second.stderr
        process.kill()  # a crash leaves no lock behind
        process.wait()
    with serving(tmp_path) as (_, ready):
        async with AsyncClient(KEY, base_url=ready["url"]) as client:
            assert (await client.get_collection()).id == collection
            assert [e.event_id for e in await client.list_events()] == [event]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--host", "0.0.0.0"), "an api_key is needed"),
        (("--port", "70000"), "expected 0 to 65535"),
        (("--visual-channel", "pictures"), "visual_channel: expected visual_index or scene_index, got 'pictures'"),
        (("--profile", "loose"), "profile: expected one of lenient, strict, visual_channel=..."),
        (("--profile", "start_connected=maybe"), "start_connected: expected lenient or strict, got 'maybe'"),
        (("--log-level", "loud"), "expected debug, info, warning or error"),
        (("--webhook-secret", "whsec_not base64"), "webhook_secret"),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    ran = subprocess.run(
        command("serve", "--data-dir", tmp_path, *arguments), capture_output=True, text=True, timeout=30
    )
    assert ran.returncode in (1, 2)
    assert says in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""


def test_the_version() -> None:
    import aiortstream

    assert subprocess.run(command("version"), capture_output=True, text=True).stdout.strip() == aiortstream.__version__
