"""Pages of history with bad records in them: each is told once, and none stands in the way of the good ones."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiortstream import AsyncClient, DataLost, Gap, LiveSettings, ProtocolError, Watch
from aiortstream.testing import ScriptedServer
from aiortstream.wire.pages import decode_segment

DEADLINE = 10.0  # seconds for anything that has to happen
NOW = float(int(time.time()))
LIVE = LiveSettings(
    reconnect_delay=0.01, max_reconnect_delay=0.05, poll_interval=0.01, max_poll_interval=0.02, max_polls_per_second=1e3
)
SHAPES: dict[str, dict[str, Any]] = {
    "transcript": {"text": ""},
    "scene": {"description": ""},
    "alert": {
        "firing_id": 0,
        "fired_at": 0.0,
        "label": "",
        "timestamp": NOW,
        "rtstream_id": "rts-1",
        "index_id": "i",
        "alert_id": "a",
        "event_id": "e",
        "start": NOW,
        "end": NOW,
    },
}
PAGES = {"transcript": "transcription_records", "scene": "scene_index_records", "alert": "firings"}
HANDLERS = {"transcript": "_transcript", "scene": "_scenes", "alert": "_alert_log"}


def good(kind: str, number: int) -> bytes:
    """The record of that number: each stands two seconds after the one before."""
    at = NOW - 100 + 2 * number
    if kind == "alert":
        return json.dumps(SHAPES[kind] | {"firing_id": number + 1, "fired_at": at, "label": f"{number}"}).encode()
    text = dict.fromkeys(SHAPES[kind], f"{number}")
    return json.dumps({"start": at, "end": at + 1} | text).encode()


def changed(kind: str, **fields: bytes) -> bytes:
    """A record, some of whose fields hold something else."""
    record: dict[str, Any] = json.loads(good(kind, 7))
    values = {name: fields.get(name, json.dumps(value).encode()) for name, value in record.items()}
    return b"{" + b",".join(b'"%b":%b' % (name.encode(), value) for name, value in values.items()) + b"}"


JUNK = {
    "null": b"null",
    "true": b"true",
    "a list": b"[1]",
    "an object": b'{"a":1}',
    "-1": b"-1",
    "1e999": b"1e999",
    "400 digits": b"9" * 400,
    "NaN": b"NaN",
    "Infinity": b"-Infinity",
    "10,000 levels": b"[" * 10_000 + b"]" * 10_000,
    "no UTF-8": b'"\xff\xfe"',
    "a word": b'"x"',
}
NOT_RECORDS = {
    "null": b"null",
    "a number": b"5",
    "a text": b'"x"',
    "a list": b"[]",
    "an empty object": b"{}",
    "a deep list": b"[" * 10_000 + b"]" * 10_000,
    "a byte that is none": b'{"start":"\xff"}',
}


def place_of(kind: str) -> str:
    """The field that says where in its feed a record stands."""
    return "fired_at" if kind == "alert" else "end"


def bad_records(kind: str) -> list[bytes]:
    """No two alike, also where what cannot be read at all has become null."""
    times = [changed(kind, **{place_of(kind): junk}) for name, junk in JUNK.items() if name not in ("NaN", "Infinity")]
    return [*times, changed(kind, **{place_of(kind): b"NaN", "start": b"Infinity"}), *NOT_RECORDS.values()]


@dataclass
class Paged:
    """A stream whose history is these records, whatever is asked for."""

    server: ScriptedServer
    records: list[bytes]
    kind: str
    broken: list[bytes] = field(default_factory=list)  # the next answers
    polls: int = 0

    def watch(self, client: AsyncClient, gaps: Any) -> Watch[Any]:
        since = NOW - 200
        stream = client.rtstream(self.server.add_stream())
        if self.kind == "transcript":
            return stream.watch_transcript(since=since, gaps=gaps)
        if self.kind == "scene":
            return stream.scene_index("index").watch_scenes(since=since, gaps=gaps)
        return stream.watch_alerts(since=since)

    async def answer(self, _request: web.Request) -> msgspec.Raw:
        self.polls += 1
        if self.broken:
            return msgspec.Raw(self.broken.pop(0))
        return msgspec.Raw(b'{"%b":[%b],"next_page":false}' % (PAGES[self.kind].encode(), b",".join(self.records)))

    async def polled(self, times: int) -> None:
        """Return once it has been asked that often again."""
        wanted = self.polls + times
        while self.polls < wanted:  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.005)


@asynccontextmanager
async def paged(
    kind: str, records: list[bytes], monkeypatch: pytest.MonkeyPatch, gaps: str = "raise"
) -> AsyncIterator[tuple[Paged, Watch[Any]]]:
    """A server of these records, and a watch of them."""
    server = ScriptedServer(features=("resume", "alert_log") if kind == "alert" else ())
    made = Paged(server, records, kind)

    async def index(_request: web.Request) -> dict[str, str]:
        return {"rtstream_index_id": "index", "extraction_type": "time"}

    monkeypatch.setattr(server._answers, HANDLERS[kind], made.answer)
    monkeypatch.setattr(server._answers, "_get_index", index)
    async with (
        asyncio.timeout(DEADLINE),
        server,
        AsyncClient("key", base_url=server.url, live=LIVE) as client,
        made.watch(client, gaps) as watch,
    ):
        yield made, watch


async def told(watch: Watch[Any], gaps: str) -> str:
    """The next record or gap. Watches of alerts hand gaps over whatever they are asked for."""
    try:
        return label_of(await anext(watch))
    except DataLost as lost:
        assert gaps == "raise"
        return label_of(lost.gap)


def label_of(item: Any) -> str:
    if isinstance(item, Gap):
        assert item.cause == "decode_failure"
        assert not item.recoverable
        return "gap"
    return str(getattr(item, "label", None) or item.text)


@pytest.mark.parametrize("kind", sorted(SHAPES))
@pytest.mark.parametrize("gaps", ["yield", "raise"])
async def test_each_bad_record_is_told_once_and_every_good_one_comes_once(
    kind: str, gaps: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad = bad_records(kind)
    records = [record for number, each in enumerate(bad) for record in (good(kind, number), each)]
    records.append(good(kind, len(bad)))
    async with paged(kind, records, monkeypatch, gaps) as (server, watch):
        counted = Counter([await told(watch, gaps) for _ in records])
        assert counted.pop("gap") == len(bad)
        assert counted == Counter(f"{number}" for number in range(len(bad) + 1))
        await server.polled(5)  # the same pages again, with the same bad records
        assert watch.statistics().buffered == 0
        assert watch.statistics().poll_failures == 0
        server.records.insert(0, changed(kind, **{place_of(kind): b'"another"'}))
        server.records.append(good(kind, len(bad) + 1))
        after = [await told(watch, gaps), await told(watch, gaps)]
        assert sorted(after) == [f"{len(bad) + 1}", "gap"]
    assert sum("a record is passed over" in record.getMessage() for record in caplog.records) == len(bad) + 1


FLAWS = {
    "half of a character": rb'"half \ud83d of one"',
    "a raw line break": b'"a\nb"',
    "a path of Windows": rb'"C:\Users\door"',
}


@pytest.mark.parametrize("flaw", sorted(FLAWS))
async def test_a_record_whose_text_is_almost_json_is_delivered(flaw: str, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [good("transcript", 0), changed("transcript", text=FLAWS[flaw]), good("transcript", 20)]
    async with paged("transcript", records, monkeypatch) as (_, watch):
        texts = [(await anext(watch)).text for _ in records]
    assert texts[0] == "0"
    assert texts[1] in ("half \ufffd of one", "a\nb", "C:\\Users\\door")
    assert texts[2] == "20"


async def test_a_page_that_is_no_page_is_asked_for_again_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    bodies = [b'{"transcription_records":null}', b"[]", b"5", b'{"transcription_records":{"a":1}}', b"{}", b'"x"']
    async with paged("transcript", [], monkeypatch) as (server, watch):
        await server.polled(1)
        server.records += [good("transcript", number) for number in range(3)]
        server.broken += bodies
        assert [(await anext(watch)).text for _ in range(3)] == ["0", "1", "2"]
        assert watch.statistics().poll_failures == len(bodies)
        assert watch.statistics().gaps == 0


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(sorted(JUNK)), st.sampled_from(["start", "end", "text"]), st.binary(max_size=30), st.integers(0, 80)
)
def test_a_record_is_read_or_refused_and_nothing_else(junk: str, name: str, noise: bytes, at: int) -> None:
    raw = changed("transcript", **{name: JUNK[junk]})
    with suppress(ProtocolError):
        assert decode_segment(raw[:at] + noise + raw[at:], "rts-1").rtstream_id == "rts-1"
