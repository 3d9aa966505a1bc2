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
        coll = await client.get_collection()
        rtstream = await coll.connect_rtstream(url=url, name="Door", media_types=["audio", "video"], store=True)

        await rtstream.start_transcript()
        visuals = await rtstream.index_visuals(
            prompt="Describe who and what is visible",
            batch_config={"type": "time", "value": 2, "frame_count": 5},
        )
        event_id = await client.create_event(event_prompt="A person is at the door", label="person")
        await visuals.create_alert(event_id, callback_url="")

        async with asyncio.timeout(120), asyncio.TaskGroup() as tasks:
            watches = [tasks.create_task(print_transcript(rtstream)), tasks.create_task(print_scenes(visuals))]
            alert = await first_alert(rtstream)
            print(f"ALERT  {alert.label}: {alert.text}")
            for watch in watches:
                watch.cancel()

        for shot in await rtstream.search("door"):
            print(f"found  {shot.search_score or 0:.2f}  {shot.text}")
        start, end = alert.start or alert.timestamp - 10, alert.end or alert.timestamp
        print("watch ", await rtstream.generate_stream(start=start, end=end))


async def print_transcript(rtstream: aiortstream.RTStream) -> None:
    async for segment in rtstream.watch_transcript():
        print(f"{segment.start_time:%H:%M:%S}  heard  {segment.text}", flush=True)


async def print_scenes(index: aiortstream.RTStreamSceneIndex) -> None:
    async for scene in index:
        print(f"{scene.start_time:%H:%M:%S}  seen   {scene.text}", flush=True)


async def first_alert(rtstream: aiortstream.RTStream) -> aiortstream.Alert:
    async with rtstream.watch_alerts(label="person") as alerts:
        async for alert in alerts:
            if isinstance(alert, aiortstream.Alert):  # the other kind is a Gap: a stretch without the websocket
                return alert
    raise RuntimeError("the watch was closed")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(main(sys.argv[1]))
    else:
        from aiortstream.local.ingest.publish import LivePublisher
        from aiortstream.local.sample import sample_path

        with LivePublisher(sample_path()) as publisher:
            asyncio.run(main(publisher.url))
