"""Collections and videos: the official SDK 0.5.1, unmodified, in an environment of its own, as client of a server."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from test_official_sdks import HERE, KEY, python_with

from aiortstream.local.deliver.jobs import JobLimits
from aiortstream.local.sample import sample_path
from aiortstream.local.server import LocalServer
from aiortstream.local.settings import ServerSettings

pytestmark = [pytest.mark.sdk, pytest.mark.timeout(600)]


@pytest.mark.parametrize("patience", [8.0, 0.0])
async def test_collections_and_videos_with_the_official_sdk(patience: float, tmp_path: Path) -> None:
    """Without patience everything that may take long is a job, which the SDK asks for until it is over."""
    python = await asyncio.to_thread(python_with, "0.5.1")
    settings = ServerSettings(data_dir=tmp_path / "data", api_key=KEY, jobs=JobLimits(patience=patience))
    async with LocalServer(settings) as server, aiohttp.ClientSession() as player:
        script = await asyncio.create_subprocess_exec(
            python,
            HERE / "videos.py",
            server.url,
            KEY,
            sample_path(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(400):
            out, errors = await script.communicate()
        assert script.returncode == 0, errors.decode()
        told = json.loads(out.splitlines()[-1])
        check_collections(told["collections"])
        check_video(told)
        check_search(told)
        check_surface(told)
        async with player.get(told["search"]["compiled"]) as gone:  # the video was deleted, and with it what shows it
            assert gone.status == 404


def check_collections(told: dict[str, Any]) -> None:
    assert told["made"] == ["Porch", "What the camera saw", False]
    assert told["changed"] == ["Yard", "Behind the house"]
    assert (told["listed"], told["left"]) == (True, 1)
    default, unnamed = told["refused"]
    assert "InvalidRequestError: Invalid request: the default collection cannot be deleted" in default
    assert "name: expected 1 to 500 characters" in unnamed


def check_video(told: dict[str, Any]) -> None:
    video_id, name, length, stream_url, player_url = told["video"]
    assert (video_id[:2], name) == ("m-", "Front door")
    assert length > 5
    assert stream_url.endswith(f"/videos/{video_id}.m3u8")
    assert re.search(r"/watch\?v=\w+&url=", player_url)
    assert told["got"] == [length, [video_id]]
    assert told["renamed"] == "Back door"
    assert told["timeline"].endswith("/reel.m3u8")
    assert set(told["words"][0]) >= {"start", "end", "text"}
    assert told["words"][0]["text"] in told["text"]
    assert told["generated"] == {"success": True, "message": "Transcript generated successfully"}
    assert "Spoken word index for video already exists" in told["again"][0]
    found, warned = told["before"]
    assert found == 0
    assert any("index_spoken_words()" in each for each in warned)
    script, scheme, unknown, timeline = told["refused"]
    assert "url: what it holds cannot become a video" in script
    assert "url: expected an http:// or https:// URL" in scheme
    assert "there is no video 'm-none'" in unknown
    assert "timeline[0]: expected [start, end]" in timeline
    assert "there is no video" in told["deleted"][0][0]
    assert told["deleted"][1] == 0


def check_surface(told: dict[str, Any]) -> None:
    usual, made_id, made_url, listed = told["pictures"]
    assert usual.endswith("/1000.jpg")
    assert (made_id[:4], made_url.endswith("/2000.jpg")) == ("img-", True)
    assert len(listed) == 2
    assert made_id in listed
    public, scenes, hindi, text, audios = told["lacking"]
    assert "InvalidRequestError" in public
    assert "no public collections" in public
    assert "the hosted service has scene indexes of videos" in scenes
    assert "language_code: expected en, " in hindi
    assert "the hosted service has what generates media or text" in text
    assert "the hosted service has sounds apart from videos" in audios


def check_search(told: dict[str, Any]) -> None:
    search, wanted = told["search"], told["wanted"]
    text, start, end = search["v2"][0]
    assert text == wanted
    assert 0 <= start < end
    assert search["legacy"][0] == [told["video"][0], wanted]
    assert search["compiled"].endswith("/reel.m3u8")
    assert re.match(r'<iframe src="http://127\.0\.0\.1:\d+/embed\?v=', search["embedded"])
    assert search["shot"][0].endswith("/reel.m3u8")
    assert "/watch?v=" in search["shot"][1]
    assert search["keyword"] >= 1
    legacy, compiled = search["nothing"]
    assert legacy.startswith("InvalidRequestError: Invalid request: No results found")
    assert compiled == "SearchError: No shots found in search results to compile "
