"""Transcripts, indexes, alerts as routes see them: asked for, paged, refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from core_fakes import T0, Core, FakeModels, open_core, until

from aiortstream.local.ai.protocols import BackendMissing
from aiortstream.local.services.errors import BadRequest, NotFound, Unavailable
from aiortstream.local.store import scenes, transcripts
from aiortstream.records import TranscriptSegment
from aiortstream.wire.rest import (
    AlertRequest,
    AlertStatusRequest,
    EventRequest,
    SceneIndexRequest,
    TranscriptionRequest,
)

MS = round(T0 * 1000)
START = TranscriptionRequest("start")


async def write_transcript(core: Core, rtstream_id: str, count: int) -> None:
    """A segment each ten seconds, five seconds long."""
    for number in range(count):
        await core.db.run(
            lambda conn, n=number: transcripts.add(  # type: ignore[misc]
                conn,
                rtstream_id,
                start_ms=MS + n * 10_000,
                end_ms=MS + n * 10_000 + 5_000,
                text=str(n),
                words=(),
                model="m",
            )
        )


async def test_a_transcript_is_started_echoed_and_stopped(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect()
        service = core.services.transcripts
        assert (await service.status(stream.id)).status == "not_configured"
        assert (await service.stop(stream.id, TranscriptionRequest("stop"))).status == "stopped"

        started = await service.start(
            stream.id, TranscriptionRequest("start", engine="assemblyai", ws_connection_id="ws-1")
        )
        assert (started.status, started.engine) == ("running", "assemblyai")
        again = await service.start(stream.id, TranscriptionRequest("start", ws_connection_id="ws-2"))
        assert (again.status, again.engine, again.created_at) == ("running", "assemblyai", started.created_at)
        core.say(stream, 0, 1, "hello")
        await core.publisher.wait_for(TranscriptSegment, 1)
        assert core.publisher.published[0][0] == ("ws-1", "ws-2")

        stopped = await service.stop(stream.id, TranscriptionRequest("stop"))
        assert (stopped.status, stopped.engine) == ("stopped", "assemblyai")
        assert camera.audio_taps == []


async def test_stopping_the_transcript_leaves_an_audio_index_its_ears(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, camera = await core.connect()
        await core.services.transcripts.start(stream.id, START)
        await core.index(stream, "transcript")
        await core.services.transcripts.stop(stream.id, TranscriptionRequest("stop"))
        assert len(camera.audio_taps) == 1
        core.say(stream, 0, 1, "hello")

        async def written() -> bool:
            return (await core.services.transcripts.page(stream.id)).total_count == 1

        await until(written)
        assert core.publisher.of(TranscriptSegment) == []


async def test_pages_of_a_transcript(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        await write_transcript(core, stream.id, 5)
        page = core.services.transcripts.page

        async def texts(**how: object) -> str:
            return "".join(record.text for record in (await page(stream.id, **how)).transcription_records)  # type: ignore[arg-type]

        first = await page(stream.id, page=1, page_size=2)
        assert (first.next_page, first.total_count, first.page, first.page_size) == (True, 5, 1, 2)
        last = await page(stream.id, page=3, page_size=2)
        assert (last.next_page, [record.text for record in last.transcription_records]) == (False, ["4"])
        assert (await page(stream.id, page=9)).transcription_records == []

        assert await texts(start=T0 + 12, end=T0 + 31) == "123"
        assert await texts(since=T0 + 25) == "234"  # inclusive: the one that ends at that moment
        assert await texts(since=T0 + 25.001) == "34"
        assert await texts(since=T0 + 25, start=T0 + 31) == "34"
        assert await texts(since=T0 + 31, end=T0 + 20) == "3"
        assert await texts(engine="assemblyai") == "01234"
        assert await texts(start=0, end=1) == ""


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"page": 0}, "page: expected"),
        ({"page_size": 0}, "page_size: expected a whole number from 1 to 1000, got 0"),
        ({"page_size": 1001}, "page_size"),
        ({"start": T0 + 1, "end": T0}, "end: expected a time not before start"),
    ],
)
async def test_pages_that_cannot_be_meant(tmp_path: Path, how: dict[str, float], said: str) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        index_id = await core.index(stream)
        with pytest.raises(BadRequest, match=said):
            await core.services.transcripts.page(stream.id, **how)  # type: ignore[arg-type]
        with pytest.raises(BadRequest, match=said):
            await core.services.indexes.page(stream.id, index_id, **how)  # type: ignore[arg-type]


async def test_what_a_stream_was_connected_without_cannot_be_had(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        silent, _ = await core.connect(media_types=["video"])
        blind, _ = await core.connect(media_types=["audio"])
        with pytest.raises(BadRequest, match="connected without audio"):
            await core.services.transcripts.start(silent.id, START)
        with pytest.raises(BadRequest, match="connected without audio"):
            await core.index(silent, "transcript")
        with pytest.raises(BadRequest, match="connected without video"):
            await core.index(blind, "time")
        assert (await core.services.indexes.list(silent.id)).scene_indexes == []


async def test_a_model_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(self: FakeModels, name: str | None = None) -> FakeModels:
        raise BackendMissing("pip install 'aiortstream[local]'")

    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        for method in ("transcriber", "describer"):
            monkeypatch.setattr(FakeModels, method, missing)
        with pytest.raises(Unavailable, match="pip install"):
            await core.services.transcripts.start(stream.id, START)
        for kind in ("time", "transcript"):
            with pytest.raises(Unavailable, match="pip install"):
                await core.index(stream, kind)


async def test_an_index_answers_as_the_wire_does(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        service = core.services.indexes
        made = await service.create(stream.id, SceneIndexRequest("time_based", {"time": 5, "frame_count": 2}, name="n"))
        assert len(made.rtstream_index_id) == 16
        assert (made.extraction_type, made.extraction_config) == ("time_based", {"time": "5", "frame_count": "2"})
        assert (made.prompt, made.name, made.status) == ("Describe the scene", "n", "running")
        default = await service.create(stream.id, SceneIndexRequest("transcript", None, "What?"))
        assert default.extraction_config == {"segmenter": "word", "segmentation_value": "10"}
        assert (await service.list(stream.id)).scene_indexes == [made, default]

        await service.stop(stream.id, made.rtstream_index_id)
        await service.stop(stream.id, made.rtstream_index_id)
        assert (await service.get(stream.id, made.rtstream_index_id)).status == "stopped"
        await service.start(stream.id, made.rtstream_index_id)
        await service.start(stream.id, made.rtstream_index_id)
        assert (await service.get(stream.id, made.rtstream_index_id)).status == "running"
        changed = await service.set_prompt(stream.id, made.rtstream_index_id, "Count people")
        assert (await service.get(stream.id, made.rtstream_index_id)) == changed
        assert changed.prompt == "Count people"
        with pytest.raises(BadRequest, match="prompt: expected"):
            await service.set_prompt(stream.id, made.rtstream_index_id, " ")


@pytest.mark.parametrize(
    ("kind", "config", "said"),
    [
        ("shot", None, "extraction_type: expected 'time'.*got 'shot'"),
        ("time", {"time": 0}, r"extraction_config\.time: expected a number from 1 to 3600, got 0"),
        ("time", {"time": 1e9}, "extraction_config.time"),
        ("time", {"time": "soon"}, "got 'soon'"),
        ("time", {"time": "nan"}, "extraction_config.time"),
        ("time", {"frame_count": 31}, "a whole number from 1 to 30, got 31"),
        ("time", {"frame_count": 2.5}, "extraction_config.frame_count"),
        ("time", {"frame_count": True}, "extraction_config.frame_count"),
        ("time", {"segmenter": "word"}, "the keys time and frame_count, got segmenter"),
        ("transcript", {"segmenter": "page"}, "'word', 'sentence' or 'time', got 'page'"),
        ("transcript", {"segmenter": ["word"]}, "extraction_config.segmenter"),
        ("transcript", {"segmentation_value": -1}, "from 1 to 10000, got -1"),
        ("transcript", {"segmenter": "sentence", "segmentation_value": 1.5}, "a whole number"),
    ],
)
async def test_batches_that_cannot_be_meant(
    tmp_path: Path, kind: str, config: dict[str, object] | None, said: str
) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        with pytest.raises(BadRequest, match=said):
            await core.services.indexes.create(stream.id, SceneIndexRequest(kind, config))


@pytest.mark.parametrize(
    ("kind", "config", "answered"),
    [
        (None, None, {"time": "2", "frame_count": "5"}),
        ("time", {"time": "1.5", "frame_count": None}, {"time": "1.5", "frame_count": "5"}),
        (
            "transcript",
            {"segmenter": "time", "segmentation_value": "30"},
            {"segmenter": "time", "segmentation_value": "30"},
        ),
    ],
)
async def test_batches_as_clients_send_them(
    tmp_path: Path, kind: str | None, config: dict[str, object] | None, answered: dict[str, str]
) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        made = await core.services.indexes.create(stream.id, SceneIndexRequest(kind, config))
        assert made.extraction_config == answered


async def test_an_unknown_model_name(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        with pytest.raises(BadRequest, match=r"model_name: .*'huge'"):
            await core.services.indexes.create(stream.id, SceneIndexRequest("time", model_name="huge"))


async def test_scenes_page_newest_first_under_both_names(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        index_id = await core.index(stream)
        for number in range(3):
            await core.db.run(
                lambda conn, n=number: scenes.add(  # type: ignore[misc]
                    conn,
                    index_id,
                    start_ms=MS + n * 2_000,
                    end_ms=MS + n * 2_000 + 2_000,
                    text=str(n),
                    metadata={"n": n},
                    model="m",
                    embedding=None,
                )
            )
        page = await core.services.indexes.page(stream.id, index_id, page=1, page_size=2)
        assert page.next_page is True
        assert [(record.start, record.text, record.description) for record in page.scene_index_records] == [
            (T0 + 4, "2", "2"),
            (T0 + 2, "1", "1"),
        ]
        window = await core.services.indexes.page(stream.id, index_id, start=T0 + 2.5, end=T0 + 3)
        assert [(record.text, record.metadata) for record in window.scene_index_records] == [("1", {"n": 1})]
        assert window.next_page is False


async def test_events_and_alerts(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        index_id = await core.index(stream)
        service = core.services.alerts
        event = await service.create_event(EventRequest("a person enters", "person"))
        await service.create_event(EventRequest("another", "person"))
        events = (await service.list_events()).events
        assert [(each.event_prompt, each.label) for each in events] == [
            ("a person enters", "person"),
            ("another", "person"),
        ]

        # As webhooks show the id, as well as REST.
        made = await service.create(stream.id, index_id, AlertRequest(f"event-{event.event_id}"))
        (alert,) = (await service.list(stream.id, index_id)).alerts
        assert (alert.alert_id, alert.event_id, alert.prompt, alert.label, alert.callback_url, alert.status) == (
            made.alert_id,
            event.event_id,
            "a person enters",
            "person",
            "",
            "enabled",
        )
        await service.set_status(stream.id, index_id, made.alert_id, AlertStatusRequest(action="disable"))
        assert (await service.list(stream.id, index_id)).alerts[0].status == "disabled"
        await service.set_status(stream.id, index_id, made.alert_id, AlertStatusRequest(status="enabled"))
        assert (await service.list(stream.id, index_id)).alerts[0].status == "enabled"

        for bad in (AlertStatusRequest(), AlertStatusRequest(action="enable", status="disabled")):
            with pytest.raises(BadRequest, match="action: expected"):
                await service.set_status(stream.id, index_id, made.alert_id, bad)
        with pytest.raises(NotFound, match="no event 'e-x'"):
            await service.create(stream.id, index_id, AlertRequest("e-x"))
        with pytest.raises(NotFound, match="no alert 'a-x'"):
            await service.set_status(stream.id, index_id, "a-x", AlertStatusRequest(action="enable"))


@pytest.mark.parametrize(
    "url",
    ["ftp://x/", "http://", "//x/y", "javascript:alert(1)", "http://x:99999/", "http://x/ y", "http://x/" + "y" * 2000],
)
async def test_callbacks_that_cannot_be_called(tmp_path: Path, url: str) -> None:
    async with open_core(tmp_path) as core:
        stream, _ = await core.connect()
        index_id = await core.index(stream)
        event = await core.services.alerts.create_event(EventRequest("p", "l"))
        with pytest.raises(BadRequest, match="callback_url: expected"):
            await core.services.alerts.create(stream.id, index_id, AlertRequest(event.event_id, url))


async def test_events_that_say_nothing(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        with pytest.raises(BadRequest, match="event_prompt: expected"):
            await core.services.alerts.create_event(EventRequest(" ", "l"))
        with pytest.raises(BadRequest, match="label: expected"):
            await core.services.alerts.create_event(EventRequest("p", ""))


async def test_an_index_belongs_to_its_stream(tmp_path: Path) -> None:
    async with open_core(tmp_path) as core:
        mine, _ = await core.connect()
        other, _ = await core.connect()
        index_id = await core.index(mine)
        service = core.services.indexes
        for call in (
            service.get(other.id, index_id),
            service.page(other.id, index_id),
            service.start(other.id, index_id),
            service.stop(other.id, index_id),
            service.set_prompt(other.id, index_id, "p"),
            core.services.alerts.list(other.id, index_id),
        ):
            with pytest.raises(NotFound, match=index_id):
                await call
