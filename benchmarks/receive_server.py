"""The server of `receive.py`: just enough of the wire to bind watches, then prepared frames at the socket's speed.

Feed n is of stream n // 4: its transcript, a visual index, an audio index, or the alerts of that index.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import msgspec
from aiohttp import web

KINDS = ("transcript", "scene_index", "audio_index", "alert")
BEGAN = 1_700_000_000_000  # ms
CHUNK = 256  # frames in one write
ENOUGH = 1 << 20  # bytes waiting for the peer


def frames(events: int, feeds: int, size: int) -> list[bytes]:
    """All frames as they go over the wire, in chunks; texts of many lengths, `size` bytes a frame on average."""
    chunks, current = [], bytearray()
    for number in range(events):
        feed, kind = number % feeds, KINDS[number % feeds % 4]
        start = BEGAN + number * 7
        data: dict[str, Any] = {"start": start, "end": start + 2000}
        envelope = {"channel": kind, "rtstream_id": f"rts-{feed // 4}", "rtstream_name": "Front door", "data": data}
        if kind == "alert":
            data |= {"event_label": "person", "timestamp": start, "index_id": f"audio-{feed // 4}"}
        elif kind == "transcript":
            data |= {"is_final": True}
        else:
            data |= {"index_id": f"{'visual' if kind == 'scene_index' else 'audio'}-{feed // 4}"}
        rest = len(msgspec.json.encode(envelope)) + 10
        data["text"] = ("what a camera saw " * (size // 8))[: max(1, size - rest + number % 101 - 50)]
        body = msgspec.json.encode(envelope)
        current += b"\x81\x7e" + len(body).to_bytes(2) if len(body) > 125 else b"\x81" + bytes([len(body)])
        current += body
        if number % CHUNK == CHUNK - 1:
            chunks.append(bytes(current))
            current.clear()
    return [*chunks, bytes(current)]


class Server:
    """Creates what is asked for, has no history, and sends when it is told to."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks
        self._go = asyncio.Event()

    def app(self) -> web.Application:
        """The application."""
        app = web.Application()
        app.router.add_get("/collection/default", lambda _: _answer({"id": "default"}))
        app.router.add_get("/collection/default/websocket", self._url)
        app.router.add_post("/rtstream/{id}/transcription", lambda _: _answer({"status": "running"}))
        app.router.add_get("/rtstream/{id}/transcription", lambda _: _answer({"transcription_records": []}))
        app.router.add_post("/rtstream/{id}/index/scene", self._index)
        app.router.add_get("/rtstream/{id}/index/scene/{index}", lambda _: _answer({"scene_index_records": []}))
        app.router.add_post("/rtstream/{id}/index/{index}/alert", lambda _: _answer({"alert_id": "alert-1"}))
        app.router.add_post("/go", self._start)
        app.router.add_get("/ws", self._socket)
        return app

    async def _url(self, request: web.Request) -> web.Response:
        return await _answer({"websocket_url": f"ws://{request.host}/ws"})

    async def _index(self, request: web.Request) -> web.Response:
        kind = "audio" if (await request.json())["extraction_type"] == "transcript" else "visual"
        number = request.match_info["id"].removeprefix("rts-")
        return await _answer({"rtstream_index_id": f"{kind}-{number}"})

    async def _start(self, _request: web.Request) -> web.Response:
        self._go.set()
        return await _answer({})

    async def _socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        await socket.send_str('{"connection_id":"c1"}')
        await self._go.wait()
        self._go.clear()
        assert request.transport is not None
        for chunk in self._chunks:
            request.transport.write(chunk)
            while request.transport.get_write_buffer_size() > ENOUGH:
                await asyncio.sleep(0)
        async for _ in socket:
            pass
        return socket


async def _answer(data: object) -> web.Response:
    return web.json_response({"success": True, "data": data})


async def serve(events: int, feeds: int, size: int) -> None:
    """Serve until standard input ends; the port is printed first."""
    runner = web.AppRunner(Server(frames(events, feeds, size)).app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(*map(int, sys.argv[1:])))
