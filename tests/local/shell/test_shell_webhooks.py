"""Webhooks: what is posted, how it is signed, and what becomes of a delivery that fails."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from core_fakes import DEADLINE, until
from shell_parts import VirtualClock

from aiortstream import InvalidArgumentError
from aiortstream.local.deliver.webhooks import CONCURRENT, KEPT, OF_EACH, SCHEDULE, WebhookSender
from aiortstream.local.reach import Reach
from aiortstream.local.store import outbox
from aiortstream.local.store.database import Database
from aiortstream.local.store.outbox import Delivery

KEY = bytes(range(24))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
BODY = json.dumps({"label": "door", "explanation": "ouverte à 14 h"}).encode()
RETRYABLE = [201, 204, 301, 302, 307, 400, 404, 429, 500, 503]


@dataclass
class Receiver:
    """A webhook's other end. `answers` are its next statuses, then `status`; None keeps the request waiting."""

    status: int | None = 200
    answers: list[int] = field(default_factory=list)
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    server: TestServer = field(init=False)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self.server.make_url("/hook"))

    async def _take(self, request: web.Request) -> web.Response:
        self.requests.append(({name.lower(): value for name, value in request.headers.items()}, await request.read()))
        status = self.answers.pop(0) if self.answers else self.status
        if status is None:
            await self.released.wait()
            status = 200
        return web.Response(status=status, headers={"Location": "/elsewhere", "Set-Cookie": "a=b"})

    async def got(self, count: int) -> None:
        async def so_many() -> bool:
            return len(self.requests) >= count

        await until(so_many)


@dataclass
class Office:
    """An outbox, its sender, and a clock that passes when told."""

    db: Database
    sender: WebhookSender
    clock: VirtualClock

    async def post(self, url: str, message_id: str = "msg-1", alert_id: str = "a-1") -> int:
        row = await self.db.run(
            lambda conn: outbox.add(
                conn, message_id=message_id, alert_id=alert_id, url=url, body=BODY, at=self.clock.now
            )
        )
        self.sender.wake()
        return row

    async def row(self, row_id: int) -> Delivery:
        found = await self.db.read(
            lambda conn: conn.execute(
                "SELECT id, message_id, alert_id, url, body, created_at, attempts, next_attempt_at, delivered_at,"
                " last_error FROM outbox WHERE id = ?",
                (row_id,),
            ).fetchone()
        )
        return Delivery(*found)

    async def tried(self, row_id: int, times: int) -> Delivery:
        async def so_often() -> bool:
            return (await self.row(row_id)).attempts >= times

        await until(so_often)
        return await self.row(row_id)

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.sender.wake()


@asynccontextmanager
async def open_office(
    path: Path, *, secret: str | None = None, now: float = 1_700_000_000.0, reach: Reach | None = None
) -> AsyncIterator[Office]:
    clock = VirtualClock(now)
    async with await Database.open(path / "outbox.sqlite3") as db:
        # The outbox alone: its rows belong to alerts that are not there.
        await db.run(lambda conn: conn.execute("PRAGMA foreign_keys = OFF"), transaction=False)
        sender = WebhookSender(db, secret=secret, clock=clock, reach=reach)
        task = asyncio.create_task(sender.run())
        try:
            yield Office(db, sender, clock)
        finally:
            task.cancel()
            await asyncio.wait((task,), timeout=DEADLINE)
            assert task.cancelled()


@asynccontextmanager
async def open_receiver(status: int | None = 200) -> AsyncIterator[Receiver]:
    receiver = Receiver(status)
    await receiver.server.start_server(shutdown_timeout=0.1)
    try:
        yield receiver
    finally:
        receiver.released.set()
        await receiver.server.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with open_receiver() as opened:
        yield opened


async def test_the_body_goes_out_as_it_was_written_and_signed(tmp_path: Path, receiver: Receiver) -> None:
    async with open_office(tmp_path, secret=SECRET) as office:
        row = await office.tried(await office.post(receiver.url), 1)
    ((headers, body),) = receiver.requests
    assert body == BODY
    assert headers["content-type"] == "application/json"
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("msg-1", "1700000000")
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    version, _, signature = headers["webhook-signature"].partition(",")
    assert version == "v1"
    assert base64.b64decode(signature) == hmac.new(KEY, signed, hashlib.sha256).digest()
    assert (row.delivered_at, row.next_attempt_at, row.last_error) == (1_700_000_000.0, None, None)


async def test_without_a_secret_there_is_no_signature(tmp_path: Path, receiver: Receiver) -> None:
    async with open_office(tmp_path) as office:
        await office.tried(await office.post(receiver.url), 1)
    assert "webhook-signature" not in receiver.requests[0][0]
    assert receiver.requests[0][0]["webhook-id"] == "msg-1"


@pytest.mark.parametrize("secret", ["whsec_???", "whsec_YQ", "päss"])
async def test_a_secret_that_is_none_is_refused(tmp_path: Path, secret: str) -> None:
    async with await Database.open(tmp_path / "x.sqlite3") as db:
        with pytest.raises(InvalidArgumentError, match="webhook_secret"):
            WebhookSender(db, secret=secret)


async def test_a_receiver_out_of_reach_hears_nothing(tmp_path: Path, receiver: Receiver) -> None:
    async with open_office(tmp_path, reach=Reach(private=False)) as office:
        row = await office.tried(await office.post(receiver.url), 1)
        assert row.delivered_at is None
        assert "private_targets" in (row.last_error or "")
    assert receiver.requests == []


@pytest.mark.parametrize("status", RETRYABLE)
async def test_only_a_2xx_is_a_delivery(tmp_path: Path, receiver: Receiver, status: int) -> None:
    receiver.status = status
    async with open_office(tmp_path) as office:
        row = await office.tried(await office.post(receiver.url), 1)
        if status < 300:
            assert (row.delivered_at, row.next_attempt_at) == (office.clock.now, None)
        else:
            assert row.delivered_at is None
            assert row.next_attempt_at is not None
            assert row.last_error == f"HTTP {status}"
    assert len(receiver.requests) == 1  # a redirect is not followed: it would take the body elsewhere


async def test_a_failure_is_tried_again_on_the_schedule_and_given_up_after_it(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.status = 503
    async with open_office(tmp_path, secret=SECRET) as office:
        row_id = await office.post(receiver.url)
        for attempt, planned in enumerate(SCHEDULE, 1):
            row = await office.tried(row_id, attempt)
            assert row.next_attempt_at is not None
            pause = row.next_attempt_at - office.clock.now
            assert 0.9 * planned <= pause <= 1.1 * planned
            office.pass_time(pause - 0.01)
            assert (await office.row(row_id)).attempts == attempt
            office.pass_time(0.02)
        row = await office.tried(row_id, len(SCHEDULE) + 1)
        assert (row.next_attempt_at, row.delivered_at, row.last_error) == (None, None, "HTTP 503")
    assert len(receiver.requests) == len(SCHEDULE) + 1
    assert {headers["webhook-id"] for headers, _ in receiver.requests} == {"msg-1"}
    stamps = [int(headers["webhook-timestamp"]) for headers, _ in receiver.requests]
    assert stamps == sorted(set(stamps))  # each attempt is stamped and signed anew


async def test_a_receiver_that_recovers_is_delivered_to_once(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers = [500, 500]
    async with open_office(tmp_path) as office:
        row_id = await office.post(receiver.url)
        for attempt in (1, 2):
            await office.tried(row_id, attempt)
            office.pass_time(SCHEDULE[attempt - 1] * 1.2)
        row = await office.tried(row_id, 3)
        assert (row.delivered_at, row.last_error) == (office.clock.now, None)
        office.pass_time(1e6)
        other = await office.post(receiver.url, "msg-2")
        await office.tried(other, 1)
    assert [headers["webhook-id"] for headers, _ in receiver.requests] == ["msg-1"] * 3 + ["msg-2"]


async def test_one_that_is_gone_is_not_asked_again(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers = [503, 410]
    async with open_office(tmp_path) as office:
        waiting = await office.post(receiver.url, "msg-1")
        await office.tried(waiting, 1)
        gone = await office.tried(await office.post(receiver.url, "msg-2"), 1)
        assert (gone.next_attempt_at, gone.delivered_at, gone.last_error) == (None, None, "HTTP 410")
        assert (await office.row(waiting)).next_attempt_at is None  # the same alert's
        office.pass_time(1e6)
        await office.tried(await office.post(receiver.url, "msg-3", "another-alert"), 1)
    assert [headers["webhook-id"] for headers, _ in receiver.requests] == ["msg-1", "msg-2", "msg-3"]


@pytest.mark.parametrize("path", ["/hook?token=s3cret", "/s3cret"])
async def test_one_that_is_not_there_is_tried_again_and_its_url_told_nobody(tmp_path: Path, path: str) -> None:
    async with open_office(tmp_path) as office:
        row = await office.tried(await office.post(f"http://127.0.0.1:{unused_port()}{path}"), 1)
        assert row.next_attempt_at is not None
        assert row.last_error
        assert "s3cret" not in row.last_error


async def test_one_that_does_not_answer_is_given_up(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiortstream.local.deliver.webhooks.TIMEOUT", 0.05)
    receiver.status = None
    async with open_office(tmp_path) as office:
        row = await office.tried(await office.post(receiver.url), 1)
        assert row.last_error == "no answer within 0.05 s"
        assert row.next_attempt_at is not None


async def test_one_that_hangs_holds_up_no_other(tmp_path: Path, receiver: Receiver) -> None:
    async with open_receiver(None) as hanging, open_office(tmp_path) as office:
        stuck = [await office.post(f"{hanging.url}/{n}", f"stuck-{n}", "b") for n in range(CONCURRENT - 1)]
        await hanging.got(CONCURRENT - 1)
        for number in range(3):
            await office.tried(await office.post(receiver.url, f"msg-{number}"), 1)
        assert [(await office.row(row)).attempts for row in stuck] == [0] * len(stuck)
        hanging.released.set()
        for row in stuck:
            await office.tried(row, 1)
        assert len(hanging.requests) == CONCURRENT - 1  # while one is under way it is not sent a second time


async def test_there_are_never_more_under_way_than_that(tmp_path: Path, receiver: Receiver) -> None:
    receiver.status = None
    async with open_office(tmp_path) as office:
        rows = [await office.post(f"{receiver.url}/{number}", f"msg-{number}") for number in range(CONCURRENT + 4)]
        await receiver.got(CONCURRENT)
        office.sender.wake()
        await office.row(rows[0])
        assert len(receiver.requests) == CONCURRENT
        receiver.released.set()
        for row in rows:
            await office.tried(row, 1)
    assert len(receiver.requests) == CONCURRENT + 4


async def test_the_next_server_goes_on_where_this_one_stopped(tmp_path: Path, receiver: Receiver) -> None:
    receiver.status = None
    async with open_office(tmp_path) as office:
        row_id = await office.post(receiver.url)
        await receiver.got(1)  # and the server is stopped before the answer
    receiver.status = 200
    async with open_office(tmp_path, now=1_700_000_060.0) as office:
        row = await office.tried(row_id, 1)
        assert row.delivered_at == 1_700_000_060.0
    assert [headers["webhook-id"] for headers, _ in receiver.requests] == ["msg-1", "msg-1"]


async def test_a_receiver_that_does_not_answer_holds_up_nobody_else(tmp_path: Path, receiver: Receiver) -> None:
    async with open_receiver(None) as dead, open_office(tmp_path) as office:
        for number in range(3 * CONCURRENT):
            await office.post(dead.url, f"dead-{number}")
        await dead.got(OF_EACH)
        row = await office.post(receiver.url, "alive")
        assert (await office.tried(row, 1)).delivered_at == office.clock.now
        assert len(dead.requests) == OF_EACH
        dead.released.set()
        await dead.got(3 * CONCURRENT)


async def test_what_was_delivered_long_ago_is_forgotten_and_what_is_pending_is_not(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answers = [200]
    receiver.status = 500
    async with open_office(tmp_path) as office:
        await office.tried(await office.post(receiver.url, "done"), 1)
        pending = await office.tried(await office.post(receiver.url, "pending"), 1)
        later = office.clock.now + KEPT + 1
    async with open_office(tmp_path, now=later) as office:

        async def left() -> list[str]:
            rows = await office.db.read(lambda conn: conn.execute("SELECT message_id FROM outbox").fetchall())
            return [row[0] for row in rows]

        async def tidied() -> bool:
            return await left() == ["pending"]

        await until(tidied)
        assert (await office.tried(pending.id, 2)).last_error == "HTTP 500"


async def test_cookies_of_a_receiver_go_nowhere(tmp_path: Path, receiver: Receiver) -> None:
    async with open_office(tmp_path) as office:
        for number in range(2):
            await office.tried(await office.post(receiver.url, f"msg-{number}"), 1)
    assert all("cookie" not in headers for headers, _ in receiver.requests)


async def test_one_that_ends_while_the_outbox_is_read_is_not_sent_again(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.status = None
    async with open_office(tmp_path) as office:
        first = await office.post(receiver.url)
        await receiver.got(1)
        read, late = office.db.read, asyncio.Event()

        async def none_under_way() -> bool:
            return not office.sender._under_way

        async def read_slowly(function: Any) -> Any:
            found = await read(function)
            if not late.is_set():
                late.set()
                receiver.released.set()
                await until(none_under_way)
            return found

        monkeypatch.setattr(office.db, "read", read_slowly)
        office.sender.wake()
        await asyncio.wait_for(late.wait(), DEADLINE)
        assert (await office.tried(first, 1)).delivered_at is not None
        await office.tried(await office.post(receiver.url, "msg-2"), 1)
    assert [headers["webhook-id"] for headers, _ in receiver.requests] == ["msg-1", "msg-2"]
