"""Things in a picture, by NanoDet: an ONNX file of the user's, 416 x 416 pixels, the 80 classes of COCO.

The network answers with six tensors: for each of three strides the scores of every cell and class, and for every cell
and side of the box a distribution over eleven distances, in strides, whose mean is the distance from the cell's centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from aiortstream.local.ai.loading import Lazy, onnx_session
from aiortstream.local.ai.protocols import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

# fmt: off
COCO = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle",
    "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator",
    "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)
# fmt: on

SIDE = 416
_GREY = 114  # what fills up a picture that is not square
_DISTANCES = 11
_MEAN = np.array([103.53, 116.28, 123.675], np.float32)  # of blue, green, red
_SPREAD = np.array([57.375, 57.12, 58.395], np.float32)
_OVERLAP = 0.5  # two boxes of one class that overlap more are one thing

# On hand-labelled photographs: 14 right and 3 wrong labels at 0.40, 11 and 2 at 0.50, 11 and none at 0.55.
THRESHOLD = 0.55


@dataclass(frozen=True, slots=True)
class Detection:
    """One thing: `box` is left, top, right, bottom in pixels of the 416 x 416 picture."""

    label: str
    score: float
    box: tuple[float, float, float, float]


class ObjectDetector:
    """Large things in daylight, as a guess; crowds are under-counted. 45 ms of one core a frame."""

    def __init__(
        self,
        path: Path,
        *,
        cpu_threads: int = 1,
        threshold: float = THRESHOLD,
        load: Callable[[Path, int], Any] | None = None,
    ) -> None:
        """`load` makes the `onnxruntime.InferenceSession` from the path and the number of threads."""
        self._threshold = threshold
        self._session = Lazy(lambda: (load or _load)(path, cpu_threads))

    def load(self) -> None:
        """Load the weights now. Raises `ModelError` for a path that is no detector's."""
        self._session.get()

    def detect(self, image: NDArray[np.uint8]) -> list[Detection]:
        """The things in an RGB picture, most certain first. Computes: call it on a thread."""
        session = self._session.get()
        return decode(session.run(None, {session.get_inputs()[0].name: prepare(image)}), self._threshold)


def prepare(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """An RGB picture as the network's input: letterboxed, blue first, normalised, shape (1, 3, 416, 416)."""
    height, width = image.shape[:2]
    scale = SIDE / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    square = Image.new("RGB", (SIDE, SIDE), (_GREY, _GREY, _GREY))
    resized = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    square.paste(resized, ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    blue_first = np.asarray(square, np.float32)[:, :, ::-1]
    return np.ascontiguousarray(((blue_first - _MEAN) / _SPREAD).transpose(2, 0, 1)[None])


def decode(outputs: Sequence[NDArray[np.floating[Any]]], threshold: float) -> list[Detection]:
    """The network's six outputs, in any order, as detections. Raises `ModelError` if they are not NanoDet's."""
    shapes = [np.shape(output) for output in outputs]
    scores = {shape[-2]: output for shape, output in zip(shapes, outputs, strict=True) if shape[-1] == len(COCO)}
    sides = {shape[-2]: output for shape, output in zip(shapes, outputs, strict=True) if shape[-1] == 4 * _DISTANCES}
    if not scores or scores.keys() != sides.keys() or len(outputs) != len(scores) + len(sides):
        raise ModelError(
            f"the detector's outputs have shapes {shapes}; expected are NanoDet's: for each stride scores [1, n, 80] "
            "and boxes [1, n, 44]"
        )
    found: list[Detection] = []
    for cells in sorted(scores):
        found += _of_stride(np.reshape(scores[cells], (cells, -1)), np.reshape(sides[cells], (cells, -1)), threshold)
    return _without_duplicates(sorted(found, key=lambda detection: -detection.score))


def _of_stride(scores: NDArray[Any], sides: NDArray[Any], threshold: float) -> list[Detection]:
    columns = math.isqrt(len(scores))
    stride = SIDE / columns
    likely, classes = np.nonzero(scores >= threshold)
    logits = sides[likely].astype(np.float32).reshape(-1, 4, _DISTANCES)
    weights = np.exp(logits - logits.max(axis=2, keepdims=True))
    distances = (weights / weights.sum(axis=2, keepdims=True)) @ np.arange(_DISTANCES, dtype=np.float32) * stride
    x, y = (likely % columns + 0.5) * stride, (likely // columns + 0.5) * stride
    left, top, right, bottom = x - distances[:, 0], y - distances[:, 1], x + distances[:, 2], y + distances[:, 3]
    return [
        Detection(COCO[kind], float(score), (float(box[0]), float(box[1]), float(box[2]), float(box[3])))
        for kind, score, box in zip(
            classes, scores[likely, classes], np.stack((left, top, right, bottom), axis=1), strict=True
        )
    ]


def _without_duplicates(detections: list[Detection]) -> list[Detection]:
    """Of boxes of one class that overlap, the most certain one. Takes the most certain first."""
    kept: list[Detection] = []
    for detection in detections:
        if all(detection.label != other.label or _overlap(detection.box, other.box) <= _OVERLAP for other in kept):
            kept.append(detection)
    return kept


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Intersection over union."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return width * height / (sum(areas) - width * height)


def _load(path: Path, cpu_threads: int) -> Any:
    if not path.is_file():
        raise ModelError(f"there is no object detector at {path}: expected is the ONNX file of a NanoDet")
    try:
        session = onnx_session(path, threads=cpu_threads, purpose="finding objects", extra="local-vision")
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{path} cannot be loaded as an ONNX model: {error}") from error
    shape = session.get_inputs()[0].shape
    if len(session.get_inputs()) != 1 or list(shape[1:]) != [3, SIDE, SIDE]:
        raise ModelError(f"{path} takes {shape} as input; expected is a NanoDet of [1, 3, {SIDE}, {SIDE}]")
    return session
