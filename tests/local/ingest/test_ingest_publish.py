"""A file as a live RTMP source, pulled by libav's own player."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from pathlib import Path

import av
import av.error
import pytest
from media_clips import sample, write_clip

from aiortstream.local.ingest import publish as publish_module
from aiortstream.local.ingest.flv_source import PublishError, read_tags
from aiortstream.local.ingest.publish import LivePublisher


def pull(url: str, packets: int) -> list[tuple[str, float, bool]]:
    """Pull some packets: (type, decoding time in seconds, key frame)."""
    pulled: list[tuple[str, float, bool]] = []
    with av.open(url, timeout=(10, 5)) as source:
        for packet in source.demux():
            assert packet.dts is not None
            pulled.append((packet.stream.type, float(packet.dts * packet.time_base), packet.is_keyframe))
            if len(pulled) == packets:
                break
    return pulled


def test_players_join_and_leave_while_the_file_plays_on() -> None:
    with LivePublisher(sample("clip")) as publisher:
        assert publisher.url.startswith("rtmp://127.0.0.1:")
        with pytest.raises(av.error.PermissionError):
            av.open(publisher.url + "-other", timeout=(5, 5))
        results: list[list[tuple[str, float, bool]]] = []
        players = [threading.Thread(target=lambda: results.append(pull(publisher.url, 60))) for _ in range(3)]
        for player in players:
            player.start()
        for player in players:
            player.join(30)
        late = pull(publisher.url, 5)
    assert len(results) == 3
    for pulled in results:
        assert {kind for kind, _, _ in pulled} == {"video", "audio"}
        first_picture = next(entry for entry in pulled if entry[0] == "video")
        assert first_picture[2], "a player that joins begins at a key frame"
    assert late[0][1] >= results[0][0][1] + 0.9, "the stream has moved on meanwhile"
    assert not [thread for thread in threading.enumerate() if thread.name == "publisher"]


async def test_stopping_disconnects_frees_the_port_and_can_be_undone() -> None:
    publisher = LivePublisher(sample("clip"), name="stage/one")
    async with publisher:
        url = publisher.url
        assert url.endswith("/stage/one")
        with pytest.raises(RuntimeError, match="running already"):
            publisher.start()
        source = await asyncio.to_thread(av.open, url, timeout=(10, 5))
    with source, pytest.raises(av.error.FFmpegError):
        for _ in source.demux():
            pass
    with pytest.raises(av.error.ConnectionRefusedError):
        av.open(url, timeout=(5, 5))
    publisher.stop()  # again: does nothing
    with publisher:
        assert publisher.url == url
        assert pull(url, 1)


def test_a_client_that_does_not_speak_rtmp_is_hung_up_on(caplog: pytest.LogCaptureFixture) -> None:
    with LivePublisher(sample("clip")) as publisher:
        port = int(publisher.url.split(":")[2].split("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"GET / HTTP/1.1\r\n" + bytes(2000))
            assert client.recv(10) == b""
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            started = time.monotonic()  # a silent client must not hold up the stop
    assert time.monotonic() - started < 3
    assert "not RTMP" in caplog.text


def test_a_player_that_does_not_read_is_disconnected(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publish_module, "_PLAYER_BACKLOG", -1)
    with LivePublisher(sample("clip")) as publisher, pytest.raises(av.error.FFmpegError):
        pull(publisher.url, 10_000)
    assert "too slow" in caplog.text


def test_played_once_it_ends_by_itself(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "short.mp4", seconds=1)
    publisher = LivePublisher(path, loop=False)
    publisher.start()
    thread = publisher._thread
    assert thread is not None
    thread.join(10)
    assert not thread.is_alive()
    publisher.stop()


def test_a_file_that_cannot_be_published_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(PublishError, match=r"no\.mp4"):
        LivePublisher(tmp_path / "no.mp4").start()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not media")
    with pytest.raises(PublishError, match=r"broken\.mp4"):
        LivePublisher(broken).start()


def test_a_port_in_use_is_an_error_at_the_start() -> None:
    with LivePublisher(sample("clip")) as publisher:
        port = int(publisher.url.split(":")[2].split("/")[0])
        with pytest.raises(OSError, match="in use"):
            LivePublisher(sample("clip"), port=port).start()


def test_what_fails_later_is_raised_by_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, *, loop: bool):  # type: ignore[no-untyped-def]
        yield from list(read_tags(path, loop=False))[:3]
        raise PublishError("the disk is gone")

    monkeypatch.setattr(publish_module, "read_tags", fail)
    publisher = LivePublisher(sample("clip"))
    publisher.start()
    assert publisher._thread is not None
    publisher._thread.join(5)
    with pytest.raises(PublishError, match="the disk is gone"):
        publisher.stop()
