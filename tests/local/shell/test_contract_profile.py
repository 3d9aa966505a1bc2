"""Where sources disagree: every choice of the profile, in every position, as a client meets it."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from contract_parts import Scenery, open_scenery
from core_fakes import T0
from shell_parts import KEY

from aiortstream.errors import InvalidArgumentError
from aiortstream.local.profile import Profile, choices_of
from aiortstream.local.settings import ServerSettings
from aiortstream.local.store import outbox
from aiortstream.records import Alert, Scene
from aiortstream.wire.times import to_seconds

DOCS = Path(__file__).parents[3] / "docs" / "contract.md"
Meet = Callable[[Scenery, str], Awaitable[None]]
MET: dict[str, Meet] = {}


def meets(meet: Meet) -> Meet:
    """What a client finds of the choice that the function is named after."""
    MET[meet.__name__] = meet
    return meet


async def frame_of(scenery: Scenery, scene: Scene) -> dict[str, Any]:
    """A scene as it comes through a websocket."""
    shell = scenery.shell
    url = (await shell.get("/collection/default/websocket")).data["websocket_url"]
    async with shell.http.ws_connect(url) as socket:
        connection_id = (await socket.receive_json(timeout=10))["connection_id"]
        shell.parts.hub.publish([connection_id], scene)
        frame: dict[str, Any] = await socket.receive_json(timeout=10)
        return frame


@meets
async def visual_channel(scenery: Scenery, value: str) -> None:
    frame = await frame_of(scenery, Scene(T0, T0 + 1, "A door", scenery.ids["rtstream_id"], "visual"))
    assert frame["channel"] == value


@meets
async def audio_channel(scenery: Scenery, value: str) -> None:
    frame = await frame_of(scenery, Scene(T0, T0 + 1, "A talk", scenery.ids["rtstream_id"], "audio"))
    assert frame["channel"] == value


@meets
async def start_connected(scenery: Scenery, value: str) -> None:
    path = scenery.path("/rtstream/{rtstream_id}/status")
    told = await scenery.shell.patch(path, {"action": "start"})
    if value == "lenient":
        assert (told.status, told.body["message"]) == (200, "stream started")
    else:
        assert told.refusal == (400, "Operation not allowed")
    assert (await scenery.shell.patch(path, {"action": "stop"})).status == 200
    assert (await scenery.shell.patch(path, {"action": "start"})).status == 200


@meets
async def export_running(scenery: Scenery, value: str) -> None:
    status, message = (await scenery.shell.post(scenery.path("/rtstream/{rtstream_id}/export"), {})).refusal
    # The recording of this scenery is no video, so that an export that is begun says as much.
    assert status == 400
    assert ("must be stopped" in message) == (value == "strict")


@meets
async def generate_stream(scenery: Scenery, value: str) -> None:
    path = scenery.path("/rtstream/{rtstream_id}/stream")
    told = (await scenery.shell.get(path, params={"start": str(T0), "end": str(T0 + 5)})).data
    assert re.search(r"/\d{16}-\d{16}\.m3u8$", told["stream_url"])
    assert (told["player_url"] == told["stream_url"]) == (value == "stream")
    async with scenery.shell.http.get(told["player_url"]) as response:
        wanted = "text/html" if value == "player" else "application/vnd.apple.mpegurl"
        assert (response.status, response.content_type) == (200, wanted)


async def called_back(scenery: Scenery) -> dict[str, Any]:
    """The body of a callback, as it stands in the outbox."""
    shell, stream, index = scenery.shell, scenery.ids["rtstream_id"], scenery.ids["index_id"]
    event = (await shell.post("/rtstream/event", {"event_prompt": "picture 2", "label": "two"})).data["event_id"]
    asked = {"event_id": event, "callback_url": "https://me.test/hook"}
    assert (await shell.post(f"/rtstream/{stream}/index/{index}/alert", asked)).status == 200
    await shell.core.status(stream, "connected")
    shell.core.cameras[stream].show(0, 2.5, 2)
    await shell.core.publisher.wait_for(Alert, 1)
    due = await shell.core.db.read(lambda conn: outbox.due(conn, 1e12, 10))
    (found,) = [body for body in (json.loads(each.body) for each in due) if body.get("label") == "two"]
    return dict(found)


@meets
async def webhook_times(scenery: Scenery, value: str) -> None:
    body = await called_back(scenery)
    for name in ("start_time", "end_time"):
        assert isinstance(body[name], str if value == "iso" else float)
    assert to_seconds(body["start_time"]) == T0
    assert isinstance(body["timestamp"], str)


@meets
async def webhook_event_id(scenery: Scenery, value: str) -> None:
    body = await called_back(scenery)
    assert re.fullmatch("event-[0-9a-f]{16}" if value == "prefixed" else "[0-9a-f]{16}", body["event_id"])


EVERY = [(name, value) for name, values in choices_of(Profile).items() for value in values]


def test_every_choice_is_met_here_and_told_of_in_the_documentation() -> None:
    assert set(MET) == set(choices_of(Profile))
    table = DOCS.read_text()
    default = Profile()
    for name, value in EVERY:
        assert f"`{name}`" in table
        assert f"`{value}`" in table
        (row,) = [line for line in table.splitlines() if line.startswith(f"| `{name}`")]
        assert f"**`{getattr(default, name)}`**" in row, f"the default of {name} stands in bold"


@pytest.mark.parametrize(("name", "value"), EVERY)
async def test_a_client_meets_what_was_chosen(name: str, value: str, tmp_path: Path) -> None:
    profile = Profile.of([f"{name}={value}"])
    async with open_scenery(tmp_path, ServerSettings(api_key=KEY, profile=profile)) as scenery:
        await MET[name](scenery, value)


def test_what_is_said_in_words() -> None:
    assert Profile.of([]) == Profile.of(["lenient"]) == Profile()
    assert Profile.of(["strict"]) == Profile.strict() == Profile(start_connected="strict", export_running="strict")
    assert Profile.of(["strict", "export_running=lenient"]) == Profile(start_connected="strict")
    assert Profile.of(["visual_channel=visual_index", "strict"]) == Profile.strict()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("loose", "profile: expected one of lenient, strict, visual_channel=..., "),
        ("visual_channel", "profile: expected one of"),
        ("strict=strict", "profile: expected one of"),
        ("=", "profile: expected one of"),
        ("", "profile: expected one of"),
        ("webhook_times=", "webhook_times: expected iso or seconds, got ''"),
        ("webhook_times=ISO", "webhook_times: expected iso or seconds, got 'ISO'"),
    ],
)
def test_words_that_say_nothing(said: str, why: str) -> None:
    with pytest.raises(InvalidArgumentError, match=re.escape(why)):
        Profile.of([said])


def test_a_value_that_is_none() -> None:
    with pytest.raises(InvalidArgumentError, match="audio_channel: expected audio_index or spoken_index, got 'sound'"):
        Profile(audio_channel="sound")  # type: ignore[arg-type] # the test is of this
