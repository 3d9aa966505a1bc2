"""Cursors as strings."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiortstream.errors import InvalidArgumentError
from aiortstream.live.cursor import Cursor, parse_cursor

MS = st.integers(978_307_200_000, 4_102_444_800_000)


@given(
    feed=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40),
    position=st.floats(978_307_200.0, 4_102_444_800.0),
    keys=st.lists(st.tuples(MS, MS), max_size=5).map(tuple),
)
def test_a_cursor_survives_as_text(feed: str, position: float, keys: tuple[tuple[int, int], ...]) -> None:
    cursor = Cursor(feed, position, keys)
    text = str(cursor)
    assert parse_cursor(text, feed) == cursor
    assert quote(text, safe="") == text  # fit for a URL, a header, a column


@pytest.mark.parametrize("text", ["", "yesterday", "1720000000", "c2.abc", "2024-07-03T09:46:43Z"])
def test_what_is_no_cursor_is_told_what_since_takes(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"since: expected unix seconds, an aware datetime or .*cursor"):
        parse_cursor(text, "transcript:rts-1")


def forged(body: bytes) -> str:
    return "c1." + base64.urlsafe_b64encode(body).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "c1.",
        "c1.a",
        "c1.äöü",
        forged(b""),
        forged(b"\xff\xfe"),
        forged(b"{}"),
        forged(b'["transcript:rts-1",1.5]'),
        forged(b'["transcript:rts-1","x",[]]'),
        forged(b'["transcript:rts-1",1.5,[[1]]]'),
        forged(b'["transcript:rts-1",1e999,[]]'),
        str(Cursor("transcript:rts-1", 1720000000.0, ()))[:-6],
    ],
)
def test_a_damaged_cursor_says_so(text: str) -> None:
    with pytest.raises(InvalidArgumentError, match="since: this cursor is damaged"):
        parse_cursor(text, "transcript:rts-1")


def test_a_cursor_of_another_feed_names_both() -> None:
    cursor = str(Cursor("scene:rts-1:i1", 1720000000.0, ()))
    with pytest.raises(InvalidArgumentError, match=r"belongs to scene:rts-1:i1, not to transcript:rts-1"):
        parse_cursor(cursor, "transcript:rts-1")
