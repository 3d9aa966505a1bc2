"""What the demo says of a media file, and fetching one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from aiortstream.cli.media import MediaError, download, inspect_media
from aiortstream.local.sample import sample_path


class OneFile(BaseHTTPRequestHandler):
    """`/whole` is the sample, `/cut` breaks off in the middle of it."""

    protocol_version = "HTTP/1.0"

    def do_GET(self) -> None:
        content = sample_path().read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content if self.path == "/whole" else content[:1000])

    def log_message(self, *arguments: object) -> None:
        """Nothing: the test's output is the test's."""


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server on loopback, in an environment whose proxy is not to be asked for it."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with HTTPServer(("127.0.0.1", 0), OneFile) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(5)


def test_the_content_is_told_by_decoding_it() -> None:
    assert inspect_media(str(sample_path())) == "h264 1280x720, 720 frames decoded, 36.0 s"


def test_a_url_is_opened_without_a_proxy(url: str) -> None:
    assert inspect_media(f"{url}/whole") == "h264 1280x720, 720 frames decoded, 36.0 s"


def test_a_file_is_fetched_into_a_folder_that_is_made(url: str, tmp_path: Path) -> None:
    film = tmp_path / "new" / "film.mp4"
    download(f"{url}/whole", film)
    assert film.read_bytes() == sample_path().read_bytes()
    assert [path.name for path in film.parent.iterdir()] == ["film.mp4"]


def test_half_a_file_is_no_file(url: str, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    film.write_bytes(b"of last time")
    with pytest.raises(MediaError, match=r"/cut cannot be fetched into .*film\.mp4: it broke off \d+ bytes before"):
        download(f"{url}/cut", film)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
    assert film.read_bytes() == b"of last time"


@pytest.mark.parametrize("action", [inspect_media, lambda url: download(url, Path("x"))])
def test_a_server_that_is_not_there(action: Callable[[str], object]) -> None:
    with pytest.raises(MediaError, match=r"cannot be .*refused"):
        action("http://127.0.0.1:9/x")
