"""docs/calls.md is one program: its blocks are run in order against the test kit's server."""

from __future__ import annotations

import ast
import re
from inspect import CO_COROUTINE
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from aiortstream.testing import ScriptedServer

PAGE = Path(__file__).parents[1] / "docs" / "calls.md"


async def test_the_page_holds_what_it_shows(capsys: pytest.CaptureFixture[str]) -> None:
    text = PAGE.read_text()
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))
    assert len(blocks) >= 6
    async with ScriptedServer() as server:
        names: dict[str, Any] = {"url": server.url, "__name__": "calls"}
        for block in blocks:
            parsed = ast.increment_lineno(ast.parse(block[1]), text[: block.start(1)].count("\n"))
            code = compile(parsed, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            running = FunctionType(code, names)()
            if code.co_flags & CO_COROUTINE:
                await running
    assert names["everything"] == ["Front door"]
    assert re.search(r"GET /rtstream/\{rtstream_id\} 200 0\.\d+ s, attempt 1", capsys.readouterr().out)
