"""Record a meeting, export it, and cut what was said about one thing into a clip of its own.

python examples/minutes.py                                # the bundled sample for 25 seconds, offline
python examples/minutes.py rtsp://room/camera 1800 "action items and next steps"
VIDEO_DB_API_KEY=... python examples/minutes.py rtsp://...  # the same code on the hosted service
"""

import asyncio
import os
import sys
import time

import aiortstream


async def main(url: str, seconds: float, about: str) -> None:
    hosted = "VIDEO_DB_API_KEY" in os.environ
    async with aiortstream.AsyncClient() if hosted else aiortstream.AsyncClient.local() as client:
        rtstream = await client.connect_rtstream(url=url, name="Minutes", media_types=["audio", "video"], store=True)
        await rtstream.wait_until_connected(timeout=60)
        began = time.time()
        await asyncio.sleep(seconds)
        ended = time.time()
        await rtstream.stop()
        print(f"recording  {await rtstream.generate_stream(began, ended)}")

        exported = await rtstream.export(name="Minutes")
        print(f"video      {exported.video_id}, {exported.duration:.0f} s: {exported.player_url}")

        video = await client.get_video(exported.video_id)
        await video.index_spoken_words()
        try:
            results = await video.search(about)
        except aiortstream.NoResultsError:
            print(f"nobody said anything about {about!r}")
            return
        for shot in results.get_shots():
            print(f"{shot.start:6.1f} s   {shot.text}")
        print(f"clip       {await results.compile()}")


if __name__ == "__main__":
    if len(sys.argv) > 3:
        asyncio.run(main(sys.argv[1], float(sys.argv[2]), sys.argv[3]))
    else:
        from aiortstream.local.ingest.publish import LivePublisher
        from aiortstream.local.sample import sample_path

        with LivePublisher(sample_path()) as camera:
            asyncio.run(main(camera.url, 25.0, "marriage"))
