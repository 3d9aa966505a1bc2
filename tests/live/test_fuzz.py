"""Frames of every badness through the reader and a genuine socket: it never dies, and each is counted and reachable."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import WSMsgType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from live_server import DEADLINE, T0, Server, hub_of, running_server, segment, take, until

from aiortstream.live.bindings import TranscriptBinding
from aiortstream.records import DecodeFailure, Gap, TranscriptSegment, UnknownEvent
from aiortstream.wire.frames import decode_numbered, encode_frame

GOOD = encode_frame(segment(T0, "a good one"), visual="scene_index")
TIME = int(T0 * 1000)


def transcript(**data: Any) -> bytes:
    whole = {"text": "x", "start": TIME, "end": TIME + 1000, "is_final": True} | data
    return json.dumps({"channel": "transcript", "rtstream_id": "rts-1", "data": whole}).encode()


CORPUS: dict[str, bytes] = {
    **{f"cut after {length}": GOOD[:length] for length in range(0, len(GOOD), 7)},
    "not json": b"<html>",
    "a number": b"7",
    "null": b"null",
    "a list": b"[1,2,3]",
    "a string": b'"transcript"',
    "NaN": b'{"channel":"transcript","rtstream_id":"rts-1","data":{"text":"x","start":NaN,"end":NaN}}',
    "Infinity": b'{"channel":"transcript","rtstream_id":"rts-1","data":{"text":"x","start":Infinity,"end":1}}',
    "a time of 400 digits": transcript(start=1).replace(b'"start": 1,', b'"start": ' + b"9" * 400 + b","),
    "a time of 1e999": transcript(start=1).replace(b'"start": 1,', b'"start": 1e999,'),
    "negative times": transcript(start=-TIME, end=-TIME + 1),
    "times of another epoch": transcript(start=12.0, end=13.0),
    "times that are booleans": transcript(start=True, end=False),
    "a time that is an object": transcript(start={}),
    "a text that is null": transcript(text=None),
    "a text that is a list": transcript(text=["x"]),
    "is_final of another type": transcript(is_final=[]),
    "words of another type": transcript(words="x"),
    "words that do not fit": transcript(words=[{"word": 5}]),
    "no stream": GOOD.replace(b'"rts-1"', b"null"),
    "a stream that is a number": GOOD.replace(b'"rts-1"', b"5"),
    "a channel that is a number": GOOD.replace(b'"transcript"', b"5"),
    "data that is null": b'{"channel":"transcript","rtstream_id":"rts-1","data":null}',
    "no data": b'{"channel":"alert","rtstream_id":"rts-1"}',
    "an alert without a label": b'{"channel":"alert","data":{"text":"x"}}',
    "nesting": b'{"channel":"transcript","data":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "nesting of an unknown channel": b'{"channel":"new","data":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "invalid UTF-8": GOOD.replace(b"a good one", b"\xff\xfe\xc3"),
    "a lone surrogate": GOOD.replace(b"a good one", b"\\ud800"),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "two frames in one": GOOD + GOOD,
    "keys twice": GOOD.replace(b'{"channel"', b'{"channel":5,"channel"', 1),
    "a sequence that is a string": GOOD[:-1] + b',"sequence":"7"}',
    "a sequence that is a fraction": GOOD[:-1] + b',"sequence":7.5}',
    "a sequence of 400 digits": GOOD[:-1] + b',"sequence":' + b"9" * 400 + b"}",
    "nothing": b"",
    "zero bytes": b"\0" * 100,
}
KNOWN_GOOD = {"a sequence of 400 digits"}  # the record is good; `Numbering` knows what to think of the number


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with running_server() as made:
        yield made


async def send(server: Server, raw: bytes) -> None:
    writer = server.sockets[-1]._writer
    assert writer is not None
    await writer.send_frame(raw, WSMsgType.TEXT)


async def test_the_reader_lives_through_all_of_it_and_tells_of_each(server: Server) -> None:
    server.max_frame = 1_000_000
    async with hub_of(server) as hub:
        hub.bind(TranscriptBinding("rts-1"), await hub.connection_id())
        async with hub.watch_events(max_buffer=10_000) as events, hub.watch_transcript("rts-1", since=T0) as spoken:
            await until(lambda: spoken.state == "live")
            for raw in CORPUS.values():
                await send(server, raw)
            last = segment(T0 + 100, "after all of it")
            await server.send(last)
            seen = await take(events, len(CORPUS) + 1)
            assert seen[-1] == last
            for (name, raw), event in zip(CORPUS.items(), seen, strict=False):
                if name in KNOWN_GOOD:
                    assert isinstance(event, TranscriptSegment), name
                    continue
                assert isinstance(event, DecodeFailure | UnknownEvent), (name, event)
                if isinstance(event, DecodeFailure):
                    assert raw.startswith(event.raw), name
                    assert event.reason, name
            failures = sum(isinstance(event, DecodeFailure) for event in seen)
            assert hub.health().decode_failures == failures > len(CORPUS) / 2
            assert hub.health().reconnects == 0
            async with asyncio.timeout(DEADLINE):
                async for record in spoken:
                    if record == last:
                        break


async def test_a_frame_beyond_the_bound_costs_the_connection_and_nothing_else(server: Server) -> None:
    async with hub_of(server) as hub, hub.watch_events() as events:
        await until(lambda: events.state == "live")
        await send(server, b"x" * (server.max_frame + 1))
        (gap,) = await take(events, 1)
        assert isinstance(gap, Gap)
        await server.epoch(2)
        await server.send(segment(T0))
        assert await take(events, 1) == [segment(T0)]


@pytest.mark.parametrize("name", sorted(CORPUS))
def test_each_of_it_is_decoded_to_something(name: str) -> None:
    event, sequence = decode_numbered(CORPUS[name], received_at=T0)
    assert isinstance(event, TranscriptSegment if name in KNOWN_GOOD else DecodeFailure | UnknownEvent)
    assert sequence is None or name in KNOWN_GOOD


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(sorted(CORPUS)), st.integers(0, 5000), st.binary(max_size=20))
def test_no_damage_to_any_of_it_raises(name: str, at: int, junk: bytes) -> None:
    raw = CORPUS[name]
    at %= len(raw) + 1
    decode_numbered(raw[:at] + junk + raw[at + len(junk) :], received_at=T0)
