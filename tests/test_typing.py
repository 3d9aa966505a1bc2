"""What a type checker sees of the public surface: mypy reads these assertions, and running them proves they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never, assert_type

import pytest

from aiortstream import (
    Alert,
    AsyncClient,
    CaptureSessionEvent,
    DecodeFailure,
    Event,
    Gap,
    Items,
    Paged,
    Pages,
    PartialTranscript,
    Responses,
    RTStream,
    RTStreamSceneIndex,
    Scene,
    TranscriptSegment,
    UnknownEvent,
    Watch,
)

if TYPE_CHECKING:
    from aiortstream import (
        AlertDefinition,
        CaptureExportResult,
        CaptureSession,
        Collection,
        EventDefinition,
        Job,
        RTStreamExportResult,
        RTStreamSearchResult,
        RTStreamShot,
        ScenePage,
        SearchResponse,
        SearchResult,
        Shot,
        SpokenPiece,
        TranscriptPage,
        TranscriptStatus,
        Video,
    )


async def test_watches_say_what_they_yield(client: AsyncClient) -> None:
    stream = assert_type(client.rtstream("rts-1"), RTStream)
    index = assert_type(stream.scene_index("i1"), RTStreamSceneIndex)

    assert_type(stream.watch_transcript(), Watch[TranscriptSegment])
    assert_type(stream.watch_transcript(since=None, follow=False), Watch[TranscriptSegment])
    assert_type(stream.watch_transcript(partials=True), Watch[TranscriptSegment | PartialTranscript])
    assert_type(stream.watch_transcript(gaps="yield"), Watch[TranscriptSegment | Gap])
    assert_type(
        stream.watch_transcript(partials=True, gaps="yield"), Watch[TranscriptSegment | PartialTranscript | Gap]
    )
    assert_type(index.watch_scenes(), Watch[Scene])
    assert_type(index.watch_scenes(gaps="yield"), Watch[Scene | Gap])
    assert_type(aiter(index), Watch[Scene])
    assert_type(index.watch_alerts(), Watch[Alert | Gap])
    assert_type(stream.watch_alerts(label="x"), Watch[Alert | Gap])
    assert_type(client.watch_alerts(), Watch[Alert | Gap])
    assert_type(client.watch_events(), Watch[Event | Gap])


async def test_lists_say_what_they_give_awaited_and_iterated(client: AsyncClient) -> None:
    streams = assert_type(client.list_rtstreams(limit=10), Paged[list[RTStream], RTStream])
    assert_type(aiter(streams), Items[RTStream])
    assert_type(streams.pages(), Pages[list[RTStream], RTStream])
    assert_type(client.with_options(timeout=1.0), AsyncClient)
    assert_type(client.rtstream("rts-1").with_options(max_retries=0), RTStream)
    with client.capture_responses() as responses:
        assert_type(responses, Responses)


if TYPE_CHECKING:

    async def results(client: AsyncClient, stream: RTStream, index: RTStreamSceneIndex, shot: RTStreamShot) -> None:
        """Only for the type checker."""
        assert_type(await client, AsyncClient)
        async with client as opened:
            assert_type(opened, AsyncClient)
        assert_type(await client.get_collection(), Collection)
        assert_type(await client.get_collections(), list[Collection])
        assert_type(await client.connect_rtstream("rtsp://h/x", media_types=["audio", "video"]), RTStream)
        assert_type(await client.list_rtstreams(), list[RTStream])
        assert_type(await client.create_event("p", "l"), str)
        assert_type(await client.list_events(), list[EventDefinition])
        assert_type(await client.search("q", namespace="rtstream"), RTStreamSearchResult)
        assert_type(await client.search("q"), SearchResponse | SearchResult)
        assert_type(await client.search("q", "semantic", result_threshold=3), SearchResponse | SearchResult)
        await client.search("q", top="3")  # type: ignore[call-overload] # it is `top_k`, and a number
        assert_type(await client.upload("clip.mp4"), Video)
        assert_type(await client.upload("clip.mp4", callback_url="https://h/x"), Video | None)
        video = assert_type(await client.get_video("m-1"), Video)
        assert_type(await video.search("q"), SearchResponse | SearchResult)
        assert_type(await video.legacy_search("q"), SearchResult)
        assert_type(await (await video.search("q")).compile(), str)
        assert_type((await video.search("q")).get_shots(), list[Shot])
        assert_type(await video.get_transcript(), list[SpokenPiece])
        assert_type(await video.generate_stream([(1, 2.5)]), str)

        assert_type(await stream.refresh(), RTStream)
        assert_type(await stream.generate_stream(1.0, 2.0), str)
        assert_type(await stream.export(), RTStreamExportResult)
        assert_type(await stream.start_transcript(), TranscriptStatus)
        assert_type(await stream.get_transcript(), TranscriptPage)
        assert_type((await stream.get_transcript())["next_page"], Any)
        assert_type(
            await stream.index_visuals(batch_config={"type": "time", "value": 2, "frame_count": 5}), RTStreamSceneIndex
        )
        assert_type(await stream.index_audio(batch_config={"type": "word", "value": 50}), RTStreamSceneIndex)
        await stream.index_visuals(batch_config={"type": "word", "value": 2})  # type: ignore[arg-type] # "time" only
        await stream.index_audio(batch_config={"type": "word", "value": "2"})  # type: ignore[arg-type] # a number
        assert_type([hit async for hit in index], list[Scene])
        assert_type(await index.get_scenes(), ScenePage)
        assert_type((await index.get_scenes()).scenes, tuple[Scene, ...])
        assert_type(await index.create_alert("e1"), str)
        assert_type(await index.list_alerts(), list[AlertDefinition])
        assert_type(list(await stream.search("q")), list[RTStreamShot])
        assert_type(await shot.generate_stream(), str)

    async def capture_sessions(client: AsyncClient) -> None:
        """Only for the type checker."""
        session = assert_type(await client.create_capture_session("user-7"), CaptureSession)
        assert_type(await client.list_capture_sessions(), list[CaptureSession])
        assert_type([each async for each in client.list_capture_sessions()], list[CaptureSession])
        assert_type(session.get_rtstream("mic"), list[RTStream])
        assert_type(session.export(), Job[CaptureExportResult])
        assert_type(await client.generate_client_token(), str)


def told(event: Event) -> str:
    """Every member by name, and nothing else: mypy refuses this where the union has one more."""
    match event:
        case CaptureSessionEvent(event=name, capture_session_id=session):
            return f"{session}: {name}"
        case Alert(label=label):
            return label
        case TranscriptSegment() | PartialTranscript() | Scene():
            return event.text
        case UnknownEvent() | DecodeFailure():
            return "unread"
        case _:
            assert_never(event)


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (CaptureSessionEvent("capture_session.stopping", "cap-1"), "cap-1: capture_session.stopping"),
        (Alert("person", 1.0), "person"),
        (Scene(1.0, 2.0, "a door", "rts-1", "visual"), "a door"),
        (UnknownEvent("capture", {}), "unread"),
    ],
)
def test_events_are_told_apart_by_match(event: Event, says: str) -> None:
    assert told(event) == says
