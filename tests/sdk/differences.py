"""Where our requests differ from those of the official SDK 0.5.1, and why. docs/differences.md is made of this:

python tests/sdk/differences.py > docs/differences.md
"""

# ruff: noqa: E501 - lines of a page are laid out for reading

from __future__ import annotations

from operations_in_both import OPERATIONS

DIFFERENCES = {
    "index.get_scenes(start=1710000000)": (
        "`start` alone is sent",
        "the official SDK drops a `start` or `end` without the other in silence, and gives all scenes",
    ),
    "index.get_scenes(end=1710000010)": (
        "`end` alone is sent",
        "the same",
    ),
    'index.create_alert(event_id="e-1", callback_url="", ws_connection_id=None)': (
        "refused with InvalidArgumentError, and nothing is sent",
        "an alert without a callback and without a websocket reaches nobody",
    ),
}
"""By operation: what ours does, and why it is not what the official SDK does."""

_PAGE = """# Differences from the official SDK

The same {count} operations are run with the official SDK 0.5.1 and with this one against a server that keeps what it is asked. Method, path, query, body and key agree, but for these:

| operation | here | why |
|---|---|---|
{rows}

Two differences do not show there, since every operation was given its `ws_connection_id`:

| operation | here | why |
|---|---|---|
| whatever takes a `ws_connection_id` | left out, it is this client's own connection, which is opened; `None` is none | watches are live without a further thought; the official SDK sends none unless one is passed |
| `generate_stream` | returns the stream's URL, as the reference says; `player_url` is on the handle | the official SDK has returned the player's since 0.4.2 |

Which requests are repeated after a failure is in [operations.md](operations.md).
"""


def page() -> str:
    """docs/differences.md."""
    rows = "\n".join(f"| `{operation}` | {ours} | {why} |" for operation, (ours, why) in DIFFERENCES.items())
    return _PAGE.format(count=len(OPERATIONS), rows=rows)


if __name__ == "__main__":
    print(page(), end="")
