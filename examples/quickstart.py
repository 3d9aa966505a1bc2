"""One live stream in an asyncio program: transcript, scenes and alerts as they come, then a search and a clip.

python examples/quickstart.py                                # the bundled sample, on an embedded server, offline
python examples/quickstart.py rtsp://camera/front            # a camera of yours
VIDEO_DB_API_KEY=... python examples/quickstart.py rtsp://...  # the same code on the hosted service
"""

import asyncio
import os
import sys

import aiortstream


async def main(url: str) -> None:
    hosted = "VIDEO_DB_API_KEY" in os.environ
    async with aiortstream.AsyncClient() if hosted else aiortstream.AsyncClient.local() as client:
        rtstream = await client.connect_rtstream(url=url, name="Door", media_types=["audio", "video"], store=True)
        await rtstream.start_transcript()
        visuals = await rtstream.index_visuals(
            prompt="Describe who and what is visible", batch_config={"type": "time", "value": 2, "frame_count": 5}
        )
        event_id = await client.create_event(event_prompt="A person is at the door", label="person")
        await visuals.create_alert(event_id, callback_url="")

        async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
            heard = tasks.create_task(show("heard", rtstream.watch_transcript()))
            seen = tasks.create_task(show("seen", visuals.watch_scenes()))
            async with rtstream.watch_alerts(label="person") as alerts:
                async for alert in alerts:
                    if isinstance(alert, aiortstream.Alert):  # the other kind is a Gap: a time without the websocket
                        print(f"{alert.time:%H:%M:%S}  ALERT  {alert.label}: {alert.text}")
                        break
            heard.cancel()
            seen.cancel()

        for shot in await rtstream.search("door"):
            print(f"found     {shot.search_score or 0:.2f}  {shot.text}")
            print(f"watch     {await shot.generate_stream()}")


async def show(kind: str, watch: aiortstream.Watch[aiortstream.Scene | aiortstream.TranscriptSegment]) -> None:
    async for record in watch:
        print(f"{record.start_time:%H:%M:%S}  {kind:<5}  {record.text}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(main(sys.argv[1]))
    else:
        from aiortstream.local.ingest.publish import LivePublisher
        from aiortstream.local.sample import sample_path

        with LivePublisher(sample_path()) as camera:
            asyncio.run(main(camera.url))
