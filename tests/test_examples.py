"""Every example is run, as its first lines say, on an embedded server with the bundled sample."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("VIDEO_DB")}


@pytest.mark.timeout(70)
def test_quickstart() -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", EXAMPLES / "quickstart.py"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env=ENVIRONMENT,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    said = ran.stdout
    clock = r"(?m)^\d\d:\d\d:\d\d  "
    assert re.search(clock + r"heard  .*(Dashwood|leisure|prudently)", said)
    assert re.search(clock + r'seen   .*"FRONT DOOR", "CLOSED"', said)
    assert re.search(clock + r"ALERT  person: .*door, person", said)
    assert re.search(r"(?m)^found +0\.\d\d  .*DOOR", said)
    assert re.search(r"(?m)^watch +http://127\.0\.0\.1:\d+/p/\S+\.m3u8$", said)


def test_the_quickstart_is_short() -> None:
    lines = (EXAMPLES / "quickstart.py").read_text().splitlines()
    assert len(lines) <= 60


def test_every_example_is_run() -> None:
    # The second is of the test kit, and run with its tests.
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == ["quickstart.py", "test_my_bot.py"]
