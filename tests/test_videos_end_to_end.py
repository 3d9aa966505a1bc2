"""Videos on an embedded server with the real models: uploaded, understood, found, played."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest
from media_clips import decode_strictly, sample

from aiortstream import AsyncClient, InvalidRequestError, NoResultsError, SearchError, SearchResponse
from aiortstream.cli.media import inspect_media
from aiortstream.local.sample import sample_path

pytestmark = pytest.mark.timeout(150)


async def test_what_is_said_in_an_uploaded_video_is_found_and_played(tmp_path: Path) -> None:
    async with AsyncClient.local() as client, aiohttp.ClientSession() as player:
        coll = await client.create_collection("Porch", "What the camera saw")
        video = await coll.upload(sample_path(), name="Front door")
        assert video.length > 5
        assert [each.id for each in await coll.get_videos()] == [video.id]

        with pytest.raises(NoResultsError, match="index_spoken_words"):
            await video.legacy_search("the door")
        await video.index_spoken_words(force=True)
        with pytest.raises(InvalidRequestError, match="already exists"):
            await video.index_spoken_words()
        sentences = await video.get_transcript(segmenter="sentence")
        assert sentences
        assert all(0 <= each.start < each.end <= video.length + 1 for each in sentences)
        assert video.transcript_text

        wanted = max(sentences, key=lambda each: len(each.text))
        found = await video.search(wanted.text)
        assert isinstance(found, SearchResponse)
        assert found.get_shots()[0].text == wanted.text
        legacy = await coll.search(wanted.text, index_type="spoken_word", result_threshold=1)
        assert [shot.start for shot in legacy] == [pytest.approx(wanted.start)]
        with pytest.raises(SearchError, match="No results found"):
            await (await video.search("zebra", score_threshold=0.99)).compile()

        shot = legacy[0]
        for url in (await legacy.compile(), await shot.generate_stream(), await video.generate_stream([(1, 3)])):
            async with player.get(url) as response:
                assert (response.status, response.content_type) == (200, "application/vnd.apple.mpegurl")
            assert "h264" in await asyncio.to_thread(inspect_media, url)
            async with player.get(url.removesuffix("m3u8") + "mp4") as response:
                assert (response.status, response.content_type) == (200, "video/mp4")
                file = tmp_path / "played.mp4"
                await asyncio.to_thread(file.write_bytes, await response.read())
            assert (await asyncio.to_thread(decode_strictly, file)).video
        embedded = await shot.get_embed_code()
        page = embedded.partition('src="')[2].partition('"')[0].replace("&amp;", "&")
        async with player.get(page) as response:
            assert (response.status, response.content_type) == (200, "text/html")

        await video.delete()
        assert await coll.get_videos() == []
        await coll.delete()
        assert len(await client.get_collections()) == 1


async def test_the_references_workflow_on_an_exported_recording(tmp_path: Path) -> None:
    """Record, export, index, search, compile: with nothing but `await` added, whether something is found or not."""
    async with AsyncClient.local(data_dir=tmp_path) as conn:
        coll = await conn.get_collection()
        rtstream = await coll.connect_rtstream(url=str(sample("clip")), name="Weekly Standup", store=True)
        await rtstream.start()
        while (await rtstream.refresh()).status != "stopped":  # noqa: ASYNC110 - the file plays for four seconds
            await asyncio.sleep(0.1)
        export_result = await rtstream.export(name="Weekly Standup Recording")
        video = await coll.get_video(export_result.video_id)
        said = []
        try:
            results = await video.search("action items and next steps")
            stream_url = await results.compile()
            said.append(f"Action items clip: {stream_url}")
        except InvalidRequestError as exc:
            if "No results found" in str(exc):
                said.append("No action items were detected in the recording.")
            else:
                raise
        assert said == ["No action items were detected in the recording."]
        with pytest.raises(InvalidRequestError, match="the default collection cannot be deleted"):
            await coll.delete()
