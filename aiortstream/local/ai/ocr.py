"""Reading the text in a picture on this machine: RapidOCR with the models inside its package."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aiortstream.local.ai.loading import Lazy, import_backend
from aiortstream.local.ai.protocols import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_PURPOSE = "reading text in pictures"
_EXTRA = "local-vision"

# The side that text is looked for at. Its default, 736 for the short side, takes three times as long and finds no
# more on slides and captions; letters are then read from the full picture either way.
_SEARCH_SIDE = 640
_LEAST_SCORE = 0.6
_LEAST_LETTERS = 2  # single letters are mostly window frames and fence posts


class TextReader:
    """English and Chinese text, upright: 0.07 s of one core for a 720p frame without text, 0.3 s for a slide."""

    def __init__(self, *, cpu_threads: int = 1, load: Callable[[int], Any] | None = None) -> None:
        """`load` makes the `rapidocr.RapidOCR` for a number of threads."""
        self._engine = Lazy(lambda: (load or _load)(cpu_threads))
        self._lock = threading.Lock()  # an engine serves one call at a time

    def load(self) -> None:
        """Load the models now. Raises `BackendMissing` without the package."""
        self._engine.get()

    def read(self, image: NDArray[np.uint8]) -> tuple[str, ...]:
        """The lines of text in an RGB picture, from top to bottom. Computes: call it on a thread."""
        with self._lock:
            result = self._engine.get()(np.ascontiguousarray(image[:, :, ::-1]), use_det=True, use_rec=True)
        lines = zip(result.txts or (), result.scores or (), strict=True)
        return tuple(
            " ".join(line.split())
            for line, score in lines
            if score >= _LEAST_SCORE and sum(map(str.isalnum, line)) >= _LEAST_LETTERS
        )


def _load(cpu_threads: int) -> Any:
    package = import_backend("rapidocr", purpose=_PURPOSE, extra=_EXTRA)
    models = Path(package.__file__ or "").parent / "models"
    if not any(models.glob("*det*.onnx")) or not any(models.glob("*rec*.onnx")):
        # It would download them.
        raise ModelError(f"{_PURPOSE} needs models that this version of rapidocr does not carry: install rapidocr>=3.4")
    engine = package.RapidOCR(
        params={
            "Global.log_level": "error",
            # Text in video stands upright: no need to ask a model about each line.
            "Global.use_cls": False,
            "Det.limit_side_len": _SEARCH_SIDE,
            "Det.limit_type": "max",
            "EngineConfig.onnxruntime.intra_op_num_threads": cpu_threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    # It loads its two models when they are first used, which would be in the middle of a stream.
    blank = np.zeros((48, 320, 3), np.uint8)
    engine(blank, use_det=True, use_rec=False)
    engine(blank, use_det=False, use_rec=True)
    return engine
