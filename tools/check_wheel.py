"""What an installed wheel must do in a fresh environment. `plain`: without extras; `local`: with `[local,cli]`.

python tools/check_wheel.py plain
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
from importlib.metadata import version

HEAVY = ("av", "numpy", "PIL", "onnxruntime", "faster_whisper", "rapidocr", "cv2", "typer", "rich")


def plain() -> None:
    """Imports, says who it is, asks for a key, and has brought nothing heavy."""
    import aiortstream

    assert "site-packages" in aiortstream.__file__, aiortstream.__file__
    assert aiortstream.__version__ == version("aiortstream")
    for name in aiortstream.__all__:
        assert getattr(aiortstream, name) is not None, name
    loaded = [name for name in HEAVY if name in sys.modules]
    assert not loaded, loaded
    try:
        aiortstream.AsyncClient()
    except aiortstream.AuthenticationError as error:
        assert "AsyncClient.local()" in str(error)
    else:
        raise AssertionError("a client without a key")
    asyncio.run(_local_says_what_is_missing())
    told = subprocess.run([sys.executable, "-m", "aiortstream", "demo"], capture_output=True, text=True)
    assert told.returncode == 2, told
    assert "pip install 'aiortstream[" in told.stderr, told.stderr
    assert "Traceback" not in told.stderr, told.stderr


async def _local_says_what_is_missing() -> None:
    import aiortstream

    try:
        async with aiortstream.AsyncClient.local():
            raise AssertionError("a server without its packages")
    except aiortstream.ServerStartError as error:
        assert "aiortstream[local]" in str(error), error


def local() -> None:
    """Serves, answers a client, stops when told, and runs the demo to its end."""
    with tempfile.TemporaryDirectory() as folder:
        serve = [sys.executable, "-m", "aiortstream", "serve", "--port", "0", "--data-dir", folder, "--api-key", "k"]
        server = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
        assert server.stdout is not None
        ready = json.loads(server.stdout.readline())
        assert ready["pid"] == server.pid, ready
        asyncio.run(_ask(ready["url"]))
        server.send_signal(signal.SIGTERM)
        assert server.wait(15) == 0, server.returncode
    subprocess.run([sys.executable, "-m", "aiortstream", "demo", "--help"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, "-m", "aiortstream", "demo"], check=True, timeout=120)


async def _ask(url: str) -> None:
    import aiortstream

    async with aiortstream.AsyncClient("k", base_url=url) as client:
        assert (await client.get_collection()).id.startswith("c-")
        assert await client.list_rtstreams() == []


if __name__ == "__main__":
    {"plain": plain, "local": local}[sys.argv[1]]()
    print(f"{sys.argv[1]}: good")
