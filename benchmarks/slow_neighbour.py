"""What stalled consumers cost the one beside them: its delays with none, and with some that never read.

    python benchmarks/slow_neighbour.py [--rate 500] [--seconds 10] [--stalled 0 1 20 200]

A server in a process of its own sends transcript segments that carry the moment of sending, `--rate` of them a second,
to one websocket; one watch reads them, the others are opened and never read. The rounds take turns.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections import deque
from contextlib import AsyncExitStack

from aiohttp import web

from aiortstream import OWN, AsyncClient, LiveSettings
from aiortstream.records import TranscriptSegment
from aiortstream.wire.frames import encode_frame, encode_hello

STREAM = "rts-1"
WORDS = "what somebody said in front of the camera, at some length, so that buffers fill " * 4


class Server:
    """Just enough of the wire: a websocket URL, a transcript to start, its newest history, and frames."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._sent: deque[TranscriptSegment] = deque(maxlen=5000)

    def app(self) -> web.Application:
        """The application."""
        app = web.Application()
        app.router.add_get("/collection/default/websocket", self._url)
        app.router.add_get(f"/rtstream/{STREAM}/transcription", self._history)
        app.router.add_post(f"/rtstream/{STREAM}/transcription", self._start)
        app.router.add_get("/ws", self._socket)
        return app

    async def _url(self, request: web.Request) -> web.Response:
        return _answer({"websocket_url": f"ws://{request.host}/ws"})

    async def _start(self, _request: web.Request) -> web.Response:
        return _answer({"status": "running"})

    async def _history(self, request: web.Request) -> web.Response:
        since, page = float(request.query.get("since", 0)), int(request.query["page"])
        size = int(request.query["page_size"])
        found = [record for record in self._sent if record.end >= since]
        records = [{"start": r.start, "end": r.end, "text": r.text} for r in found[(page - 1) * size : page * size]]
        return _answer({"transcription_records": records, "next_page": len(found) > page * size})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        await socket.send_str(encode_hello("c1").decode())
        sender = asyncio.create_task(self._send(socket))
        async for _ in socket:
            pass
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        return socket

    async def _send(self, socket: web.WebSocketResponse) -> None:
        loop, number = asyncio.get_running_loop(), 0
        began = loop.time()
        while True:
            number += 1
            await asyncio.sleep(max(0.0, began + number / self._rate - loop.time()))
            now = time.time()
            record = TranscriptSegment(now, now + 0.5 + number / 1e6, f"{now!r} {WORDS}", STREAM)
            self._sent.append(record)
            await socket.send_str(encode_frame(record, visual="scene_index").decode())


def _answer(data: object) -> web.Response:
    return web.json_response({"success": True, "data": data})


async def serve(rate: float) -> None:
    """Serve until standard input ends; the port is printed first."""
    runner = web.AppRunner(Server(rate).app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


async def measure(url: str, stalled: int, seconds: float) -> list[float]:
    """Delays in milliseconds of the watch that is read."""
    delays: list[float] = []
    settings = LiveSettings(max_buffer=100, audit_interval=3600.0)
    async with AsyncClient("key", base_url=url, live=settings) as client, AsyncExitStack() as stack:
        rtstream = client.rtstream(STREAM)
        await rtstream.start_transcript(ws_connection_id=OWN)
        for _ in range(stalled):
            await stack.enter_async_context(rtstream.watch_transcript())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), rtstream.watch_transcript() as segments:
                async for segment in segments:
                    sent = float(segment.text.split(" ", 1)[0])
                    delays.append((time.time() - sent) * 1000)
    return delays


def main() -> None:
    """Print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=500.0, help="segments a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--stalled", type=int, nargs="+", default=[0, 1, 20, 200])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(arguments.rate))
        return
    command = [sys.executable, __file__, "--serve", "--rate", str(arguments.rate)]
    delays: dict[int, list[float]] = {count: [] for count in arguments.stalled}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        for _ in range(arguments.rounds):
            for count in arguments.stalled:
                delays[count] += asyncio.run(measure(url, count, arguments.seconds / arguments.rounds))
        server.communicate("")
    print(f"{'stalled':>8} {'records':>8} {'p50 ms':>8} {'p99 ms':>8} {'worst':>8}")
    result = {}
    for count, values in delays.items():
        values.sort()
        p50, p99, worst = values[len(values) // 2], values[int(len(values) * 0.99)], values[-1]
        print(f"{count:8} {len(values):8} {p50:8.2f} {p99:8.2f} {worst:8.2f}")
        result[count] = {"records": len(values), "p50_ms": p50, "p99_ms": p99}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
