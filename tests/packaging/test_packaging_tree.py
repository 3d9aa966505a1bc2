"""What must stand in no file of the tree."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LARGEST = 500_000  # bytes of one file

# Put together here, so that this file passes itself.
FORBIDDEN = {
    "a path of one machine": re.compile(
        "(?<![\\w.])/(?:" + "|".join(("wo" + "rk", "ro" + "ot", "tmp/" + "w", "opt/" + "pypi")) + ")/"
    ),
    "a package registry": re.compile(
        "|".join(("py" + r"pi\.org", "pythonhos" + "ted", r"registry\.np" + "mjs", r"deb\.deb" + "ian"))
    ),
    "unfinished work": re.compile(r"\b(?:" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b"),
    "a conflict": re.compile("^(?:" + "<" * 7 + "|" + ">" * 7 + ")", re.MULTILINE),
    "a key": re.compile("-----BEGIN " + "[A-Z ]*PRIVATE KEY"),
}


def tracked() -> list[Path]:
    """The files under version control."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).exists()]


def text(path: Path) -> str:
    """Its text, or nothing where it has none."""
    try:
        return path.read_text()
    except UnicodeDecodeError:
        return ""


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_has(what: str) -> None:
    found = {
        f"{path.relative_to(ROOT)}:{content[: match.start()].count(chr(10)) + 1}": match.group()
        for path in tracked()
        for content in [text(path)]
        for match in FORBIDDEN[what].finditer(content)
    }
    assert found == {}


def test_files_are_small() -> None:
    assert [path.name for path in tracked() if path.stat().st_size > LARGEST] == []


def test_scripts_can_be_run() -> None:
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_modules_of_tests_have_names_of_their_own() -> None:
    """They are imported by their names, without packages around them."""
    modules = Counter(path.name for path in (ROOT / "tests").rglob("*.py"))
    assert [name for name, count in modules.items() if count > 1] == []
