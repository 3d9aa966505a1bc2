"""A sample stream that the package carries: five slides of a door camera with English speech, 36 seconds, to be looped.

    with LivePublisher(sample_path()) as publisher:     # a live camera for demonstrations and tests
        ...
    load_manifest().slide_at(12.5).text                 # ('CAMERA 1', 'DELIVERY VAN', 'ARRIVED', '08:15')

The manifest says what is seen and heard when, so that scenes and transcripts can be checked. Whose the sound is, and
under what terms, stands in `LICENCES.md` beside the file; `tools/make_sample.py` in the source tree makes both.
"""

from __future__ import annotations

import atexit
import functools
from contextlib import ExitStack
from importlib import resources
from pathlib import Path

import msgspec

__all__ = ["SampleManifest", "Slide", "Speech", "load_manifest", "sample_path"]


class Slide(msgspec.Struct, frozen=True):
    """One still picture, from `start` up to `end` in seconds of the file, but for a cloud that drifts across it.

    `text` is every line on it, from the top down. `colour` names the background, whose value is `rgb`; it is what the
    frame shows at its centre. `label` is a name for programs, such as `person_at_door`.
    """

    start: float
    end: float
    text: tuple[str, ...]
    colour: str
    rgb: tuple[int, int, int]
    label: str


class Speech(msgspec.Struct, frozen=True):
    """One stretch of speech: the voice is heard from `start` to `end`, in seconds of the file, and says `text`."""

    start: float
    end: float
    text: str


class SampleManifest(msgspec.Struct, frozen=True):
    """What the file shows and says. `duration` is in seconds, `fps` in frames a second; slides follow without a gap."""

    duration: float
    fps: int
    slides: tuple[Slide, ...]
    speech: tuple[Speech, ...]

    def slide_at(self, position: float) -> Slide:
        """The slide at a position in seconds. Positions past the end count on in the next round of a loop."""
        within = position % self.duration
        return next(slide for slide in self.slides if slide.start <= within < slide.end)


@functools.cache
def sample_path() -> Path:
    """The MP4 file. If the package is imported from an archive it is a copy, which lasts as long as the process."""
    keep = ExitStack()
    atexit.register(keep.close)
    return keep.enter_context(resources.as_file(resources.files(__name__) / "sample.mp4"))


@functools.cache
def load_manifest() -> SampleManifest:
    """What is seen and heard in the file, and when."""
    return msgspec.json.decode((resources.files(__name__) / "sample.json").read_bytes(), type=SampleManifest)
