"""Which models the local server uses: the built-in ones, or those of an OpenAI-compatible endpoint, tier by tier."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Mapping

TIERS = ("mini", "basic", "pro", "ultra")
DEFAULT_TIER = "basic"
BUILTIN = "builtin"

# Other names that clients use for a tier, in lower case.
_ALIASES = {"gpt4o": DEFAULT_TIER, "gpt-4o": DEFAULT_TIER, "default": DEFAULT_TIER}


class UnknownModel(ValueError):  # noqa: N818 - the name says what happened
    """A model name that no setting knows: the message lists those that there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """Settings of the models. With none of them everything is built in, offline, and needs no account.

    `endpoint_url` turns on an endpoint; each tier then needs a model name, or "builtin" to stay on this machine.
    Transcription and embeddings stay built in unless they are given a model of the endpoint, since many endpoints have
    neither. The judge uses `judge_model`, else what the tier "basic" uses.

    From the environment (`from_environment`):

        AIORTSTREAM_ENDPOINT_URL         what comes before /chat/completions, such as http://localhost:8000/v1
        AIORTSTREAM_ENDPOINT_API_KEY     its key, if it wants one
        AIORTSTREAM_MODEL                model of every tier that is not named by itself
        AIORTSTREAM_MODEL_MINI           model of the tier "mini", or "builtin"; also _BASIC, _PRO, _ULTRA
        AIORTSTREAM_TRANSCRIPTION_MODEL  model for speech to text
        AIORTSTREAM_EMBEDDING_MODEL      model for embeddings
        AIORTSTREAM_JUDGE_MODEL          model that judges event prompts, or "builtin"
        AIORTSTREAM_DETECTOR             path of a NanoDet ONNX file, for objects in the built-in descriptions
        AIORTSTREAM_WHISPER              folder of a CTranslate2 Whisper model, instead of the built-in tiny.en
        AIORTSTREAM_CPU_THREADS          threads of each built-in model, 1 by default
    """

    endpoint_url: str | None = None
    endpoint_api_key: str | None = field(default=None, repr=False)
    tiers: Mapping[str, str] = field(default_factory=dict)
    transcription_model: str | None = None
    embedding_model: str | None = None
    judge_model: str | None = None
    detector_path: Path | None = None
    whisper_path: Path | None = None
    cpu_threads: int = 1

    def __post_init__(self) -> None:
        """Raises ValueError for settings that contradict each other, saying which and what to do."""
        if unknown := sorted(self.tiers.keys() - set(TIERS)):
            raise ValueError(f"unknown model tiers {unknown}: expected are {', '.join(TIERS)}")
        if self.cpu_threads < 1:
            raise ValueError(f"cpu_threads must be 1 or more, got {self.cpu_threads}")
        if self.endpoint_url is None:
            self._refuse_models_without_endpoint()
            return
        url = URL(self.endpoint_url)
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError("endpoint_url must be an http or https URL such as http://localhost:8000/v1")
        if missing := [tier for tier in TIERS if not self.tiers.get(tier)]:
            raise ValueError(
                f"endpoint_url is set, but these tiers name no model: {', '.join(missing)}. Set AIORTSTREAM_MODEL for "
                f'all, AIORTSTREAM_MODEL_{missing[0].upper()} for one, or "{BUILTIN}" to keep it on this machine'
            )

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> ModelSettings:
        """Read the variables named above; empty ones count as absent. Raises ValueError naming the wrong one."""

        def value(name: str) -> str | None:
            return env.get(f"AIORTSTREAM_{name}", "").strip() or None

        def path(name: str) -> Path | None:
            given = value(name)
            return Path(given).expanduser() if given else None

        threads = value("CPU_THREADS") or "1"
        if not threads.isdecimal():
            raise ValueError(f"AIORTSTREAM_CPU_THREADS must be a whole number such as 1, got {threads!r}")
        tiers = {tier: value(f"MODEL_{tier.upper()}") or value("MODEL") for tier in TIERS}
        return cls(
            endpoint_url=value("ENDPOINT_URL"),
            endpoint_api_key=value("ENDPOINT_API_KEY"),
            tiers={tier: model for tier, model in tiers.items() if model},
            transcription_model=value("TRANSCRIPTION_MODEL"),
            embedding_model=value("EMBEDDING_MODEL"),
            judge_model=value("JUDGE_MODEL"),
            detector_path=path("DETECTOR"),
            whisper_path=path("WHISPER"),
            cpu_threads=int(threads),
        )

    def model_for(self, model_name: str | None) -> str:
        """The model behind a client's `model_name`: "builtin", or a name at the endpoint.

        Takes a tier, one of its aliases ("GPT4o"), None for the default, or the name of a configured model; upper and
        lower case are alike. Raises `UnknownModel`.
        """
        name = (model_name or DEFAULT_TIER).strip().lower()
        tier = _ALIASES.get(name, name)
        if tier in TIERS:
            return self.tiers.get(tier, BUILTIN)
        for model in (BUILTIN, *self.tiers.values()):
            if model.lower() == name:
                return model
        known = dict.fromkeys((*TIERS, BUILTIN, *self.tiers.values()))
        raise UnknownModel(f"unknown model_name {model_name!r}: expected one of {', '.join(known)}, or null")

    def _refuse_models_without_endpoint(self) -> None:
        named = {
            "transcription_model": self.transcription_model,
            "embedding_model": self.embedding_model,
            "judge_model": self.judge_model,
            **{f"tiers[{tier!r}]": model for tier, model in self.tiers.items()},
        }
        for setting, model in named.items():
            if model and model != BUILTIN:
                raise ValueError(
                    f"{setting} names the model {model!r}, but there is no endpoint: set AIORTSTREAM_ENDPOINT_URL"
                )
