"""Opening sources: what is wanted of them, what they may reach, and what their errors mean."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import av.error
import pytest
from media_clips import sample

from aiortstream.local.ingest.errors import Remedy, SourceError, opening_failed, reading_failed
from aiortstream.local.ingest.opening import open_container
from aiortstream.local.ingest.source import parse_source

BOTH = frozenset({"audio", "video"})


@pytest.mark.parametrize(
    ("name", "wanted", "found", "missing"),
    [
        ("clip", BOTH, ["video", "audio"], []),
        ("clip", frozenset({"video"}), ["video"], ["audio"]),
        ("clip", frozenset({"audio"}), ["audio"], ["video"]),
        ("silent", BOTH, ["video"], ["audio"]),
        ("sound", BOTH, ["audio"], ["video"]),
    ],
)
def test_only_what_is_wanted_is_used(name: str, wanted: frozenset[str], found: list[str], missing: list[str]) -> None:
    opened = open_container(parse_source(str(sample(name))), media_types=wanted)
    with opened.container:
        assert [stream.type for stream in opened.streams] == found
        assert opened.missing == missing


def test_a_source_with_nothing_wanted_is_an_error_tried_again_slowly() -> None:
    with pytest.raises(SourceError, match="the source has no audio") as caught:
        open_container(parse_source(str(sample("silent"))), media_types=frozenset({"audio"}))
    assert caught.value.remedy is Remedy.RETRY_SLOWLY


def test_a_playlist_cannot_reach_beyond_its_protocols(tmp_path: Path) -> None:
    (tmp_path / "list.m3u8").write_text("#EXTM3U\n#EXTINF:4,\nhttp://127.0.0.1:1/x.ts\n#EXT-X-ENDLIST\n")
    with pytest.raises(SourceError):
        open_container(parse_source(str(tmp_path / "list.m3u8")), media_types=BOTH)


def test_a_script_over_files_is_no_source(tmp_path: Path) -> None:
    script = tmp_path / "script.ffconcat"
    script.write_text(f"ffconcat version 1.0\nfile {sample('clip').name}\n")
    with pytest.raises(SourceError, match="not media"):
        open_container(parse_source(str(script)), media_types=BOTH)


@pytest.fixture
def silent_peer() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("url", ["rtmp://127.0.0.1:{}/live/x", "rtsp://127.0.0.1:{}/x", "http://127.0.0.1:{}/x.mp4"])
def test_a_peer_that_says_nothing_is_given_up_in_time(silent_peer: int, url: str) -> None:
    with pytest.raises(SourceError, match="timed out"):
        open_container(parse_source(url.format(silent_peer)), media_types=BOTH, open_timeout=0.3)


def test_a_host_without_an_address_is_told_of() -> None:
    with pytest.raises(SourceError, match="the host is unknown"):
        open_container(parse_source("rtmp://camera.invalid/live/x"), media_types=BOTH)


@pytest.mark.parametrize("scheme", ["rtmp", "rtsp", "http"])
def test_a_closed_port_refuses(scheme: str) -> None:
    with pytest.raises(SourceError, match="connection refused") as caught:
        open_container(parse_source(f"{scheme}://user:secret@127.0.0.1:1/live/x"), media_types=BOTH)
    assert caught.value.retryable
    assert "secret" not in str(caught.value)


def test_a_listener_without_a_push_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(SourceError, match="no encoder has pushed"):
        open_container(parse_source(f"rtmp://127.0.0.1:{port}/live/x?listen=1"), media_types=BOTH, open_timeout=0.2)


@pytest.mark.parametrize(
    ("error", "reason", "remedy"),
    [
        (av.error.HTTPUnauthorizedError(0, "x"), "authentication refused", Remedy.RETRY_SLOWLY),
        (av.error.HTTPForbiddenError(0, "x"), "access forbidden", Remedy.RETRY_SLOWLY),
        (av.error.HTTPNotFoundError(0, "x"), "no such stream", Remedy.RETRY),
        (av.error.HTTPServerError(0, "x"), "an error of its own", Remedy.RETRY),
        (av.error.PermissionError(1, "x"), "no such stream, or", Remedy.RETRY),
        (av.error.FileNotFoundError(2, "x"), "no such file", Remedy.GIVE_UP),
        (av.error.ProtocolNotFoundError(0, "x"), "protocol", Remedy.GIVE_UP),
        (av.error.OSError(5, "Input/output error"), "the host is unknown, does not answer", Remedy.RETRY),
        (av.error.OSError(113, "No route to host"), "connection failed: no route to host", Remedy.RETRY),
        (av.error.BugError(0, "x"), "BugError", Remedy.RETRY),
    ],
)
def test_errors_of_opening_are_put_in_words(error: Exception, reason: str, remedy: Remedy) -> None:
    mapped = opening_failed(error)
    assert reason in mapped.reason
    assert mapped.remedy is remedy


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (av.error.ExitError(0, "x"), "timed out"),
        (av.error.EOFError(0, "x"), "ended the stream"),
        (av.error.OSError(5, "x"), "connection was lost"),
        (av.error.InvalidDataError(0, "x"), "InvalidDataError"),
    ],
)
def test_errors_of_reading_are_put_in_words(error: Exception, reason: str) -> None:
    assert reason in reading_failed(error).reason
