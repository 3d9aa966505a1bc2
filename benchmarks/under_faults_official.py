"""The consumer of `under_faults.py` with the official SDK, unmodified: run by a Python that has `videodb`.

    python under_faults_official.py plain|reconnecting SERVER_URL SECONDS

`plain` is the loop of the reference. `reconnecting` adds what a careful user can: when the loop ends or raises,
connect again, start the transcript again and create the alert again with the new connection's id. Prints the texts it
was given.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import videodb


async def consume(url: str, seconds: float, *, reconnect: bool) -> list[str]:
    """Every text that the loop was handed within `seconds`."""
    conn = await asyncio.to_thread(videodb.connect, api_key="key", base_url=url)
    coll = await asyncio.to_thread(conn.get_collection)
    rtstream = await asyncio.to_thread(coll.connect_rtstream, url="rtsp://camera/front", name="Front door")
    got: list[str] = []
    visuals: Any = None
    event_id = None

    async def one_connection() -> None:
        nonlocal visuals, event_id
        async with conn.connect_websocket() as socket:
            ws_id = socket.connection_id
            await asyncio.to_thread(rtstream.start_transcript, ws_connection_id=ws_id)
            if visuals is None:
                visuals = await asyncio.to_thread(rtstream.index_visuals, prompt="?", ws_connection_id=ws_id)
                event_id = await asyncio.to_thread(conn.create_event, event_prompt="A person", label="person")
            await asyncio.to_thread(visuals.create_alert, event_id, callback_url="", ws_connection_id=ws_id)
            async for event in socket.receive():
                text = (event.get("data") or {}).get("text")
                if text is not None:
                    got.append(text)

    try:
        async with asyncio.timeout(seconds):
            if not reconnect:
                await one_connection()
            while reconnect:
                try:
                    await one_connection()
                except Exception as error:
                    print(f"again after {type(error).__name__}", file=sys.stderr)
                await asyncio.sleep(0.5)
    except TimeoutError:
        pass
    except Exception as error:
        print(f"ended by {type(error).__name__}: {error}", file=sys.stderr)
    return got


if __name__ == "__main__":
    print(json.dumps(asyncio.run(consume(sys.argv[2], float(sys.argv[3]), reconnect=sys.argv[1] == "reconnecting"))))
