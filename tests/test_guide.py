"""The guide is one program: its blocks are run in order, on an embedded server and the bundled sample."""

from __future__ import annotations

import ast
import re
from inspect import CO_COROUTINE
from pathlib import Path
from types import FunctionType

import pytest

from aiortstream.local.ingest.publish import LivePublisher
from aiortstream.local.sample import sample_path

PAGE = Path(__file__).parents[1] / "docs" / "guide.md"


def code_of_the_page() -> list[tuple[int, str]]:
    """The blocks, each with the number of its first line."""
    text = PAGE.read_text()
    found = re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    return [(text[: each.start(1)].count("\n"), each[1]) for each in found]


@pytest.mark.timeout(120)
async def test_the_guide_holds_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = code_of_the_page()
    assert len(blocks) >= 12
    with LivePublisher(sample_path()) as camera:
        names = {"camera": camera.url, "sample": sample_path(), "__name__": "guide"}
        for line, block in blocks:
            parsed = ast.increment_lineno(ast.parse(block), line)
            code = compile(parsed, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            running = FunctionType(code, names)()
            if code.co_flags & CO_COROUTINE:
                await running
    shown = capsys.readouterr().out
    assert "there is no stream 'rts-none'" in shown
    assert re.search(r'only "time", got \'word\'', shown)
