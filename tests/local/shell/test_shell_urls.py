"""Links with their permission in them."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from shell_parts import SECRET, VirtualClock

from aiortstream.local.urls import WEBSOCKET_SCOPE, Signer, TokenRefused, Urls, as_mp4, stream_scope, video_scope


def urls(clock: VirtualClock, base: str = "http://127.0.0.1:1") -> Urls:
    return Urls(base, Signer(SECRET, clock), playback_lifetime=86_400.0, ticket_lifetime=300.0)


def test_a_token_is_good_for_what_it_was_made_for_and_as_long() -> None:
    clock = VirtualClock()
    signer = Signer(SECRET, clock)
    token = signer.sign("stream:a", 60.0)
    signer.check("stream:a", token)
    clock.now += 60
    signer.check("stream:a", token)
    with pytest.raises(TokenRefused, match="something else"):
        signer.check("stream:b", token)
    with pytest.raises(TokenRefused, match="not made by this server"):
        Signer(b"t" * 32, clock).check("stream:a", token)
    clock.now += 1
    with pytest.raises(TokenRefused, match="expired"):
        signer.check("stream:a", token)


def test_a_token_cannot_be_prolonged() -> None:
    clock = VirtualClock()
    signer = Signer(SECRET, clock)
    expiry, _, signature = signer.sign("stream:a", 1.0).partition(".")
    with pytest.raises(TokenRefused):
        signer.check("stream:a", f"{int(expiry, 16) + 1000:x}.{signature}")


@pytest.mark.parametrize(
    "token",
    ["", ".", "x", "6554f", "zz.aaaa", "-1.aaaa", "6554f100.", "f" * 5000 + ".aaaa", "é.é", "6554\udcff.a", "١.a"],
)
def test_what_is_no_token_is_refused_in_words(token: str) -> None:
    with pytest.raises(TokenRefused, match="not valid"):
        Signer(SECRET, VirtualClock()).check("stream:a", token)


def test_windows_are_widened_to_whole_seconds_in_sixteen_digits() -> None:
    link = urls(VirtualClock()).manifest("rts-1", 1_700_000_000.9, 1_700_000_007.1)
    assert re.fullmatch(r"http://127\.0\.0\.1:1/p/[^/]+/manifests/rts-1/1700000000000000-1700000008000000\.m3u8", link)
    assert as_mp4(link) == link.removesuffix("m3u8") + "mp4"


def test_the_same_window_has_the_same_link_for_an_hour() -> None:
    clock = VirtualClock(1_700_000_000.0 // 3600 * 3600 + 1)
    made = urls(clock)
    first = made.manifest("rts-1", 1_700_000_000, 1_700_000_007)
    clock.now += 3000
    assert made.manifest("rts-1", 1_700_000_000, 1_700_000_007) == first
    clock.now += 3600
    assert made.manifest("rts-1", 1_700_000_000, 1_700_000_007) != first


def test_a_link_to_a_stream_opens_no_video() -> None:
    clock = VirtualClock()
    signer = Signer(SECRET, clock)
    token = urls(clock).video("m-1").split("/")[4]
    signer.check(video_scope("m-1"), token)
    with pytest.raises(TokenRefused):
        signer.check(stream_scope("m-1"), token)


def test_the_player_is_told_what_to_play() -> None:
    made = urls(VirtualClock())
    stream_url = made.manifest("rts-1", 1_700_000_000, 1_700_000_007)
    link = urlsplit(made.player(stream_url, title="Front & back"))
    assert link.path == "/watch"
    told = parse_qs(link.query)
    (slug,) = told.pop("v")
    assert told == {"url": [stream_url], "mp4": [as_mp4(stream_url)], "title": ["Front & back"]}
    assert parse_qs(urlsplit(made.player(stream_url, mp4=False)).query) == {"v": [slug], "url": [stream_url]}
    later = urls(VirtualClock(1_800_000_000.0)).manifest("rts-1", 1_700_000_000, 1_700_000_007)
    assert later != stream_url
    assert parse_qs(urlsplit(made.player(later)).query)["v"] == [slug]  # it is the same recording
    assert parse_qs(urlsplit(made.player(made.video("m-1"))).query)["v"] != [slug]


@pytest.mark.parametrize(("base", "scheme"), [("http://[::1]:80", "ws"), ("https://cams.test", "wss")])
def test_the_websocket_is_where_the_server_is(base: str, scheme: str) -> None:
    clock = VirtualClock()
    link = urlsplit(urls(clock, base).websocket())
    assert (link.scheme, link.netloc, link.path) == (scheme, urlsplit(base).netloc, "/ws")
    Signer(SECRET, clock).check(WEBSOCKET_SCOPE, parse_qs(link.query)["ticket"][0])
