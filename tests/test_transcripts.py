"""Transcripts: starting, stopping, pages."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from conftest import FakeHub, MockedRest

from aiortstream import AsyncClient, InvalidArgumentError, ProtocolError
from aiortstream.live.bindings import OWN, TranscriptBinding

NOW = 1_710_000_000.5


async def test_transcript_calls(client: AsyncClient, rest: MockedRest) -> None:
    path = "/rtstream/rts-1/transcription"
    rest.answer("POST", path, {"status": "running", "engine": "default"})
    stream = client.rtstream("rts-1")
    status = await stream.start_transcript(ws_connection_id="conn", engine="assemblyai")
    assert rest.last[3] == {"action": "start", "engine": "assemblyai", "ws_connection_id": "conn"}
    assert (status.status, status["engine"]) == ("running", "default")
    rest.answer("POST", path, {"status": "stopped"})
    await stream.stop_transcript()
    assert rest.last[3] == {"action": "stop"}


async def test_a_transcript_page_answers_attributes_and_keys(client: AsyncClient, rest: MockedRest) -> None:
    record = {"start": NOW, "end": NOW + 2, "text": "hello", "word_timestamps": None} | {"word_timestamps": []}
    words = [{"word": "hi", "start": NOW, "end": NOW + 1}]
    page = {
        "transcription_records": [record, {**record, "word_timestamps": words}],
        "next_page": True,
        "total_count": 9,
    }
    rest.answer("GET", "/rtstream/rts-1/transcription", page)
    got = await client.rtstream("rts-1").get_transcript(page=2, page_size=50, since=NOW - 10)
    assert rest.last[2] == {"page": "2", "page_size": "50", "since": "1709999990.5"}
    assert got["transcription_records"] == got.segments
    assert got["next_page"] is True
    assert got.segments[0]["text"] == "hello"
    assert got.segments[1].words[0].word == "hi"
    assert got.segments[0].start_time == datetime.fromtimestamp(NOW, UTC)


async def test_records_of_another_epoch_are_refused(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer(
        "GET", "/rtstream/rts-1/transcription", {"transcription_records": [{"start": 5, "end": 6, "text": "x"}]}
    )
    with pytest.raises(ProtocolError, match="no unix time"):
        await client.rtstream("rts-1").get_transcript()


async def test_our_own_connection_is_the_default_and_is_bound(
    client: AsyncClient, rest: MockedRest, hub: FakeHub
) -> None:
    path = "/rtstream/rts-1/transcription"
    rest.answer("POST", path, {"status": "running"})
    stream = client.rtstream("rts-1")
    await stream.start_transcript(engine="default")
    assert rest.last[3] == {"action": "start", "engine": "default", "ws_connection_id": "own-connection"}
    assert hub.asked == [(OWN, False)]
    assert hub.bound == [(TranscriptBinding("rts-1", "default"), "own-connection")]
    rest.answer("POST", path, {"status": "stopped"})
    await stream.stop_transcript(engine="default")
    assert rest.last[3] == {"action": "stop", "engine": "default"}
    assert hub.told == [("unbind_transcript", "rts-1")]


async def test_without_a_websocket_it_starts_all_the_same(client: AsyncClient, rest: MockedRest, hub: FakeHub) -> None:
    hub.own = None
    rest.answer("POST", "/rtstream/rts-1/transcription", {"status": "running"})
    await client.rtstream("rts-1").start_transcript()
    assert rest.last[3] == {"action": "start"}


async def test_a_window_of_the_transcript(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/rtstream/rts-1/transcription", {"transcription_records": [], "next_page": False})
    end = datetime.fromtimestamp(NOW + 60, UTC)
    page = await client.rtstream("rts-1").get_transcript(start=NOW, end=end, engine="default")
    assert rest.last[2] == {
        "page": "1",
        "page_size": "100",
        "start": "1710000000.5",
        "end": "1710000060.5",
        "engine": "default",
    }
    assert (page.segments, page.next_page, page["total_count"]) == ((), False, None)


async def test_pages_and_times_that_make_no_sense(client: AsyncClient, rest: MockedRest) -> None:
    stream = client.rtstream("rts-1")
    with pytest.raises(InvalidArgumentError, match="page: expected"):
        await stream.get_transcript(page=0)
    with pytest.raises(InvalidArgumentError, match="since: expected unix seconds"):
        await stream.get_transcript(since=12.0)
    assert rest.requests == []


async def test_whether_a_stream_is_transcribed(client: AsyncClient, rest: MockedRest) -> None:
    answer = {"status": "running", "engine": "assemblyai", "language": "en", "created_at": "2025-05-27T13:07:38.758741"}
    rest.answer("GET", "/rtstream/rts-1/transcription/status", answer)
    status = await client.rtstream("rts-1").get_transcription_status("assemblyai")
    assert rest.last[2] == {"engine": "assemblyai"}
    assert (status.status, status["engine"], status.language) == ("running", "assemblyai", "en")
