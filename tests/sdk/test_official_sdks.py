"""The official SDKs, each in an environment of its own and unmodified, as clients of an embedded server.

The environments are made once, under `.venvs/` in the checkout.
"""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from media_clips import sample

from aiortstream.local.deliver.jobs import JobLimits
from aiortstream.local.ingest.publish import LivePublisher
from aiortstream.local.sample import sample_path
from aiortstream.local.server import LocalServer
from aiortstream.local.settings import ServerSettings

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parent.parent / ".venvs"
KEY = "sdk-test-key"
VERSIONS = ("0.5.1", "0.4.5")

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(600)]


def python_with(version: str) -> Path:
    """A Python that has this version of the official SDK."""
    folder = ENVIRONMENTS / f"videodb-{version}"
    python = folder / "bin" / "python"
    done = folder / "installed"
    if not done.exists():
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"videodb=={version}"], check=True)
        done.touch()
    return python


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The URL of `aiortstream serve` in a process of its own."""
    command = [sys.executable, "-m", "aiortstream", "serve", "--port", "0", "--data-dir", str(tmp_path / "data")]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([*command, "--api-key", KEY], stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())["url"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(40) == 0
    process.stdout.close()
    log_text = (tmp_path / "log").read_text()
    assert "Traceback" not in log_text, log_text


@pytest.mark.parametrize("version", VERSIONS)
def test_the_main_job_with_the_official_sdk(version: str, server: str) -> None:
    python = python_with(version)
    with LivePublisher(sample_path()) as source:
        ran = subprocess.run(
            [python, HERE / "scenario.py", server, KEY, source.url], capture_output=True, text=True, timeout=300
        )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    check_frames(told)
    check_lookups(told)
    check_recording(told)
    assert set(told["refused"]) == {"unknown stream", "unsupported url", "end before start"}
    assert "rtsp" in told["refused"]["unsupported url"]
    assert "API key" in told["wrong_key"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_export_that_takes_long_is_waited_for(version: str, tmp_path: Path) -> None:
    """Every operation becomes a job here, so the SDK polls for its result, good or bad."""
    python = await asyncio.to_thread(python_with, version)
    settings = ServerSettings(data_dir=tmp_path, api_key=KEY, jobs=JobLimits(patience=0))
    async with LocalServer(settings) as server:
        script = await asyncio.create_subprocess_exec(
            python,
            HERE / "slow_export.py",
            server.url,
            KEY,
            sample("clip"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(120):
            out, errors = await script.communicate()
    assert script.returncode == 0, errors.decode()
    told = json.loads(out.splitlines()[-1])
    assert "No recordings available" in told["refused"]
    video_id, name, duration = told["export"]
    assert (video_id[:2], name) == ("m-", "Kept")
    assert float(told["length"]) == pytest.approx(duration)
    assert duration == pytest.approx(4.0, abs=0.2)


def check_frames(told: dict[str, Any]) -> None:
    """One frame of each channel, in the wire's shape."""
    assert told["connection_id"]
    frames = told["frames"]
    assert {"transcript", "scene_index", "audio_index", "alert"} <= set(frames)
    for channel in ("transcript", "scene_index", "audio_index"):
        data = frames[channel]["data"]
        assert frames[channel]["rtstream_id"] == told["created"][0]
        assert isinstance(data["text"], str)
        assert isinstance(data["start"], int)
        assert 1.6e12 < data["start"] < data["end"] < 4e12
    assert frames["transcript"]["data"]["is_final"] is True
    assert "FRONT DOOR" in frames["scene_index"]["data"]["text"]
    alert = frames["alert"]["data"]
    assert alert["event_label"] == alert["label"] == "door_closed"
    assert alert["triggered"] is True
    assert isinstance(alert["timestamp"], int)


def check_lookups(told: dict[str, Any]) -> None:
    """REST answers as the SDK hands them on."""
    stream_id = told["created"][0]
    assert re.fullmatch(r"rts-[0-9a-f-]{36}", stream_id)
    assert told["listed"] == [stream_id]
    assert told["got"] == "sdk"
    assert told["transcript_started"]["status"] == "running"
    records = told["transcript"]["transcription_records"]
    assert records
    assert records[0]["word_timestamps"]
    assert 1.6e9 < records[0]["start"] < 4e9
    assert told["scenes"]["scenes"][0]["text"] == told["scenes"]["scenes"][0]["description"]
    assert told["audio_scenes"]["scenes"]
    assert len(told["indexes"]) == 2
    assert told["index"] == {"time": "2", "frame_count": "3"}
    assert "DOOR" in told["hits"][0][0]
    assert told["collection_hits"][0] == [stream_id, "sdk"]
    assert re.search(r"/(\d{16})-(\d{16})\.m3u8", told["shot_stream"])
    assert {"event_id": told["event_id"], "event_prompt": "The front door is closed", "label": "door_closed"} in told[
        "events"
    ]
    assert (told["disabled"], told["enabled"], told["index_stopped"]) == ("disabled", "enabled", "stopped")


def check_recording(told: dict[str, Any]) -> None:
    """A window to play and an exported video."""
    assert re.search(r"/watch\?v=\w+&url=", told["player_url"])
    assert re.search(r"/(\d{16})-(\d{16})\.m3u8", told["stream_url"])
    video_id, name, duration = told["export"]
    assert video_id.startswith("m-")
    assert name == "From the SDK"
    assert duration > 5
    assert told["video"][0] == video_id
    assert float(told["video"][1]) == pytest.approx(duration)
