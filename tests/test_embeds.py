"""Players in other people's pages."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from conftest import MockedRest

from aiortstream import AsyncClient, InvalidArgumentError, RTStreamExportResult
from aiortstream.embeds import embed_code

WATCH = "https://player.test/watch?v=slug"


def attributes(code: str) -> dict[str, str | None]:
    """Of the one element in it, as a browser reads them."""
    read: list[tuple[str, dict[str, str | None]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            read.append((tag, dict(attrs)))

    Reader().feed(code)
    ((tag, found),) = read
    assert tag == "iframe"
    return found


def test_the_code_is_the_official_sdks() -> None:
    assert embed_code(WATCH, "100%", 405, "VideoDB Player", allow_fullscreen=True) == (
        '<iframe src="https://player.test/embed?v=slug" width="100%" height="405" title="VideoDB Player" '
        'frameborder="0" allowfullscreen></iframe>'
    )
    assert "allowfullscreen" not in embed_code(WATCH, "1", 1, "t", allow_fullscreen=False)


def test_nothing_breaks_out_of_an_attribute() -> None:
    code = embed_code(WATCH + "&url=a%22b&t=<", '"><script>', 10, 'it\'s <b> & "more"', allow_fullscreen=False)
    found = attributes(code)
    assert found["src"] == "https://player.test/embed?v=slug&url=a%22b&t=<"
    assert (found["width"], found["title"]) == ('"><script>', 'it\'s <b> & "more"')


@pytest.mark.parametrize(
    ("url", "height", "says"),
    [
        (None, 405, "there is none"),
        ("", 405, "there is none"),
        (WATCH, 0, "height: expected pixels above 0, got 0"),
        ("https://console.test/player?url=x", 405, "only a player's URL"),
        ("https://player.test/watch?slug=x", 405, "only a player's URL"),
        ("https://player.test/other?next=/watch?v=1", 405, "only a player's URL"),
    ],
)
def test_what_cannot_be_embedded(url: str | None, height: int, says: str) -> None:
    with pytest.raises(InvalidArgumentError, match=says) as refused:
        embed_code(url, "100%", height, "t", allow_fullscreen=True)
    assert isinstance(refused.value, ValueError)  # as the official SDK raises


async def test_streams_shots_and_exports(client: AsyncClient, rest: MockedRest) -> None:
    stream = client.rtstream("rts-1")
    with pytest.raises(InvalidArgumentError, match="player_url"):
        stream.get_embed_code()
    rest.answer("GET", "/rtstream/rts-1/stream", {"stream_url": "s", "player_url": WATCH})
    await stream.generate_stream(1.71e9, 1.71e9 + 5)
    assert attributes(stream.get_embed_code(height=200))["height"] == "200"

    rest.answer("POST", "/rtstream/rts-1/search", {"results": [{"start": 1.71e9, "end": 1.71e9 + 1}]})
    (shot,) = await stream.search("door")
    with pytest.raises(InvalidArgumentError, match="player_url"):
        await shot.get_embed_code(auto_generate=False)
    rest.answer("GET", "/rtstream/rts-1/stream", {"stream_url": "s", "player_url": WATCH})
    assert attributes(await shot.get_embed_code(title="Door"))["title"] == "Door"
    await shot.get_embed_code()  # asked for once

    assert "embed?v=slug" in RTStreamExportResult("m-1", player_url=WATCH).get_embed_code()
    with pytest.raises(InvalidArgumentError, match="player_url"):
        RTStreamExportResult("m-1").get_embed_code()  # sound alone
