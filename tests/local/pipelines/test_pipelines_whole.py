"""The core as it is delivered: a genuine RTMP stream of the bundled sample, recorded, and read by the real models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from core_fakes import CountingWaker, FakeUrls, KeepingPublisher
from media_clips import decode_strictly

from aiortstream.local.ai.models import Models
from aiortstream.local.ingest.publish import LivePublisher
from aiortstream.local.profile import Profile
from aiortstream.local.recording.playlist import window_playlist
from aiortstream.local.runtime import StreamManager
from aiortstream.local.sample import sample_path
from aiortstream.local.services import Services
from aiortstream.local.store import alerts, outbox
from aiortstream.local.store.database import Database
from aiortstream.records import Alert, Scene, TranscriptSegment
from aiortstream.wire.rest import (
    AlertRequest,
    ConnectRequest,
    EventRequest,
    ExportRequest,
    SceneIndexRequest,
    SearchRequest,
    TranscriptionRequest,
)

PATIENCE = 45.0  # seconds for the first records: a busy machine loads models slowly


class Opened:
    """A core on real models."""

    def __init__(self, db: Database, models: Models, data_dir: Path) -> None:
        self.db = db
        self.publisher = KeepingPublisher(PATIENCE)
        self.manager = StreamManager(db, models, self.publisher, CountingWaker(), FakeUrls(), data_dir, Profile())
        self.services = Services(db, self.manager, models, FakeUrls(), Profile(), data_dir)


@asynccontextmanager
async def opened(models: Models, data_dir: Path) -> AsyncIterator[Opened]:
    async with await Database.open(data_dir / "db.sqlite3") as db:
        core = Opened(db, models, data_dir)
        await core.manager.start()
        try:
            yield core
        finally:
            await core.manager.aclose()


async def test_one_live_stream_from_end_to_end_and_over_a_restart(tmp_path: Path) -> None:
    models = Models()
    try:
        async with LivePublisher(sample_path()) as source:
            async with opened(models, tmp_path) as core:
                rtstream_id = await first_run(core, source.url)
            async with opened(models, tmp_path) as core:
                await second_run(core, rtstream_id)
    finally:
        await models.aclose()


async def first_run(core: Opened, url: str) -> str:
    services = core.services
    stream = await services.streams.connect(ConnectRequest(url=url, store=True, media_types=["audio", "video"]))
    await services.transcripts.start(stream.id, TranscriptionRequest("start", ws_connection_id="ws"))
    visual = (await services.indexes.create(stream.id, SceneIndexRequest("time"))).rtstream_index_id
    five_words = {"segmenter": "word", "segmentation_value": 5}
    audio = (await services.indexes.create(stream.id, SceneIndexRequest("transcript", five_words))).rtstream_index_id
    event = await services.alerts.create_event(EventRequest("The front door is closed", "closed"))
    alert = await services.alerts.create(stream.id, visual, AlertRequest(event.event_id, "http://127.0.0.1:9/"))

    fired = (await core.publisher.wait_for(Alert, 1))[0]
    said = (await core.publisher.wait_for(TranscriptSegment, 1))[0]
    await core.publisher.wait_for(Scene, 2)
    async with asyncio.timeout(PATIENCE):
        while not any(scene.kind == "audio" for scene in core.publisher.of(Scene)):
            await core.publisher.wait_for(Scene, len(core.publisher.of(Scene)) + 1)

    assert "dashwood" in said.text.lower()
    assert len(said.words) >= 5
    assert all(said.start - 1 <= word.start < word.end <= said.end + 1 for word in said.words)
    seen = next(scene for scene in core.publisher.of(Scene) if scene.kind == "visual")
    assert "FRONT DOOR" in seen.text
    assert (fired.label, fired.alert_id, fired.index_id) == ("closed", alert.alert_id, visual)
    assert len(await core.db.read(lambda conn: outbox.due(conn, 1e12, 100))) == len(core.publisher.of(Alert))
    assert (await services.indexes.page(stream.id, audio)).scene_index_records != []
    results = (await services.search.stream(stream.id, SearchRequest("closed front door"))).results
    assert "CLOSED" in (results[0].text or "")
    assert fired.start is not None
    assert fired.end is not None
    recorded = await services.streams.segments(stream.id, fired.start, fired.end)
    assert "#EXTINF" in window_playlist(recorded, fired.start, fired.end, lambda each: str(each.path))
    return stream.id


async def second_run(core: Opened, rtstream_id: str) -> None:
    services = core.services
    indexes = (await services.indexes.list(rtstream_id)).scene_indexes
    assert [index.status for index in indexes] == ["running", "running"]
    visual = indexes[0].rtstream_index_id
    before = (await services.indexes.page(rtstream_id, visual)).scene_index_records
    await core.publisher.wait_for(Scene, 1)
    await services.streams.stop(rtstream_id)

    after = (await services.indexes.page(rtstream_id, visual)).scene_index_records
    assert len(after) > len(before)
    assert after[-len(before) :] == before
    newer = after[: -len(before)]
    assert min(record.start for record in newer) > max(record.start for record in before)
    # A window that is cut short ends where its last picture is taken to: up to a slot after the recording does, from
    # where the next session goes on.
    overlap = max(record.end for record in before) - min(record.start for record in newer)
    assert overlap < 0.5
    (alert,) = await core.db.read(lambda conn: alerts.of_index(conn, visual))
    firings = await core.db.read(lambda conn: alerts.firings(conn, alert.id))
    assert len({firing.scene_id for firing in firings}) == len(firings) >= 1

    export = await services.streams.export(rtstream_id, ExportRequest())
    assert export.duration is not None
    shown = decode_strictly(await services.videos.path(export.video_id)).video
    assert shown[-1] - shown[0] > 5
    assert len(shown) / (shown[-1] - shown[0]) > 15  # of 20 frames a second, over the gap of the restart too
