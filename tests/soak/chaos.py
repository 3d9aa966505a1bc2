"""The chaos soak: a genuine embedded server, sockets through a proxy that fails them, consumers of different speeds.

    python tests/soak/chaos.py [--events 1000000] [--seed 1]

Every record the server has committed must reach every watch of its feed once, or lie in a gap that the watch was told.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from embedded_feed import EmbeddedFeed

from aiortstream import Alert, AsyncClient, Gap, LiveSettings, Watch
from aiortstream.local.server import LocalServer
from aiortstream.local.settings import ServerSettings
from aiortstream.testing.tcp import TcpProxy

LIVE = LiveSettings(
    connect_timeout=3.0,
    heartbeat=0.5,
    healthy_after=2.0,
    reconnect_delay=0.05,
    max_reconnect_delay=0.5,
    poll_interval=0.5,
    max_poll_interval=1.0,
    audit_interval=3.0,
    max_polls_per_second=100.0,
    overlap=8.0,
    max_connection_age=20.0,
)
LATE = 5.0  # seconds by which a record may come late: below the overlap
SETTLED = 120.0  # seconds that everything has to arrive in after the last fault
FAULTS = ("reset", "reset", "stall", "slow", "refuse", "cut", "restart")


@dataclass
class Tally:
    """What the soak found."""

    events: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    deliveries: int = 0
    duplicates: int = 0
    """Records that a watch handed over twice."""
    lost: int = 0
    """Records that a watch neither handed over nor told a gap for."""
    in_gaps: int = 0
    """Records that were not handed over, and lie in a gap that was told."""
    gaps: int = 0
    """Gaps that were told."""
    healed: int = 0
    """Stretches that were fetched again."""
    reconnects: int = 0
    dropped_duplicates: int = 0
    """Records that came again and were not handed over again."""
    seconds: float = 0.0
    examples: list[str] = field(default_factory=list)
    """Of what was lost."""


@dataclass
class Reader:
    """One watch and its consumer."""

    kind: str
    stream: str  # "*" for all
    watch: Watch[Any]
    pause: float  # seconds, now and then
    got: list[Any] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)

    async def read(self) -> None:
        """Read until the watch ends."""
        async for item in self.watch:
            if isinstance(item, Gap):
                self.gaps.append(item)
                continue
            self.got.append(_name(item))
            if self.pause and len(self.got) % 50 == 0:
                await asyncio.sleep(self.pause)


def _name(record: Any) -> Any:
    return record.firing_id if isinstance(record, Alert) else (record.start, record.end)


def free_port() -> int:
    """A port of loopback that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Soak:
    """One run."""

    def __init__(
        self,
        events: int,
        seed: int,
        *,
        streams: int = 8,
        fault_every: float = 1.0,
        faults: tuple[str, ...] = (),
    ) -> None:
        """`faults`: these come first, one after the other; then they are drawn."""
        self._first = list(faults)
        self.events = events
        self.random = random.Random(seed)
        self.feed = EmbeddedFeed()
        self.tally = Tally()
        self.readers: list[Reader] = []
        self._streams = streams
        self._fault_every = fault_every
        self._data = Path()
        self._began = 0.0  # unix seconds
        self._port = free_port()  # the same after a restart
        self._proxy = TcpProxy("127.0.0.1", self._port)

    async def run(self, data: Path) -> Tally:
        """Everything; the tally says what was found."""
        self._data, self._began = data, time.time()
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self._proxy)
            await self._start_server()
            stack.push_async_callback(self._stop_server)
            names = await self.feed.add_streams(self._streams)
            quick, slow = [
                await stack.enter_async_context(AsyncClient("key", base_url=self._proxy.url, timeout=4.0, live=LIVE))
                for _ in range(2)
            ]
            await self._bind(quick, names)
            async with asyncio.TaskGroup() as tasks:
                for reader in self._open(quick, slow, names):
                    await stack.enter_async_context(reader.watch)
                    self.readers.append(reader)
                    tasks.create_task(reader.read())
                await self._drive(names)
                await self._settle()
                self.tally.reconnects = quick.health().reconnects + slow.health().reconnects
                for reader in self.readers:
                    await reader.watch.aclose()
        self._check()
        self.tally.seconds = round(time.time() - self._began, 1)
        return self.tally

    async def _start_server(self) -> None:
        settings = ServerSettings(data_dir=self._data, port=self._port, public_url=self._proxy.url)
        self.feed.server = LocalServer(settings)
        await self.feed.server.start()

    async def _stop_server(self) -> None:
        assert self.feed.server is not None
        await self.feed.server.aclose()

    async def _bind(self, client: AsyncClient, names: list[str]) -> None:
        event = await client.create_event("something happens", "soak")
        for name in names:
            stream = client.rtstream(name)
            await stream.start_transcript()
            index = await stream.index_visuals(prompt="what is there")
            self.feed.indexes[name] = index.rtstream_index_id
            self.feed.alerts[name] = await index.create_alert(event, callback_url="")

    def _open(self, quick: AsyncClient, slow: AsyncClient, names: list[str]) -> list[Reader]:
        since = time.time() - LATE - 5.0
        readers = [Reader("alert", "*", quick.watch_alerts(since=since), 0.0)]
        for name in names:
            scenes = quick.rtstream(name).scene_index(self.feed.indexes[name])
            lagging = slow.rtstream(name).watch_transcript(since=since, gaps="yield", max_buffer=100)
            readers += [
                Reader("transcript", name, quick.rtstream(name).watch_transcript(since=since, gaps="yield"), 0.0),
                Reader("scene", name, scenes.watch_scenes(since=since, gaps="yield"), 0.0),
                Reader("transcript", name, lagging, 0.2),
            ]
        return readers

    # --- what happens -------------------------------------------------------------------------------------------------

    async def _drive(self, names: list[str]) -> None:
        next_fault = time.monotonic() + self._fault_every
        healing: list[tuple[float, Callable[[], None]]] = []
        while self.feed.total < self.events or self._first:
            await self.feed.emit([self._one(names) for _ in range(self.random.randint(1, 80))])
            await asyncio.sleep(0.005)
            now = time.monotonic()
            for due, heal in list(healing):
                if now >= due:
                    heal()
                    healing.remove((due, heal))
            if now >= next_fault and not healing:
                next_fault = now + self.random.uniform(0.5, 1.5) * self._fault_every
                healing += await self._fault(now)
        for _, heal in healing:
            heal()
        self.tally.events = self.feed.total

    def _one(self, names: list[str]) -> tuple[str, str, float]:
        kind = self.random.choices(["transcript", "scene", "alert"], [6, 3, 1])[0]
        late = self.random.uniform(0, LATE) if self.random.random() < 0.1 else 0.0
        return kind, self.random.choice(names), late

    async def _fault(self, now: float) -> list[tuple[float, Callable[[], None]]]:
        """Do something to the network or to the server; what ends it, and when."""
        proxy = self._proxy
        fault = self._first.pop(0) if self._first else self.random.choice(FAULTS)
        self.tally.faults[fault] = self.tally.faults.get(fault, 0) + 1
        length = self.random.uniform(0.2, 2.5)
        match fault:
            case "reset":
                proxy.reset()
            case "stall":
                proxy.stall()
                return [(now + length, proxy.resume)]
            case "slow":
                proxy.slow(20_000.0)
                return [(now + length, proxy.resume)]
            case "refuse":
                proxy.refuse()
                proxy.reset()
                return [(now + length, lambda: proxy.refuse(False))]
            case "cut":
                proxy.cut_after(self.random.randint(1, 50_000))
            case "restart":
                await self._stop_server()
                await self._start_server()
        return []

    async def _settle(self) -> None:
        """The network is well: everything arrives, or the deadline passes and the check says what has not."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLED):
                while any(len(reader.got) < self._expected(reader) for reader in self.readers):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)

    # --- what must hold -----------------------------------------------------------------------------------------------

    def _streams_of(self, reader: Reader) -> list[str]:
        return list(self.feed.indexes) if reader.stream == "*" else [reader.stream]

    def _expected(self, reader: Reader) -> int:
        return sum(len(self.feed.served.get((reader.kind, stream), ())) for stream in self._streams_of(reader))

    def _wanted(self, reader: Reader) -> dict[Any, Any]:
        streams = self.feed.indexes if reader.stream == "*" else [reader.stream]
        return {
            _name(record): record for stream in streams for record in self.feed.served.get((reader.kind, stream), ())
        }

    def _missing(self, reader: Reader) -> set[Any]:
        return self._wanted(reader).keys() - set(reader.got)

    def _check(self) -> None:
        for reader in self.readers:
            wanted = self._wanted(reader)
            statistics = reader.watch.statistics()
            self.tally.deliveries += len(reader.got)
            self.tally.duplicates += len(reader.got) - len(set(reader.got))
            self.tally.gaps += len(reader.gaps)
            self.tally.healed += statistics.gaps - len(reader.gaps)
            self.tally.dropped_duplicates += statistics.duplicates
            for name in self._missing(reader):
                at = wanted[name].fired_at if reader.kind == "alert" else wanted[name].end
                told = any(gap.start <= at <= (gap.end or at) for gap in reader.gaps)
                self.tally.in_gaps += told
                self.tally.lost += not told
                if not told and len(self.tally.examples) < 20:
                    where = f"{reader.kind} {reader.stream}{' (slow)' if reader.pause else ''}"
                    self.tally.examples.append(f"{where}: {name}, at {at - self._began:.3f} s; {statistics}")
            assert set(reader.got) <= wanted.keys(), "a watch handed over what was never there"


async def soak(events: int, seed: int, **options: Any) -> Tally:
    """Run it in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return await Soak(events, seed, **options).run(Path(folder))


def main() -> None:
    """Print the tally as JSON; the exit code is 1 if anything was lost or came twice."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fault-every", type=float, default=1.0, help="seconds between two faults")
    arguments = parser.parse_args()
    tally = asyncio.run(soak(arguments.events, arguments.seed, fault_every=arguments.fault_every))
    print(json.dumps(asdict(tally)))
    sys.exit(bool(tally.lost or tally.duplicates))


if __name__ == "__main__":
    main()
