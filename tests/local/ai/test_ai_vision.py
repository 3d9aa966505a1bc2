"""The built-in describer: what it looks at, what it remembers, what it says."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from aiortstream.local.ai.detector import Detection
from aiortstream.local.ai.executor import ModelExecutor
from aiortstream.local.ai.ocr import TextReader
from aiortstream.local.ai.protocols import BackendMissing, ModelError
from aiortstream.local.ai.vision import FrameDescriber
from aiortstream.local.media import Frame

Picture = NDArray[np.uint8]


@pytest.fixture
async def lane() -> AsyncIterator[ModelExecutor]:
    executor = ModelExecutor("vision")
    yield executor
    await executor.aclose()


class FakeReader:
    """Reads the number that a picture was painted with."""

    def __init__(self) -> None:
        self.loaded = False
        self.reads: list[str] = []

    def load(self) -> None:
        self.loaded = True

    def read(self, image: Picture) -> tuple[str, ...]:
        self.reads.append(f"level {image[0, 0, 0]}")
        return (self.reads[-1], "always")


class FakeDetector:
    """Sees as many people as it is told, picture by picture."""

    def __init__(self, *counts: int) -> None:
        self.counts = iter(counts)
        self.searched = 0

    def load(self) -> None:
        pass

    def detect(self, image: Picture) -> list[Detection]:
        self.searched += 1
        return [Detection("person", 0.9, (0, 0, 1, 1))] * next(self.counts)


def painted(level: int) -> Picture:
    """A picture of its own, not plain."""
    picture = np.full((360, 640, 3), level, np.uint8)
    picture[100:200, 100:300] = 255 - level
    return picture


def window(*levels: int) -> list[Frame]:
    return [Frame(100.0 + index * 0.4, painted(level)) for index, level in enumerate(levels)]


async def test_a_still_window_is_read_once_and_remembered_for_the_next(lane: ModelExecutor) -> None:
    reader = FakeReader()
    describer = FrameDescriber(lane, reader)
    first = await describer.describe(window(20, 20, 20, 20, 20), "Describe")
    second = await describer.describe(window(20, 20, 20), "Describe")
    assert reader.reads == ["level 20"]
    assert first.text == second.text
    assert first.text.startswith('Text on screen: "level 20", "always". ')
    assert first.text.endswith("; the picture did not change.")


async def test_of_a_changing_window_two_frames_are_read_and_lines_are_said_once(lane: ModelExecutor) -> None:
    reader = FakeReader()
    description = await FrameDescriber(lane, reader).describe(window(20, 60, 100, 140, 180), "Describe")
    assert reader.reads == ["level 20", "level 180"]
    assert description.metadata["ocr"] == ["level 20", "always", "level 180"]
    assert description.metadata["motion"] > 0.1
    assert "the picture changed" in description.text


async def test_a_plain_surface_is_not_read(lane: ModelExecutor) -> None:
    reader = FakeReader()
    black = Frame(1.0, np.zeros((360, 640, 3), np.uint8))
    description = await FrameDescriber(lane, reader).describe([black, black], "Describe")
    assert reader.reads == []
    assert description.text == "Dark picture, mostly black; the picture did not change."


async def test_an_object_must_be_seen_in_two_frames(lane: ModelExecutor) -> None:
    once = await FrameDescriber(lane, FakeReader(), FakeDetector(1, 0, 0)).describe(window(20, 60, 100), "Describe")
    assert once.metadata["objects"] == {}
    twice = await FrameDescriber(lane, FakeReader(), FakeDetector(2, 0, 3)).describe(window(20, 60, 100), "Describe")
    assert twice.metadata["objects"] == {"person": 2}
    assert "Likely: 2 people." in twice.text


async def test_a_single_frame_has_to_do(lane: ModelExecutor) -> None:
    description = await FrameDescriber(lane, FakeReader(), FakeDetector(1)).describe(window(20), "Describe")
    assert "Likely: a person." in description.text


async def test_at_most_three_frames_are_searched_and_like_pictures_once(lane: ModelExecutor) -> None:
    detector = FakeDetector(*[1] * 20)
    describer = FrameDescriber(lane, FakeReader(), detector)
    await describer.describe(window(*range(10, 250, 25)), "Describe")
    assert detector.searched == 3
    still = await describer.describe(window(60, 60, 60, 60, 60), "Describe")
    assert detector.searched == 4
    assert still.metadata["objects"] == {"person": 1}


async def test_a_prompt_for_json_gets_valid_json(lane: ModelExecutor) -> None:
    description = await FrameDescriber(lane, FakeReader()).describe(window(20, 20), "Return only valid JSON.")
    answer = json.loads(description.text)
    assert answer["text_on_screen"] == ["level 20", "always"]
    assert answer["changed"] is False
    assert description.metadata["ocr"] == ["level 20", "always"]


async def test_no_frames_are_an_error(lane: ModelExecutor) -> None:
    with pytest.raises(ModelError, match="no frames"):
        await FrameDescriber(lane, FakeReader()).describe([], "Describe")


async def test_loading_loads_the_parts_and_missing_packages_are_named(
    lane: ModelExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = FakeReader()
    await FrameDescriber(lane, reader, FakeDetector()).load()
    assert reader.loaded
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(BackendMissing, match=r"pip install 'aiortstream\[local\]'"):
        await FrameDescriber(lane, TextReader()).load()


def test_the_model_says_what_is_at_work() -> None:
    lane = ModelExecutor("vision")
    assert FrameDescriber(lane, FakeReader()).model == "builtin:ocr"
    assert FrameDescriber(lane, FakeReader(), FakeDetector()).model == "builtin:ocr+nanodet"


async def test_real_slides_are_read_and_a_still_one_costs_next_to_nothing(lane: ModelExecutor) -> None:
    pytest.importorskip("rapidocr", reason="pip install 'aiortstream[local-vision]'")

    def slide(text: str) -> Frame:
        image = Image.new("RGB", (1280, 720), (230, 230, 250))
        ImageDraw.Draw(image).text((100, 300), text, font=ImageFont.load_default(48), fill="black")
        return Frame(1.0, np.asarray(image))

    describer = FrameDescriber(lane, TextReader())
    await describer.load()
    closed, opened = slide("Warehouse door closed"), slide("Warehouse door opened")
    description = await describer.describe([closed, closed, opened], "Describe")
    assert description.metadata["ocr"] == ["Warehouse door closed", "Warehouse door opened"]

    started = time.process_time()
    again = await describer.describe([opened] * 5, "Describe")
    assert time.process_time() - started < 0.2
    assert again.metadata["ocr"] == ["Warehouse door opened"]
