"""The same consumer under the same faults: ours and the official SDK's, each with a server and a plan of its own.

    python benchmarks/under_faults.py [--videodb PYTHON] [--records 1500] [--rate 15]

A scripted server that forgets as the hosted service does, and another that has the extras of the embedded one, emit
transcript segments, scenes and alerts; a gate in front of each does the same things to the same records. What was
emitted and not handed over is lost; what lies in no gap that the program was told of is lost in silence. Prints a
table, then one line of JSON. Ends with 1 if ours lost anything in silence or handed anything over twice.

One thing is left out, since no client can know of it: an alert whose frame the service itself loses on a connection
that stays well. The hosted wire neither numbers frames nor keeps a log of alerts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiortstream import Alert, AsyncClient, Gap, LiveSettings, Scene, TranscriptSegment, Watch
from aiortstream.testing import FaultGate, ScriptedServer
from aiortstream.testing.faults import (
    BlackHole,
    Close,
    DropFrame,
    Duplicate,
    GarbageFrame,
    LateFrame,
    OversizedFrame,
    Refused,
    Reorder,
    Stall,
    Status,
)
from aiortstream.wire.extras import ALERT_LOG, RESUME, SINCE

OFFICIAL = Path(__file__).with_name("under_faults_official.py")
SETTLING = 60.0  # seconds after the last record in which a consumer can still make up for what it missed


@dataclass
class Scenario:
    """One server, its gate, and what is to go wrong at which record."""

    server: ScriptedServer
    gate: FaultGate

    async def go_wrong(self, share: float) -> None:
        """What happens once this share of the records has been emitted."""
        plan = self.gate.faults
        match share:
            case 0.08:
                plan.frames(Duplicate())
            case 0.10:
                plan.frames(Reorder())
            case 0.12:
                plan.frames(LateFrame(20))
            case 0.14:
                plan.frames(DropFrame(), times=2)  # a segment and a scene
            case 0.16:
                plan.frames(GarbageFrame())
            case 0.18:
                plan.frames(Stall(1.0))
            case 0.22:
                self.gate.drop_connections()
            case 0.32:
                plan.frames(Close(1001))
            case 0.42:
                plan.frames(OversizedFrame())
            case 0.52:
                plan.requests(Status(503), times=4)
                self.gate.drop_connections()
            case 0.62:
                plan.handshakes(Refused())
                self.gate.drop_connections()
            case 0.72:
                await self.server.restart()
            case 0.82:
                plan.frames(BlackHole())


SHARES = (0.08, 0.10, 0.12, 0.14, 0.16, 0.18, 0.22, 0.32, 0.42, 0.52, 0.62, 0.72, 0.82)


async def emit(scenario: Scenario, records: int, rate: float) -> list[TranscriptSegment | Scene | Alert]:
    """Wait for the consumer to set everything up, then emit, and let things go wrong on the way."""
    server, world = scenario.server, scenario.server.world
    async with asyncio.timeout(30.0):
        while not world.alerts or not world.indexes:
            await asyncio.sleep(0.05)
    await asyncio.sleep(1.0)
    (stream,), (index,) = world.streams, world.indexes
    due = {int(share * records): share for share in SHARES}
    for number in range(records):
        if number in due:
            await scenario.go_wrong(due[number])
        match number % 3:
            case 0:
                server.emit_transcript(stream, f"t{number}")
            case 1:
                server.emit_scene(index, f"s{number}")
            case _:
                server.emit_alert(list(world.alerts)[-1], f"a{number}")
        await asyncio.sleep(1 / rate)
    return server.emitted


async def ours(url: str, seconds: float) -> tuple[list[str], list[Gap]]:
    """The loop of the README: every text that was handed over, and every gap that was told."""
    got: list[str] = []
    gaps: list[Gap] = []

    async def read(watch: Any) -> None:
        async for item in watch:
            gaps.append(item) if isinstance(item, Gap) else got.append(item.text)

    async with AsyncClient("key", base_url=url, live=LiveSettings()) as client:
        rtstream = await client.connect_rtstream(url="rtsp://camera/front", name="Front door")
        watches: list[Watch[Any]] = [rtstream.watch_transcript(gaps="yield"), rtstream.watch_alerts()]
        await rtstream.start_transcript()
        visuals = await rtstream.index_visuals(prompt="?")
        watches.append(visuals.watch_scenes(gaps="yield"))
        await visuals.create_alert(await client.create_event("A person", "person"), callback_url="")
        tasks = [asyncio.create_task(read(watch)) for watch in watches]
        await asyncio.sleep(seconds)
        for watch in watches:
            await watch.aclose()
        await asyncio.gather(*tasks)
    return got, gaps


async def official(python: str, mode: str, url: str, seconds: float) -> tuple[list[str], list[Gap]]:
    """The same in a process that has the official SDK."""
    process = await asyncio.create_subprocess_exec(
        python, str(OFFICIAL), mode, url, str(seconds), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    return json.loads(output), []


async def measure(
    consume: Callable[[str, float], Any], records: int, rate: float, features: tuple[str, ...] = ()
) -> dict[str, int]:
    """Run one consumer against a server of its own."""
    async with ScriptedServer(features=features) as server, FaultGate(server.url) as gate:
        consumer = asyncio.create_task(consume(gate.url, records / rate + SETTLING + 2.0))
        emitted = await emit(Scenario(server, gate), records, rate)
        got, gaps = await consumer
    counts = Counter(got)
    missing = [record for record in emitted if record.text not in counts]
    told = [record for record in missing if any(_covers(gap, record) for gap in gaps)]
    return {
        "emitted": len(emitted),
        "delivered": len(counts),
        "lost": len(missing),
        "lost in silence": len(missing) - len(told),
        "twice": sum(count - 1 for count in counts.values()),
        "gaps told": len(gaps),
    }


def _covers(gap: Gap, record: TranscriptSegment | Scene | Alert) -> bool:
    kind = {TranscriptSegment: "transcript", Scene: "scene", Alert: "alert"}[type(record)]
    at = record.timestamp if isinstance(record, Alert) else record.end
    return gap.kind == kind and gap.start <= at <= (gap.end or at)


async def compare(arguments: argparse.Namespace) -> dict[str, dict[str, int]]:
    """All consumers at once, each on its own."""
    cases: dict[str, Callable[[str, float], Any]] = {"aiortstream": ours}
    if arguments.videodb:
        for mode in ("plain", "reconnecting"):
            cases[f"official, {mode}"] = lambda url, seconds, mode=mode: official(  # type: ignore[misc]
                arguments.videodb, mode, url, seconds
            )
    size = arguments.records, arguments.rate
    runs = {name: measure(consume, *size) for name, consume in cases.items()}
    runs["the same, local extras"] = measure(ours, *size, (RESUME, ALERT_LOG, SINCE))
    return dict(zip(runs, await asyncio.gather(*runs.values()), strict=True))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videodb", help="a Python with the official SDK")
    parser.add_argument("--records", type=int, default=1500)
    parser.add_argument("--rate", type=float, default=15.0, help="records a second")
    results = asyncio.run(compare(parser.parse_args()))
    columns = list(next(iter(results.values())))
    print(f"{'':24}" + "".join(f"{column:>17}" for column in columns))
    for name, row in results.items():
        print(f"{name:24}" + "".join(f"{row[column]:17}" for column in columns))
    print(json.dumps(results))
    mine = [results["aiortstream"], results["the same, local extras"]]
    sys.exit(any(row["lost in silence"] or row["twice"] for row in mine))


if __name__ == "__main__":
    main()
