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


def said_by(example: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", EXAMPLES / example],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=110,
        env=ENVIRONMENT,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    return ran.stdout


@pytest.mark.timeout(120)
def test_quickstart() -> None:
    said = said_by("quickstart.py")
    clock = r"(?m)^\d\d:\d\d:\d\d  "
    assert re.search(clock + r"heard  .*(Dashwood|leisure|prudently)", said)
    assert re.search(clock + r'seen   .*"FRONT DOOR", "CLOSED"', said)
    assert re.search(clock + r"ALERT  person: .*door, person", said)
    assert re.search(r"(?m)^found +0\.\d\d  .*DOOR", said)
    assert re.search(r"(?m)^watch +http://127\.0\.0\.1:\d+/p/\S+\.m3u8$", said)


@pytest.mark.timeout(120)
def test_minutes() -> None:
    said = said_by("minutes.py")
    assert re.search(r"(?m)^recording  http://127\.0\.0\.1:\d+/p/\S+\.m3u8$", said)
    assert re.search(r"(?m)^video      m-\S+, 2\d s: http://127\.0\.0\.1:\d+/watch\?v=\S+$", said)
    assert re.search(r"(?m)^ +\d+\.\d s   .*(married|husband|wife|selfish)", said)
    assert re.search(r"(?m)^clip       http://127\.0\.0\.1:\d+/p/\S+/reel\.m3u8$", said)


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("[!t]*.py")), ids=lambda path: path.name)
def test_an_example_is_short(example: Path) -> None:
    assert len(example.read_text().splitlines()) <= 60


def test_every_example_is_run() -> None:
    # The last is of the test kit, and run with its tests.
    names = ["minutes.py", "quickstart.py", "test_my_bot.py"]
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == names
