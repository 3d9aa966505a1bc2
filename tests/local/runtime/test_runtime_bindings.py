"""What connections are told of: bounded, and known again after the server was started again."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from core_fakes import open_core

from aiortstream.local.ids import connection_id
from aiortstream.local.runtime import bindings as runtime_bindings
from aiortstream.local.runtime.bindings import KEPT_SECONDS, MAX_OF_TOPIC, Bindings
from aiortstream.local.store import bindings as stored
from aiortstream.local.store.database import Database
from aiortstream.wire.rest import (
    AlertRequest,
    ConnectRequest,
    EventRequest,
    SceneIndexRequest,
    TranscriptionRequest,
)

A, B, C = (digit * 24 for digit in "abc")
DAY = 86_400.0


class Clock:
    """Unix seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def bind(db: Database, made: Bindings, topic: str, connection: str) -> None:
    """As a service does it."""
    await db.run(lambda conn: made.note(conn, topic, connection))
    made.bind(topic, connection)


async def again(db: Database, clock: Clock) -> Bindings:
    """As the next start of the server finds it."""
    made = Bindings(clock=clock)
    await made.load(db)
    return made


def rows(conn: sqlite3.Connection) -> tuple[int, int]:
    """How many bindings and how many connections the database has."""
    return tuple(conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("bindings", "connections"))


def test_they_are_bounded_and_in_order(clock: Clock) -> None:
    made = Bindings(clock=clock)
    made.bind("topic", None)
    made.bind("topic", "")
    assert made.of("topic") == ()
    for number in range(MAX_OF_TOPIC + 1):
        made.bind("topic", f"ws-{number}")
    made.bind("topic", "ws-1")
    assert len(made.of("topic")) == MAX_OF_TOPIC
    assert made.of("topic")[0] == "ws-2"
    assert made.of("topic")[-1] == "ws-1"


async def test_the_next_start_knows_them(tmp_path: Path, clock: Clock) -> None:
    async with await Database.open(tmp_path / "db") as db:
        made = Bindings(clock=clock)
        for topic, connection in (("x", A), ("x", B), ("y", A), ("x", C), ("x", A)):
            await bind(db, made, topic, connection)
        assert (made.of("x"), made.of("y")) == ((B, C, A), (A,))
    async with await Database.open(tmp_path / "db") as db:
        found = await again(db, clock)
        assert (found.of("x"), found.of("y"), found.of("z")) == ((B, C, A), (A,), ())


async def test_an_id_that_can_never_come_back_is_not_stored(tmp_path: Path, clock: Clock) -> None:
    async with await Database.open(tmp_path / "db") as db:
        made = Bindings(clock=clock)
        for connection in ("ws-1", "A" * 24, "\ud800", "\x00", "x" * 300_000):
            await bind(db, made, "x", connection)
        await db.run(lambda conn: made.note(conn, "x", None))
        assert len(made.of("x")) == 5
        assert await db.read(rows) == (0, 0)


async def test_what_is_not_committed_is_not_bound(tmp_path: Path, clock: Clock) -> None:
    async with await Database.open(tmp_path / "db") as db:
        made = Bindings(clock=clock)

        def fail(conn: sqlite3.Connection) -> None:
            made.note(conn, "x", A)
            raise LookupError

        with pytest.raises(LookupError):
            await db.run(fail)
        assert made.of("x") == ()
        assert (await again(db, clock)).of("x") == ()


async def test_a_connection_that_is_gone_for_too_long_is_forgotten_and_one_that_is_open_is_not(
    tmp_path: Path, clock: Clock
) -> None:
    async with await Database.open(tmp_path / "db") as db:
        made = Bindings(clock=clock)
        for topic in "xy":
            for connection in (A, B):
                await bind(db, made, topic, connection)
        for _ in range(8):
            clock.now += DAY
            await made.tidy(db, [A, C])
        assert (made.of("x"), made.of("y")) == ((A,), (A,))
        assert await db.read(rows) == (2, 1)
        clock.now += KEPT_SECONDS - DAY
        assert (await again(db, clock)).of("x") == (A,)
        clock.now += DAY + 1
        assert (await again(db, clock)).of("x") == ()
        assert await db.read(rows) == (0, 0)
        await made.tidy(db, [])
        assert (made.of("x"), made.of("y")) == ((), ())


async def test_those_unseen_for_longest_give_way_in_memory_and_in_the_database(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that has been there all week stays, however many have come and gone meanwhile."""
    monkeypatch.setattr(runtime_bindings, "MAX_OF_TOPIC", 5)
    async with await Database.open(tmp_path / "db") as db:
        made = Bindings(clock=clock)
        await bind(db, made, "x", A)
        passing = [connection_id() for _ in range(20)]
        for connection in passing:
            clock.now += 600
            await made.tidy(db, [A])
            clock.now += 1
            await bind(db, made, "x", connection)
        assert made.of("x") == (A, *passing[-4:])
        assert (await again(db, clock)).of("x") == made.of("x")


async def test_so_many_connections_are_remembered_and_no_more(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime_bindings, "MAX_CONNECTIONS", 3)
    async with await Database.open(tmp_path / "db") as db:
        made = Bindings(clock=clock)
        connections = [connection_id() for _ in range(6)]
        for number, connection in enumerate(connections):
            clock.now += 1
            await bind(db, made, f"topic-{number % 2}", connection)
        assert (made.of("topic-0"), made.of("topic-1")) == ((connections[4],), (connections[3], connections[5]))
        await made.tidy(db, [])
        assert await db.read(rows) == (3, 3)
        found = await again(db, clock)
        assert (found.of("topic-0"), found.of("topic-1")) == (made.of("topic-0"), made.of("topic-1"))
        assert len(made._seen) == len(made._bound) == 3
        clock.now += 1
        await bind(db, made, "topic-1", connections[3])  # bound anew, so another is the one unseen for longest
        await bind(db, made, "topic-2", A)
        assert (made.of("topic-0"), made.of("topic-1")) == ((), (connections[5], connections[3]))


async def test_publishing_asks_no_database(tmp_path: Path, clock: Clock) -> None:
    async with await Database.open(tmp_path / "db") as db:
        made = Bindings(clock=clock)
        await bind(db, made, "x", A)
    assert made.of("x") == (A,)  # the database is closed


async def test_every_call_that_binds_is_remembered(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        services = core.services
        request = ConnectRequest(
            url="rtsp://camera/x", media_types=["audio"], enable_transcript=True, ws_connection_id=A
        )
        with_transcript = (await services.streams.connect(request)).id
        stream, _ = await core.connect()
        await services.transcripts.start(stream.id, TranscriptionRequest("start", ws_connection_id=A))
        await services.transcripts.start(stream.id, TranscriptionRequest("start", ws_connection_id=B))
        index = (await services.indexes.create(stream.id, SceneIndexRequest(ws_connection_id=A))).rtstream_index_id
        event = (await services.alerts.create_event(EventRequest("p", "l"))).event_id
        alert = (await services.alerts.create(stream.id, index, AlertRequest(event, ws_connection_id=B))).alert_id
        expected = {with_transcript: (A,), stream.id: (A, B), index: (A,), alert: (B,)}
        assert {topic: core.manager.bindings.of(topic) for topic in expected} == expected
        assert len(await core.db.read(stored.every)) == 5
    async with open_core(tmp_path) as core:
        assert {topic: core.manager.bindings.of(topic) for topic in expected} == expected
