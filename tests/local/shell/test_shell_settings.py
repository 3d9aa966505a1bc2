"""Settings that make no sense are refused where they are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aiortstream import AsyncClient, InvalidArgumentError, InvalidRequestError
from aiortstream.local.ingest.source import FileSources
from aiortstream.local.routes.middlewares import is_loopback
from aiortstream.local.server import LocalServer
from aiortstream.local.settings import ServerSettings


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"host": "0.0.0.0"}, "an api_key is needed"),
        ({"host": "::"}, "an api_key is needed"),
        ({"host": "camera.example"}, "an api_key is needed"),
        ({"port": -1}, "port: expected 0 to 65535, got -1"),
        ({"port": 65_536}, "port: expected"),
        ({"api_key": " "}, "api_key: expected a key"),
        ({"public_url": "cams.example"}, "public_url: expected an http:// or https:// URL"),
        ({"request_deadline": 0}, "request_deadline: expected more than 0"),
        ({"playback_lifetime": -1.0}, "playback_lifetime: expected more than 0"),
    ],
)
def test_what_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidArgumentError, match=said):
        ServerSettings(**fields)


def test_no_setting_shows_a_secret() -> None:
    settings = ServerSettings(api_key="sk-hidden", webhook_secret="whsec_aGlkZGVu")
    assert "whsec" not in repr(settings)
    assert "sk-hidden" not in repr(settings)


@pytest.mark.parametrize(
    ("host", "so"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("cams.localhost", True),
        ("0.0.0.0", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_what_can_only_mean_this_machine(host: str, so: bool) -> None:
    assert is_loopback(host) is so


def test_loopback_needs_no_key() -> None:
    assert ServerSettings(host="::1").api_key is None
    assert ServerSettings(host="0.0.0.0", api_key="k").host == "0.0.0.0"


def test_local_files_are_sources_on_loopback_alone(tmp_path: Path) -> None:
    assert ServerSettings().files == FileSources()
    beyond = ServerSettings(host="0.0.0.0", api_key="key")
    assert beyond.files == FileSources(allowed=False)
    some = ServerSettings(host="0.0.0.0", api_key="key", allow_files=tmp_path)
    assert some.files == FileSources(allowed=True, folder=tmp_path)
    assert ServerSettings(allow_files=tmp_path).files.folder == tmp_path


async def test_the_server_holds_to_its_files(tmp_path: Path) -> None:
    allowed, other = tmp_path / "films", tmp_path / "other.mp4"
    allowed.mkdir()
    other.write_bytes(b"x")
    async with (
        LocalServer(ServerSettings(data_dir=tmp_path / "data", allow_files=allowed)) as server,
        AsyncClient(server.api_key, base_url=server.url) as client,
    ):
        with pytest.raises(InvalidRequestError, match="where files may be sources"):
            await client.connect_rtstream(str(other))
        assert await client.list_rtstreams() == []
