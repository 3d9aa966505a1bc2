"""What is in the wheel and in the source distribution, built here."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import aiortstream

ROOT = Path(__file__).parent.parent.parent
LARGEST_WHEEL = 2_000_000  # bytes; the sample and a vocabulary are nearly all of it


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=ROOT, check=True, capture_output=True
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.Path:
    (path,) = built.glob("*.whl")
    assert path.name == f"aiortstream-{aiortstream.__version__}-py3-none-any.whl"
    assert path.stat().st_size < LARGEST_WHEEL
    return zipfile.Path(path)


def files(folder: str) -> set[str]:
    """The files under a folder of the checkout, as their paths in it."""
    paths = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(ROOT)) for path in paths}


def test_the_wheel_has_the_whole_package_and_nothing_else(wheel: zipfile.Path) -> None:
    inside = {name for name in wheel.root.namelist() if not name.endswith("/")}
    info = f"aiortstream-{aiortstream.__version__}.dist-info/"
    assert {name for name in inside if not name.startswith(info)} == files("aiortstream")
    assert {f"{info}licenses/LICENSE", f"{info}licenses/NOTICE"} <= inside


@pytest.mark.parametrize(
    "name",
    [
        "py.typed",
        "local/sample/sample.mp4",
        "local/sample/sample.json",
        "local/sample/LICENCES.md",
        "local/pages/player.html",
        "local/ai/data/bert-uncased-vocab.txt",
    ],
)
def test_what_is_not_code_is_in_the_wheel(wheel: zipfile.Path, name: str) -> None:
    assert (wheel / "aiortstream" / name).read_bytes() == (ROOT / "aiortstream" / name).read_bytes()


def test_the_wheel_says_what_it_is(wheel: zipfile.Path) -> None:
    info = wheel / f"aiortstream-{aiortstream.__version__}.dist-info"
    assert (info / "entry_points.txt").read_text() == (
        "[console_scripts]\naiortstream = aiortstream.cli:main\n"
        "\n[pytest11]\naiortstream = aiortstream.testing.plugin\n"
    )
    told = (info / "METADATA").read_text()
    assert "Requires-Python: >=3.11\n" in told
    assert "License-Expression: Apache-2.0\n" in told
    assert "# aiortstream" in told  # the README


def test_the_source_distribution_can_be_tested(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    for folder in ("aiortstream", "tests", "examples", "tools"):
        assert files(folder) <= inside
    assert {"Makefile", "README.md", "LICENSE", "NOTICE", "pyproject.toml"} <= inside
