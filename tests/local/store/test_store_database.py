"""One writer, several readers, transactions, migrations."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from aiortstream.local.store import collections, schema
from aiortstream.local.store.database import Database, DatabaseClosed


def count(conn: sqlite3.Connection) -> int:
    return int(conn.execute("SELECT count(*) FROM events").fetchone()[0])


def insert(conn: sqlite3.Connection, event_id: str) -> None:
    conn.execute("INSERT INTO events VALUES (?, 'p', 'l', 0)", (event_id,))


async def test_a_call_that_raises_leaves_nothing(tmp_path: Path) -> None:
    def fail(conn: sqlite3.Connection) -> None:
        insert(conn, "a")
        raise LookupError

    async with await Database.open(tmp_path / "db") as db:
        with pytest.raises(LookupError):
            await db.run(fail)
        assert await db.read(count) == 0
        await db.run(lambda conn: insert(conn, "a"))
        assert await db.read(count) == 1


async def test_readers_cannot_write_and_see_one_moment(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "db") as db:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await db.read(lambda conn: insert(conn, "a"))

        loop = asyncio.get_running_loop()

        def look_twice(conn: sqlite3.Connection) -> tuple[int, int]:
            first = count(conn)
            asyncio.run_coroutine_threadsafe(db.run(lambda writer: insert(writer, "b")), loop).result(5)
            return first, count(conn)

        assert await db.read(look_twice) == (0, 0)
        assert await db.read(count) == 1


async def test_cancelling_the_wait_leaves_the_transaction_whole(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "db") as db:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def write(conn: sqlite3.Connection) -> None:
            insert(conn, "a")
            loop.call_soon_threadsafe(begun.set)
            insert(conn, "b")

        task = asyncio.create_task(db.run(write))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await db.run(lambda conn: None)  # stands in line behind it
        assert await db.read(count) in (0, 2)


async def test_what_is_written_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "db") as db:
        first = await db.read(collections.default)
    async with await Database.open(tmp_path / "db") as db:
        assert await db.read(collections.default) == first
        assert await db.read(collections.every) == [first]
        assert first.id.startswith("c-")


async def test_a_database_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "db") as db:
        await db.run(lambda conn: conn.execute("PRAGMA user_version = 99"), transaction=False)
    with pytest.raises(schema.SchemaTooNew, match="later version"):
        await Database.open(tmp_path / "db")


async def test_a_failed_migration_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with await Database.open(tmp_path / "db"):
        pass
    broken = (*schema.MIGRATIONS, ("CREATE TABLE extra (id INTEGER)", "CREATE TABLE broken ("))
    monkeypatch.setattr(schema, "MIGRATIONS", broken)
    with pytest.raises(sqlite3.OperationalError):
        await Database.open(tmp_path / "db")
    monkeypatch.undo()
    async with await Database.open(tmp_path / "db") as db:
        tables = await db.read(lambda conn: conn.execute("SELECT name FROM sqlite_master").fetchall())
        assert ("extra",) not in tables


async def test_a_closed_database_says_so(tmp_path: Path) -> None:
    db = await Database.open(tmp_path / "db")
    await db.aclose()
    await db.aclose()
    with pytest.raises(DatabaseClosed):
        await db.read(count)


async def test_it_does_not_hold_up_the_loop(tmp_path: Path) -> None:
    async with await Database.open(tmp_path / "db") as db:
        loop = asyncio.get_running_loop()
        seen = asyncio.Event()

        def slow(conn: sqlite3.Connection) -> bool:
            # Ends only if the loop goes on meanwhile.
            loop.call_soon_threadsafe(seen.set)
            return asyncio.run_coroutine_threadsafe(seen.wait(), loop).result(5)

        assert await db.run(slow)
