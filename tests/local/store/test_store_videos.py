"""Videos, what is said in them, and what an older database knew of them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from core_fakes import embed

from aiortstream.local.store import collections, finding, schema, spoken, videos
from aiortstream.local.store.database import Database
from aiortstream.local.store.scenes import Embedding
from aiortstream.local.store.spoken import NewMoment, SpokenRow
from aiortstream.local.store.transcripts import WordRow


def video(conn: sqlite3.Connection, video_id: str, at: float = 0.0) -> videos.VideoRow:
    collection_id = collections.default(conn).id
    row = videos.VideoRow(video_id, collection_id, None, None, "Clip", "videos/x.mp4", 4.0, True, at, "About it")
    videos.add(conn, row)
    return row


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with await Database.open(tmp_path / "db") as opened:
        yield opened


def moments(*texts: str) -> list[NewMoment]:
    return [
        NewMoment(number * 1000, number * 1000 + 900, text, Embedding("fake", finding.pack(embed(text))))
        for number, text in enumerate(texts)
    ]


async def test_videos_are_kept_listed_renamed_and_forgotten(db: Database) -> None:
    def work(conn: sqlite3.Connection) -> None:
        rows = [video(conn, f"m-{number}", float(number)) for number in range(3)]
        collection_id = rows[0].collection_id
        assert videos.get(conn, "m-1") == rows[1]
        assert videos.of_collection(conn, collection_id) == rows[::-1]
        assert videos.of_collection(conn, collection_id, limit=1, offset=1) == [rows[1]]
        videos.rename(conn, "m-1", "Gate")
        assert getattr(videos.get(conn, "m-1"), "name", None) == "Gate"
        assert collections.holds(conn, collection_id) == (0, 3)
        videos.remove(conn, "m-1")
        assert videos.get(conn, "m-1") is None
        assert len(videos.of_collection(conn, collection_id)) == 2

    await db.run(work)


async def test_transcripts_come_back_as_they_were_and_are_replaced_whole(db: Database) -> None:
    def work(conn: sqlite3.Connection) -> None:
        video(conn, "m-1")
        assert spoken.transcript(conn, "m-1") is None
        said = (
            SpokenRow(0, 900, "Good day", (WordRow("Good", 0, 400), WordRow("day", 400, 900))),
            SpokenRow(1, 2, "x"),
        )
        spoken.set_transcript(conn, "m-1", said, at=1.0)
        assert spoken.transcript(conn, "m-1") == said
        spoken.set_transcript(conn, "m-1", (), at=2.0)
        assert spoken.transcript(conn, "m-1") == ()

    await db.run(work)


async def test_an_index_is_found_by_words_and_vectors_until_another_takes_its_place(db: Database) -> None:
    def found(conn: sqlite3.Connection, word: str, *indexes: str) -> list[str]:
        ids = finding.by_words(conn, [word], set(indexes), limit=9, corpus=finding.MOMENTS)
        return [moment.text for moment in spoken.moments(conn, list(ids)).values()]

    def vectors(conn: sqlite3.Connection, index_id: str) -> int:
        block = finding.block(conn, index_id, "fake", 0, dimensions=64, limit=9, corpus=finding.MOMENTS)
        return len(block.ids)

    def work(conn: sqlite3.Connection) -> None:
        first, _ = video(conn, "m-1"), video(conn, "m-2")
        spoken.set_index(conn, "m-1", "i1", moments("fix the gate", "walk the dog"), at=1.0)
        spoken.set_index(conn, "m-2", "i2", moments("another gate"), at=1.0)
        assert spoken.indexes_of_collection(conn, first.collection_id) == {"i1": "m-1", "i2": "m-2"}
        assert found(conn, "gate", "i1") == ["fix the gate"]
        assert sorted(found(conn, "gates", "i1", "i2")) == ["another gate", "fix the gate"]
        assert (vectors(conn, "i1"), vectors(conn, "i2")) == (2, 1)
        spoken.set_index(conn, "m-1", "i3", moments("feed the cat"), at=2.0)
        assert spoken.index_of(conn, "m-1") == "i3"
        assert (found(conn, "gate", "i1", "i3"), found(conn, "cat", "i3")) == ([], ["feed the cat"])
        assert (vectors(conn, "i1"), vectors(conn, "i3")) == (0, 1)
        videos.remove(conn, "m-1")
        assert found(conn, "cat", "i1", "i3") == []
        spoken.set_index(conn, "m-2", "i4", moments("a red car"), at=3.0)
        assert found(conn, "cat", "i4") == []  # what is gone lends its words to nothing new
        conn.execute("INSERT INTO moment_words (moment_words) VALUES ('integrity-check')")

    await db.run(work)


async def test_videos_of_an_older_database_are_still_there(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with sqlite3.connect(path) as old:
        for step in schema.MIGRATIONS[:2]:
            for statement in step:
                old.execute(statement)
        old.execute("INSERT INTO collections VALUES ('c-1', 'Default', '', 1, 0)")
        old.execute(
            "INSERT INTO streams VALUES ('s', 'c-1', 'Front', 'rtsp://x', 'video', 30, 1, 0, 'stopped', NULL, 0, 0)"
        )
        old.execute("INSERT INTO videos VALUES ('m-1', 'c-1', 's', 7, 'Old', 'videos/m-1.mp4', 12.5, 1, 3)")
        old.execute("PRAGMA user_version = 2")
    old.close()
    async with await Database.open(path) as db:
        row = await db.read(lambda conn: videos.of_recording(conn, "s", 7))
        assert row == videos.VideoRow("m-1", "c-1", "s", 7, "Old", "videos/m-1.mp4", 12.5, True, 3.0, "")
        await db.run(lambda conn: videos.add(conn, videos.VideoRow("m-2", "c-1", "s", 7, "New", "p", 1.0, True, 4.0)))
        assert await db.read(lambda conn: videos.get(conn, "m-1")) is None  # its file was gone: the new one replaces it
