"""The consumers of `receive.py`, each a program of its own: NAME URL WATCHES EVENTS.

Each tells what it received and how long it took, from the request that starts the server's sending to the last event.
The official one runs in an environment of its own, so nothing of ours is imported above.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import urllib.request
from contextlib import AsyncExitStack
from typing import Any

DEADLINE = 300.0  # seconds for all events


class Count:
    """What has come, and when."""

    def __init__(self, url: str, events: int) -> None:
        self._url = url
        self._left = events
        self._done = asyncio.Event()
        self.events = self.characters = 0
        self.seconds = self.cpu = 0.0

    async def begin(self) -> None:
        """Have the server send."""
        request = urllib.request.Request(f"{self._url}/go", method="POST")
        await asyncio.to_thread(urllib.request.urlopen, request)
        self.seconds, self.cpu = -time.perf_counter(), -time.process_time()

    def add(self, events: int, characters: int) -> bool:
        """Whether that was all."""
        self.events += events
        self.characters += characters
        if self.events < self._left:
            return False
        if not self._done.is_set():
            self.seconds += time.perf_counter()
            self.cpu += time.process_time()
            self._done.set()
        return True

    async def wait(self) -> None:
        """Return when all have come."""
        async with asyncio.timeout(DEADLINE):
            await self._done.wait()


async def official(url: str, _watches: int, count: Count) -> None:
    """`receive()` of the official SDK: dictionaries as they come."""
    import videodb

    socket = videodb.connect(api_key="key", base_url=url).connect_websocket()
    await socket.connect()
    await count.begin()
    async for message in socket.receive():
        if count.add(1, len(message["data"]["text"])):
            break
    await socket.close()


async def aiohttp_typed(url: str, _watches: int, count: Count) -> None:
    """`receive()` of aiohttp and one decoding with types: what our client could reach at most through them."""
    import aiohttp
    import msgspec

    data = msgspec.defstruct("Data", [("text", str), ("start", float), ("end", float)], gc=False)
    frame = msgspec.defstruct("Frame", [("channel", str), ("rtstream_id", str), ("data", data)], gc=False)
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(frame)
    text = aiohttp.WSMsgType.TEXT
    socket_url = f"ws{url.removeprefix('http')}/ws"
    async with aiohttp.ClientSession() as session, session.ws_connect(socket_url, decode_text=False) as socket:
        await socket.receive()
        await count.begin()
        while True:
            message = await socket.receive()
            if message.type is not text or count.add(1, len(decoder.decode(message.data).data.text)):
                break


async def watch(url: str, watches: int, count: Count, *, batches: bool = False) -> None:
    """Our watches: one for each feed, each in a task."""
    import aiortstream

    live = aiortstream.LiveSettings(max_buffer=200_000, max_buffer_bytes=1 << 30, audit_interval=3600.0)
    async with aiortstream.AsyncClient("key", base_url=url, live=live) as client, AsyncExitStack() as stack:
        opened: list[Any] = []
        for number in range(watches):
            rtstream = client.rtstream(f"rts-{number // 4}")
            match number % 4:
                case 0:
                    await rtstream.start_transcript(ws_connection_id=aiortstream.OWN)
                    made: Any = rtstream.watch_transcript()
                case 1:
                    made = (await rtstream.index_visuals(prompt="?")).watch_scenes()
                case 2:
                    made = (await rtstream.index_audio(prompt="?")).watch_scenes()
                case _:
                    await rtstream.scene_index(f"audio-{number // 4}").create_alert("event-1")
                    made = rtstream.watch_alerts()
            opened.append(await stack.enter_async_context(made))
        read = read_batches if batches else read_one_by_one
        async with asyncio.TaskGroup() as tasks:
            readers = [tasks.create_task(read(each, count)) for each in opened]
            await count.begin()
            await count.wait()
            for reader in readers:
                reader.cancel()


async def read_one_by_one(records: Any, count: Count) -> None:
    async for record in records:
        count.add(1, len(record.text))


async def read_batches(records: Any, count: Count) -> None:
    async for batch in records.batch(max_items=256, max_wait=0.05):
        count.add(len(batch), sum(len(record.text) for record in batch))


async def main(name: str, url: str, watches: str, events: str) -> None:
    """Run one, and tell."""
    count = Count(url, int(events))
    match name:
        case "official":
            await official(url, int(watches), count)
        case "aiohttp":
            await aiohttp_typed(url, int(watches), count)
        case "watch" | "batch":
            await watch(url, int(watches), count, batches=name == "batch")
    told = {"events": count.events, "characters": count.characters, "seconds": count.seconds, "cpu": count.cpu}
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
