"""What is asked of an understanding: its segmentation and its one analyzer, checked and with defaults filled in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiortstream.local.services.errors import BadRequest
from aiortstream.local.services.indexes import LARGEST_PROMPT
from aiortstream.local.services.lookup import check_name

_WINDOW = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(s|sec|m|min)", re.ASCII)
_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60}
_PROMPT = "Describe the scene"


@dataclass(frozen=True, slots=True)
class Analysis:
    """Windows of `seconds`, each described by `frame_count` pictures, if that is given."""

    window: str
    seconds: float
    name: str
    frame_count: Any
    prompt: str
    model: str | None

    def extraction_config(self) -> dict[str, Any]:
        """The same in the words of a scene index."""
        return {"time": self.seconds, "frame_count": self.frame_count}

    def segmentation(self) -> dict[str, Any]:
        """As the wire gives it back."""
        return {"type": "time", "window": self.window}

    def analyzer(self) -> dict[str, Any]:
        """As the wire gives it back."""
        sampling = {} if self.frame_count is None else {"sampling": {"frame_count": int(self.frame_count)}}
        config = {"prompt": self.prompt} | ({} if self.model is None else {"model": self.model})
        return {"type": "vlm", "name": self.name, **sampling, "config": config}


def read_analysis(segmentation: Mapping[str, Any], analyzers: Sequence[Mapping[str, Any]]) -> Analysis:
    """Understand both. Raises BadRequest, which names the field. Limits of numbers are those of scene indexes."""
    _known("segmentation", segmentation, ("type", "window"))
    if segmentation.get("type") not in (None, "time"):
        raise BadRequest(f"segmentation.type: streams are cut by 'time' only, got {segmentation['type']!r}")
    window = segmentation.get("window")
    window = "10s" if window is None else window
    matched = _WINDOW.fullmatch(window) if isinstance(window, str) else None
    if matched is None:
        raise BadRequest(f"segmentation.window: expected text with a unit such as '10s' or '1m', got {window!r}")
    if len(analyzers) != 1:
        raise BadRequest(f"analyzers: expected exactly one, of type 'vlm', got {len(analyzers)}")
    analyzer = analyzers[0]
    _known("analyzers[0]", analyzer, ("type", "name", "sampling", "config"))
    if analyzer.get("type") != "vlm":
        raise BadRequest(f"analyzers[0].type: streams have 'vlm' only, got {analyzer.get('type')!r}")
    sampling = _object(analyzer, "sampling", ("frame_count", "frameCount"))
    config = _object(analyzer, "config", ("prompt", "model", "model_name"))
    name = _text(analyzer.get("name"), "analyzers[0].name") or "scene"
    check_name("analyzers[0].name", name)
    prompt = _text(config.get("prompt"), "analyzers[0].config.prompt") or _PROMPT
    if not prompt.strip() or len(prompt) > LARGEST_PROMPT:
        raise BadRequest(f"analyzers[0].config.prompt: expected 1 to {LARGEST_PROMPT} characters")
    model = _text(config.get("model", config.get("model_name")), "analyzers[0].config.model")
    frame_count = sampling.get("frame_count", sampling.get("frameCount"))
    if frame_count is not None and (isinstance(frame_count, bool) or not isinstance(frame_count, int)):
        raise BadRequest(f"analyzers[0].sampling.frame_count: expected a whole number, got {frame_count!r}")
    seconds = float(matched[1]) * _SECONDS[matched[2]]
    return Analysis(window, seconds, name, frame_count, prompt, model)


def _object(analyzer: Mapping[str, Any], name: str, known: Sequence[str]) -> Mapping[str, Any]:
    value = analyzer.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise BadRequest(f"analyzers[0].{name}: expected an object, got {value!r}")
    _known(f"analyzers[0].{name}", value, known)
    return value


def _known(where: str, value: Mapping[str, Any], known: Sequence[str]) -> None:
    if unknown := sorted(set(value) - set(known)):
        raise BadRequest(f"{where}: expected the keys {', '.join(known)}, got {unknown[0]!r}")


def _text(value: object, where: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise BadRequest(f"{where}: expected text, got {value!r}")
    return value
