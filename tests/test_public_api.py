"""The public surface: every name resolves, is documented, and is the same to the type checker and at run time."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import aiortstream
from aiortstream import errors, exceptions


def test_every_public_name_resolves() -> None:
    for name in aiortstream.__all__:
        assert getattr(aiortstream, name) is not None
    assert set(aiortstream.__all__) <= set(dir(aiortstream))


def test_the_lazy_names_are_those_that_type_checkers_see() -> None:
    tree = ast.parse(Path(aiortstream.__file__).read_text())
    (guarded,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {alias.name for node in guarded.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen | {"__version__"} == set(aiortstream.__all__)


def test_public_classes_and_methods_are_documented() -> None:
    missing = []
    for name in aiortstream.__all__:
        value = getattr(aiortstream, name)
        if inspect.isfunction(value) and not inspect.getdoc(value):
            missing.append(name)
        if not inspect.isclass(value) or not value.__module__.startswith("aiortstream"):
            continue
        for member, function in inspect.getmembers(value, lambda it: inspect.isroutine(it) or isinstance(it, property)):
            if not member.startswith("_") and not inspect.getdoc(function):
                missing.append(f"{name}.{member}")
        if not inspect.getdoc(value):
            missing.append(name)
    assert missing == []


def test_every_coroutine_says_what_cancelling_does() -> None:
    silent = []
    for name in (name for name in aiortstream.__all__ if inspect.isclass(getattr(aiortstream, name))):
        for member, function in inspect.getmembers(getattr(aiortstream, name), inspect.isfunction):
            gives = str(inspect.signature(function).return_annotation)
            if not (inspect.iscoroutinefunction(function) or gives.startswith("Job[")):
                continue
            text = inspect.getdoc(function) or ""
            if not member.startswith("_") and "ancel" not in text and "see `" not in text:
                silent.append(f"{name}.{member}")
    assert silent == []


def test_the_official_module_of_errors() -> None:
    for name in exceptions.__all__:
        assert getattr(exceptions, name) is getattr(errors, name)


def test_the_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn = errors.__doc__ or ""
    for name, value in vars(errors).items():
        if inspect.isclass(value) and issubclass(value, errors.VideodbError) and name not in ("Error", "ResponseError"):
            assert name in drawn, name


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(aiortstream, "no_such_name")
