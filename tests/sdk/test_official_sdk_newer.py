"""Understandings and capture sessions: the official SDK 0.5.1, unmodified, as client of a server."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from test_official_sdks import HERE, KEY, python_with

from aiortstream.local.server import LocalServer
from aiortstream.local.settings import ServerSettings

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(300)]


async def test_understandings_and_capture_sessions_with_the_official_sdk(tmp_path: Path) -> None:
    python = await asyncio.to_thread(python_with, "0.5.1")
    async with LocalServer(ServerSettings(port=0, data_dir=tmp_path / "data", api_key=KEY)) as server:
        script = await asyncio.create_subprocess_exec(
            python,
            HERE / "newer.py",
            server.url,
            KEY,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(120):
            out, errors = await script.communicate()
    assert script.returncode == 0, errors.decode()
    told = json.loads(out.splitlines()[-1])
    check_capture(told)
    check_understanding(told)


def check_capture(told: dict[str, Any]) -> None:
    session, status, metadata, channels, streams = told["created"]
    assert (session[:4], status, metadata, channels, streams) == ("cap-", "created", {"room": "blue"}, [], [])
    assert told["token"].startswith("st-")
    assert told["listed"] == [session]
    assert told["started"] == ["starting", ["mic", "screen"], "screen"]
    assert (told["streams"], told["displays"]) == ([1, 1, 0], ["screen"])
    assert [url[:17] for url in told["addresses"]] == ["rtmp://127.0.0.1:"] * 2
    assert (told["stopped"], told["export"]) == ("stopped", ["failed", None])


def check_understanding(told: dict[str, Any]) -> None:
    understanding, *state = told["understanding"]
    assert (understanding[:4], state) == ("und-", ["running", True])
    assert told["outputs"]["scene"]["understanding_id"] == understanding
    assert told["understandings"] == [[understanding, "running"]]
    index, *properties = told["index"]
    assert (index[:4], properties) == ("idx-", ["N", ["semantic"], understanding, "scene"])
    assert told["refreshed"] == "N"
    assert told["records"] == [{"records": [], "next_page": False}] * 2
    assert told["indexes"] == [index]
    assert told["alerts"] == [[True, "disabled"]]
