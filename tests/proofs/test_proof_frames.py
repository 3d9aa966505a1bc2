"""Frames of every badness through the reader and a genuine socket, in kinds: cut, of wrong types, huge, misnumbered.

Each frame that comes is one event for `watch_events`, each that cannot be read is counted, none of them ends the
connection, and what comes after them is delivered. A corpus of single bad frames is in `tests/live/test_fuzz.py`.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import WSMsgType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from public_calls import QUICK, T, World

from aiortstream import (
    Alert,
    AsyncClient,
    DecodeFailure,
    Event,
    Gap,
    PartialTranscript,
    Scene,
    TranscriptSegment,
    Watch,
)
from aiortstream.testing import ScriptedServer
from aiortstream.wire.frames import (
    RAW_KEPT,
    AlertData,
    Frame,
    SceneData,
    TranscriptData,
    WordData,
    decode_frame,
)
from aiortstream.wire.times import EARLIEST, LATEST

DEADLINE = 20.0  # seconds for anything that has to happen
MS = int(T * 1000)
WORD = {"word": "x", "start": MS, "end": MS + 500}
DATA: dict[str, dict[str, Any]] = {
    "transcript": {"text": "x", "start": MS, "end": MS + 1000, "is_final": True, "words": [WORD]},
    "scene_index": {"text": "x", "start": MS, "end": MS + 1000, "metadata": {"a": 1}, "index_id": "i"},
    "audio_index": {"text": "x", "start": MS, "end": MS + 1000},
    "alert": {
        "event_label": "x",
        "text": "x",
        "confidence": 0.5,
        "triggered": True,
        "timestamp": MS,
        "start": MS,
        "end": MS + 1,
        "event_id": "e",
        "alert_id": "a",
        "index_id": "i",
        "firing_id": 1,
        "fired_at": MS,
    },
    "capture_session": {"status": "active"},
    "unheard_of": {"anything": [1, 2, {"deep": None}]},
}
SHAPES: dict[str, type[msgspec.Struct]] = {
    "transcript": TranscriptData,
    "scene_index": SceneData,
    "audio_index": SceneData,
    "alert": AlertData,
}
JUNK: tuple[bytes, ...] = (
    *(
        b"null",
        b"true",
        b"false",
        b"0",
        b"-1",
        b"1.5",
        b"1e999",
        b"-1e999",
        b"9" * 400,
        b"1e-400",
        b"NaN",
        b"-Infinity",
    ),
    *(b'""', b'"x"', b'"true"', b'"\xff"', rb'"\ud800"', b'"' + b"x" * 5000 + b'"', b"[]", b"[[]]", b"{}", b'{"a":1}'),
    *(b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"[null,1]", str(MS).encode(), b"12.5"),
)


def frame(kind: str, data: dict[str, Any] | None = None, **envelope: Any) -> bytes:
    whole = {"channel": kind, "rtstream_id": "rts-1", "rtstream_name": "n", "capture_session_id": "c"}
    return json.dumps(whole | envelope | {"data": DATA[kind] if data is None else data}).encode()


def with_junk(raw: bytes, name: str, junk: bytes) -> bytes:
    """A frame in which the value of `"name": "<here>"` is something else."""
    return raw.replace(json.dumps({name: "<here>"}).encode()[1:-1], json.dumps(name).encode() + b":" + junk)


class Wire:
    """One connection, all that comes on it, and one stream's transcript."""

    def __init__(self, world: World, events: Watch[Event | Gap], spoken: Watch[TranscriptSegment]) -> None:
        self.world = world
        self.events = events
        self.spoken = spoken
        self.sent = 0

    async def send(self, raw: bytes, kind: WSMsgType = WSMsgType.TEXT) -> None:
        (connection,) = self.world.server._connections.values()
        assert connection.socket is not None
        writer = connection.socket._writer
        assert writer is not None
        await writer.send_frame(raw, kind)

    async def through(self, frames: Iterable[bytes], kind: WSMsgType = WSMsgType.TEXT) -> list[Event | Gap]:
        """Send them, and a good one after them, which is waited for; what came before it."""
        frames = list(frames)
        seen: list[Event | Gap] = []
        for raw in frames:
            await self.send(raw, kind)
            seen.append(await anext(self.events))
        self.sent += 1
        text = f"good {self.sent}"
        good = self.world.server.emit_transcript(
            self.world.rtstream.id, text, start=T + self.sent, end=T + self.sent + 1
        )
        last = await anext(self.events)
        assert isinstance(last, TranscriptSegment)
        assert last.text == text
        while (await anext(self.spoken)).text != good.text:
            pass
        health = self.world.client.health()
        assert health.reconnects == 0
        return seen


@asynccontextmanager
async def wire(**server: Any) -> AsyncIterator[Wire]:
    async with (
        asyncio.timeout(DEADLINE),
        ScriptedServer(**server) as made,
        AsyncClient("key", base_url=made.url, live=QUICK) as client,
    ):
        world = World(made, client)
        await world.rtstream.start_transcript()
        async with client.watch_events(max_buffer=10_000) as events, world.rtstream.watch_transcript() as spoken:
            while spoken.state != "live":  # noqa: ASYNC110 - there is no event for it
                await asyncio.sleep(0.001)
            yield Wire(world, events, spoken)


def failures(events: Iterable[object]) -> int:
    return sum(isinstance(event, DecodeFailure) for event in events)


def check(raw: bytes, event: Event | Gap) -> None:
    """What has come of a frame says what it is, and is what its type says."""
    assert not isinstance(event, Gap), raw[:200]
    if isinstance(event, DecodeFailure):
        assert event.reason
        assert event.raw == raw[:RAW_KEPT]
        return
    assert msgspec.convert(msgspec.to_builtins(event), type(event), strict=True) is not None, raw[:200]
    if isinstance(event, TranscriptSegment | PartialTranscript | Scene):
        assert EARLIEST <= event.start <= LATEST
        assert EARLIEST <= event.end <= LATEST
    elif isinstance(event, Alert):
        assert EARLIEST <= event.timestamp <= LATEST
        assert event.confidence is None or math.isfinite(event.confidence)


# --- kinds of badness -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [WSMsgType.TEXT, WSMsgType.BINARY])
async def test_a_frame_cut_after_each_of_its_bytes(kind: WSMsgType) -> None:
    whole = [frame(channel) for channel in DATA]
    frames = [raw[:length] for raw in whole for length in range(len(raw))]
    async with wire() as made:
        seen = await made.through(frames, kind)
        assert {type(event) for event in seen} == {DecodeFailure}
        assert made.world.client.health().decode_failures == len(frames)
        for raw, event in zip(frames, seen, strict=True):
            check(raw, event)
        assert failures(await made.through(whole, kind)) == 0


def of_wrong_types() -> list[bytes]:
    """Every field of every shape with each kind of junk in it."""
    frames = []
    for channel, data in DATA.items():
        shape = SHAPES.get(channel)
        names = [field.name for field in msgspec.structs.fields(shape)] if shape else list(data)
        for junk in JUNK:
            frames += [with_junk(frame(channel, data | {name: "<here>"}), name, junk) for name in names]
    for field in msgspec.structs.fields(Frame):
        for channel in DATA:
            envelope: dict[str, Any] = {field.name: "<here>"}
            raw = frame(channel, **envelope)
            if field.name == "data":
                raw = frame(channel).rpartition(b'"data":')[0] + b'"data": "<here>"}'
            frames += [with_junk(raw, field.name, junk) for junk in JUNK]
    for field in msgspec.structs.fields(WordData):
        raw = frame("transcript", DATA["transcript"] | {"words": [WORD | {field.name: "<here>"}]})
        frames += [with_junk(raw, field.name, junk) for junk in JUNK]
    assert not any(b"<here>" in raw for raw in frames)
    return frames


async def test_every_field_with_every_wrong_type() -> None:
    frames = of_wrong_types()
    assert len(frames) > 2000
    async with wire() as made:
        seen = await made.through(frames)
        for raw, event in zip(frames, seen, strict=True):
            check(raw, event)
        assert made.world.client.health().decode_failures == failures(seen) > len(frames) / 3


async def test_frames_of_four_megabytes() -> None:
    long = "x" * 4_000_000
    frames = {
        "a text": frame("transcript", DATA["transcript"] | {"text": long}),
        "a channel": frame("unheard_of", channel=long),
        "a stream": frame("transcript", rtstream_id=long),
        "a value of an unknown channel": frame("unheard_of", {"a": long}),
        "a list of an unknown channel": frame("unheard_of", {"a": [0] * 1_000_000}),
        "a time": frame("transcript", DATA["transcript"] | {"start": long}),
        "no JSON": long.encode(),
        "a string that does not end": b'{"channel":"' + long.encode(),
    }
    assert QUICK.max_frame_bytes > max(map(len, frames.values()))
    async with wire() as made:
        seen = dict(zip(frames, await made.through(frames.values()), strict=True))
        for name, event in seen.items():
            check(frames[name], event)
        assert {name for name, event in seen.items() if isinstance(event, DecodeFailure)} == {
            "a time",
            "no JSON",
            "a string that does not end",
        }
        assert all(len(event.reason) < 10_000 for event in seen.values() if isinstance(event, DecodeFailure))


async def test_what_a_slow_consumer_keeps_of_them_is_bounded_in_bytes() -> None:
    large = [
        frame("unheard_of", {"a": "x" * 500_000}),
        frame("capture_session", {"a": "x" * 500_000}),
        frame("scene_index", DATA["scene_index"] | {"metadata": {"a": "x" * 500_000}}),
        frame("transcript", DATA["transcript"] | {"words": [WORD] * 10_000}),
    ]
    async with wire() as made:
        for raw in large * 40:
            await made.send(raw)
        while made.events.state != "waiting":  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)
        kept = made.events.statistics()
        assert kept.buffered_bytes < 2 * QUICK.max_buffer_bytes
        assert kept.buffered < 80
        assert kept.open_gap is not None
        assert kept.open_gap.cause == "slow_consumer"
        seen: list[Any] = [await anext(made.events)]
        while not isinstance(seen[-1], Gap):
            seen.append(await anext(made.events))
        assert made.events.statistics().buffered_bytes == 0


SEQUENCES: tuple[Any, ...] = (
    0,
    -1,
    -(2**63),
    2**63,
    2**64,
    10**30,
    1e3,
    7.5,
    "7",
    "",
    True,
    None,
    [],
    {},
    [1],
    {"a": 1},
)


async def test_numbers_that_are_none_hide_no_frame() -> None:
    async with wire(features=("resume",)) as made:
        await made.through([])
        for number, sequence in enumerate(SEQUENCES):
            raw = frame("alert", sequence=sequence)
            await made.send(raw)
            event: object = await anext(made.events)
            while isinstance(event, Gap):  # a number far ahead may be one of a frame that was lost
                assert event.cause == "lost_frame"
                event = await anext(made.events)
            assert isinstance(event, Alert | DecodeFailure), sequence
            assert isinstance(event, Alert) == (sequence is None or type(sequence) is int), sequence
            good = made.world.server.emit_transcript(
                made.world.rtstream.id, f"after {sequence}", start=T + 100 + number, end=T + 101 + number
            )
            assert (await anext(made.events)) == good
            assert (await anext(made.spoken)) == good
        assert made.world.client.health().reconnects == 0


# --- what Hypothesis thinks of ----------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.just(MS) | st.just(str(MS)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted(
    {name for data in DATA.values() for name in data} | {field.name for field in msgspec.structs.fields(Frame)}
)


@st.composite
def frames_of_any_kind(draw: st.DrawFn) -> bytes:
    channel = draw(st.sampled_from(sorted(DATA)))
    data = DATA[channel] | draw(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=3))
    envelope = draw(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=2))
    raw = json.dumps({"channel": channel, "rtstream_id": "rts-1", **envelope, "data": data}).encode()
    at, length = draw(st.integers(0, len(raw))), draw(st.integers(0, 4))
    damage = draw(st.booleans())
    return raw[:at] + draw(st.binary(max_size=4)) + raw[at + length :] if damage else raw


async def test_what_is_thought_of_comes_through_the_socket_as_what_it_is() -> None:
    thought_of: list[bytes] = []

    @settings(max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(frames_of_any_kind())
    def think(raw: bytes) -> None:
        thought_of.append(raw)

    think()
    async with wire() as made:
        seen = await made.through(thought_of)
        for raw, event in zip(thought_of, seen, strict=True):
            check(raw, event)
            assert type(event) is type(decode_frame(raw, received_at=T)), raw
        assert made.world.client.health().decode_failures == failures(seen)
        assert failures(seen) < len(seen)
