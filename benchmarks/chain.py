"""What one live 720p25 stream costs and how late its events are: the server, the source and the client, a process each.

    python benchmarks/chain.py --mode record --seconds 60     # stream copy to disk, nothing else
    python benchmarks/chain.py --mode chain --seconds 600     # + transcript, pictures (5 frames of every 2 s), speech
                                                              #   index of 25 words, two alerts

CPU and memory are the server process's, from /proc (Linux). Latency is from the end of a record's window (and from its
first frame) to the moment the `async for` of another process has it; recording is checked against the wall clock.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiortstream

HERE = Path(__file__).parent
KEY = "benchmark-key"


class Usage:
    """CPU seconds and resident bytes of a process."""

    def __init__(self, pid: int) -> None:
        self._stat = Path(f"/proc/{pid}/stat")
        self._status = Path(f"/proc/{pid}/status")

    def cpu(self) -> float:
        """User and system seconds so far."""
        fields = self._stat.read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, field: str = "VmRSS") -> float:
        """Megabytes; `VmHWM` is the peak."""
        for line in self._status.read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
        return 0.0


@contextlib.contextmanager
def child(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process of ours and the first line it prints; ended on the way out."""
    process = subprocess.Popen([sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(20)


async def collect(watch: aiortstream.Watch[Any], into: list[tuple[float, float]]) -> None:
    """Delays in seconds of each record: since its window's end, since its start."""
    async with watch:
        async for record in watch:
            now = time.time()
            if not isinstance(record, aiortstream.Gap):
                into.append((now - (record.end or now), now - (record.start or now)))


async def run(url: str, server_url: str, pid: int, mode: str, seconds: float) -> dict[str, Any]:
    """One run against a server that is up."""
    usage = Usage(pid)
    late: dict[str, list[tuple[float, float]]] = {"transcript": [], "scene": [], "audio": [], "alert": []}
    async with aiortstream.AsyncClient(KEY, base_url=server_url) as client:
        stream = await client.connect_rtstream(url=url, name="bench", media_types=["audio", "video"], store=True)
        tasks = []
        if mode == "chain":
            await stream.start_transcript()
            visuals = await stream.index_visuals(batch_config={"type": "time", "value": 2, "frame_count": 5})
            speech = await stream.index_audio(batch_config={"type": "word", "value": 25})
            for prompt, label in (("A person is at the door", "person"), ("A delivery van arrived", "van")):
                await visuals.create_alert(await client.create_event(prompt, label))
            for name, watch in (
                ("transcript", stream.watch_transcript()),
                ("scene", visuals.watch_scenes()),
                ("audio", speech.watch_scenes()),
                ("alert", stream.watch_alerts()),
            ):
                tasks.append(asyncio.create_task(collect(watch, late[name])))
        while (await stream.refresh()).status != "connected":
            await asyncio.sleep(0.2)
        await asyncio.sleep(20)  # models loaded, steady state
        for values in late.values():
            values.clear()
        began, cpu = time.time(), usage.cpu()
        memory = []
        while time.time() - began < seconds:
            await asyncio.sleep(5)
            memory.append(usage.memory())
        took, spent = time.time() - began, usage.cpu() - cpu
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await stream.stop()
        export = await stream.export()
    return {
        "mode": mode,
        "seconds": round(took, 1),
        "cpu_percent_of_one_core": round(100 * spent / took, 1),
        "rss_mb_first_last_peak": [round(memory[0]), round(memory[-1]), round(usage.memory("VmHWM"))],
        "exported_seconds": export.duration,
        "delays": {name: _summary(values) for name, values in late.items() if values},
    }


def _summary(values: list[tuple[float, float]]) -> dict[str, Any]:
    ends, starts = sorted(end for end, _ in values), sorted(start for _, start in values)
    return {
        "records": len(values),
        "after_end_p50_p95_max": [
            round(v, 2) for v in (statistics.median(ends), ends[int(len(ends) * 0.95)], ends[-1])
        ],
        "after_start_p50": round(statistics.median(starts), 2),
        "growth_first_to_last_tenth": _growth([end for end, _ in values]),
    }


def _growth(delays: list[float]) -> float:
    """Median delay of the last tenth less that of the first: what a chain that does not keep up shows."""
    tenth = max(1, len(delays) // 10)
    return round(statistics.median(delays[-tenth:]) - statistics.median(delays[:tenth]), 2)


def main() -> None:
    """Run one mode and print its figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=["record", "chain"], default="chain")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--source", type=Path, help="a source made by live_source.py; else one is made")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = arguments.source or Path(folder) / "source.mp4"
        script = str(HERE / "live_source.py")
        if not source.exists():
            subprocess.run([sys.executable, script, str(source)], check=True)
        serve = ["-m", "aiortstream", "serve", "--port", "0", "--data-dir", f"{folder}/data", "--api-key", KEY]
        with child(script, "--publish", str(source)) as (_, url), child(*serve) as (server, ready):
            result = asyncio.run(run(url, json.loads(ready)["url"], server.pid, arguments.mode, arguments.seconds))
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
