"""The configuration file of `serve`: what goes before what, and what is no configuration."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aiortstream.cli.app import app
from aiortstream.local.settings import ServerSettings


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[ServerSettings]:
    """The settings with which servers are started, without any."""
    kept: list[ServerSettings] = []

    async def serve(settings: ServerSettings) -> None:
        kept.append(settings)

    monkeypatch.setattr("aiortstream.cli.serve.serve", serve)
    monkeypatch.setattr("aiortstream.cli.serve.configure_logging", lambda _level: None)
    return kept


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_the_file_sets_what_nobody_else_does(tmp_path: Path, served: list[ServerSettings]) -> None:
    said = f'port = 9000\ndata-dir = "{tmp_path}/kept"\nprofile = ["strict"]\nhost = "localhost"\n'
    config = write(tmp_path / "serve.toml", said)
    environment = {"AIORTSTREAM_HOST": "127.0.0.2", "AIORTSTREAM_CONFIG": config}
    done = CliRunner().invoke(app, ["serve", "--port", "9001"], env=environment)
    assert done.exit_code == 0, done.output
    (settings,) = served
    assert (settings.port, settings.host, settings.data_dir) == (9001, "127.0.0.2", tmp_path / "kept")
    assert settings.profile.start_connected == "strict"


@pytest.mark.parametrize("said", ['profile = "strict"', 'profile = ["lenient", "start_connected=strict"]'])
def test_a_profile_is_one_word_or_several(tmp_path: Path, served: list[ServerSettings], said: str) -> None:
    done = CliRunner().invoke(app, ["serve", "--config", write(tmp_path / "serve.toml", said)])
    assert done.exit_code == 0, done.output
    assert served[0].profile.start_connected == "strict"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("prot = 9000", r"unknown prot; expected some of .*api_key, .*port"),
        ("config = 'x'", "unknown config"),
        ("port = ", "is no TOML"),
        ("[port]\nx = 1", r"port: expected text or a number"),
        ("port = 'many'", "'--port' .* valid integer"),
        ("port = 70000", "port: expected 0 to 65535"),
    ],
)
def test_what_is_no_configuration(tmp_path: Path, served: list[ServerSettings], said: str, told: str) -> None:
    done = CliRunner().invoke(app, ["serve", "--config", write(tmp_path / "serve.toml", said)])
    assert done.exit_code == 2
    assert re.search(told, " ".join(re.sub("[│╭╮╰╯─]", "", done.output).split())), done.output
    assert not served


def test_a_file_that_is_not_there(tmp_path: Path, served: list[ServerSettings]) -> None:
    done = CliRunner().invoke(app, ["serve", "--config", str(tmp_path / "none.toml")])
    assert done.exit_code == 2
    assert "cannot be read" in " ".join(re.sub("[│╭╮╰╯─]", "", done.output).split())
