"""Silero's voice activity model, run on a stream: its ONNX file comes inside faster-whisper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from aiortstream.local.ai.endpointing import BLOCK
from aiortstream.local.ai.loading import Lazy, import_backend, onnx_session
from aiortstream.local.ai.protocols import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_CONTEXT = 64  # samples of the block before that the model sees again
_PURPOSE = "finding speech"
_EXTRA = "local-speech"


def silero_session() -> Any:
    """The model itself, which has no memory: one is enough for all streams. Loads a file: call it on a thread."""
    package = import_backend("faster_whisper", purpose=_PURPOSE, extra=_EXTRA)
    files = sorted(Path(package.__file__ or "").parent.glob("assets/silero_vad*.onnx"))
    if not files:
        raise ModelError(f"{_PURPOSE} needs silero_vad*.onnx, which this version of faster-whisper does not carry")
    return onnx_session(files[-1], threads=1, purpose=_PURPOSE, extra=_EXTRA)


class SileroProbability:
    """The model with the memory of one stream: its recurrent state, and the end of the last block."""

    def __init__(self, session: Lazy[Any]) -> None:
        self._session = session
        self.reset()

    def reset(self) -> None:
        """Forget the sound so far."""
        self._state = np.zeros((1, 1, 128), np.float32)
        self._cell = np.zeros((1, 1, 128), np.float32)
        self._tail = np.zeros(_CONTEXT, np.float32)

    def __call__(self, blocks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Blocks of shape (n, 512) that continue the earlier ones -> n probabilities of speech."""
        assert blocks.ndim == 2
        assert blocks.shape[1] == BLOCK
        before = np.vstack((self._tail, blocks[:-1, -_CONTEXT:]))
        probabilities, self._state, self._cell = self._session.get().run(
            None, {"input": np.hstack((before, blocks)), "h": self._state, "c": self._cell}
        )
        self._tail = blocks[-1, -_CONTEXT:].copy()
        return np.asarray(probabilities, np.float32).reshape(-1)
