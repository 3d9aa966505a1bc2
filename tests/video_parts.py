"""Videos on a server in this process: models that understand the beeps in them, and what is on disk of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from core_fakes import FakeModels

from aiortstream.local.ai.protocols import Utterance, Word
from aiortstream.local.media import AudioChunk

SAID = {1: "Please fix the gate before Monday.", 3: "The dog barks at night. Nobody minds."}
"""What the beeps of `media_clips.sample("clip")` say, by the second they begin in."""


class BeepEndpointer:
    """Each beep is a stretch of speech."""

    def __init__(self) -> None:
        self._held: list[AudioChunk] = []

    def feed(self, chunk: AudioChunk) -> list[AudioChunk]:
        if np.abs(chunk.samples).max() > 0.1:
            self._held.append(chunk)
            return []
        return self.flush()

    def flush(self) -> list[AudioChunk]:
        held, self._held = self._held, []
        return [AudioChunk(held[0].start, np.concatenate([each.samples for each in held]))] if held else []


async def transcribe(models: FakeModels, speech: AudioChunk) -> Sequence[Utterance]:
    """The words of a beep, evenly over it."""
    models.called("transcribe")
    text = SAID[round((speech.start + speech.end) / 2 - 0.5)]
    words = text.split()
    step = (speech.end - speech.start) / len(words)
    timed = tuple(
        Word(word, speech.start + number * step, speech.start + (number + 1) * step)
        for number, word in enumerate(words)
    )
    return [Utterance(speech.start, speech.end, text, timed)]


def understand_beeps(models: FakeModels, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have these models hear what `SAID` says."""

    async def heard(speech: AudioChunk) -> Sequence[Utterance]:
        return await transcribe(models, speech)

    monkeypatch.setattr(models, "endpointer", BeepEndpointer)
    monkeypatch.setattr(models, "transcribe", heard)


def left_behind(data_dir: Path) -> list[str]:
    """The files of videos, uploads and reels in a data directory."""
    folders = (data_dir / name for name in ("videos", "uploads", "reels"))
    return sorted(str(each.relative_to(data_dir)) for folder in folders for each in folder.rglob("*") if each.is_file())
