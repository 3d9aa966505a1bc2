"""Events per second through one websocket: our watches beside the official SDK's `receive()`, and the way to the limit.

    python benchmarks/receive.py [--videodb PYTHON] [--events 200000] [--watches 4] [--size 347] [--rounds 5]

A server in a process of its own, on a core of its own where there are two, writes prepared frames as fast as the socket
takes them. The consumers take turns, each round in a fresh process: `watch` and `batch` are typed, keyed, deduplicated
and routed; `official` is `receive()` of the SDK whose Python `--videodb` names: dictionaries, not routed; `aiohttp` is
the ceiling of its public API, decoded and not routed. All must count the same events and the same characters of text.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

CONSUMERS = Path(__file__).parent / "receive_consumers.py"
SERVER = Path(__file__).parent / "receive_server.py"


def pin(core: int) -> list[str]:
    """What to put before a command so that it runs on that core, where there are two and `taskset`."""
    from shutil import which

    return ["taskset", "-c", str(core)] if which("taskset") and (os.cpu_count() or 1) > 1 else []


def consume(python: str, consumer: str, url: str, watches: int, events: int) -> dict[str, float]:
    """One round of one consumer, in a process of its own."""
    command = [*pin(1), python, str(CONSUMERS), consumer, url, str(watches), str(events)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        raise SystemExit(f"{consumer} failed:\n{done.stderr}")
    told: dict[str, float] = json.loads(done.stdout)
    return told


def rounds(arguments: argparse.Namespace, url: str) -> Iterator[tuple[str, dict[str, float]]]:
    """Every consumer in turn, again and again."""
    consumers = dict.fromkeys(arguments.consumers, sys.executable)
    if arguments.videodb:
        consumers["official"] = arguments.videodb
    for _ in range(arguments.rounds):
        for name, python in consumers.items():
            yield name, consume(python, name, url, arguments.watches, arguments.events)


def main() -> None:
    """Print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videodb", metavar="PYTHON", help="of an environment with the official SDK")
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--watches", type=int, default=4)
    parser.add_argument("--size", type=int, default=347, help="bytes of a frame, on average")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--consumers", nargs="+", default=["watch", "batch", "aiohttp"])
    arguments = parser.parse_args()
    serve = [*pin(0), sys.executable, str(SERVER), str(arguments.events), str(arguments.watches), str(arguments.size)]
    rates: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    sums = set()
    with subprocess.Popen(serve, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        for name, told in rounds(arguments, url):
            rates.setdefault(name, []).append(told["events"] / told["seconds"])
            cpu.setdefault(name, []).append(told["cpu"] / told["events"] * 1e6)
            sums.add((told["events"], told["characters"]))
        server.communicate("")
    if len(sums) != 1:
        raise SystemExit(f"the consumers did not do the same work: {sums}")
    base = statistics.median(rates["official"]) if "official" in rates else None
    print(f"{'consumer':>10} {'events/s':>10} {'spread':>8} {'ratio':>6} {'CPU µs/event':>13}")
    result = {}
    for name, values in rates.items():
        median = statistics.median(values)
        spread = (max(values) - min(values)) / median
        ratio = median / base if base else float("nan")
        print(f"{name:>10} {median:10,.0f} {spread:8.0%} {ratio:6.2f} {statistics.median(cpu[name]):13.2f}")
        result[name] = {"events_per_second": round(median), "spread": round(spread, 3), "ratio": round(ratio, 2)}
    about = {"watches": arguments.watches, "size": arguments.size, "events": arguments.events}
    print(json.dumps({**about, "python": platform.python_version(), "consumers": result}))


if __name__ == "__main__":
    main()
