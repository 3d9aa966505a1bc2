"""What `aiortstream doctor` finds on this machine, and of a server."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aiortstream.cli import doctor
from aiortstream.cli.app import app
from aiortstream.cli.doctor import Finding, examine
from aiortstream.testing import ScriptedServer


async def findings(
    data_dir: Path, *, url: str | None = None, port: int = 0, api_key: str | None = None
) -> dict[str, Finding]:
    return {each.what: each async for each in examine(data_dir, "127.0.0.1", port, url, api_key)}


async def test_a_machine_that_has_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ROOM", 1)
    found = await findings(tmp_path / "data")
    assert {each.verdict for each in found.values()} == {"ok"}
    assert set(found) >= {"Python", "libav", "models of speech", "data directory", "port"}
    assert not (tmp_path / "data").exists()  # it looks, and makes nothing


async def test_what_is_not_well_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "ROOM", 2**60)
    monkeypatch.setenv("AIORTSTREAM_CPU_THREADS", "many")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = await findings(tmp_path, port=taken.getsockname()[1])
    assert (found["data directory"].verdict, found["port"].verdict) == ("warning", "warning")
    assert found["models"].verdict == "failed"
    assert "AIORTSTREAM_CPU_THREADS" in found["models"].found
    assert all(each.advice for each in found.values() if each.verdict != "ok")


async def test_a_server_that_answers(tmp_path: Path) -> None:
    async with ScriptedServer() as server:
        found = await findings(tmp_path, url=server.url)
    assert (found["server"].verdict, found["websocket"].verdict, found["clocks"].verdict) == ("ok", "ok", "ok")


async def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    found = await findings(tmp_path, url="http://127.0.0.1:9")
    assert found["server"].verdict == "failed"
    assert "cannot connect" in found["server"].found
    assert "websocket" not in found


def test_the_command_ends_with_what_it_found(tmp_path: Path) -> None:
    arguments = ["doctor", "--data-dir", str(tmp_path), "--port", "0", "-o", "json"]
    good = CliRunner().invoke(app, arguments, env={"VIDEO_DB_API": ""})
    assert good.exit_code == 0, good.output
    assert {json.loads(line)["verdict"] for line in good.output.splitlines()} <= {"ok", "warning"}
    bad = CliRunner().invoke(app, [*arguments[:-2], "--url", "http://127.0.0.1:9"])
    assert bad.exit_code == 1
    assert "failed   server" in bad.output
    assert "-> is it running there, and is this its key?" in bad.output
