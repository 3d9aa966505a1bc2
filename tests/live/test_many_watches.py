"""Ten thousand watches on one connection: opened, each given what is its own, and closed."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections import Counter
from typing import Any

from aiortstream import AsyncClient, LiveSettings, Watch
from aiortstream.live.feed import HistoryFeed
from aiortstream.testing import ScriptedServer

STREAMS = 100
OF_TRANSCRIPT, OF_SCENES, OF_ALERTS = 5000, 4000, 1000
DEADLINE = 30.0
BOUND = 8_000  # bytes of an idle watch: its feed, its buffer, its keys, and its places in the tables


async def test_ten_thousand_watches_are_ordinary() -> None:
    live = LiveSettings(max_polls_per_second=1000.0)
    async with (
        asyncio.timeout(2 * DEADLINE),
        ScriptedServer() as server,
        AsyncClient("key", base_url=server.url, live=live) as client,
    ):
        streams, indexes, alerts = await prepare(server, client)
        tasks = len(asyncio.all_tasks())
        tracemalloc.start()
        watches: list[Watch[Any]] = [
            *(streams[n % STREAMS].watch_transcript() for n in range(OF_TRANSCRIPT)),
            *(indexes[n % STREAMS].watch_scenes() for n in range(OF_SCENES)),
            *(streams[n % STREAMS].watch_alerts() for n in range(OF_ALERTS)),
        ]
        for watch in watches:
            await watch.__aenter__()
        size = tracemalloc.get_traced_memory()[0] / len(watches)
        tracemalloc.stop()
        assert size < BOUND, f"{size:.0f} bytes a watch"
        assert len(asyncio.all_tasks()) - tasks <= live.max_concurrent_polls
        assert Counter(watch.state for watch in watches) == {"live": len(watches)}

        touched = count_frames()
        server.emit_transcript(streams[7].id, "heard by fifty")
        server.emit_scene(indexes[7].rtstream_index_id, "seen by forty")
        server.emit_alert(alerts[7], "told to ten")
        of_seven = [watch for number, watch in enumerate(watches) if number % STREAMS == 7]
        got = [(await anext(watch)).text for watch in of_seven]
        assert Counter(got) == {"heard by fifty": 50, "seen by forty": 40, "told to ten": 10}
        assert touched() == 90  # and not ten thousand: alerts without a log are broadcasts
        assert sum(watch.statistics().buffered for watch in watches) == 0

        for watch in watches:
            await watch.aclose()
        assert client.health().watches == {}
        assert client.health().polls_waiting == 0


async def prepare(server: ScriptedServer, client: AsyncClient) -> tuple[list[Any], list[Any], list[str]]:
    """Streams with everything bound to the client's connection."""
    streams = [client.rtstream(server.add_stream(f"camera {n}")) for n in range(STREAMS)]
    event_id = await client.create_event("A person", "person")
    indexes, alerts = [], []
    for stream in streams:
        await stream.start_transcript()
        index = await stream.index_visuals(prompt="?")
        alerts.append(await index.create_alert(event_id, callback_url=""))
        indexes.append(index)
    return streams, indexes, alerts


def count_frames() -> Any:
    """Count from now on how many feeds a frame is offered to."""
    original, count = HistoryFeed.frame, 0

    def counted(self: HistoryFeed[Any], record: Any, now: float) -> None:
        nonlocal count
        count += 1
        original(self, record, now)

    HistoryFeed.frame = counted  # type: ignore[method-assign]

    def total() -> int:
        HistoryFeed.frame = original  # type: ignore[method-assign]
        return count

    return total
