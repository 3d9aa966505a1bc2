"""Transcripts, scenes, segments: keys, windows, pages, and how the database finds them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from core_fakes import T0, segment

from aiortstream.local.store import (
    alerts,
    collections,
    finding,
    indexes,
    outbox,
    scenes,
    segments,
    streams,
    transcripts,
    videos,
)
from aiortstream.local.store.database import Database
from aiortstream.local.store.spans import Window

MS = int(T0) * 1000


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    """A database with a stream `s` and its index `i`."""
    async with await Database.open(tmp_path / "db") as database:
        await database.run(add_stream)
        yield database


def add_stream(conn: sqlite3.Connection) -> None:
    collection = collections.default(conn).id
    streams.add(
        conn,
        streams.StreamRow(
            id="s",
            collection_id=collection,
            name="Front door",
            url="rtsp://user:secret@camera/",
            media_types=frozenset({"audio", "video"}),
            sample_rate=30,
            store=True,
            wanted=True,
            status="connecting",
            status_reason=None,
            created_at=T0,
        ),
    )
    row = indexes.IndexRow("i", "s", "visual", "time", {"time": "2"}, "p", None, None, running=True, created_at=T0)
    indexes.add(conn, row, indexes.ReadMark(0, 0))


def say(conn: sqlite3.Connection, start: int, end: int, text: str = "hello") -> transcripts.UtteranceRow:
    return transcripts.add(conn, "s", start_ms=MS + start, end_ms=MS + end, text=text, words=(), model="m")


def see(conn: sqlite3.Connection, start: int, end: int, text: str = "hello") -> scenes.SceneRow:
    vector = finding.pack(np.eye(4, dtype=np.float32)[start // 1000 % 4])
    return scenes.add(
        conn,
        "i",
        start_ms=MS + start,
        end_ms=MS + end,
        text=text,
        metadata=None,
        model="m",
        embedding=scenes.Embedding("e", vector),
    )


def spoken(conn: sqlite3.Connection, start: int | None, end: int | None) -> list[tuple[int, int]]:
    window = Window(None if start is None else MS + start, None if end is None else MS + end)
    rows = transcripts.page(conn, "s", window, limit=100, offset=0)
    assert transcripts.count(conn, "s", window) == len(rows)
    return [(row.start_ms - MS, row.end_ms - MS) for row in rows]


async def test_a_window_takes_what_touches_it_in_order(db: Database) -> None:
    def check(conn: sqlite3.Connection) -> None:
        for start, end in ((5_000, 6_000), (0, 1_000), (2_000, 9_000), (3_000, 4_000)):
            say(conn, start, end)
        assert spoken(conn, None, None) == [(0, 1_000), (2_000, 9_000), (3_000, 4_000), (5_000, 6_000)]
        # The long one begins before many that end before the window does.
        assert spoken(conn, 6_500, None) == [(2_000, 9_000)]
        assert spoken(conn, 6_000, None) == [(2_000, 9_000), (5_000, 6_000)]
        assert spoken(conn, None, 2_000) == [(0, 1_000), (2_000, 9_000)]
        assert spoken(conn, 1_000, 1_999) == [(0, 1_000)]
        assert spoken(conn, 9_001, None) == []

    await db.run(check)


async def test_two_records_never_have_the_same_times(db: Database) -> None:
    def check(conn: sqlite3.Connection) -> None:
        assert [say(conn, 0, 1_000).end_ms - MS for _ in range(3)] == [1_000, 1_001, 1_002]
        assert say(conn, 50, 50).end_ms - MS == 51
        assert [see(conn, 0, 1_000).end_ms - MS for _ in range(2)] == [1_000, 1_001]

    await db.run(check)


async def test_scenes_come_newest_first_and_page_without_loss(db: Database) -> None:
    def check(conn: sqlite3.Connection) -> None:
        for number in range(7):
            see(conn, number * 1_000, number * 1_000 + 1_000)
        pages = [scenes.page(conn, "i", Window(), limit=3, offset=offset) for offset in (0, 3, 6)]
        assert [(row.start_ms - MS) // 1_000 for page in pages for row in page] == [6, 5, 4, 3, 2, 1, 0]
        assert [row.id for row in scenes.after(conn, "i", 5, limit=9)] == [6, 7]

    await db.run(check)


async def test_words_survive_the_database(db: Database) -> None:
    words = (transcripts.WordRow("Grüße", MS, MS + 400), transcripts.WordRow("an", MS + 400, MS + 700))

    def check(conn: sqlite3.Connection) -> None:
        transcripts.add(conn, "s", start_ms=MS, end_ms=MS + 700, text="Grüße an", words=words, model="m")
        assert transcripts.page(conn, "s", Window(), limit=1, offset=0)[0].words == words

    await db.run(check)


async def test_segments_of_a_window_with_what_the_first_needs(db: Database) -> None:
    recorded = [
        segment(0, 2),
        segment(2, 8, continued=True),
        segment(8, 10, continued=True),
        segment(20, 22, session="b"),
    ]

    def starts(conn: sqlite3.Connection, start: float, end: float) -> list[float]:
        return [each.start - T0 for each in segments.within(conn, "s", T0 + start, T0 + end)]

    def check(conn: sqlite3.Connection) -> None:
        for each in recorded:
            segments.add(conn, "s", each)
            segments.add(conn, "s", each)
        assert segments.every(conn, "s") == recorded
        assert starts(conn, 9, 30) == [0, 2, 8, 20]
        assert starts(conn, 0.5, 1) == [0]
        assert starts(conn, 12, 19) == []
        assert starts(conn, 10, 20) == []
        assert starts(conn, 21, 21.5) == [20]
        assert starts(conn, -5, 0.1) == [0]
        assert segments.last_id(conn, "s") == 4

    await db.run(check)


async def test_a_switched_off_alert_leaves_what_comes_meanwhile_unjudged(db: Database) -> None:
    def check(conn: sqlite3.Connection) -> None:
        alerts.add_event(conn, alerts.EventRow("e", "prompt", "label", T0))
        alerts.add(conn, "a", index_id="i", event_id="e", callback_url="", judged_to=0, at=T0)
        alerts.set_enabled(conn, "a", enabled=False, judged_to=5, at=T0)
        alerts.set_enabled(conn, "a", enabled=True, judged_to=9, at=T0)
        alert = alerts.get(conn, "i", "a")
        assert alert is not None
        assert (alert.enabled, alert.judged_to) == (True, 9)
        assert alerts.watched_indexes(conn, "s") == {"i"}
        alerts.set_judged(conn, "a", 7)
        assert alerts.of_index(conn, "i")[0].judged_to == 9

    await db.run(check)


async def test_the_outbox_from_due_to_done(db: Database) -> None:
    def check(conn: sqlite3.Connection) -> None:
        alerts.add_event(conn, alerts.EventRow("e", "prompt", "label", T0))
        alerts.add(conn, "a", index_id="i", event_id="e", callback_url="http://x/", judged_to=0, at=T0)
        ids = [
            outbox.add(conn, message_id=f"m{number}", alert_id="a", url="http://x/", body=b"{}", at=T0 + number)
            for number in range(4)
        ]
        assert [row.message_id for row in outbox.due(conn, T0 + 2, 10)] == ["m0", "m1", "m2"]
        outbox.delivered(conn, ids[0], T0 + 2)
        outbox.failed(conn, ids[1], T0 + 2, T0 + 30, "HTTP 500")
        assert outbox.next_due(conn) == T0 + 2
        waiting = outbox.due(conn, T0 + 60, 10)
        assert [(row.message_id, row.attempts, row.last_error) for row in waiting] == [
            ("m2", 0, None),
            ("m3", 0, None),
            ("m1", 1, "HTTP 500"),
        ]
        outbox.gone(conn, ids[2], T0 + 3, "HTTP 410")
        assert outbox.due(conn, T0 + 60, 10) == []
        assert outbox.next_due(conn) is None
        assert alerts.of_index(conn, "i")[0].callback_gone
        assert outbox.forget(conn, T0 + 1.5) == 2

    await db.run(check)


def log(conn: sqlite3.Connection, **selection: Any) -> Sequence[alerts.LogRow]:
    """The log of alerts; nothing selects unless it is named."""
    wanted: dict[str, Any] = dict.fromkeys(("rtstream_id", "index_id", "start_ms", "end_ms"))
    return alerts.log(conn, **{**wanted, "limit": 10, "offset": 0, **selection})


QUERIES: dict[str, Callable[[sqlite3.Connection], object]] = {
    "transcript page": lambda conn: transcripts.page(conn, "s", Window(MS, MS + 1000), limit=10, offset=0),
    "transcript since": lambda conn: transcripts.page(conn, "s", Window(MS, None), limit=10, offset=0),
    "transcript count": lambda conn: transcripts.count(conn, "s", Window(MS, MS + 1000)),
    "transcript after": lambda conn: transcripts.after(conn, "s", 5, limit=10),
    "transcript end": lambda conn: transcripts.last_id(conn, "s"),
    "scene page": lambda conn: scenes.page(conn, "i", Window(MS, MS + 1000), limit=10, offset=0),
    "scene after": lambda conn: scenes.after(conn, "i", 5, limit=10),
    "scene end": lambda conn: scenes.last_id(conn, "i"),
    "scenes by id": lambda conn: scenes.by_id(conn, [1]),
    "vectors": lambda conn: finding.block(conn, "i", "e", 0, dimensions=4, limit=10),
    "words": lambda conn: finding.by_words(conn, ["hello"], {"i"}, limit=10),
    "segments": lambda conn: segments.within(conn, "s", T0, T0 + 10),
    "segment file": lambda conn: segments.has(conn, "s", "a"),
    "segment end": lambda conn: segments.last_id(conn, "s"),
    "streams": lambda conn: streams.page(conn, limit=10, offset=0, status=None, name=None, ordering="-created_at"),
    "wanted streams": streams.wanted,
    "indexes": lambda conn: indexes.of_stream(conn, "s"),
    "indexes of all": lambda conn: indexes.of_collection(conn, "c"),
    "alerts": lambda conn: alerts.of_index(conn, "i"),
    "watched": lambda conn: alerts.watched_indexes(conn, "s"),
    "firings": lambda conn: alerts.firings(conn, "a"),
    "log of all": lambda conn: log(conn, start_ms=MS, end_ms=MS + 1),
    "log of a stream": lambda conn: log(conn, rtstream_id="s", start_ms=MS),
    "log of an index": lambda conn: log(conn, index_id="i", end_ms=MS),
    "outbox": lambda conn: outbox.due(conn, T0, 10),
    "outbox next": outbox.next_due,
    "outbox old": lambda conn: outbox.forget(conn, T0),
    "video": lambda conn: videos.of_recording(conn, "s", 1),
}


@pytest.mark.parametrize("name", QUERIES)
async def test_no_query_reads_a_whole_table_or_sorts_what_an_index_has_in_order(db: Database, name: str) -> None:
    def plans(conn: sqlite3.Connection) -> list[str]:
        for number in range(50):
            say(conn, number * 1_000, number * 1_000 + 900)
            see(conn, number * 1_000, number * 1_000 + 900)
        asked: list[str] = []
        conn.set_trace_callback(asked.append)
        QUERIES[name](conn)
        conn.set_trace_callback(None)
        steps = [
            row[3]
            for statement in asked
            if statement.lstrip().startswith(("SELECT", "DELETE")) and "scene_words_" not in statement
            for row in conn.execute(f"EXPLAIN QUERY PLAN {statement}")
        ]
        assert steps
        return steps

    for step in await db.run(plans):
        scans = step.startswith("SCAN") and "VIRTUAL TABLE INDEX" not in step
        # `streams` is as long as there are cameras; its list is read in the order of an index.
        allowed = "USING INDEX streams_" in step or "USING COVERING INDEX streams_" in step
        allowed |= step == "SCAN streams USING COVERING INDEX streams_by_collection" or "CONSTANT ROW" in step
        assert not scans or allowed, step
        if name != "words":  # ranked by likeness, which no index knows
            assert "TEMP B-TREE" not in step, step


async def test_terms_leave_out_what_says_nothing() -> None:
    assert finding.terms("Where is the RED car, the red one?") == ["red", "car", "one"]
    assert finding.terms("who are they") == ["who", "are", "they"]
    assert finding.terms('"); DROP TABLE scenes; --') == ["drop", "table", "scenes"]
    assert finding.terms("...") == []


async def test_words_are_found_by_their_stem_and_weighed_by_their_share(db: Database) -> None:
    def check(conn: sqlite3.Connection) -> None:
        for number, text in enumerate(("a person enters", "two people walking", "a person is walking")):
            see(conn, number * 1_000, number * 1_000 + 900, text)
        found = finding.by_words(conn, finding.terms("persons walk"), {"i"}, limit=10)
        assert found == {1: 0.5, 2: 0.5, 3: 1.0}
        assert finding.by_words(conn, ["person"], set(), limit=10) == {}

    await db.run(check)
