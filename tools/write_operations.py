"""Write the table of operations into docs/operations.md, below what is written there by hand.

python tools/write_operations.py
"""

from __future__ import annotations

from pathlib import Path

from aiortstream.operations import table

DOCUMENT = Path(__file__).parent.parent / "docs" / "operations.md"

if __name__ == "__main__":
    text = DOCUMENT.read_text(encoding="utf-8")
    by_hand = text[: text.index("| operation |")]
    DOCUMENT.write_text(by_hand + table(), encoding="utf-8")
