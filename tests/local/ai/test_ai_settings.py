"""Settings of the models: from the environment, checked, and from a client's model name to a model."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from aiortstream.local.ai.settings import TIERS, ModelSettings, UnknownModel

URL = "http://127.0.0.1:8000/v1"


def test_nothing_set_is_everything_built_in() -> None:
    settings = ModelSettings.from_environment({})
    assert settings == ModelSettings()
    assert {settings.model_for(name) for name in (None, *TIERS)} == {"builtin"}


def test_everything_can_be_set() -> None:
    settings = ModelSettings.from_environment(
        {
            "AIORTSTREAM_ENDPOINT_URL": URL,
            "AIORTSTREAM_ENDPOINT_API_KEY": "sk-1",
            "AIORTSTREAM_MODEL": "medium",
            "AIORTSTREAM_MODEL_MINI": "builtin",
            "AIORTSTREAM_MODEL_ULTRA": " Huge ",
            "AIORTSTREAM_TRANSCRIPTION_MODEL": "whisper-1",
            "AIORTSTREAM_EMBEDDING_MODEL": "embed-3",
            "AIORTSTREAM_JUDGE_MODEL": "judge",
            "AIORTSTREAM_DETECTOR": "/models/nanodet.onnx",
            "AIORTSTREAM_WHISPER": "~/whisper",
            "AIORTSTREAM_CPU_THREADS": "2",
            "AIORTSTREAM_UNRELATED": "x",
        }
    )
    assert settings == ModelSettings(
        endpoint_url=URL,
        endpoint_api_key="sk-1",
        tiers={"mini": "builtin", "basic": "medium", "pro": "medium", "ultra": "Huge"},
        transcription_model="whisper-1",
        embedding_model="embed-3",
        judge_model="judge",
        detector_path=Path("/models/nanodet.onnx"),
        whisper_path=Path.home() / "whisper",
        cpu_threads=2,
    )


def test_every_variable_that_is_read_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    read = set[str]()

    class Environment(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            read.add(key)
            return default

    ModelSettings.from_environment(Environment())
    documented = set(re.findall(r"AIORTSTREAM_[A-Z_]+", ModelSettings.__doc__ or ""))
    assert read == documented | {f"AIORTSTREAM_MODEL_{tier.upper()}" for tier in TIERS}


def test_empty_variables_count_as_absent() -> None:
    assert ModelSettings.from_environment({"AIORTSTREAM_ENDPOINT_URL": " ", "AIORTSTREAM_MODEL": ""}) == ModelSettings()


def test_the_key_is_not_in_the_repr() -> None:
    settings = ModelSettings(endpoint_url=URL, endpoint_api_key="sk-secret", tiers=dict.fromkeys(TIERS, "m"))
    assert "sk-secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        (None, "medium"),
        ("", "medium"),
        ("basic", "medium"),
        ("BASIC", "medium"),
        ("GPT4o", "medium"),
        ("default", "medium"),
        ("mini", "builtin"),
        ("ultra", "Huge"),
        ("huge", "Huge"),
        ("builtin", "builtin"),
    ],
)
def test_clients_names_lead_to_models(name: str | None, model: str) -> None:
    tiers = {"mini": "builtin", "basic": "medium", "pro": "medium", "ultra": "Huge"}
    assert ModelSettings(endpoint_url=URL, tiers=tiers).model_for(name) == model


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    settings = ModelSettings(endpoint_url=URL, tiers=dict.fromkeys(TIERS, "medium"))
    with pytest.raises(
        UnknownModel, match=r"'gpt-9': expected one of mini, basic, pro, ultra, builtin, medium, or null"
    ):
        settings.model_for("gpt-9")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tiers": {"micro": "x"}}, r"unknown model tiers \['micro'\]: expected are mini, basic, pro, ultra"),
        ({"cpu_threads": 0}, "cpu_threads must be 1 or more, got 0"),
        ({"endpoint_url": "localhost:8000"}, "endpoint_url must be an http or https URL"),
        ({"endpoint_url": URL}, "name no model: mini, basic, pro, ultra. Set AIORTSTREAM_MODEL "),
        ({"endpoint_url": URL, "tiers": {"basic": "m"}}, "AIORTSTREAM_MODEL_MINI for one"),
        ({"tiers": {"pro": "gpt"}}, r"tiers\['pro'\] names the model 'gpt', but there is no endpoint"),
        ({"judge_model": "gpt"}, "judge_model names the model 'gpt', but there is no endpoint"),
        ({"transcription_model": "whisper-1"}, "set AIORTSTREAM_ENDPOINT_URL"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ModelSettings(**settings)


def test_threads_that_are_no_number_are_refused() -> None:
    with pytest.raises(ValueError, match="AIORTSTREAM_CPU_THREADS must be a whole number such as 1, got 'many'"):
        ModelSettings.from_environment({"AIORTSTREAM_CPU_THREADS": "many"})


def test_builtin_needs_no_endpoint() -> None:
    assert ModelSettings(tiers={"pro": "builtin"}, judge_model="builtin").model_for("pro") == "builtin"
