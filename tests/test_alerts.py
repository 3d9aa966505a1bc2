"""Events and the alerts that attach them to an index."""

from __future__ import annotations

import pytest
from conftest import FakeHub, MockedRest

from aiortstream import AsyncClient, ConnectionFailedError, InvalidArgumentError
from aiortstream.live.bindings import OWN, AlertBinding

ALERTS = "/rtstream/rts-1/index/i1/alert"


async def test_alerts(client: AsyncClient, rest: MockedRest) -> None:
    index = client.rtstream("rts-1").scene_index("i1")
    rest.answer("POST", ALERTS, {"alert_id": "a1"})
    assert await index.create_alert("e1", "https://hook", ws_connection_id="conn") == "a1"
    assert rest.last[3] == {"event_id": "e1", "callback_url": "https://hook", "ws_connection_id": "conn"}
    rest.answer("POST", ALERTS, {"alert_id": "a2"})
    await index.create_alert("e1", "https://hook", ws_connection_id=None)
    assert rest.last[3] == {"event_id": "e1", "callback_url": "https://hook"}
    rest.answer("GET", ALERTS, {"alerts": [{"alert_id": "a1", "event_id": "e1", "label": "L", "status": "enabled"}]})
    (alert,) = await index.list_alerts()
    assert (alert.alert_id, alert["label"], alert.status) == ("a1", "L", "enabled")
    for method, action in (("enable_alert", "enable"), ("disable_alert", "disable")):
        rest.answer("PATCH", f"{ALERTS}/a1/status")
        await getattr(index, method)("a1")
        assert rest.last[3] == {"action": action}


async def test_an_alert_that_would_reach_nobody_is_refused(client: AsyncClient, rest: MockedRest) -> None:
    with pytest.raises(InvalidArgumentError, match="reaches nobody"):
        await client.rtstream("rts-1").scene_index("i1").create_alert("e1", ws_connection_id=None)
    assert rest.requests == []


async def test_events_are_defined_and_listed(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/rtstream/event", {"event_id": "e1"})
    assert await client.create_event(event_prompt="A person enters", label="person") == "e1"
    assert rest.last[3] == {"event_prompt": "A person enters", "label": "person"}
    rest.answer("GET", "/rtstream/event", {"events": [{"event_id": "e1", "label": "person"}]})
    (event,) = await client.list_events()
    assert f"{event['event_id']}: {event['label']}" == "e1: person"


@pytest.mark.parametrize(
    ("prompt", "label", "says"), [("A person", " ", "label: expected"), ("", "person", "event_prompt: expected")]
)
async def test_an_event_needs_both_its_parts(client: AsyncClient, prompt: str, label: str, says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says):
        await client.create_event(prompt, label)


async def test_an_alert_is_bound_to_our_own_connection(client: AsyncClient, rest: MockedRest, hub: FakeHub) -> None:
    index = client.rtstream("rts-1").scene_index("i1")
    rest.answer("POST", ALERTS, {"alert_id": "a1"})
    await index.create_alert("e1", callback_url="")
    assert rest.last[3] == {"event_id": "e1", "callback_url": "", "ws_connection_id": "own-connection"}
    rest.answer("POST", ALERTS, {"alert_id": "a2"})
    await index.create_alert("e1", "https://hook")
    assert hub.asked == [(OWN, True), (OWN, False)]  # without a callback, nothing but the websocket can deliver
    assert hub.bound == [
        (AlertBinding("rts-1", "i1", "e1", "", "a1"), "own-connection"),
        (AlertBinding("rts-1", "i1", "e1", "https://hook", "a2"), "own-connection"),
    ]


async def test_an_alert_that_nothing_can_deliver_is_not_made(
    client: AsyncClient, rest: MockedRest, hub: FakeHub
) -> None:
    hub.own = None
    index = client.rtstream("rts-1").scene_index("i1")
    with pytest.raises(ConnectionFailedError):
        await index.create_alert("e1")
    assert rest.requests == []
    rest.answer("POST", ALERTS, {"alert_id": "a1"})
    await index.create_alert("e1", "https://hook")
    assert rest.last[3] == {"event_id": "e1", "callback_url": "https://hook"}


async def test_an_alert_needs_an_event(client: AsyncClient) -> None:
    with pytest.raises(InvalidArgumentError, match="event_id: expected"):
        await client.rtstream("rts-1").scene_index("i1").create_alert("", "https://hook", ws_connection_id=None)


@pytest.mark.parametrize(("method", "told"), [("enable_alert", "alert_enabled"), ("disable_alert", "alert_disabled")])
async def test_an_alert_that_was_replaced_is_still_reached_by_its_first_id(
    client: AsyncClient, rest: MockedRest, hub: FakeHub, method: str, told: str
) -> None:
    hub.replacements["a1"] = "a9"
    rest.answer("PATCH", f"{ALERTS}/a9/status")
    await getattr(client.rtstream("rts-1").scene_index("i1"), method)("a1")
    assert hub.told == [(told, "a1")]
