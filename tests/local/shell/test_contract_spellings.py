"""What sources spell in two ways is taken in both, and given in both where it can be."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from contract_parts import Scenery, open_scenery
from core_fakes import T0

from aiortstream.local.store import scenes

STREAM = "/rtstream/{rtstream_id}"
ALERT = STREAM + "/index/{index_id}/alert"


@pytest.fixture
async def scenery(tmp_path: Path) -> AsyncIterator[Scenery]:
    async with open_scenery(tmp_path) as opened:
        yield opened


async def asked(scenery: Scenery, method: str, path: str, body: Any = None) -> Any:
    """The data of an answer that must be a success."""
    told = await scenery.shell.call(method, scenery.path(path), body)
    assert told.status in (200, 201), (body, told)
    return told.body.get("data")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"action": "disable"}, "disabled"),
        ({"status": "disabled"}, "disabled"),
        ({"action": "disable", "status": None}, "disabled"),
        ({"action": None, "status": "enabled"}, "enabled"),
        ({"action": "enable"}, "enabled"),
    ],
)
async def test_an_alert_is_switched_by_either_name(scenery: Scenery, body: dict[str, Any], status: str) -> None:
    await asked(scenery, "PATCH", ALERT + "/{alert_id}/status", body)
    ((alert),) = (await asked(scenery, "GET", ALERT))["alerts"]
    assert alert["status"] == status


@pytest.mark.parametrize("prefix", ["", "event-"])
async def test_an_event_is_known_with_the_prefix_of_callbacks_too(scenery: Scenery, prefix: str) -> None:
    await asked(scenery, "POST", ALERT, {"event_id": prefix + scenery.ids["event_id"]})
    alerts = (await asked(scenery, "GET", ALERT))["alerts"]
    assert {alert["event_id"] for alert in alerts} == {scenery.ids["event_id"]}


@pytest.mark.parametrize("engine", [None, "assemblyai", "default", "AAIS"])
async def test_an_engine_is_taken_under_every_name_of_the_service(scenery: Scenery, engine: str | None) -> None:
    await asked(scenery, "POST", STREAM + "/transcription", {"action": "start", "engine": engine})
    page = await asked(scenery, "GET", STREAM + "/transcription" + (f"?engine={engine}" if engine else ""))
    assert page["transcription_records"] == []
    assert (await asked(scenery, "POST", STREAM + "/transcription", {"action": "stop", "engine": engine}))[
        "status"
    ] == "stopped"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"extraction_type": None, "extraction_config": None},
        {"extraction_type": "time"},
        {"extraction_type": "time_based"},
        {"extraction_type": "time", "extraction_config": {"time": 2, "frame_count": 5}},
        {"extraction_type": "time", "extraction_config": {"time": "2", "frame_count": "5"}},
        {"extraction_type": "time_based", "extraction_config": {}},
    ],
)
async def test_an_index_of_pictures_is_asked_for_in_every_way(scenery: Scenery, body: dict[str, Any]) -> None:
    made = await asked(scenery, "POST", STREAM + "/index/scene", {"prompt": "Seen", **body})
    assert made["extraction_config"] == {"time": "2", "frame_count": "5"}  # in text, as the service gives them


@pytest.mark.parametrize("shape", ["list", "object", "vendor"])
async def test_shots_are_put_together_in_every_form(scenery: Scenery, shape: str) -> None:
    one = {"video_id": scenery.ids["video_id"], "collection_id": "default", "shots": [[0, 1]]}
    bodies: dict[str, Any] = {
        "list": [one],
        "object": {"inputs": [one]},
        "vendor": {"inputs": [{"media_id": scenery.ids["video_id"], "start_time": 0, "end_time": 1}]},
    }
    assert set(await asked(scenery, "POST", "/compile", bodies[shape])) == {"stream_url", "player_url"}


@pytest.mark.parametrize("extra", [{}, {"scene_index_id": None}, {"scene_index_id": "{index_id}"}, {"filter": []}])
async def test_a_search_needs_no_index(scenery: Scenery, extra: dict[str, Any]) -> None:
    filled = {name: value.format(**scenery.ids) if isinstance(value, str) else value for name, value in extra.items()}
    assert (await asked(scenery, "POST", STREAM + "/search", {"query": "door", **filled}))["results"] == []


@pytest.mark.parametrize("end", ["{}", "{}.0", "{}.25", "{}000", "{}000000"])
async def test_times_are_taken_in_every_unit(scenery: Scenery, end: str) -> None:
    query = f"?start={T0}&end={end.format(int(T0) + 5)}"
    assert (await asked(scenery, "GET", STREAM + "/stream" + query))["player_url"]


async def test_the_text_of_a_scene_comes_under_both_names(scenery: Scenery) -> None:
    index_id = scenery.ids["index_id"]
    at = int(T0 * 1000)
    await scenery.shell.core.db.run(
        lambda conn: scenes.add(
            conn, index_id, start_ms=at, end_ms=at + 1000, text="A door", metadata=None, model="fake", embedding=None
        )
    )
    (scene,) = (await asked(scenery, "GET", STREAM + "/index/scene/{index_id}"))["scene_index_records"]
    assert scene["text"] == scene["description"] == "A door"
    assert (scene["start"], scene["end"]) == (T0, T0 + 1)
