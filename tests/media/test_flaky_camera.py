"""A genuine RTSP server killed some times while it is recorded; the long run is tests/soak/flaky_camera.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "soak" / "flaky_camera.py"

pytestmark = [pytest.mark.media, pytest.mark.timeout(200)]


def test_every_outage_ends_by_itself_and_leaves_one_hole() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--kills", "4", "--seed", "7"], capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["kills"], told["holes"]) == (4, 4)
    assert told["recovered_max"] < 15
