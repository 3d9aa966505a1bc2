"""Playing in the browser: what is opened, and what is not."""

from __future__ import annotations

import pytest
from conftest import MockedRest

from aiortstream import AsyncClient, InvalidArgumentError, NoResultsError, ProtocolError, SearchResult
from aiortstream.playing import open_in_browser
from aiortstream.wire import videos

PLAYER = "https://console.test/watch?v=1"
STREAM = "https://stream.test/1.m3u8"


async def test_the_player_is_opened_or_else_the_stream(opened_pages: list[str]) -> None:
    assert await open_in_browser(PLAYER, STREAM) == PLAYER
    assert await open_in_browser(None, STREAM) == STREAM
    assert opened_pages == [PLAYER, STREAM]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "--incognito", "watch?v=1"])
async def test_what_is_no_page_of_the_web_is_not_opened(opened_pages: list[str], url: str) -> None:
    with pytest.raises(ProtocolError, match="not one of the web"):
        await open_in_browser(url, None)
    with pytest.raises(InvalidArgumentError, match="nothing to play"):
        await open_in_browser(None, None)
    assert opened_pages == []


async def test_a_video_a_shot_and_a_search_are_made_to_play_first(
    client: AsyncClient, rest: MockedRest, opened_pages: list[str]
) -> None:
    for path in ("/video/m-1/stream", "/video/m-1/stream", "/compile"):
        rest.answer("POST", path, {"stream_url": STREAM, "player_url": PLAYER})
    found = SearchResult(client._context, [videos.VideoHits("m-1", docs=[videos.VideoHit(1.0, 2.0)])])
    for played in (client.video("m-1"), found[0], found):
        assert await played.play() == PLAYER
    assert await found.play() == PLAYER  # its URL is known now
    assert opened_pages == [PLAYER] * 4
    assert [path for _, path, _, _ in rest.requests] == ["/video/m-1/stream"] * 2 + ["/compile"]
    with pytest.raises(NoResultsError):
        await SearchResult(client._context, []).play()


async def test_a_shot_of_a_stream_plays(client: AsyncClient, rest: MockedRest, opened_pages: list[str]) -> None:
    rest.answer("POST", "/rtstream/rts-1/search", {"results": [{"start": 1_710_000_000, "end": 1_710_000_002}]})
    rest.answer("GET", "/rtstream/rts-1/stream", {"stream_url": STREAM, "player_url": PLAYER})
    (shot,) = await client.rtstream("rts-1").search("person")
    assert await shot.play() == PLAYER
    assert opened_pages == [PLAYER]
