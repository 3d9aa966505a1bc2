"""The command `aiortstream`. Its libraries come with the extra `cli`; without them it says so in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable

MISSING_EXTRA = 2  # exit code when an extra is not installed
INTERRUPTED = 130  # exit code when Ctrl-C has ended it


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed, 2 wrong usage or a missing extra, 130 ended by Ctrl-C."""
    try:
        _load()()
    except KeyboardInterrupt:  # before or after the time in which a command handles it itself
        raise SystemExit(INTERRUPTED) from None


def _load() -> Callable[[], None]:
    try:
        from aiortstream.cli.app import app
    except ImportError as error:
        if error.name is None or error.name.startswith("aiortstream"):
            raise
        print(f"aiortstream: {error.name} is not installed: pip install 'aiortstream[cli,local]'", file=sys.stderr)
        raise SystemExit(MISSING_EXTRA) from None
    return app
