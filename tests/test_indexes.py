"""Scene indexes: pages, alerts, states."""

from __future__ import annotations

import pytest
from conftest import MockedRest

from aiortstream import AsyncClient, InvalidArgumentError

NOW = 1_710_000_000.0
PATH = "/rtstream/rts-1/index/scene/i1"


async def test_a_page_of_scenes_answers_the_seed_s_keys(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/rtstream/rts-1/index/i1", {"rtstream_index_id": "i1", "extraction_type": "transcript"})
    records = [
        {"start": NOW + 2, "end": NOW + 4, "description": "new"},
        {"start": NOW, "end": NOW + 2, "text": "old", "metadata": {"a": 1}},
    ]
    rest.answer("GET", PATH, {"scene_index_records": records, "next_page": True})
    page = await client.rtstream("rts-1").scene_index("i1").get_scenes(start=NOW, page=1, page_size=100)
    assert rest.last[2] == {"page": "1", "page_size": "100", "start": "1710000000.0"}
    assert [f"[{s['start']}-{s['end']}] {s['text']}" for s in page["scenes"]] == [
        "[1710000002.0-1710000004.0] new",
        "[1710000000.0-1710000002.0] old",
    ]
    assert page["next_page"] is True
    assert {s.kind for s in page.scenes} == {"audio"}
    assert page.scenes[1].metadata == {"a": 1}
    assert page.scenes[0]["description"] == "new"


@pytest.mark.parametrize(("method", "status"), [("start", "connected"), ("stop", "stopped")])
async def test_start_and_stop(client: AsyncClient, rest: MockedRest, method: str, status: str) -> None:
    rest.answer("PATCH", f"{PATH}/status")
    index = client.rtstream("rts-1").scene_index("i1")
    await getattr(index, method)()
    assert rest.last[3] == {"action": method}
    assert index.status == status


async def test_alerts(client: AsyncClient, rest: MockedRest) -> None:
    alerts = "/rtstream/rts-1/index/i1/alert"
    index = client.rtstream("rts-1").scene_index("i1")
    rest.answer("POST", alerts, {"alert_id": "a1"})
    assert await index.create_alert("e1", "https://hook", ws_connection_id="conn") == "a1"
    assert rest.last[3] == {"event_id": "e1", "callback_url": "https://hook", "ws_connection_id": "conn"}
    rest.answer("POST", alerts, {"alert_id": "a2"})
    await index.create_alert("e1", "https://hook", ws_connection_id=None)
    assert rest.last[3] == {"event_id": "e1", "callback_url": "https://hook"}
    rest.answer("GET", alerts, {"alerts": [{"alert_id": "a1", "event_id": "e1", "label": "L", "status": "enabled"}]})
    (alert,) = await index.list_alerts()
    assert (alert.alert_id, alert["label"], alert.status) == ("a1", "L", "enabled")
    for method, action in (("enable_alert", "enable"), ("disable_alert", "disable")):
        rest.answer("PATCH", f"{alerts}/a1/status")
        await getattr(index, method)("a1")
        assert rest.last[3] == {"action": action}


async def test_an_alert_that_would_reach_nobody_is_refused(client: AsyncClient, rest: MockedRest) -> None:
    with pytest.raises(InvalidArgumentError, match="reaches nobody"):
        await client.rtstream("rts-1").scene_index("i1").create_alert("e1", ws_connection_id=None)
    assert rest.requests == []
