"""Eight cameras at once through one server and one client, with the real models: nothing lands on another's stream.

Three runs, each with a server of its own. What a run took is printed and kept as a property of the test: its seconds,
the cores that were busy, and how many streams were described later than they were shown.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from isolation_run import Said, check_places, observe, receiving
from isolation_sources import CAMERAS, Camera, write_camera

from aiortstream import AsyncClient
from aiortstream.local.ingest.source import file_url

pytestmark = [pytest.mark.media, pytest.mark.timeout(300)]

WINDOW = 4  # seconds of a scene
LATE = 2.0 * WINDOW  # seconds after its end that a scene is late
DEADLINE = 240.0  # seconds for all of a run: models load, and eight of everything share the cores


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    folder = tmp_path_factory.mktemp("cameras")
    return {camera.colour: file_url(write_camera(camera, folder), loop=True) for camera in CAMERAS}


@pytest.mark.parametrize("run", [1, 2, 3])
async def test_what_is_said_of_a_camera_is_said_of_it_alone(
    run: int, sources: Mapping[str, str], tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    events = {camera.colour: f"A {camera.colour} {camera.animal}" for camera in CAMERAS}
    began, cpu = time.monotonic(), time.process_time()
    async with receiving() as receiver, AsyncClient.local(tmp_path) as client, asyncio.timeout(DEADLINE):
        said = await observe(client, receiver, sources, events, seconds=WINDOW, scenes=4, segments=2)
        check_places(said)
        for camera in CAMERAS:
            check_words(camera, said[camera.colour])
            await check_search(client, camera, said)
    seconds = time.monotonic() - began
    told = {
        "seconds": round(seconds, 1),
        "cores": round((time.process_time() - cpu) / seconds, 2),
        "late": sum(each.lag > LATE for each in said.values()),
        "lag": round(max(each.lag for each in said.values()), 1),
    }
    for name, value in told.items():
        record_property(name, value)
    print(f"run {run}: {told}")


def named(text: str | None) -> set[str]:
    """The cameras whose animal is named."""
    return {camera.colour for camera in CAMERAS if camera.animal in (text or "").lower()}


def check_words(camera: Camera, said: Said) -> None:
    """Captions, transcripts and alerts, however they came, are of this camera."""
    for scene in [*said.scenes, *said.rest_scenes]:
        assert named(scene.text) == {camera.colour}
        assert f"mostly {camera.colour}" in scene.text
        assert (scene.metadata or {}).get("colour", camera.colour) == camera.colour
    spoken = " ".join(segment.text for segment in [*said.segments, *said.rest_segments])
    words = set(re.findall(r"\w+", spoken.lower()))
    assert {each.colour for each in CAMERAS if words & each.words} == {camera.colour}, spoken
    told = [alert.text for alert in said.alerts] + [firing.explanation for firing in said.logged]
    for text in [*told, *(body["explanation"] for body in said.posted)]:
        assert named(text) == {camera.colour}


async def check_search(client: AsyncClient, camera: Camera, said: Mapping[str, Said]) -> None:
    """Of all streams the camera's own is found first, and each hit shows what its stream shows."""
    names = {each.stream.id: name for name, each in said.items()}
    found = await client.search(f"a {camera.colour} {camera.animal}", namespace="rtstream", result_threshold=30)
    assert names[found.get_shots()[0].rtstream_id] == camera.colour
    assert all(named(shot.text) == {names[shot.rtstream_id]} for shot in found)
    within = await said[camera.colour].stream.search("an animal", result_threshold=30)
    assert {colour for shot in within for colour in named(shot.text)} <= {camera.colour}
