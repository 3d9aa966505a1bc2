"""Eight sources of colours and tones of their own at once: whatever is said of one is said of that one alone.

The models are fakes that tell a colour and a tone, all else is real: files are played and decoded, records go through
the database, the websocket and webhooks. `tests/media/test_media_isolation.py` does the same with the real models.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from core_fakes import FakeModels
from isolation_run import check_places, observe, receiving
from numpy.typing import NDArray
from video_parts import BeepEndpointer

from aiortstream import AsyncClient
from aiortstream.local.ai.protocols import Description, Utterance, Word
from aiortstream.local.ingest.source import file_url
from aiortstream.local.media import AudioChunk, Frame

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "yellow": (255, 255, 0),
    "cyan": (0, 255, 255),
    "magenta": (255, 0, 255),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}
TONES = {name: 400 + 300 * number for number, name in enumerate(COLOURS)}  # Hz
FPS = 5
SOUND_RATE = 16_000
HEARD_RATE = 16_000  # of the chunks that models get


class TellingModels(FakeModels):
    """Models that say the colour they see and the tone they hear."""

    def endpointer(self) -> BeepEndpointer:  # type: ignore[override]
        return BeepEndpointer()

    async def describe(self, frames: Sequence[Frame], prompt: str) -> Description:
        await asyncio.sleep(0)  # others have their turn in between, as with real ones
        shown = frames[-1].image.reshape(-1, 3).mean(axis=0)
        name = min(COLOURS, key=lambda each: float(np.abs(shown - COLOURS[each]).sum()))
        return Description(f"the picture is {name}", {"colour": name})

    async def transcribe(self, speech: AudioChunk) -> Sequence[Utterance]:
        await asyncio.sleep(0)
        spectrum = np.abs(np.fft.rfft(speech.samples))
        heard = float(spectrum.argmax()) * HEARD_RATE / len(speech.samples)
        name = min(TONES, key=lambda each: abs(heard - TONES[each]))
        return [Utterance(speech.start, speech.end, name, (Word(name, speech.start, speech.end),))]

    async def aclose(self) -> None:
        """Nothing is open."""


def write_source(name: str, folder: Path) -> Path:
    """Two seconds of a colour, with its tone for half of each."""
    path = folder / f"{name}.mp4"
    with av.open(str(path), "w") as out:
        pictures = out.add_stream("libx264", rate=FPS, options={"g": str(FPS), "preset": "ultrafast"})
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuv420p"
        sound = out.add_stream("aac", rate=SOUND_RATE, layout="mono")
        image = np.full((48, 64, 3), COLOURS[name], np.uint8)
        for index in range(2 * FPS):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(pictures.encode(frame))
        for first in range(0, 2 * SOUND_RATE, 1024):
            heard = av.AudioFrame.from_ndarray(_tone(name, first), format="fltp", layout="mono")
            heard.rate, heard.pts, heard.time_base = SOUND_RATE, first, Fraction(1, SOUND_RATE)
            out.mux(sound.encode(heard))
        for stream in (pictures, sound):
            out.mux(stream.encode(None))
    return path


def _tone(name: str, first: int) -> NDArray[np.float32]:
    times = np.arange(first, first + 1024) / SOUND_RATE
    return (np.sin(2 * np.pi * TONES[name] * times) * 0.5 * (times % 1 < 0.5))[None].astype(np.float32)


async def test_what_is_said_of_a_stream_is_said_of_it_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiortstream.local.server.Models", lambda _: TellingModels())
    sources = {name: file_url(write_source(name, tmp_path), loop=True) for name in COLOURS}
    events = {name: f"the picture is {name}" for name in COLOURS}
    async with receiving() as receiver, AsyncClient.local(tmp_path / "data") as client, asyncio.timeout(40):
        said = await observe(client, receiver, sources, events, scenes=2)
        check_places(said)
        for name, each in said.items():
            assert {scene.text for scene in [*each.scenes, *each.rest_scenes]} == {f"the picture is {name}"}
            assert {segment.text for segment in [*each.segments, *each.rest_segments]} == {name}
            assert all(name in (alert.text or "") for alert in each.alerts)
            assert all(name in (firing.explanation or "") for firing in each.logged)
            assert all(name in body["explanation"] for body in each.posted)
            (best, *_) = (await client.search(f"the picture is {name}", namespace="rtstream")).get_shots()
            assert (best.rtstream_id, best.rtstream_name) == (each.stream.id, name)
            everywhere = await client.search("the picture", namespace="rtstream", result_threshold=50)
            ids = {other.stream.id: other_name for other_name, other in said.items()}
            assert all(shot.text == f"the picture is {ids[shot.rtstream_id]}" for shot in everywhere)
            within = await each.stream.search("the picture is", result_threshold=50)
            assert {shot.text for shot in within} == {f"the picture is {name}"}
