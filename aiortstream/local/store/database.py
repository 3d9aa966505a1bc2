"""One SQLite database, off the event loop: a thread that writes, threads that read.

SQLite takes one writer at a time, so there is one writing thread and each call on it is one transaction; in write-ahead
mode the readers neither wait for it nor hold it up. `synchronous=NORMAL`: a crash of the process loses nothing that was
committed, and a power cut at most the last moments, never the file; a sync for each record would cost each stream
several disk writes a second for records whose recording is lost in the same power cut anyway.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Self, TypeVar

from aiortstream.local.store import schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import TracebackType

T = TypeVar("T")

_READERS = 2
_BUSY_SECONDS = 5.0  # another process may hold the file for a moment, a backup for instance
_STATEMENTS = 256  # prepared statements kept by each connection


class DatabaseClosed(RuntimeError):  # noqa: N818 - the name says what happened
    """The database has been closed."""


class Database:
    """The database in the file `path`, made and migrated by `open`. Used on one event loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer = _Lane("database-write", 1, lambda: _connect(path))
        self._readers = _Lane("database-read", _READERS, lambda: _connect_readonly(path))

    @classmethod
    async def open(cls, path: Path) -> Self:
        """Open or make it. Raises `SchemaTooNew` if a later version of this program has written it."""
        database = cls(path)
        try:
            await database.run(schema.migrate, transaction=False)
        except BaseException:
            await database.aclose()
            raise
        return database

    async def run(self, function: Callable[[sqlite3.Connection], T], *, transaction: bool = True) -> T:
        """Call `function` on the writing thread in one transaction, rolled back if it raises; what it returns.

        Cancelling gives up the result, not the transaction: it is made wholly or not at all.
        """
        return await self._writer.run(_in_transaction(function) if transaction else function)

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Call `function` on a reading thread: it sees one moment of the database, and cannot change it."""
        return await self._readers.run(_in_snapshot(function))

    async def aclose(self) -> None:
        """Let the calls that have begun end, then close. Closing twice is fine."""
        await self._readers.aclose()
        await self._writer.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class _Lane:
    """Threads with a connection each."""

    def __init__(self, name: str, threads: int, connect: Callable[[], sqlite3.Connection]) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"aiortstream-{name}")
        self._connect = connect
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: list[sqlite3.Connection] = []  # guarded by _lock
        self._closed = False  # loop only

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        # The line has no bound of its own: each place in it is a task of the caller's, and those are bounded.
        if self._closed:
            raise DatabaseClosed("the database is closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: function(self._connection()))

    async def aclose(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=False)
        for connection in self._connections:
            connection.close()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            with self._lock:
                self._connections.append(connection)
        return connection


def _connect(path: Path) -> sqlite3.Connection:
    # Closed by the loop's thread after its own thread has ended, hence the unchecked thread.
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=_STATEMENTS
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:  # a file that is no database shows only now
        connection.close()
        raise
    return connection


def _connect_readonly(path: Path) -> sqlite3.Connection:
    connection = _connect(path)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _in_transaction(function: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
    def call(connection: sqlite3.Connection) -> T:
        with _transaction(connection, "BEGIN IMMEDIATE"):
            return function(connection)

    return call


def _in_snapshot(function: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
    def call(connection: sqlite3.Connection) -> T:
        with _transaction(connection, "BEGIN"):
            return function(connection)

    return call


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
    except BaseException:
        # SQLite may have rolled back by itself, on a full disk for instance.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
