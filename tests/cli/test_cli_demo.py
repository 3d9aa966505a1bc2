"""`aiortstream demo` as a process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest

DEMO = [sys.executable, "-m", "aiortstream", "demo"]


@pytest.mark.timeout(150)
def test_the_demo_shows_the_main_job_and_ends_well(tmp_path: Path) -> None:
    film = tmp_path / "out.mp4"
    command = [*DEMO, "--seconds", "24", "--output", str(film), "--data-dir", str(tmp_path / "data")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=140)
    assert ran.returncode == 0, ran.stderr
    said = ran.stdout
    assert re.search(r"transcript .*(Dashwood|leisure)", said)
    assert re.search(r'scene .*"FRONT DOOR"', said)
    assert re.search(r"ALERT .*demo_event", said)
    assert re.search(r"search .*DELIVERY VAN", said)
    assert re.search(r"playback .*\.m3u8", said)
    assert re.search(r"opened by a player: h264 1280x720, [1-9]\d* frames decoded", said)
    assert str(film) in said
    with av.open(str(film)) as container:
        assert container.duration is not None
        assert container.duration / 1e6 > 20


@pytest.mark.timeout(90)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [*DEMO, "--output", str(tmp_path / "x.mp4")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "watching" in line:
            break
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(90)
def test_a_source_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    missing = tmp_path / "none.mp4"
    ran = subprocess.run([*DEMO, "--source", str(missing)], capture_output=True, text=True, timeout=80)
    assert ran.returncode == 1
    assert "none.mp4" in ran.stderr
    assert "Traceback" not in ran.stderr
