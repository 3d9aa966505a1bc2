"""What is said in videos, over HTTP: transcribed, indexed, searched in both forms; and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from core_fakes import DEADLINE
from media_clips import sample
from shell_parts import KEY, Shell, open_shell
from shell_videos import add_video, post
from video_parts import SAID, understand_beeps

from aiortstream.local.deliver.jobs import JobLimits
from aiortstream.local.settings import ServerSettings


@pytest.fixture
async def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shell]:
    async with open_shell(tmp_path) as opened:
        understand_beeps(opened.core.models, monkeypatch)
        yield opened


# --- what is said -----------------------------------------------------------------------------------------------------


async def test_a_transcript_comes_in_pieces(shell: Shell) -> None:
    video = await add_video(shell, sample("clip"))
    words = (await shell.get(f"/video/{video}/transcription")).data
    assert words["text"] == " ".join(SAID.values())
    assert [each["text"] for each in words["word_timestamps"]] == words["text"].split()
    first = words["word_timestamps"][0]
    assert 0.8 < first["start"] < first["end"] < 1.4
    sentences = (await shell.get(f"/video/{video}/transcription?segmenter=sentence")).data["word_timestamps"]
    assert [each["text"] for each in sentences] == [SAID[1], "The dog barks at night.", "Nobody minds."]
    by_time = (await shell.get(f"/video/{video}/transcription?segmenter=time&length=3")).data["word_timestamps"]
    assert [(each["start"], each["end"]) for each in by_time] == [(0.0, 3.0), (3.0, 6.0)]
    late = (await shell.get(f"/video/{video}/transcription?start=2.5&end=-1&segmenter=sentence")).data
    assert late["text"] == SAID[3]
    assert shell.core.models.calls.count("transcribe") == 2  # once a beep, whatever was asked for
    await shell.get(f"/video/{video}/transcription?force=true")
    assert shell.core.models.calls.count("transcribe") == 4


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("segmenter=letter", "segmenter: expected one of word, sentence, time, got 'letter'"),
        ("start=x", "start: expected a number, got 'x'"),
        ("start=-2", "start: expected seconds from the beginning"),
        ("start=2&end=1", "end: expected no time before start (2.0), got 1.0"),
        ("length=0", "length: expected a whole number from 1"),
        ("force=perhaps", "force: expected true or false, got 'perhaps'"),
    ],
)
async def test_transcripts_that_cannot_be(shell: Shell, query: str, says: str) -> None:
    video = await add_video(shell, sample("clip"))
    status, said = (await shell.get(f"/video/{video}/transcription?{query}")).refusal
    assert (status, said.startswith(says)) == (400, True), said
    assert "transcribe" not in shell.core.models.calls


async def test_videos_without_sound_have_no_transcript(shell: Shell) -> None:
    video = await add_video(shell, sample("silent"))
    for told in (
        await shell.get(f"/video/{video}/transcription"),
        await shell.post(f"/video/{video}/index", {"force": True}),
    ):
        assert told.refusal == (400, f"video {video!r} cannot be transcribed: it has no sound")
    assert (await shell.get("/video/m-none/transcription")).refusal[0] == 404


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"index_type": "scene"}, "index_type: this server indexes the spoken words of videos, got 'scene'"),
        ({"segmentation_type": "llm"}, "segmentation_type: expected 'sentence', got 'llm'"),
        ({"language_code": "fr"}, "language_code: expected en, which is all that is transcribed here, got 'fr'"),
        ({"language_code": "enm"}, "language_code: expected en, "),
        ({"callback_url": "https://me"}, "callback_url: "),
        ({"force": "yes"}, "force: expected true or false or null, got text"),
    ],
)
async def test_indexes_that_are_refused(shell: Shell, body: dict[str, Any], says: str) -> None:
    video = await add_video(shell, sample("clip"))
    status, said = (await shell.post(f"/video/{video}/index", body)).refusal
    assert (status, said.startswith(says)) == (400, True), said
    assert (await shell.post(f"/video/{video}/search", {"query": "gate"})).refusal[1].startswith("No results found")


async def test_an_index_is_made_once_unless_it_is_forced(shell: Shell) -> None:
    video = await add_video(shell, sample("clip"))
    assert (await shell.post(f"/video/{video}/index", {"language_code": "en_us"})).data["moments"] == 3
    status, said = (await shell.post(f"/video/{video}/index", {})).refusal
    assert (status, said.startswith("Spoken word index for video already exists")) == (400, True)
    assert (await shell.post(f"/video/{video}/index", {"force": True})).data["moments"] == 3
    found = (await shell.post(f"/video/{video}/search", {"query": "gate"})).data["results"]
    assert len([doc for each in found for doc in each["docs"] if "gate" in doc["text"]]) == 1  # not twice


async def test_what_takes_long_is_a_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = ServerSettings(api_key=KEY, jobs=JobLimits(patience=0.0))
    async with open_shell(tmp_path, settings) as shell:
        understand_beeps(shell.core.models, monkeypatch)
        url, _ = await post(shell, sample("clip").read_bytes())
        video = (await over(shell, "/collection/default/upload", {"url": url}))["data"]["id"]
        assert (await over(shell, f"/video/{video}/index", {}))["data"]["moments"] == 3
        assert "stream_url" in (await over(shell, "/compile", [{"video_id": video, "shots": [[0, 1]]}]))["data"]
        refused = await over(shell, f"/video/{video}/index", {})
        assert (refused["success"], refused["message"].startswith("Spoken word index")) == (False, True)


async def over(shell: Shell, path: str, body: Any) -> dict[str, Any]:
    """The envelope under `response`, once the job of a POST has ended."""
    begun = (await shell.post(path, body)).body
    assert begun["status"] == "processing"
    async with asyncio.timeout(DEADLINE):
        while (told := (await shell.get(begun["data"]["output_url"])).body)["status"] == "processing":
            pass
    response: dict[str, Any] = told["response"]
    return response


# --- search -----------------------------------------------------------------------------------------------------------


async def indexed(shell: Shell) -> str:
    video = await add_video(shell, sample("clip"))
    await shell.post(f"/video/{video}/index", {})
    return video


async def test_the_legacy_search_finds_the_moment(shell: Shell) -> None:
    video = await indexed(shell)
    told = (await shell.post(f"/video/{video}/search", {"query": "who will fix the gate", "filter": []})).data
    (found,) = told["results"]
    assert (found["video_id"], found["title"], found["length"]) == (video, "Clip", pytest.approx(4.0, abs=0.05))
    best = found["docs"][0]
    assert best["text"] == SAID[1]
    assert 0.8 < best["start"] < best["end"] < 2.2
    assert 0 < best["score"] <= 1


async def test_nothing_found_in_either_form(shell: Shell) -> None:
    video = await indexed(shell)
    for path in (f"/video/{video}/search", "/collection/default/search"):
        assert (await shell.post(path, {"query": "zebra", "search_type": "keyword"})).refusal == (
            400,
            "No results found",
        )
    for path in (f"/video/{video}/search/v2", "/collection/default/search/v2"):
        assert (await shell.post(path, {"query": "zebra"})).data["results"] == []


async def test_a_video_without_an_index_says_what_to_do(shell: Shell) -> None:
    video = await add_video(shell, sample("clip"))
    said = (await shell.post(f"/video/{video}/search", {"query": "gate"})).refusal[1]
    assert said.startswith("No results found: ")
    assert "index_spoken_words()" in said
    told = (await shell.post(f"/video/{video}/search/v2", {"query": "gate"})).data
    (warning,) = told["warnings"]
    assert (told["results"], warning["code"], "index_spoken_words()" in warning["message"]) == ([], "no_index", True)
    assert (await shell.post("/video/m-none/search", {"query": "x"})).refusal[0] == 404
    assert (await shell.post("/collection/none/search/v2", {"query": "x"})).refusal[0] == 404


async def test_sentences_that_follow_each_other_are_stitched_where_asked(shell: Shell) -> None:
    video = await indexed(shell)
    body: dict[str, Any] = {"query": "dog night nobody minds", "score_threshold": 0.01, "sort_docs_on": "start"}
    apart = (await shell.post(f"/video/{video}/search", body)).data["results"][0]["docs"]
    together = (await shell.post(f"/video/{video}/search", {**body, "stitch": True})).data["results"][0]["docs"]
    assert "The dog barks at night." in [doc["text"] for doc in apart]
    assert SAID[3] in [doc["text"] for doc in together]
    assert [doc["start"] for doc in apart] == sorted(doc["start"] for doc in apart)


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("search", {"query": " "}, "query: expected 1 to 4000 characters"),
        ("search", {}, "query: it is required"),
        (
            "search",
            {"query": "x", "search_type": "guess"},
            "search_type: expected 'semantic' or 'keyword', got 'guess'",
        ),
        ("search", {"query": "x", "index_type": "scene"}, "index_type: expected 'spoken_word'"),
        ("search", {"query": "x", "result_threshold": 0}, "result_threshold: expected a whole number from 1"),
        ("search", {"query": "x", "score_threshold": 101}, "score_threshold: expected a share"),
        ("search", {"query": "x", "sort_docs_on": "name"}, "sort_docs_on: expected 'score' or 'start'"),
        ("search", {"query": "x", "rerank": True}, "rerank: this server knows nothing of the kind"),
        ("search", {"query": "x", "filter": [{"a": 1}]}, "filter: this server knows nothing"),
        ("search/v2", {"query": "x", "top_k": 1001}, "top_k: expected a whole number from 1 to 1000"),
        ("search/v2", {"query": "x", "mode": "deepsearch"}, "mode: this server searches in one way"),
        ("search/v2", {"query": "x", "include_clip": True}, "include_clip: this server knows nothing"),
    ],
)
async def test_searches_that_are_refused(shell: Shell, path: str, body: dict[str, Any], says: str) -> None:
    video = await indexed(shell)
    status, said = (await shell.post(f"/video/{video}/{path}", body)).refusal
    assert (status, said.startswith(says)) == (400, True), said
    assert (await shell.post(f"/collection/default/{path}", body)).refusal == (status, said)
