"""The configuration file of `serve`: TOML, one key an option, under the options' own names.

The command line goes before the environment, and that before the file.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import typer


def read_config(context: typer.Context, option: typer.CallbackParam, path: Path | None) -> Path | None:
    """Take what the file says as the defaults of the command's other options. Raises BadParameter naming the key."""
    if path is None:
        return None
    try:
        said = tomllib.loads(path.read_text())
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} is no TOML: {error}") from None
    options = {str(each.name) for each in context.command.params} - {str(option.name)}
    defaults = {key.replace("-", "_"): value for key, value in said.items()}
    if unknown := sorted(defaults.keys() - options):
        expected = ", ".join(sorted(options))
        raise typer.BadParameter(f"{path}: unknown {', '.join(unknown)}; expected some of {expected}")
    for key, value in defaults.items():
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, str | int | float):
                raise typer.BadParameter(f"{path}: {key}: expected text or a number, got {each!r}")
    several = {str(each.name) for each in context.command.params if getattr(each, "multiple", False)}
    for key in several & defaults.keys():  # one stands for a list of one, which click would take letter by letter
        defaults[key] = defaults[key] if isinstance(defaults[key], list) else [defaults[key]]
    context.default_map = {**(context.default_map or {}), **defaults}
    return path
