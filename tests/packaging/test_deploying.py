"""What is in deploy/: files that fit the options there are."""

from __future__ import annotations

import configparser
import re
import tomllib
from pathlib import Path

import pytest

from aiortstream.cli import app as cli

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@pytest.fixture
def options() -> set[str]:
    """The names of the options of `serve`."""
    import typer

    command = typer.main.get_command(cli.app).commands["serve"]  # type: ignore[attr-defined]
    return {str(each.name) for each in command.params}


def test_the_configuration_has_keys_that_serve_knows(options: set[str]) -> None:
    text = (DEPLOY / "aiortstream.toml").read_text()
    assert tomllib.loads(text).keys() <= options
    suggested = tomllib.loads("\n".join(line.removeprefix("# ") for line in text.splitlines() if " = " in line))
    assert len(suggested) > 3
    assert suggested.keys() <= options


def test_the_unit_runs_the_command_as_nobody_in_particular(options: set[str]) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign] # as its documentation says
    unit.read(DEPLOY / "aiortstream.service")
    service = unit["Service"]
    assert service["ExecStart"].endswith("aiortstream serve --config /etc/aiortstream.toml")
    assert {"config", "data_dir"} <= options
    assert (service["DynamicUser"], service["NoNewPrivileges"], service["ProtectSystem"]) == ("yes", "yes", "strict")


def test_the_container_has_a_user_and_a_health_check(options: set[str]) -> None:
    text = (DEPLOY / "Containerfile").read_text()
    variables = set(re.findall(r"AIORTSTREAM_(\w+)=", text)) - {"API_KEY"}
    assert {name.lower() for name in variables} <= options
    assert re.search(r"(?m)^USER aiortstream$", text)
    assert re.search(r"(?m)^HEALTHCHECK ", text)
    assert "/healthz" in text


def test_the_page_names_what_is_there() -> None:
    text = (ROOT / "docs" / "running.md").read_text()
    for link in re.findall(r"\]\((\.\./[^)#]+)\)", text):
        assert (ROOT / "docs" / link).resolve().exists(), link
    source = (ROOT / "aiortstream" / "local" / "services" / "metrics.py").read_text()
    for name in re.findall(r"aiortstream_[a-z_]+", text):
        assert name.removesuffix("_total") in source, name
