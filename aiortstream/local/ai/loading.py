"""Packages and weights, loaded when they are first needed and only once, or an error that says what to install."""

from __future__ import annotations

import importlib
import os
import threading
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aiortstream.local.ai.protocols import BackendMissing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

T = TypeVar("T")


def import_backend(module: str, *, purpose: str, extra: str) -> ModuleType:
    """Import an optional package; `BackendMissing` names `extra`, and `aiortstream[local]` that brings everything."""
    # onnxruntime, which several of them import, reports its use to its maker unless this is set before it is loaded.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise BackendMissing(
            f"{purpose} needs the package {module.partition('.')[0]!r}, which cannot be imported ({error}): "
            f"pip install 'aiortstream[local]' (or, for this alone, 'aiortstream[{extra}]')"
        ) from error


class Lazy(Generic[T]):
    """A value made by the first thread that asks for it; the others wait for that one.

    A `make` that raises is tried again at the next `get`. Call it on a worker thread: making a model takes a while.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[T] | None = None  # in a tuple, since None may be the value

    def get(self) -> T:
        """The value, made now if it has not been yet."""
        with self._lock:
            if self._made is None:
                self._made = (self._make(),)
            return self._made[0]


def onnx_session(path: str | Path, *, threads: int, purpose: str, extra: str) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU that keeps to `threads` threads and gives its memory back."""
    runtime = import_backend("onnxruntime", purpose=purpose, extra=extra)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # The arena keeps the largest working set ever seen, for no gain in speed that could be measured.
    options.enable_cpu_mem_arena = False
    # Idle threads would spin on the cores that ingest needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return runtime.InferenceSession(str(path), sess_options=options, providers=["CPUExecutionProvider"])
