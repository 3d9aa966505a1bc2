"""Videos: what travels, and what comes of the answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import MockedRest

from aiortstream import AsyncClient, InvalidArgumentError, InvalidRequestError, NotFoundError, ProtocolError, Video

ANSWER = {
    "id": "m-1",
    "collection_id": "c-1",
    "name": "Standup",
    "length": "60.5",
    "stream_url": "http://s/1",
    "player_url": "http://p/watch?v=1",
}


@pytest.fixture
async def video(client: AsyncClient, rest: MockedRest) -> Video:
    rest.answer("GET", "/video/m-1", ANSWER)
    return await client.get_video("m-1")


async def test_getting_videos(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("GET", "/video/m-1", ANSWER)
    video = await client.collection("c-1").get_video("m-1")
    assert rest.last[2] == {"collection_id": "c-1"}
    assert (video.id, video.length, video["name"], video.stream_url) == ("m-1", 60.5, "Standup", "http://s/1")
    rest.answer("GET", "/video", {"videos": [ANSWER, {"id": "m-2", "length": None}]})
    assert [each.length for each in await client.get_videos()] == [60.5, 0.0]
    assert rest.last[2] == {"collection_id": "default"}
    rest.answer("GET", "/video/m-9", status=404, message="none")
    with pytest.raises(NotFoundError):
        await client.get_video("m-9")
    with pytest.raises(KeyError, match="_context"):
        _ = video["_context"]


async def test_renaming_and_deleting(video: Video, client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("PATCH", "/video/m-1", ANSWER)
    await video.update(name="New")
    assert (rest.last[3], video.name) == ({"name": "New"}, "New")
    asked = len(rest.requests)
    await video.update()
    assert len(rest.requests) == asked
    rest.answer("DELETE", "/video/m-1")
    await video.delete()
    assert rest.last[:3] == ("DELETE", "/video/m-1", {})
    rest.answer("DELETE", "/video/m-1")
    await client.collection("c-1").delete_video("m-1")
    assert rest.last[2] == {"collection_id": "c-1"}


async def test_streams_with_and_without_a_timeline(video: Video, client: AsyncClient, rest: MockedRest) -> None:
    assert await video.generate_stream() == "http://s/1"  # it is known
    rest.answer("POST", "/video/m-1/stream", {"stream_url": "cut", "player_url": "p"})
    assert await video.generate_stream([(1, 2.5), (9, 12)]) == "cut"
    assert rest.last[3] == {"timeline": [[1, 2.5], [9, 12]], "length": 60.5}
    assert (video.stream_url, video.player_url) == ("cut", "p")
    rest.answer("POST", "/video/m-2/stream", {"stream_url": "whole"})
    assert await client.video("m-2").generate_stream() == "whole"
    assert rest.last[3] == {"timeline": None, "length": 0.0}
    for wrong in ([(2, 1)], [(-1, 1)], [(0, 1), (1, 1)]):
        with pytest.raises(InvalidArgumentError, match="timeline: expected 0 <= start < end"):
            await video.generate_stream(wrong)


async def test_embed_codes(video: Video, client: AsyncClient, rest: MockedRest) -> None:
    assert 'src="http://p/embed?v=1"' in await video.get_embed_code()
    with pytest.raises(InvalidArgumentError, match="player_url"):
        await client.video("m-2").get_embed_code(auto_generate=False)
    rest.answer("POST", "/video/m-2/stream", {"stream_url": "s", "player_url": "http://p/watch?v=2"})
    assert "embed?v=2" in await client.video("m-2").get_embed_code(width="50%")


async def test_transcripts(video: Video, rest: MockedRest) -> None:
    said = {"word_timestamps": [{"start": 0, "end": "0.5", "text": "Hello"}], "text": "Hello"}
    rest.answer("GET", "/video/m-1/transcription", said)
    (word,) = await video.get_transcript()
    assert rest.last[2] == {"segmenter": "word", "length": "1", "force": "false"}
    assert (word.start, word.end, word["text"], video.transcript_text) == (0.0, 0.5, "Hello", "Hello")
    rest.answer("GET", "/video/m-1/transcription", {})
    assert await video.get_transcript(start=1, end=2.5, segmenter="time", length=5, force=True) == []
    assert rest.last[2] == {"start": "1", "end": "2.5", "segmenter": "time", "length": "5", "force": "true"}
    rest.answer("GET", "/video/m-1/transcription", said)
    assert await video.get_transcript_text(0, 9) == "Hello"
    rest.answer("POST", "/video/m-1/transcription", said)
    assert await video.generate_transcript() == "Hello"
    assert rest.last[3] == {"force": False, "language_code": None}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"segmenter": "letter"}, "segmenter: expected one of word, sentence, time"),
        ({"start": -1}, "start: expected seconds from 0"),
        ({"start": 5, "end": 4}, "end: expected no time before start"),
    ],
)
async def test_transcripts_that_cannot_be(video: Video, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says):
        await video.get_transcript(**options)


async def test_indexing(video: Video, rest: MockedRest) -> None:
    rest.answer("POST", "/video/m-1/index", None)
    await video.index_spoken_words(force=True)
    assert rest.last[3] == {
        "index_type": "spoken_word",
        "language_code": None,
        "segmentation_type": "sentence",
        "force": True,
        "callback_url": None,
    }
    rest.answer("POST", "/video/m-1/index", status=400, message="Spoken word index for video already exists")
    with pytest.raises(InvalidRequestError, match="already exists"):
        await video.index_spoken_words()


# --- pictures ---------------------------------------------------------------------------------------------------------


async def test_thumbnails(client: AsyncClient, rest: MockedRest) -> None:
    image = {"id": "img-1", "collection_id": "c-1", "name": "Door", "url": "https://i/1.jpg"}
    video = client.video("m-1")
    rest.answer("GET", "/video/m-1/thumbnail", {"thumbnail_url": "https://i/0.jpg"})
    assert await video.generate_thumbnail() == await video.generate_thumbnail() == "https://i/0.jpg"
    rest.answer("POST", "/video/m-1/thumbnail", image)
    made = await video.generate_thumbnail(time=2.5)
    assert rest.last[3] == {"time": 2.5}
    assert (made.id, made["url"], video["thumbnail_url"]) == ("img-1", "https://i/1.jpg", "https://i/0.jpg")
    rest.answer("GET", "/video/m-1/thumbnails", [image])
    assert await video.get_thumbnails() == [made]
    with pytest.raises(InvalidArgumentError, match="time: expected seconds from 0"):
        await video.generate_thumbnail(-1)
    assert len(rest.requests) == 3


async def test_the_file_of_a_video_is_deleted(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("DELETE", "/video/m-1/storage", message="storage removed")
    await client.video("m-1").remove_storage()
    assert rest.last[:2] == ("DELETE", "/video/m-1/storage")


# --- uploading --------------------------------------------------------------------------------------------------------


async def test_uploading_a_url(client: AsyncClient, rest: MockedRest) -> None:
    given: list[dict[str, Any]] = [{name: "https://h/v.mp4"} for name in ("source", "url", "file_path")]
    for options in given:
        rest.answer("POST", "/collection/c-1/upload", ANSWER)
        video = await client.collection("c-1").upload(**options, description="d", media_type="video")
        assert isinstance(video, Video)
        assert rest.last[3] == {
            "url": "https://h/v.mp4",
            "name": None,
            "description": "d",
            "callback_url": None,
            "media_type": "video",
        }


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"source": "https://h/v.mp4", "url": "https://h/v.mp4"},
        {"file_path": "/a", "url": "https://h/v.mp4"},
        {"source": ""},
    ],
)
async def test_one_source_is_wanted(client: AsyncClient, rest: MockedRest, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match="source"):
        await client.upload(**options)
    assert rest.requests == []


async def test_a_file_that_is_not_there(client: AsyncClient, rest: MockedRest, tmp_path: Path) -> None:
    for missing in (tmp_path / "none.mp4", tmp_path, "a\0b"):
        rest.answer("GET", "/collection/default/upload_url", {"upload_url": "https://up/x"})
        with pytest.raises(InvalidArgumentError, match=r"file_path: .* cannot be read"):
            await client.upload(missing)
    assert {method for method, *_ in rest.requests} == {"GET"}  # nothing was made of it


async def test_what_became_no_video_is_told(client: AsyncClient, rest: MockedRest) -> None:
    rest.answer("POST", "/collection/default/upload", {**ANSWER, "id": "a-1"})
    with pytest.raises(ProtocolError, match="'a-1', which is no video"):
        await client.upload("https://h/v.mp3")
