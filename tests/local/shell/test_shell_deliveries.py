"""Callbacks as people see them: what became of each, and sending one again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from shell_parts import Shell, open_shell

from aiortstream.local.store import outbox

URL = "https://someone:secret@hooks.test:8443/alerts?token=hidden"


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    async with open_shell(tmp_path) as opened:
        yield opened


async def add(shell: Shell, message_id: str) -> tuple[int, str]:
    """A callback of an alert of its own; the ids of both."""
    stream = await shell.connect()
    body = {"extraction_type": "time", "extraction_config": {"time": 2}, "prompt": "Who?"}
    index = (await shell.post(f"/rtstream/{stream}/index/scene", body)).data["rtstream_index_id"]
    event = (await shell.post("/rtstream/event", {"event_prompt": "A door", "label": "door"})).data["event_id"]
    asked = {"event_id": event, "callback_url": "https://hooks.test/"}
    alert = (await shell.post(f"/rtstream/{stream}/index/{index}/alert", asked)).data["alert_id"]
    row = await shell.core.db.run(
        lambda conn: outbox.add(conn, message_id=message_id, alert_id=alert, url=URL, body=b"{}", at=1_700_000_000.0)
    )
    return row, alert


async def test_each_is_listed_with_what_became_of_it(shell: Shell) -> None:
    (waits, _), (taken, alert), (lost, _) = [await add(shell, f"msg-{number}") for number in range(3)]
    await shell.core.db.run(lambda conn: outbox.delivered(conn, taken, 1_700_000_001.0))
    await shell.core.db.run(lambda conn: outbox.failed(conn, lost, 1_700_000_001.0, None, "HTTP 500"))
    told = (await shell.get("/alert/delivery")).data["deliveries"]
    assert [(each["delivery_id"], each["status"], each["attempts"]) for each in told] == [
        (lost, "failed", 1),
        (taken, "delivered", 1),
        (waits, "pending", 0),
    ]
    assert told[0]["last_error"] == "HTTP 500"
    assert {each["url"] for each in told} == {"https://hooks.test:8443/alerts"}
    for query, ids in (
        ("status=failed", [lost]),
        ("status=pending", [waits]),
        (f"alert_id={alert}", [taken]),
        (f"alert_id={alert}&status=failed", []),
        ("page=2&page_size=2", [waits]),
    ):
        found = (await shell.get(f"/alert/delivery?{query}")).data["deliveries"]
        assert [each["delivery_id"] for each in found] == ids, query
    assert (await shell.get("/alert/delivery?page_size=2")).data["next_page"] is True
    assert (await shell.get("/alert/delivery?page=2&page_size=2")).data["next_page"] is False
    assert "status" in (await shell.get("/alert/delivery?status=lost")).refusal[1]


async def test_one_that_is_over_is_sent_again(shell: Shell) -> None:
    row, _ = await add(shell, "msg-1")
    refused = await shell.post(f"/alert/delivery/{row}/replay", None)
    assert refused.refusal[0] == 400
    assert "pending" in refused.refusal[1]
    await shell.core.db.run(lambda conn: outbox.failed(conn, row, 1_700_000_001.0, None, "HTTP 500"))
    woken = shell.core.waker.woken
    told = (await shell.post(f"/alert/delivery/{row}/replay", None)).data
    assert (told["delivery_id"], told["message_id"], told["status"], told["attempts"]) == (row, "msg-1", "pending", 0)
    assert shell.core.waker.woken == woken + 1
    for none in ("999", "x", "9" * 30):
        assert (await shell.post(f"/alert/delivery/{none}/replay", None)).refusal[0] == 404
