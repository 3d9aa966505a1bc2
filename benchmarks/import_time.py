"""How long importing takes, beside the official SDK: fresh interpreters, in turn, medians.

    python benchmarks/import_time.py [--videodb PYTHON] [--rounds 15]

`--videodb` is a Python that has the official `videodb` package installed; without it only ours is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys

CASES = {
    "import aiortstream": "import aiortstream",
    "from aiortstream import AsyncClient": "from aiortstream import AsyncClient",
    "... and open a client": (
        "import asyncio; from aiortstream import AsyncClient\n"
        "async def main():\n    async with AsyncClient('key'): pass\nasyncio.run(main())"
    ),
}
PEER = "import videodb"


def measure(python: str, statement: str) -> float:
    """Milliseconds that `statement` adds to an interpreter that has started."""
    code = f"import time; t = time.perf_counter()\n{statement}\nprint((time.perf_counter() - t) * 1000)"
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return float(
        subprocess.run([python, "-c", code], capture_output=True, text=True, check=True, env=environment).stdout
    )


def main() -> None:
    """Measure and print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videodb", help="a Python with the official SDK")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    cases = [(name, sys.executable, statement) for name, statement in CASES.items()]
    if arguments.videodb:
        cases.append((PEER, arguments.videodb, PEER))
    times: dict[str, list[float]] = {name: [] for name, _, _ in cases}
    for _, python, statement in cases:
        measure(python, statement)  # once for the byte code caches
    for _ in range(arguments.rounds):
        for name, python, statement in cases:
            times[name].append(measure(python, statement))
    print(f"{'':40} {'median ms':>10} {'min':>8} {'max':>8}")
    for name, values in times.items():
        print(f"{name:40} {statistics.median(values):10.1f} {min(values):8.1f} {max(values):8.1f}")
    print(json.dumps({name: statistics.median(values) for name, values in times.items()}))


if __name__ == "__main__":
    main()
