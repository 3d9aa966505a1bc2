"""Media servers that nobody here wrote, each on a port and folder of its own: nginx-rtmp, GStreamer RTSP, ffmpeg."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NGINX = """
daemon off;
master_process off;
pid {root}/nginx.pid;
error_log {root}/error.log warn;
load_module /usr/lib/nginx/modules/ngx_rtmp_module.so;
events {{ worker_connections 64; }}
rtmp {{ server {{ listen 127.0.0.1:{port}; application live {{ live on; }} }} }}
"""

# Runs under the system's interpreter, which has the GObject bindings.
RTSP_SERVER = Path(__file__).with_name("rtsp_server.py")
SYSTEM_PYTHON = "/usr/bin/python3"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def process(*command: str, port: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A child process, ready once it listens on `port`, and gone at the end."""
    if shutil.which(command[0]) is None:
        raise RuntimeError(f"{command[0]} is not installed; run tests/media/install.sh")
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=sys.stderr) as child:
        try:
            if port is not None:
                wait_for_port(child, port)
            yield child
        finally:
            child.terminate()
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()


def wait_for_port(child: subprocess.Popen[bytes], port: int, timeout: float = 15.0) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if child.poll() is not None:
                raise RuntimeError(f"{child.args!r} ended with {child.returncode}") from None
            if time.monotonic() > deadline:
                raise TimeoutError(f"{child.args!r} does not listen on {port} after {timeout:g} s") from None
            time.sleep(0.05)
        else:
            return


@contextmanager
def nginx_rtmp(root: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """nginx with its RTMP module: takes pushes to, and plays, `rtmp://127.0.0.1:PORT/live/NAME`."""
    config = root / "nginx.conf"
    config.write_text(NGINX.format(root=root, port=port))
    with process("nginx", "-p", str(root), "-c", str(config), port=port) as child:
        yield child


@contextmanager
def ffmpeg_push(clip: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """ffmpeg as an encoder in the field: plays a file in real time, for ever, to an RTMP server."""
    arguments = f"-hide_banner -loglevel error -re -stream_loop -1 -i {clip} -c copy -f flv {url}".split()
    with process("ffmpeg", *arguments) as child:
        yield child


@contextmanager
def gstreamer_rtsp(clip: Path, port: int, *, password: str | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """GStreamer's RTSP server, as cameras have it: `rtsp://127.0.0.1:PORT/camera` plays a file for each viewer."""
    credentials = ["viewer", password] if password else []
    with process(SYSTEM_PYTHON, str(RTSP_SERVER), str(clip), str(port), *credentials, port=port) as child:
        yield child
