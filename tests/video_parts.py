"""Videos on a server in this process: files to upload, and models that understand the beeps in them."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from core_fakes import FakeModels
from shell_parts import Shell, Told

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


async def post(shell: Shell, content: bytes, *, collection: str = "default", field: str = "file") -> tuple[str, Told]:
    """Post a file as the official SDK does; the URL it went to, and the answer."""
    url: str = (await shell.get(f"/collection/{collection}/upload_url?name=x")).data["upload_url"]
    form = aiohttp.FormData()
    form.add_field(field, BytesIO(content), filename="x", content_type="application/octet-stream")
    return url, await shell.call("POST", url, data=form)


async def add_video(shell: Shell, path: Path, *, collection: str = "default", **fields: Any) -> str:
    """A video made of a file, over HTTP; its id."""
    url, told = await post(shell, path.read_bytes(), collection=collection)  # noqa: ASYNC240 - a small file
    assert told.body["success"] is True, told
    made = await shell.post(f"/collection/{collection}/upload", {"url": url, "name": "Clip", **fields})
    identifier: str = made.data["id"]
    return identifier


def left_behind(data_dir: Path) -> list[str]:
    """The files of videos, uploads and reels in a data directory."""
    folders = (data_dir / name for name in ("videos", "uploads", "reels"))
    return sorted(str(each.relative_to(data_dir)) for folder in folders for each in folder.rglob("*") if each.is_file())
