"""The same operations with the official SDK and with ours send the same, or the table says why not.

What the official SDK sent is recorded; where it can be installed, the recording itself is made again and compared.
"""

from __future__ import annotations

import ast
import inspect
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from differences import DIFFERENCES, page
from operations_in_both import HANDLES, KEY, OPERATIONS
from recording_server import RecordingServer
from test_official_sdks import python_with

from aiortstream import AsyncClient, InvalidArgumentError

HERE = Path(__file__).parent
RECORDED = HERE.parent / "data" / "requests" / "official-0.5.1.json"
PLAIN = {"get_shots"}  # calls that send nothing


class _Awaited(ast.NodeTransformer):
    """Puts `await` before every call that sends something: all that porting takes."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Attribute) and node.func.attr not in PLAIN:
            return ast.Await(node)
        return node


async def ours(text: str, names: dict[str, Any]) -> Any:
    """The value of an official expression, with our handles."""
    tree = ast.fix_missing_locations(_Awaited().visit(ast.parse(text, mode="eval")))
    code = compile(tree, text, "eval", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    found = eval(code, names)
    return await found if inspect.iscoroutine(found) else found


async def sent_by_us(operation: str) -> Any:
    """What an operation sends, or None where it is refused before."""
    with RecordingServer() as server:
        async with AsyncClient(KEY, base_url=server.url, max_retries=0) as conn:
            names: dict[str, Any] = {"conn": conn}
            for handle, text in HANDLES.items():
                names[handle] = await ours(text, names)
            server.take()
            try:
                await ours(operation, names)
            except InvalidArgumentError:
                assert server.take() == []
                return None
            return json.loads(json.dumps(server.take()))


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RECORDED.read_text())
    return found


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_what_we_send_is_what_the_official_sdk_sends(operation: str, recorded: dict[str, Any]) -> None:
    if operation in DIFFERENCES:
        assert await sent_by_us(operation) != recorded[operation]  # or it does not belong into the table
    else:
        assert await sent_by_us(operation) == recorded[operation]


def test_the_recording_and_the_table_are_of_these_operations(recorded: dict[str, Any]) -> None:
    assert recorded.keys() == set(OPERATIONS)
    assert DIFFERENCES.keys() <= set(OPERATIONS)
    assert len(OPERATIONS) == len(set(OPERATIONS)) > 80
    # A video's own stream is known from the video, so that nothing is asked for.
    assert [operation for operation in OPERATIONS if not recorded[operation]] == ["video.generate_stream()"]


def test_the_page_is_made_of_the_table() -> None:
    assert (HERE.parents[1] / "docs" / "differences.md").read_text() == page()


@pytest.mark.sdk
@pytest.mark.timeout(300)
def test_the_recording_is_what_the_official_sdk_sends(recorded: dict[str, Any]) -> None:
    done = subprocess.run(
        [python_with("0.5.1"), str(HERE / "operations_in_both.py")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == recorded
