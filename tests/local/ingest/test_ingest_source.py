"""What source URLs mean, and what of them may be shown."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiortstream.local.ingest import source as source_module
from aiortstream.local.ingest.source import FileSources, SourceSpec, UnsupportedSource, file_url, parse_source, redact


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://camera/front",
        "rtsp://user:secret@10.0.0.7:8554/front?channel=1",
        "rtsps://camera/front",
        "rtmp://[::1]:1935/live/x",
        "rtmps://host/live/x",
        "http://host/live/index.m3u8",
        "https://host/video.mp4?token=abc",
    ],
)
def test_a_network_source_is_live_and_opened_as_it_is(url: str) -> None:
    spec = parse_source(url)
    assert (spec.url, spec.realtime, spec.loop, spec.listen) == (url, True, False, False)


def test_the_scheme_is_case_insensitive() -> None:
    assert parse_source("RTSP://camera/front").scheme == "rtsp"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "empty"),
        (" rtsp://camera/front", "spaces around"),
        ("rtsp://camera/fr ont", "spaces"),
        ("rtsp:///front", "no host"),
        ("rtsp://camera:99999/front", "malformed"),
        ("rtsp://camera:0/front", "port 0"),
        ("rtsp://[::1/front", "malformed"),
        ("gopher://host/x", "'gopher'"),
        ("concat:a.ts|b.ts", "no file"),
        ("/nowhere/x.mp4", "no file '/nowhere/x.mp4'"),
        ("~nobody-of-that-name/x.mp4", "no file '~nobody-of-that-name/x.mp4'"),
        ("x" * 300, "no file 'xxx"),
        ("x" * 5000, "of 5000 characters is too long"),
        ("file:///nowhere/x.mp4", "no file '/nowhere/x.mp4'"),
        ("file://server/x.mp4", "'server'"),
        ("rtmp://10.0.0.7/live/x?listen=1", "loopback"),
        ("rtmp://example.com/live/x?listen=1", "loopback"),
    ],
)
def test_what_cannot_be_played_is_refused_with_its_fault(url: str, said: str) -> None:
    with pytest.raises(UnsupportedSource, match=re.escape(said)):
        parse_source(url)


def test_an_unknown_scheme_is_told_the_known_ones() -> None:
    with pytest.raises(UnsupportedSource, match=r"rtsp://, rtsps://, rtmp://, rtmps://, http://, https://, srt://"):
        parse_source("webrtc://host/x")


def test_srt_depends_on_the_libav_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_module, "_libav_has", lambda protocol: False)
    with pytest.raises(UnsupportedSource, match="libsrt"):
        parse_source("srt://host:9000")
    monkeypatch.setattr(source_module, "_libav_has", lambda protocol: True)
    assert parse_source("srt://host:9000").scheme == "srt"


def test_libav_is_asked_what_it_has() -> None:
    assert source_module._libav_has("rtmp")
    assert not source_module._libav_has("nosuchprotocol")


def test_listening_takes_the_push_of_an_encoder_on_loopback() -> None:
    spec = parse_source("rtmp://127.0.0.1:1935/live/x?listen=1&key=v")
    assert spec == SourceSpec("rtmp://127.0.0.1:1935/live/x?key=v", "rtmp", realtime=True, listen=True)


def test_files_are_paced_by_us_and_loop_on_request(tmp_path: Path) -> None:
    path = tmp_path / "ä clip.mp4"
    path.write_bytes(b"x")
    once = SourceSpec(str(path), "file", realtime=False)
    assert parse_source(str(path)) == once
    assert parse_source(file_url(path)) == once
    assert parse_source(f"file://localhost{quote(str(path))}") == once
    assert parse_source(file_url(path, loop=True)) == SourceSpec(str(path), "file", realtime=False, loop=True)


def test_files_can_be_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(b"x")
    with pytest.raises(UnsupportedSource, match="not allowed"):
        parse_source(str(path), FileSources(allowed=False))


def test_files_can_be_those_of_a_folder(tmp_path: Path) -> None:
    folder, outside = tmp_path / "films", tmp_path / "secret.mp4"
    folder.mkdir()
    inside = folder / "x.mp4"
    for path in (inside, outside):
        path.write_bytes(b"x")
    (folder / "link.mp4").symlink_to(outside)
    only = FileSources(folder=folder)
    assert parse_source(str(inside), only).url == str(inside)
    assert parse_source(f"file://{inside}", only).url == str(inside)
    told = set()
    for named in (outside, folder / "link.mp4", folder / ".." / "secret.mp4", tmp_path / "none.mp4"):
        with pytest.raises(UnsupportedSource, match="where files may be sources") as refused:
            parse_source(str(named), only)
        told.add(str(refused.value).replace(str(named), "FILE"))
    assert len(told) == 1  # what is there, and may not be used, looks like what is not there


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://camera/front", "rtsp://camera/front"),
        ("rtsp://user:secret@camera/front", "rtsp://***@camera/front"),
        ("rtsp://user:p@ss@camera/front", "rtsp://***@camera/front"),
        ("https://h/x?a=1&token=abc&Signature=d%20e", "https://h/x?a=1&token=***&Signature=***"),
        ("https://h/x?api%5Fkey=abc", "https://h/x?api%5Fkey=***"),
        ("cannot open 'rtsp://a:b@c/d'.", "cannot open 'rtsp://***@c/d'."),
        ("/home/me/x.mp4", "/home/me/x.mp4"),
    ],
)
def test_what_is_shown_has_no_credentials(url: str, shown: str) -> None:
    assert redact(url) == shown


@given(secret=st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=6, max_size=30))
def test_no_secret_is_in_a_message_or_repr(secret: str) -> None:
    secret = f"Zq{secret}"
    for url in (f"rtsp://user:{secret}@camera/x", f"rtmp://h/x?stream_key={secret}", f"https://h/x?pass={secret}"):
        assert secret not in redact(url)
        assert secret not in repr(parse_source(url))
        with pytest.raises(UnsupportedSource) as caught:
            parse_source(url + " ")
        assert secret not in str(caught.value)
