"""The log of alerts: everything that fired, by the time at which it was committed, for readers who were away."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from core_fakes import DEADLINE, T0, Core, open_core, until

from aiortstream.local.pipelines.alerts import AlertJudging
from aiortstream.local.services.errors import BadRequest, NotFound
from aiortstream.local.store import alerts, scenes, schema, streams
from aiortstream.local.store.database import Database
from aiortstream.records import Alert
from aiortstream.wire.pages import decode_firing
from aiortstream.wire.rest import AlertRequest, AlertStatusRequest, EventRequest, FiringRecord, SceneIndexRequest

MS = round(T0 * 1000)


@dataclass
class Watched:
    """A stream with an index and an alert on it, to which tests add firings."""

    core: Core
    stream: str
    index: str
    alert: str

    async def fire(self, *at: float) -> list[int]:
        """Firings that are logged so many seconds after T0; their ids."""

        def add(conn: sqlite3.Connection) -> list[int]:
            made = []
            for seconds in at:
                start = scenes.last_id(conn, self.index) * 1000 + MS
                scene = scenes.add(
                    conn,
                    self.index,
                    start_ms=start,
                    end_ms=start + 1000,
                    text="x",
                    metadata=None,
                    model="m",
                    embedding=None,
                )
                firing = alerts.add_firing(
                    conn,
                    self.alert,
                    scene.id,
                    rtstream_id=self.stream,
                    index_id=self.index,
                    fired_ms=start,
                    now_ms=round((T0 + seconds) * 1000),
                    confidence=0.5,
                    explanation=f"at {seconds}",
                    model="m",
                )
                made.append(firing.id)
            return made

        return await self.core.db.run(add)


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[Core]:
    async with open_core(tmp_path) as opened:
        yield opened


async def watched(core: Core, *, store: bool = False) -> Watched:
    stream, _ = await core.connect(store=store)
    index = (await core.services.indexes.create(stream.id, SceneIndexRequest())).rtstream_index_id
    event = (await core.services.alerts.create_event(EventRequest("p", "door"))).event_id
    alert = (await core.services.alerts.create(stream.id, index, AlertRequest(event))).alert_id
    return Watched(core, stream.id, index, alert)


async def ids(core: Core, **selection: Any) -> list[int]:
    return [firing.firing_id for firing in (await core.services.alerts.log(**selection)).firings]


async def test_a_frame_and_its_record_say_the_same(core: Core) -> None:
    stream, camera = await core.connect(store=True)
    index = await core.index(stream, time=1, frame_count=1)
    event = (await core.services.alerts.create_event(EventRequest("picture 2", "door"))).event_id
    alert = (await core.services.alerts.create(stream.id, index, AlertRequest(event, "http://hook/"))).alert_id
    camera.show(0, 1, 2)
    camera.show(1, 0.1, 9)
    (frame,) = await core.publisher.wait_for(Alert, 1)
    (record,) = (await core.services.alerts.log()).firings
    assert decode_firing(msgspec.json.encode(record)) == frame
    assert (record.rtstream_id, record.index_id, record.alert_id, record.event_id) == (stream.id, index, alert, event)
    assert (record.firing_id, record.rtstream_name, record.start, record.end) == (1, "Front door", T0, T0 + 1)
    assert record.fired_at >= record.timestamp
    assert record.stream_url == f"http://test/{stream.id}/{T0:.3f}-{T0 + 1:.3f}.m3u8"
    assert record.player_url is not None


async def test_one_that_is_not_recorded_has_no_playback(core: Core) -> None:
    await (await watched(core)).fire(1)
    (record,) = (await core.services.alerts.log()).firings
    assert (record.stream_url, record.player_url) == (None, None)


async def test_it_is_selected_by_stream_by_index_and_by_the_time_of_logging(core: Core) -> None:
    one, two = await watched(core), await watched(core)
    assert await one.fire(10, 20) == [1, 2]
    assert await two.fire(20, 30) == [3, 4]
    assert await ids(core) == [1, 2, 3, 4]
    assert await ids(core, rtstream_id=one.stream) == await ids(core, index_id=one.index) == [1, 2]
    assert await ids(core, rtstream_id=two.stream, index_id=two.index, start=T0 + 21) == [4]
    assert await ids(core, start=T0 + 20) == [2, 3, 4]  # from it on
    assert await ids(core, end=T0 + 20) == [1]  # and before it
    assert await ids(core, start=T0 + 20, end=T0 + 20.001) == [2, 3]
    assert await ids(core, start=T0 + 20.001, end=T0 + 30) == []
    assert await ids(core, start=T0, end=T0 + 20) + await ids(core, start=T0 + 20, end=T0 + 31) == [1, 2, 3, 4]
    assert await ids(core, start=0.0, end=T0 + 100) == [1, 2, 3, 4]


async def test_pages_go_on_where_the_last_one_ended(core: Core) -> None:
    made = await (await watched(core)).fire(*range(25))
    pages = [await core.services.alerts.log(page=number, page_size=10) for number in (1, 2, 3, 4)]
    assert [len(page.firings) for page in pages] == [10, 10, 5, 0]
    assert [page.next_page for page in pages] == [True, True, False, False]
    assert [firing.firing_id for page in pages for firing in page.firings] == made
    exactly = await core.services.alerts.log(page_size=25)
    assert (len(exactly.firings), exactly.next_page) == (25, False)


async def test_a_clock_that_is_set_back_moves_nothing_back(core: Core) -> None:
    """Who has read up to a time finds nothing new before it."""
    await (await watched(core)).fire(10, 4, 9.999, 10.5, 3)
    logged = [firing.fired_at - T0 for firing in (await core.services.alerts.log()).firings]
    assert logged == [10, 10, 10, 10.5, 10.5]


async def test_a_reader_that_overlaps_a_little_misses_nothing_of_many_writers(core: Core) -> None:
    writers = [await watched(core) for _ in range(4)]
    read: dict[int, FiringRecord] = {}
    reached = T0

    async def read_on() -> None:
        nonlocal reached
        for firing in (await core.services.alerts.log(start=reached, page_size=1000)).firings:
            read.setdefault(firing.firing_id, firing)
            reached = max(reached, firing.fired_at)

    for turn in range(20):
        # Each says another time, as clocks read before the line for the writing thread do.
        writing = [asyncio.create_task(writer.fire(turn + number * 0.3)) for number, writer in enumerate(writers)]
        await read_on()
        await asyncio.gather(*writing)
    await read_on()
    assert sorted(read) == list(range(1, 81))


async def test_what_was_switched_off_keeps_its_log(core: Core) -> None:
    made = await watched(core)
    fired = await made.fire(1, 2)
    await core.services.alerts.set_status(made.stream, made.index, made.alert, AlertStatusRequest(action="disable"))
    await core.services.indexes.stop(made.stream, made.index)
    await core.services.streams.stop(made.stream)
    assert await ids(core, rtstream_id=made.stream) == fired


async def test_what_cannot_be_meant_is_refused(core: Core) -> None:
    one, two = await watched(core), await watched(core)
    with pytest.raises(NotFound, match="no stream 'rts-x'"):
        await ids(core, rtstream_id="rts-x")
    with pytest.raises(NotFound, match="no scene index 'i-x'"):
        await ids(core, index_id="i-x")
    with pytest.raises(NotFound, match=f"stream '{one.stream}' has no index"):
        await ids(core, rtstream_id=one.stream, index_id=two.index)
    for selection in ({"page": 0}, {"page_size": 1001}, {"start": T0 + 1, "end": T0}):
        with pytest.raises(BadRequest, match="expected"):
            await ids(core, **selection)


async def test_scenes_are_selected_by_since_as_transcripts_are(core: Core) -> None:
    made = await watched(core)
    for number in range(5):  # one each ten seconds, five seconds long
        await core.db.run(
            lambda conn, n=number: scenes.add(  # type: ignore[misc]
                conn,
                made.index,
                start_ms=MS + n * 10_000,
                end_ms=MS + n * 10_000 + 5_000,
                text=str(n),
                metadata=None,
                model="m",
                embedding=None,
            )
        )

    async def texts(**bounds: float) -> str:
        page = await core.services.indexes.page(made.stream, made.index, **bounds)  # type: ignore[arg-type]
        return "".join(record.text or "" for record in reversed(page.scene_index_records))

    assert await texts(since=T0 + 25) == "234"  # inclusive: the one that ends at that moment
    assert await texts(since=T0 + 25.001) == "34"
    assert await texts(since=T0 + 25, start=T0 + 31) == "34"
    assert await texts(since=T0 + 31, end=T0 + 20) == "3"
    assert await texts(since=0.0) == "01234"


async def test_an_older_databases_firings_are_all_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its times of firing may cross where two alerts were judged at once: the times of logging must not."""
    path = tmp_path / "test.sqlite3"
    monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
    async with await Database.open(path):
        pass
    monkeypatch.undo()
    with contextlib.closing(sqlite3.connect(path)) as conn:
        collection = conn.execute("SELECT id FROM collections").fetchone()[0]
        conn.execute(
            "INSERT INTO streams VALUES ('s', ?, 'Old', 'rtsp://x', 'video', 30, 0, 0, 'stopped', NULL, 0, 0)",
            (collection,),
        )
        conn.execute(
            "INSERT INTO indexes VALUES ('i', 's', 'visual', 'time', '{}', 'p', NULL, NULL, 0, 0, 0, 0, 0)",
        )
        conn.execute("INSERT INTO events VALUES ('e', 'p', 'door', 0)")
        conn.execute("INSERT INTO alerts VALUES ('a', 'i', 'e', '', NULL, 1, 0, 0, 0)")
        for number, at in ((1, 0), (2, 500), (3, 400), (4, 600)):
            conn.execute("INSERT INTO scenes VALUES (?, 'i', ?, ?, 'x', NULL, 'm')", (number, MS + number, MS + 9))
            conn.execute("INSERT INTO firings VALUES (?, 'a', ?, ?, 0.5, 'seen', 'm')", (number, number, MS + at))
        conn.commit()
    async with open_core(tmp_path) as core:
        found = (await core.services.alerts.log(rtstream_id="s", index_id="i")).firings
        assert [(each.firing_id, round((each.fired_at - T0) * 1000)) for each in found] == [
            (1, 0),
            (2, 500),
            (3, 500),
            (4, 600),
        ]
        assert [round((each.timestamp - T0) * 1000) for each in found] == [0, 500, 400, 600]
        assert {(each.label, each.explanation, each.rtstream_name) for each in found} == {("door", "seen", "Old")}
        made = Watched(core, "s", "i", "a")
        assert await made.fire(0.1) == [5]
        assert (await core.services.alerts.log()).firings[-1].fired_at == T0 + 0.6


async def test_the_clock_is_read_when_it_is_committed(core: Core) -> None:
    """What had to wait for the writing thread is logged when its turn came: a reader may be beyond its judging."""
    made = await watched(core)
    await core.services.streams.stop(made.stream)  # so that nobody else judges
    now, asked = T0, 0
    writing, go_on = threading.Event(), threading.Event()

    def see(conn: sqlite3.Connection) -> None:
        scenes.add(conn, made.index, start_ms=MS, end_ms=MS + 9, text="p", metadata=None, model="m", embedding=None)

    def occupy(conn: sqlite3.Connection) -> None:
        writing.set()
        assert go_on.wait(DEADLINE)

    def clock() -> float:
        nonlocal asked
        asked += 1
        return now

    async def judged() -> bool:
        return asked > 0

    await core.db.run(see)
    row = await core.db.read(lambda conn: streams.get(conn, made.stream))
    assert row is not None
    judging = AlertJudging(core.manager._context, row, made.index, clock=clock)
    judging.finish()
    occupying = asyncio.create_task(core.db.run(occupy))
    await asyncio.to_thread(writing.wait, DEADLINE)
    running = asyncio.create_task(judging.run())
    await until(judged)
    now = T0 + 5
    go_on.set()
    await asyncio.gather(occupying, running)
    (record,) = (await core.services.alerts.log()).firings
    assert (record.timestamp, record.fired_at) == (T0, T0 + 5)
