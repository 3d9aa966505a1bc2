"""Reading text in pictures, with a made-up engine and with the real one."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from aiortstream.local.ai import ocr
from aiortstream.local.ai.ocr import TextReader
from aiortstream.local.ai.protocols import BackendMissing, ModelError


class FakeEngine:
    def __init__(self, txts: tuple[str, ...] | None, scores: tuple[float, ...] | None) -> None:
        self.result = SimpleNamespace(txts=txts, scores=scores)
        self.images: list[Any] = []

    def __call__(self, image: Any, **_: bool) -> SimpleNamespace:
        self.images.append(image)
        return self.result


def test_unlikely_lines_and_single_letters_are_left_out_and_white_space_is_made_single() -> None:
    engine = FakeEngine(("Door  B ", "blur", "I", "--", "42", "|x|"), (0.99, 0.59, 0.99, 0.99, 0.6, 0.9))
    assert TextReader(load=lambda _: engine).read(np.zeros((9, 9, 3), np.uint8)) == ("Door B", "42")


def test_the_engine_is_given_blue_first() -> None:
    engine = FakeEngine(None, None)
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[..., 0] = 255
    assert TextReader(load=lambda _: engine).read(picture) == ()
    assert engine.images[0][0, 0].tolist() == [0, 0, 255]
    assert engine.images[0].flags.c_contiguous


def test_the_engine_is_made_once_with_the_threads_it_may_use() -> None:
    threads = list[int]()

    def load(count: int) -> FakeEngine:
        threads.append(count)
        return FakeEngine(None, None)

    reader = TextReader(cpu_threads=2, load=load)
    assert threads == []
    reader.load()
    reader.read(np.zeros((4, 4, 3), np.uint8))
    assert threads == [2]


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidocr", None)
    with pytest.raises(BackendMissing, match=r"'rapidocr'.*pip install 'aiortstream\[local\]'"):
        TextReader().load()


def test_a_package_without_its_models_would_download_them_and_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    package = SimpleNamespace(__file__=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(ocr, "import_backend", lambda *_, **__: package)
    with pytest.raises(ModelError, match=r"rapidocr>=3\.4"):
        TextReader().load()


def test_the_real_engine_reads_a_slide_and_a_clock_and_nothing_in_a_texture() -> None:
    pytest.importorskip("rapidocr", reason="pip install 'aiortstream[local-vision]'")
    reader = TextReader()
    image = Image.new("RGB", (1280, 720), (20, 60, 160))
    draw = ImageDraw.Draw(image)
    draw.text((100, 100), "Warehouse door B opened at night", font=ImageFont.load_default(48), fill="white")
    draw.text((1000, 640), "14:03:22", font=ImageFont.load_default(32), fill="yellow")
    assert reader.read(np.asarray(image)) == ("Warehouse door B opened at night", "14:03:22")

    clouds = np.random.default_rng(0).integers(0, 255, (9, 16, 3), dtype=np.uint8)
    smooth = Image.fromarray(clouds).resize((1280, 720), Image.Resampling.BICUBIC)
    assert reader.read(np.asarray(smooth)) == ()
    assert reader.read(np.asarray(image))[0].startswith("Warehouse")
