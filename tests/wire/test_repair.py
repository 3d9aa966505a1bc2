"""JSON that is none, made JSON, and JSON left as it is."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiortstream.wire.repair import LARGEST, repaired

HALVES = st.text(st.characters(exclude_categories=[]), max_size=20)  # of characters: what no encoding can carry


def values(texts: st.SearchStrategy[str], numbers: st.SearchStrategy[float]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | numbers | texts,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
        max_leaves=20,
    )


@pytest.mark.parametrize(
    ("flawed", "value"),
    [
        (b'{"a":NaN,"b":[Infinity,-Infinity,1]}', {"a": None, "b": [None, None, 1]}),
        (b'"NaN and Infinity, said"', "NaN and Infinity, said"),
        (rb'"half \ud83d of it"', "half \ufffd of it"),
        (rb'"other half \udca9"', "other half \ufffd"),
        (rb'"both \ud83d\udca9 and \u00e9"', "both \U0001f4a9 and é"),
        (rb'"a half, then a character \ud83d\u00e9"', "a half, then a character \ufffdé"),
        (rb'"C:\Users\new"', "C:\\Users\new"),
        (rb'"no hex \u12"', "no hex \\u12"),
        (b'"a line\nand a zero\x00"', "a line\nand a zero\0"),
        (b'"no UTF-8: \xff"', "no UTF-8: \ufffd"),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        (b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b',"b":1}', {"b": 1}),
        (b'["]","[",' + b'{"k":' * 200 + b'"}"' + b"}" * 200 + b',"after"]', ["]", "[", "after"]),
    ],
)
def test_a_flaw_costs_itself_only(flawed: bytes, value: Any) -> None:
    got = msgspec.json.decode(repaired(flawed))
    if isinstance(got, dict):
        got = {key: item for key, item in got.items() if key in value}
    elif isinstance(got, list):
        got = [item for item in got if not isinstance(item, dict)]
    assert got == value


def test_what_lies_too_deep_is_null_and_what_does_not_is_kept() -> None:
    kept = b"[" * 64 + b"1" + b"]" * 64
    assert repaired(kept) == kept
    assert repaired(b"[" * 66 + b"1" + b"]" * 66) == b"[" * 64 + b"null" + b"]" * 64


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"[[[", b"]]]", b'{"a" 1}', b'"open', b"\\", b"NaN"])
def test_what_is_no_json_at_all_stays_none(body: bytes) -> None:
    if body == b"NaN":
        assert repaired(body) == b"null"
        return
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(repaired(body))


def test_what_is_too_long_to_be_looked_at_is_left_alone() -> None:
    body = b'{"a":NaN,"b":"' + b"x" * LARGEST + b'"}'
    assert repaired(body) is body


@given(values(HALVES, st.floats()), st.booleans())
def test_what_python_writes_can_be_read(value: Any, ascii_only: bool) -> None:
    msgspec.json.decode(repaired(json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")))


@given(values(st.text(max_size=20), st.floats()), st.booleans())
def test_what_was_good_in_it_is_as_it_was(value: Any, ascii_only: bool) -> None:
    written = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert msgspec.json.decode(repaired(written)) == json.loads(written, parse_constant=lambda _: None)


@given(values(st.text(max_size=20), st.floats(allow_nan=False, allow_infinity=False)))
def test_what_is_json_is_not_touched(value: Any) -> None:
    written = json.dumps(value).encode()
    assert repaired(written) == written


@given(st.binary(max_size=200) | HALVES.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_nothing_raises(body: bytes) -> None:
    assert isinstance(repaired(body), bytes)
