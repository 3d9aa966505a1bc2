"""Every example is run, as its first lines say, on an embedded server with the bundled sample."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.timeout(120)
def test_quickstart() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VIDEO_DB_API_KEY"}
    ran = subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", EXAMPLES / "quickstart.py"],
        capture_output=True,
        text=True,
        timeout=110,
        env=environment,
    )
    assert ran.returncode == 0, ran.stderr
    said = ran.stdout
    assert re.search(r"heard .*(Dashwood|leisure|prudently)", said)
    assert re.search(r'seen .*"FRONT DOOR", "CLOSED"', said)
    assert re.search(r"ALERT +person: .*door, person", said)
    assert re.search(r"found +0\.\d\d .*DOOR", said)
    assert re.search(r"watch +http://127\.0\.0\.1:\d+/p/.*\.m3u8", said)
    assert ran.stderr == ""


def test_every_example_is_run_here() -> None:
    assert [path.name for path in EXAMPLES.glob("*.py")] == ["quickstart.py"]
