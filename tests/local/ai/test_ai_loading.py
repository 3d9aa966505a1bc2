"""Loading once, on demand; saying what to install."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from aiortstream.local.ai.loading import Lazy, import_backend
from aiortstream.local.ai.protocols import BackendMissing


def test_many_threads_make_the_value_once() -> None:
    together, made = threading.Barrier(8), list[object]()

    def make() -> object:
        made.append(object())
        return made[-1]

    lazy = Lazy(make)

    def get() -> object:
        together.wait(timeout=10)
        return lazy.get()

    with ThreadPoolExecutor(8) as pool:
        values = {id(value) for value in pool.map(lambda _: get(), range(8))}

    assert len(made) == 1
    assert values == {id(made[0])}


def test_nothing_is_made_before_it_is_asked_for() -> None:
    made = list[int]()
    Lazy(lambda: made.append(1))
    assert made == []


def test_none_is_a_value_like_any_other() -> None:
    made = list[int]()
    lazy: Lazy[None] = Lazy(lambda: made.append(1))
    lazy.get()
    lazy.get()
    assert made == [1]


def test_a_failure_is_not_remembered() -> None:
    answers = iter([OSError("disk"), "weights"])

    def make() -> object:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    lazy = Lazy(make)
    with pytest.raises(OSError, match="disk"):
        lazy.get()
    assert lazy.get() == "weights"


def test_a_missing_package_names_itself_its_purpose_and_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(BackendMissing) as caught:
        import_backend("rapidocr", purpose="reading text", extra="local-vision")
    message = str(caught.value)
    assert "reading text needs the package 'rapidocr'" in message
    assert "pip install 'aiortstream[local]'" in message
    assert "aiortstream[local-vision]" in message


def test_loading_onnxruntime_reports_to_nobody(tmp_path: Path) -> None:
    """Its telemetry, where it is on, keeps a session file in the temporary folder from the moment it is imported."""
    code = (
        "from aiortstream.local.ai.loading import import_backend\n"
        "import_backend('onnxruntime', purpose='a test', extra='local')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", code], check=True, env={**environment, "TMPDIR": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []
