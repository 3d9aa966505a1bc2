"""A busy 720p25 source made from the bundled sample, and a process that plays it live.

    python benchmarks/live_source.py OUT.mp4            # make it
    python benchmarks/live_source.py --publish OUT.mp4  # play it until standard input ends; prints its URL

The pictures are the sample's slides under moving grain, encoded at 25 frames and 2.5 Mb/s with a key frame every two
seconds, as cameras do; the sound is the sample's.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from aiortstream.local.ingest.publish import LivePublisher
from aiortstream.local.sample import sample_path

FPS = 25
BIT_RATE = 2_500_000


def make(out: Path) -> None:
    """Encode the source; a few tens of seconds of CPU, once."""
    random = np.random.default_rng(1)
    grain = random.integers(-9, 10, size=(16, 720, 1280, 3), dtype=np.int16)
    with av.open(str(sample_path())) as source, av.open(str(out), "w", format="mp4") as target:
        video_in, audio_in = source.streams.video[0], source.streams.audio[0]
        video = target.add_stream("libx264", rate=FPS, options={"preset": "veryfast", "g": str(2 * FPS), "bf": "0"})
        video.width, video.height, video.pix_fmt, video.bit_rate = 1280, 720, "yuv420p", BIT_RATE
        audio = target.add_stream_from_template(audio_in)
        written = 0
        for packet in source.demux(video_in, audio_in):
            if packet.stream.type == "audio":
                if packet.dts is not None:
                    packet.stream = audio
                    target.mux(packet)
                continue
            for picture in packet.decode():
                assert isinstance(picture, av.VideoFrame)
                rgb = picture.to_ndarray(format="rgb24").astype(np.int16)
                while written / FPS <= (picture.time or 0.0):
                    noisy = np.clip(rgb + grain[written % len(grain)], 0, 255).astype(np.uint8)
                    frame = av.VideoFrame.from_ndarray(noisy, format="rgb24")
                    frame.pts, frame.time_base = written, Fraction(1, FPS)
                    target.mux(video.encode(frame))
                    written += 1
        target.mux(video.encode(None))


def publish(path: Path) -> None:
    """Play the file in a loop until standard input ends."""
    with LivePublisher(path) as publisher:
        print(publisher.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    if sys.argv[1] == "--publish":
        publish(Path(sys.argv[2]))
    else:
        make(Path(sys.argv[1]))
