"""The pytest plugin as users have it, and the page that shows it: its code is run as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def run_pytest(folder: Path, mode: str) -> subprocess.CompletedProcess[str]:
    (folder / "pytest.ini").write_text(
        f"[pytest]\nasyncio_mode = {mode}\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
    )
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(folder)],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=50,
        check=False,
    )


def test_the_page_on_testing_holds_what_it_shows(tmp_path: Path) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 6
    (tmp_path / "test_page.py").write_text("\n\n".join(blocks))
    done = run_pytest(tmp_path, "auto")
    assert done.returncode == 0, done.stdout + done.stderr
    shown = sum(block.count("async def test_") + block.count("parametrize") for block in blocks)  # each with two values
    assert f"{shown} passed" in done.stdout


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_the_fixtures_work_in_both_modes_of_pytest_asyncio(tmp_path: Path, mode: str) -> None:
    (tmp_path / "test_modes.py").write_text(
        "import pytest\n"
        "@pytest.mark.asyncio\n"
        "async def test_it(aiortstream_client, aiortstream_server, aiortstream_faults, aiortstream_oracle):\n"
        "    assert await aiortstream_client.list_events() == []\n"
        "    assert aiortstream_server.requests == ['GET /rtstream/event']\n"
        "    assert aiortstream_oracle.check() == []\n"
    )
    done = run_pytest(tmp_path, mode)
    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_the_clock_of_a_test_is_that_of_its_server_and_client(tmp_path: Path) -> None:
    (tmp_path / "test_clock.py").write_text(
        "async def test_with(aiortstream_client, aiortstream_server, aiortstream_clock):\n"
        "    stream = aiortstream_client.rtstream(aiortstream_server.add_stream())\n"
        "    async with stream.watch_transcript() as segments:\n"
        "        aiortstream_server.emit_transcript(stream.id, 'late', late=30)\n"
        "        await aiortstream_clock.advance(29)\n"
        "        assert aiortstream_server.emitted == []\n"
        "        assert (await aiortstream_clock.advance_until(anext(segments))).text == 'late'\n"
        "    assert aiortstream_clock.time() - aiortstream_server.emitted[0].end >= 30\n"
        "async def test_without(aiortstream_server):\n"
        "    import time\n"
        "    made = aiortstream_server.emit_transcript(aiortstream_server.add_stream(), 'now')\n"
        "    assert abs(made.end - time.time()) < 5\n"
    )
    done = run_pytest(tmp_path, "auto")
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_the_kit_does_without_the_embedded_server() -> None:
    code = (
        "import sys, importlib, pkgutil, aiortstream.testing as kit\n"
        "sys.modules['aiortstream.local'] = None\n"
        "for module in pkgutil.iter_modules(kit.__path__):\n"
        "    importlib.import_module(f'aiortstream.testing.{module.name}')\n"
        "assert all(getattr(kit, name) for name in kit.__all__)\n"
        "assert not {'av', 'numpy', 'typer', 'onnxruntime'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr


def test_the_example_of_a_bot_passes_its_own_tests(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "test_my_bot.py"
    (tmp_path / example.name).write_text(example.read_text())
    done = run_pytest(tmp_path, "strict")
    shown = example.read_text().count("async def test_")
    assert f"{shown} passed" in done.stdout, done.stdout + done.stderr


def test_the_plugin_imports_nothing_until_it_is_asked() -> None:
    code = (
        "import sys, aiortstream.testing.plugin; print('aiohttp' in sys.modules, 'aiortstream.client' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.split() == ["False", "False"]
