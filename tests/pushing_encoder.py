"""An encoder in a process of its own, as encoders are: libav holds the interpreter while it shakes hands.

python tests/pushing_encoder.py rtmp://127.0.0.1:PORT/APP/KEY
"""

from __future__ import annotations

import sys
import time

import av
from av.container import InputContainer, OutputContainer

from aiortstream.local.sample import sample_path

PUSHED = 6.0  # seconds


def push(url: str) -> None:
    """Some seconds of the bundled sample's picture, at their own pace."""
    with av.open(str(sample_path())) as source, connect(url, source) as target:
        (out,) = target.streams
        began = time.monotonic()
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            at = float(packet.pts * packet.time_base)
            if at > PUSHED:
                return
            time.sleep(max(0.0, began + at - time.monotonic()))
            packet.stream = out  # type: ignore[assignment]
            target.mux(packet)


def connect(url: str, source: InputContainer) -> OutputContainer:
    """An encoder tries again until somebody listens, which is soon after the session has started."""
    for _ in range(100):
        target = av.open(url, "w", format="flv", timeout=5.0)
        target.add_stream_from_template(source.streams.video[0])
        try:
            target.start_encoding()
        except OSError:
            target.close()
            time.sleep(0.1)
        else:
            return target
    raise AssertionError(f"nobody listens at {url}")


if __name__ == "__main__":
    push(sys.argv[1])
