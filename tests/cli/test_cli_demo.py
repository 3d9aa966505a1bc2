"""`aiortstream demo`, as a process and in this one."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import socket
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import av
import pytest
from rich.console import Console

from aiortstream import AsyncClient, InvalidRequestError
from aiortstream.cli import demo
from aiortstream.cli.demo import DemoError, DemoOptions, run_demo

DEMO = [sys.executable, "-m", "aiortstream", "demo"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("VIDEO_DB")}


def options(tmp_path: Path, source: str | None, output: Path | None = None) -> DemoOptions:
    return DemoOptions(source, 5, output or tmp_path / "film.mp4", tmp_path / "data", "A person", "door", False)


@pytest.mark.timeout(150)
def test_the_demo_shows_the_main_job_and_ends_well(tmp_path: Path) -> None:
    film, data = tmp_path / "films" / "out.mp4", tmp_path / "data"
    command = [*DEMO, "--duration", "24", "--output", str(film), "--data-dir", str(data)]
    ran = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=140, env=ENVIRONMENT
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    said = ran.stdout
    assert re.search(r"transcript .*(Dashwood|leisure)", said)
    assert re.search(r'scene .*"FRONT DOOR"', said)
    assert re.search(r"ALERT +demo_event \(\d\.\d\d\): .*person", said)
    assert re.search(r'search +"delivery van" found, score 0\.\d\d: .*DELIVERY VAN', said)
    assert re.search(r"playback +http://127\.0\.0\.1:\d+/\S+\.m3u8\n", said)
    assert re.search(r"player +http://127\.0\.0\.1:\d+/watch\?v=\w+&url=\S+\n", said)
    assert re.search(r"opened by a player: h264 1280x720, [1-9]\d* frames decoded", said)
    assert f"export     {film}   h264 1280x720, " in said
    assert re.search(r"done +[1-9]\d* transcript segments, [1-9]\d* scenes, [1-9]\d* alerts\n$", said)
    assert "press Enter" not in said
    assert "\x1b" not in said
    moments = [float(moment) for moment in re.findall(r"^ *(\d+\.\d)s ", said, re.MULTILINE)]
    assert max(later - earlier for earlier, later in pairwise(moments)) < 5  # 2.5 on a machine that is not busy
    with av.open(str(film)) as container:
        assert container.duration is not None
        assert container.duration / 1e6 > 20
    assert asyncio.run(names_of_streams(data)) == ["demo"]


async def names_of_streams(data: Path) -> list[str | None]:
    """What a server on this data directory has, which must be unlocked."""
    async with AsyncClient.local(data) as client:
        return [stream.name for stream in await client.list_rtstreams()]


@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGINT, "starting"), (signal.SIGINT, "watching"), (signal.SIGTERM, "scene"), (signal.SIGHUP, "live")],
)
def test_a_signal_leaves_nothing_behind(tmp_path: Path, number: signal.Signals, moment: str) -> None:
    process = subprocess.Popen(
        DEMO,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**ENVIRONMENT, "TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if moment in line:
            break
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert errors == "stopping ...\n"
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def silent_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


async def test_a_source_that_cannot_be_reached_is_told_in_words(
    tmp_path: Path, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "CONNECT_DEADLINE", 1.0)
    source = f"rtsp://viewer:secret@127.0.0.1:{silent_port}/front"
    out = io.StringIO()
    began = time.monotonic()
    with pytest.raises(DemoError, match=r"nothing came from rtsp://.*/front within 1 s: connection refused") as error:
        await run_demo(options(tmp_path, source), Console(file=out))
    assert time.monotonic() - began < 20
    assert "secret" not in out.getvalue() + str(error.value)
    assert not (tmp_path / "film.mp4").exists()


@pytest.mark.parametrize(("source", "says"), [("none.mp4", "there is no file"), ("gopher://x/y", "not supported")])
async def test_a_source_that_makes_no_sense(tmp_path: Path, source: str, says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        await run_demo(options(tmp_path, source), Console(file=io.StringIO()))


def test_a_process_says_it_in_one_line(tmp_path: Path) -> None:
    ran = subprocess.run(
        [*DEMO, "--source", str(tmp_path / "none.mp4")], capture_output=True, text=True, timeout=50, env=ENVIRONMENT
    )
    assert ran.returncode == 1
    assert re.fullmatch(r"aiortstream: .*there is no file '.*none\.mp4'.*\n", ran.stderr)


async def test_an_output_that_cannot_be_written_is_told_before_the_long_part(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    console = Console(file=io.StringIO())
    with pytest.raises(DemoError, match="--output: expected the name of a file, got the folder"):
        await run_demo(options(tmp_path, None, tmp_path), console)
    with pytest.raises(DemoError, match=r"--output: nothing can be written to .*file"):
        await run_demo(options(tmp_path, None, tmp_path / "file" / "film.mp4"), console)
    assert not (tmp_path / "data").exists()


@pytest.mark.timeout(60)
async def test_a_source_that_ends_ends_the_demo(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    pictures_only(clip, seconds=6)
    out = io.StringIO()
    shown = DemoOptions(str(clip), 50, tmp_path / "film.mp4", None, "A person flies", "parcel", False)
    began = time.monotonic()
    await run_demo(shown, Console(file=out, width=80))
    said = out.getvalue()
    assert time.monotonic() - began < 40
    assert "stopped: source ended" in said
    assert re.search(r"no alert +the event was not seen; --event says what to look for", said)
    assert "done       0 transcript segments, " in said
    assert (tmp_path / "film.mp4").exists()


def pictures_only(path: Path, *, seconds: float) -> None:
    """The beginning of the sample, without its sound: the usual camera."""
    from aiortstream.local.sample import sample_path

    with av.open(str(sample_path())) as source, av.open(str(path), "w") as target:
        pictures = source.streams.video[0]
        copied = target.add_stream_from_template(pictures)
        for packet in source.demux(pictures):
            if packet.dts is None or float(packet.dts * packet.time_base) > seconds:
                break
            packet.stream = copied
            target.mux(packet)
