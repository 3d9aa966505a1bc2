"""What the local server asks of models, and nothing about how they answer.

Five small protocols; the built-in models and the OpenAI-compatible ones both satisfy them. Every method is a
coroutine that may be cancelled at any time: a cancelled call gives its result to nobody. A model that fails raises
`ModelError`; one whose packages are not installed raises `BackendMissing`, which says what to install.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from aiortstream.local.media import AudioChunk, Frame


class ModelError(Exception):
    """A model could not answer: the message says which and why."""


class BackendMissing(ModelError):  # noqa: N818 - the name says what happened
    """A model was asked for whose packages are not installed: the message names the extra that brings them."""


@dataclass(frozen=True, slots=True)
class Word:
    """One spoken word; times are unix seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was said in a stretch of speech; times are unix seconds, `words` may be empty."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """What is seen in a window: `text` for people and for search, `metadata` for programs (JSON values only)."""

    text: str
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an event prompt holds for a record: `confidence` in [0, 1], `explanation` in a sentence."""

    triggered: bool
    confidence: float
    explanation: str


class Transcriber(Protocol):
    """Speech to text."""

    @property
    def model(self) -> str:
        """Name of the model, kept with what it writes."""

    @property
    def languages(self) -> frozenset[str] | None:
        """The languages it knows, as ISO 639-1 codes; None if it finds out by itself which one is spoken."""

    async def transcribe(self, speech: AudioChunk) -> Sequence[Utterance]:
        """The utterances in one stretch of speech, in order, times on the clock of `speech`; empty for none."""


class Describer(Protocol):
    """Pictures to text."""

    @property
    def model(self) -> str:
        """Name of the model, kept with what it writes."""

    async def describe(self, frames: Sequence[Frame], prompt: str) -> Description:
        """Describe one window of one to some ten frames, oldest first, as `prompt` asks."""


class Summariser(Protocol):
    """Text to shorter text."""

    @property
    def model(self) -> str:
        """Name of the model, kept with what it writes."""

    async def summarise(self, text: str, prompt: str) -> str:
        """Summarise a stretch of transcript as `prompt` asks."""


class Embedder(Protocol):
    """Text to vectors."""

    @property
    def model(self) -> str:
        """Name of the model, kept with its vectors: vectors of different models are never compared."""

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, shape (len(texts), dimensions)."""


class Judge(Protocol):
    """Whether what a record says is what an event is about."""

    @property
    def model(self) -> str:
        """Name of the model, kept with what it decides."""

    async def judge(self, event_prompt: str, label: str, record: str) -> Verdict:
        """Judge one record's text against an event's prompt and label."""
