"""Eight cameras that cannot be taken for each other: each has a colour, a name that is written on it, and words."""

from __future__ import annotations

import subprocess
import wave
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

FPS = 5
SIZE = (640, 360)
SECONDS = 12.0  # of a round: what is said takes three or four of them
SOUND_RATE = 44_100


@dataclass(frozen=True)
class Camera:
    """What a source shows and says; no word is another's."""

    colour: str
    rgb: tuple[int, int, int]
    animal: str
    """Written on the picture, after the colour."""
    sentence: str
    words: frozenset[str]
    """Of the sentence: recognition has to hear one of them, now and then: the voice is a machine's."""

    @property
    def written(self) -> str:
        """The text on the picture."""
        return f"{self.colour} {self.animal}".upper()


def _camera(colour: str, rgb: tuple[int, int, int], animal: str, sentence: str, words: str) -> Camera:
    return Camera(colour, rgb, animal, sentence, frozenset(words.split()))


CAMERAS = (
    _camera("red", (200, 20, 20), "elephant", "The kitchen is open on Monday.", "kitchen monday"),
    _camera("orange", (240, 140, 20), "tiger", "Seventeen people visited the museum.", "seventeen visited museum"),
    _camera("yellow", (235, 225, 40), "rabbit", "Please bring some coffee and sugar.", "coffee sugar"),
    _camera("green", (20, 140, 40), "monkey", "London is a very old city.", "london city"),
    _camera("cyan", (30, 200, 210), "dolphin", "My brother plays the guitar.", "brother plays guitar"),
    _camera("blue", (20, 40, 190), "horse", "The teacher reads a book in school.", "teacher reads book school"),
    _camera("purple", (130, 30, 160), "penguin", "Winter mountains are covered with snow.", "winter mountains snow"),
    _camera("white", (245, 245, 245), "spider", "The airplane landed in Chicago.", "airplane landed chicago"),
)


def write_camera(camera: Camera, folder: Path) -> Path:
    """A file of `SECONDS`, to be looped. Needs espeak-ng."""
    path = folder / f"{camera.colour}.mp4"
    sound = _spoken(camera.sentence, folder / f"{camera.colour}.wav")
    with av.open(str(path), "w") as out:
        pictures = out.add_stream("libx264", rate=FPS, options={"g": str(FPS), "preset": "ultrafast"})
        pictures.width, pictures.height = SIZE
        pictures.pix_fmt = "yuv420p"
        voice = out.add_stream("aac", rate=SOUND_RATE, layout="mono")
        image = _picture(camera)
        for index in range(int(SECONDS * FPS)):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(pictures.encode(frame))
        for first in range(0, len(sound), 1024):
            heard = av.AudioFrame.from_ndarray(sound[None, first : first + 1024], format="fltp", layout="mono")
            heard.rate, heard.pts, heard.time_base = SOUND_RATE, first, Fraction(1, SOUND_RATE)
            out.mux(voice.encode(heard))
        for stream in (pictures, voice):
            out.mux(stream.encode(None))
    return path


def _picture(camera: Camera) -> NDArray[np.uint8]:
    image = Image.new("RGB", SIZE, camera.rgb)
    bright = sum(camera.rgb) > 400
    font = ImageFont.load_default(size=72)
    draw = ImageDraw.Draw(image)
    for line, text in enumerate(camera.written.split()):
        draw.text((40, 60 + 110 * line), text, fill="black" if bright else "white", font=font)
    return np.asarray(image)


def _spoken(sentence: str, path: Path) -> NDArray[np.float32]:
    """The sentence in the middle of silence, `SECONDS` long."""
    subprocess.run(["/usr/bin/espeak-ng", "-v", "en-us", "-s", "140", "-w", str(path), sentence], check=True)
    with wave.open(str(path)) as file:
        rate = file.getframerate()
        raw = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
    times = np.arange(int(len(raw) * SOUND_RATE / rate)) * (rate / SOUND_RATE)
    voice = np.interp(times, np.arange(len(raw)), raw)
    whole = np.zeros(int(SECONDS * SOUND_RATE), np.float32)
    first = (len(whole) - len(voice)) // 2
    whole[first : first + len(voice)] = voice
    return whole
