"""A genuine RTSP server that is killed again and again while a stream of it is recorded.

    python tests/soak/flaky_camera.py [--kills 50] [--seed 1]

Each outage must be over by itself and leave exactly one hole in what is recorded. Prints its figures as JSON. Needs the
packages of tests/media/install.sh.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

for folder in ("", "media"):
    sys.path.insert(0, str(Path(__file__).parents[1] / folder))

# ruff: noqa: E402 - what stands beside is found by then
from media_clips import write_clip
from media_servers import RTSP_SERVER, SYSTEM_PYTHON, free_port, process

from aiortstream import AsyncClient
from aiortstream.local.services.overview import ShownStream

PATIENCE = 60.0  # seconds within which a stream must be back
UP = (3.0, 12.0)  # seconds of being live before a kill: below and above what counts as healthy, some of it recorded
DOWN = (0.2, 6.0)
SEGMENT = 5.0  # within which a segment is complete
CLIP = 90  # seconds that the camera plays for each viewer


@dataclass
class Outcome:
    """What was seen. Times in seconds."""

    recovered: list[float] = field(default_factory=list)
    """From the server's being there again to the first packet."""
    holes: list[float] = field(default_factory=list)
    down: list[float] = field(default_factory=list)

    def told(self) -> dict[str, object]:
        """As JSON has it."""
        times = sorted(self.recovered)
        return {
            "kills": len(times),
            "holes": len(self.holes),
            "recovered_p50": round(statistics.median(times), 2),
            "recovered_p95": round(times[int(len(times) * 0.95)], 2),
            "recovered_max": round(times[-1], 2),
            "not_recorded_beyond_the_outage_p50": round(
                statistics.median(hole - down for hole, down in zip(self.holes, self.down, strict=False)), 2
            ),
        }


async def look(client: AsyncClient) -> ShownStream:
    (shown,) = (await client.server.services.overview.status()).rtstreams
    return shown


async def until_packets(client: AsyncClient, since: float) -> float:
    """When a packet has come after that moment; unix seconds."""
    async with asyncio.timeout(PATIENCE):
        while True:
            shown, now = await look(client), time.time()
            if shown.status == "connected" and shown.silence is not None and now - shown.silence > since:
                return now - shown.silence
            await asyncio.sleep(0.02)


async def run(kills: int, seed: int) -> Outcome:
    """Kill the camera that often."""
    chance, outcome = random.Random(seed), Outcome()
    with tempfile.TemporaryDirectory() as folder:
        clip = await asyncio.to_thread(write_clip, Path(folder, "clip.mp4"), seconds=CLIP, b_frames=2)
        port = free_port()
        command = (SYSTEM_PYTHON, str(RTSP_SERVER), str(clip), str(port))
        async with AsyncClient.local(data_dir=Path(folder, "data")) as client:
            began = time.time()
            await client.connect_rtstream(
                f"rtsp://127.0.0.1:{port}/camera", name="Flaky", media_types=["audio", "video"], store=True
            )
            back = began
            for _ in range(kills + 1):
                with ExitStack() as stack:
                    camera = await asyncio.to_thread(stack.enter_context, process(*command, port=port))
                    there = time.time()
                    came = await until_packets(client, there)
                    if back > began:
                        outcome.recovered.append(came - there)
                        outcome.down.append(there - back)
                    if len(outcome.recovered) == kills:
                        await asyncio.sleep(SEGMENT)  # so that the last of it is recorded too
                        break
                    await asyncio.sleep(chance.uniform(*UP))
                    camera.kill()
                    back = time.time()
                await asyncio.sleep(chance.uniform(*DOWN))
            (stream,) = await client.list_rtstreams()
            await stream.stop()
            told = await client.server.services.moments.within(stream.id, began, time.time())
            outcome.holes = [b.start - a.end for a, b in zip(told.spans, told.spans[1:], strict=False)]
    return outcome


def main() -> None:
    """Run, and tell; ends with 1 where an outage left another number of holes than one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    outcome = asyncio.run(run(arguments.kills, arguments.seed))
    print(json.dumps(outcome.told()))
    sys.exit(0 if len(outcome.holes) == len(outcome.recovered) == arguments.kills else 1)


if __name__ == "__main__":
    main()
